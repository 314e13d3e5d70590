"""Published values, looked up by indicator and period, and whether two of them may be compared.

Here lives reading of `mart_indicators`, `mart_register` and `mart_flows_monthly` for one food bank
or territory. How a value is shown belongs in `kpis.py`; nothing here computes an indicator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from dashboards.filters import Period, is_same_days, same_day_year_before
from data_contracts.decisions import read_place_names as read_place_names
from data_contracts.loader import load_register
from data_contracts.publications import Publication

# Flows that add to food distributed, and the one that takes from it.
DISTRIBUTED = ("delivered", "parcels")
RETURNED = "returned"


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
    """One row of `mart_register`, in the language of the reader.

    `is_published`: False for what the publication does not define yet: it is the project's.
    """

    code: str
    label: str
    definition: str
    formula: str
    unit: str
    good_direction: str
    territory_basis: str
    method_version: str
    is_published: bool = True


class Definitions(dict[str, Definition]):
    """The register of a publication by code; of an earlier one that lacks a code, the project's."""

    def __init__(self, known: Iterable[Definition], language: str) -> None:
        super().__init__({definition.code: definition for definition in known})
        self._language = language

    def __missing__(self, code: str) -> Definition:
        entry = load_register()[code]
        return Definition(
            code=code,
            label=getattr(entry, f"label_{self._language}"),
            definition=getattr(entry, f"definition_{self._language}"),
            formula=entry.formula,
            unit=entry.unit,
            good_direction=entry.good_direction,
            territory_basis=entry.territory_basis,
            method_version="",
            is_published=False,
        )


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


class Readings:
    """The rows of `mart_indicators` of one scope: each period is looked up when it is asked for."""

    def __init__(self, rows: pl.DataFrame | None = None) -> None:
        self._rows = rows
        self._periods: dict[tuple[str, date], dict[tuple[str, str], Reading]] = {}

    def __bool__(self) -> bool:
        return self._rows is not None and not self._rows.is_empty()

    def find(self, code: str, variant: str, kind: str, start: date) -> Reading | None:
        """The reading of one period, where it is published."""
        if (kind, start) not in self._periods:
            of_period = self._select(pl.col("period_kind") == kind, pl.col("period_start") == start)
            self._periods[kind, start] = {(row.code, row.variant): row for row in of_period}
        return self._periods[kind, start].get((code, variant))

    def has(self, code: str, variant: str) -> bool:
        """Whether an indicator is published for any period."""
        is_it = (pl.col("indicator_code") == code) & (pl.col("variant") == variant)
        return self._rows is not None and not self._rows.filter(is_it).is_empty()

    def months(self, code: str, variant: str = "") -> list[Reading]:
        """The readings of all months of an indicator, in their order."""
        return self._select(
            pl.col("period_kind") == "month",
            pl.col("indicator_code") == code,
            pl.col("variant") == variant,
        )

    def _select(self, *conditions: pl.Expr) -> list[Reading]:
        if self._rows is None:
            return []
        rows = self._rows.filter(*conditions).sort("period_start")
        return [Reading._make(row) for row in rows.rows()]


def read_indicators(publication: Publication, scope_kind: str, scope_id: str) -> Readings:
    """Readings of one scope."""
    is_shown = ~pl.col("is_suppressed")
    return Readings(
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
    )  # fmt: skip


def read_definitions(publication: Publication, language: str) -> Definitions:
    """The register by code."""
    rows = publication.scan("mart_register").select(
        "indicator_code", f"label_{language}", f"definition_{language}", "formula", "unit",
        "good_direction", "territory_basis", "method_version",
    ).collect()  # fmt: skip
    return Definitions((Definition(*row) for row in rows.iter_rows()), language)


def read_value(readings: Readings, code: str, variant: str, period: Period) -> Reading | None:
    """The reading of a period, where it is published."""
    return readings.find(code, variant, period.kind, period.start)


def read_methods(readings: Readings, code: str, variant: str = "") -> dict[date, str]:
    """The version of the method that computed each published month."""
    return {month.start: month.method_version for month in readings.months(code, variant)}


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
    earlier = readings.find(current.code, current.variant, current.kind, start)
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


def scan_food_flows(
    publication: Publication, food_bank_id: str, first: date, last: date
) -> pl.LazyFrame:
    """Rows of `mart_flows_monthly` of a food bank, months `first` to `last`, food only."""
    return publication.scan("mart_flows_monthly").filter(
        pl.col("food_bank_id") == food_bank_id,
        pl.col("month").is_between(first, last),
        pl.col("is_food"),
    )


def food_flows(
    publication: Publication, food_bank_id: str, first: date, last: date
) -> pl.DataFrame:
    """The rows of `scan_food_flows`."""
    return scan_food_flows(publication, food_bank_id, first, last).collect()


def communes_of_territory(publication: Publication, territory_code: str) -> list[str]:
    """INSEE codes of the communes of a territory."""
    frame = publication.read("mart_communes").filter(pl.col("epci_code") == territory_code)
    return frame["commune_code"].to_list()


def sum_distributed(weight: str, condition: pl.Expr | None = None) -> pl.Expr:
    """Food distributed, of the rows of a condition: delivered less returned, plus parcels."""
    is_counted = pl.lit(True) if condition is None else condition
    given = pl.col(weight).filter(pl.col("flow").is_in(DISTRIBUTED), is_counted).sum()
    return given - pl.col(weight).filter(pl.col("flow") == RETURNED, is_counted).sum()


def add_distributed(
    flows: pl.LazyFrame, communes: Sequence[str] = ()
) -> tuple[DistributedFood, DistributedFood]:
    """Food distributed by these flows: in all, and in some communes."""
    is_told = "is_fresh" in flows.collect_schema()
    places = {"all": pl.lit(True), "part": pl.col("commune_code").is_in(communes)}
    kinds = {"": pl.lit(True)} | ({"fresh": pl.col("is_fresh")} if is_told else {})
    row = flows.select(
        sum_distributed(weight, is_here & is_kind).alias(f"{place} {kind} {weight}")
        for place, is_here in places.items()
        for kind, is_kind in kinds.items()
        for weight in ("weight_kg", "weight_kg_same_days")
    ).collect().row(0, named=True)  # fmt: skip
    return _read_distributed(row, "all"), _read_distributed(row, "part")


def _read_distributed(row: Mapping[str, Decimal | None], place: str) -> DistributedFood:
    def read(kind: str, weight: str) -> Decimal | None:
        name = f"{place} {kind} {weight}"
        return (row[name] or Decimal(0)) if name in row else None

    return DistributedFood(
        weight_kg=read("", "weight_kg") or Decimal(0),
        weight_kg_same_days=read("", "weight_kg_same_days") or Decimal(0),
        fresh_kg=read("fresh", "weight_kg"),
        fresh_kg_same_days=read("fresh", "weight_kg_same_days"),
    )


def read_product_names(publication: Publication, food_bank_id: str) -> dict[str, str]:
    """Names of products by their code."""
    frame = publication.read("mart_products").filter(pl.col("food_bank_id") == food_bank_id)
    return dict(frame.select("product_code", "label").iter_rows())


def sum_column(frame: pl.DataFrame, column: str) -> Decimal:
    """The exact sum of a DECIMAL column, zero for no row."""
    return Decimal(str(frame[column].sum() or 0))
