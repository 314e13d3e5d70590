"""Looks up published indicators for the command line: one row per scope, as published.

Nothing is computed here but the sum of months of an indicator that the register marks as additive
over months.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from data_contracts.loader import Indicator, load_register
from data_contracts.periods import Period, format_period, parse_period
from data_contracts.publications import Publication, open_current

KEYS = (
    "scope_kind", "scope_id", "indicator_code", "variant", "period_kind", "period_start",
    "period_end", "value", "numerator", "denominator", "unit", "method_version", "data_date",
    "publication_id", "is_partial", "is_demonstration",
)  # fmt: skip


class FigureError(Exception):
    """The figure cannot be given as asked; the message says why and what can be asked."""


def read_indicator(
    published_dir: Path,
    code: str,
    period_code: str | None,
    *,
    food_banks: Iterable[str] | None = None,
    variant: str | None = None,
    by: str | None = None,
) -> list[dict[str, Any]]:
    """One row per food bank in the order of `food_banks`, territories if asked, then the network.

    Values are Decimal, null where the figure is not defined. Raises FigureError for an unknown
    code, variant or dimension, for a period that is not published, and for a span of an indicator
    that cannot be added.
    """
    indicator = load_register().get(code)
    if indicator is None:
        raise FigureError(f"{code!r} is not in the register; it has {', '.join(load_register())}")
    if variant is not None and variant not in indicator.variants:
        raise FigureError(f"{code} has no variant {variant!r}: {', '.join(indicator.variants)}")
    if by not in (None, "territory"):
        raise FigureError(f"--by {by}: only `territory` is published")
    publication = open_current(published_dir)
    banks = publication.read("mart_food_banks").sort("position")
    period = parse_period(period_code) if period_code else _latest_period(banks)
    wanted = pl.col("indicator_code") == code
    wanted &= pl.col("variant") == (indicator.variants[0] if variant is None else variant)
    rows = publication.scan("mart_indicators").filter(wanted).collect()
    if not rows.height:
        raise FigureError(f"{code} rests on records that no food bank supplied yet")
    found = _select_period(rows, period, indicator)
    if not found.height:
        raise FigureError(f"{code} is not published for {period.code}; {_published_span(rows)}")
    return _order_rows(found, banks, publication, list(food_banks or ()), by)


def _latest_period(banks: pl.DataFrame) -> Period:
    latest = banks["data_date"].max()
    if not isinstance(latest, date):
        raise FigureError("no food bank has a data date yet; say which --period")
    return parse_period(format_period("year_to_date", latest))


def _select_period(rows: pl.DataFrame, period: Period, indicator: Indicator) -> pl.DataFrame:
    if period.kind != "span":
        return rows.filter(
            (pl.col("period_kind") == period.kind) & (pl.col("period_start") == period.start)
        )
    # A ratio is never added, also where the other variants of its indicator are.
    if "months" not in indicator.additive_over or rows["denominator"].is_not_null().any():
        raise FigureError(
            f"{indicator.code} cannot be added over months ({indicator.definition_en.rstrip('.')});"
            " ask for a month, a quarter, a year or a year to date"
        )
    months = rows.filter(
        (pl.col("period_kind") == "month") & pl.col("period_start").is_in(period.months())
    )
    is_known = pl.col("value").is_not_null()
    return (
        months.sort("period_start")
        .group_by("scope_kind", "scope_id", "indicator_code", "variant", maintain_order=True)
        .agg(
            pl.when(is_known.any()).then(pl.col("value").sum()).alias("value"),
            pl.lit("span").alias("period_kind"),
            pl.lit(period.start).alias("period_start"),
            pl.col("period_end").max(),
            pl.lit(None).alias("numerator"),
            pl.lit(None).alias("denominator"),
            pl.col("unit").first(),
            pl.col("method_version").last(),
            pl.col("data_date").max(),
            (pl.col("is_partial").any() | (is_known.sum() < len(period.months()))).alias(
                "is_partial"
            ),
        )
    )


def _published_span(rows: pl.DataFrame) -> str:
    months = rows.filter(pl.col("period_kind") == "month")["period_start"]
    if not months.len():
        return "no month is"
    first, last = months.min(), months.max()
    assert isinstance(first, date) and isinstance(last, date)  # nosec B101
    return f"months from {format_period('month', first)} to {format_period('month', last)} are"


def _order_rows(
    found: pl.DataFrame,
    banks: pl.DataFrame,
    publication: Publication,
    food_banks: list[str],
    by: str | None,
) -> list[dict[str, Any]]:
    known = banks["food_bank_id"].to_list()
    unknown = [name for name in food_banks if name not in known]
    if unknown:
        raise FigureError(f"{unknown[0]!r} is not a published food bank: {', '.join(known)}")
    demonstrations = dict(zip(known, banks["is_demonstration"], strict=True))
    ranks = {("food_bank", name): rank for rank, name in enumerate(known)}
    answer = []
    for row in found.sort("scope_kind", "scope_id").iter_rows(named=True):
        scope = (row["scope_kind"], row["scope_id"])
        if row["scope_kind"] == "territory" and by != "territory":
            continue
        if food_banks and (row["scope_kind"] != "food_bank" or row["scope_id"] not in food_banks):
            continue
        row["publication_id"] = publication.publication_id
        row["is_demonstration"] = demonstrations.get(row["scope_id"], any(demonstrations.values()))
        rank = ranks.get(scope, len(known) + (row["scope_kind"] == "network"))
        answer.append((rank, {key: _shorten(row[key]) for key in KEYS}))
    return [row for _, row in sorted(answer, key=lambda entry: entry[0])]


def _shorten(value: Any) -> Any:
    """The shortest exact decimal: 847 for 847.000000."""
    if not isinstance(value, Decimal):
        return value
    return Decimal(f"{value.normalize():f}") if value else Decimal(0)
