"""Published values, looked up by indicator and period, and whether two of them may be compared.

Here lives reading of `mart_indicators`, `mart_register` and `mart_flows_monthly` for one food bank
or territory. How a value is shown belongs in `kpis.py`; nothing here computes an indicator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from dashboards.filters import Period, is_same_days, same_day_year_before
from data_contracts.decisions import read_place_names as read_place_names
from data_contracts.publications import Publication

ReadingKey = tuple[str, str, str, date]
Readings = Mapping[ReadingKey, "Reading"]

DISTRIBUTED_SIGNS = {"delivered": 1, "returned": -1, "parcels": 1}


class Reading(NamedTuple):
    """One row of `mart_indicators`; of a suppressed one no number is known."""

    code: str
    variant: str
    kind: str
    start: date
    end: date
    value: Decimal | None
    numerator: Decimal | None
    denominator: Decimal | None
    unit: str
    is_partial: bool
    is_suppressed: bool
    method_version: str
    low: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True)
class Target:
    """One row of `mart_targets`: what was decided for a year."""

    value: Decimal
    unit: str
    decided_by: str


@dataclass(frozen=True)
class Definition:
    """One row of `mart_register`, in the language of the reader."""

    code: str
    label: str
    definition: str
    formula: str
    unit: str
    good_direction: str
    territory_basis: str
    method_version: str


@dataclass(frozen=True)
class DistributedFood:
    """Food distributed in the months of a period, and on the same days a year before.

    What is fresh is None where the audience's flows do not tell it.
    """

    weight_kg: Decimal
    weight_kg_same_days: Decimal
    fresh_kg: Decimal | None
    fresh_kg_same_days: Decimal | None


@dataclass(frozen=True)
class Comparison:
    """A value of the year before, or the reason why there is none.

    `reason` is `records_begin`, `not_same_days`, `method_break` or `absent`.
    """

    value: Decimal | None
    start: date
    end: date
    reason: str | None = None


def read_indicators(publication: Publication, scope_kind: str, scope_id: str) -> Readings:
    """Readings of one scope by (code, variant, kind of period, first day)."""
    is_shown = ~pl.col("is_suppressed")
    rows = (
        publication.scan("mart_indicators")
        .filter(pl.col("scope_kind") == scope_kind, pl.col("scope_id") == scope_id)
        .select(
            "indicator_code", "variant", "period_kind", "period_start", "period_end",
            *(pl.when(is_shown).then(name).alias(name)
              for name in ("value", "numerator", "denominator")),
            "unit", "is_partial", "is_suppressed", "method_version",
            *(pl.when(is_shown).then(name).alias(name) for name in ("low", "high")),
        )
        .collect()
        .rows()
    )  # fmt: skip
    return {row[:4]: Reading._make(row) for row in rows}


def read_definitions(publication: Publication, language: str) -> Mapping[str, Definition]:
    """The register by code."""
    return {
        row["indicator_code"]: Definition(
            code=row["indicator_code"],
            label=row[f"label_{language}"],
            definition=row[f"definition_{language}"],
            formula=row["formula"],
            unit=row["unit"],
            good_direction=row["good_direction"],
            territory_basis=row["territory_basis"],
            method_version=row["method_version"],
        )
        for row in publication.read("mart_register").iter_rows(named=True)
    }


def read_value(readings: Readings, code: str, variant: str, period: Period) -> Reading | None:
    """The reading of a period, where it is published."""
    return readings.get((code, variant, period.kind, period.start))


def read_methods(readings: Readings, code: str, variant: str = "") -> dict[date, str]:
    """The version of the method that computed each published month."""
    return {
        reading.start: reading.method_version
        for reading in readings.values()
        if (reading.code, reading.variant, reading.kind) == (code, variant, "month")
    }


def read_targets(publication: Publication, food_bank_id: str) -> dict[tuple[str, int], Target]:
    """What was decided by indicator and year."""
    frame = publication.read("mart_targets").filter(pl.col("food_bank_id") == food_bank_id)
    return {
        (row["indicator_code"], row["period_start"].year): Target(
            row["value"], row["unit"], row["decided_by"]
        )
        for row in frame.iter_rows(named=True)
    }


def read_supplied_records(publication: Publication, food_bank_id: str) -> frozenset[str]:
    """Records of which at least one row was accepted."""
    frame = publication.read("mart_supplied_records").filter(
        pl.col("food_bank_id") == food_bank_id, pl.col("is_supplied")
    )
    return frozenset(frame["record"].to_list())


def has_records_before(first_date: date | None, start: date) -> bool:
    """Whether the records of a food bank cover the month that begins on `start`."""
    return first_date is not None and first_date.replace(day=1) <= start


def compare_year_before(
    readings: Readings, current: Reading, first_date: date | None
) -> Comparison:
    """The same days of the year before, where they are published."""
    start = same_day_year_before(current.start)
    end = same_day_year_before(current.end)
    if not has_records_before(first_date, start):
        return Comparison(None, start, end, "records_begin")
    earlier = readings.get((current.code, current.variant, current.kind, start))
    if earlier is None or earlier.value is None:
        return Comparison(None, start, end, "absent")
    if not is_same_days(current.start, current.end, earlier.start, earlier.end):
        return Comparison(None, start, end, "not_same_days")
    if earlier.method_version != current.method_version:
        return Comparison(None, start, end, "method_break")
    return Comparison(earlier.value, earlier.start, earlier.end)


def months_of(period: Period) -> tuple[date, date]:
    """First day of the first and of the last month of a period."""
    return period.start.replace(day=1), period.end.replace(day=1)


def food_flows(
    publication: Publication, food_bank_id: str, first: date, last: date
) -> pl.DataFrame:
    """Rows of `mart_flows_monthly` of a food bank, months `first` to `last`, food only."""
    return (
        publication.scan("mart_flows_monthly")
        .filter(
            pl.col("food_bank_id") == food_bank_id,
            pl.col("month").is_between(first, last),
            pl.col("is_food"),
        )
        .collect()
    )


def communes_of_territory(publication: Publication, territory_code: str) -> list[str]:
    """INSEE codes of the communes of a territory."""
    frame = publication.read("mart_communes").filter(pl.col("epci_code") == territory_code)
    return frame["commune_code"].to_list()


def add_distributed(flows: pl.DataFrame) -> DistributedFood:
    """Food distributed: delivered less returned, plus parcels."""
    sign = pl.col("flow").replace_strict(DISTRIBUTED_SIGNS, default=0, return_dtype=pl.Int64)
    signed = flows.filter(sign != 0).with_columns(sign=sign)

    def total(column: str, rows: pl.DataFrame) -> Decimal:
        plus = rows.filter(pl.col("sign") > 0)[column].sum()
        minus = rows.filter(pl.col("sign") < 0)[column].sum()
        return Decimal(plus or 0) - Decimal(minus or 0)

    fresh = signed.filter(pl.col("is_fresh")) if "is_fresh" in flows.columns else None
    return DistributedFood(
        weight_kg=total("weight_kg", signed),
        weight_kg_same_days=total("weight_kg_same_days", signed),
        fresh_kg=None if fresh is None else total("weight_kg", fresh),
        fresh_kg_same_days=None if fresh is None else total("weight_kg_same_days", fresh),
    )


def read_product_names(publication: Publication, food_bank_id: str) -> dict[str, str]:
    """Names of products by their code."""
    frame = publication.read("mart_products").filter(pl.col("food_bank_id") == food_bank_id)
    return dict(frame.select("product_code", "label").iter_rows())


def sum_column(frame: pl.DataFrame, column: str) -> Decimal:
    """The exact sum of a DECIMAL column, zero for no row."""
    return Decimal(str(frame[column].sum() or 0))
