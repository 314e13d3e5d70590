"""Compares a published mart of indicators with the oracle, row by row, both ways.

A published number agrees when it is the exact one rounded to the six decimals of the mart; how an
exact number is found belongs in `indicators`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl

from tests.oracle.indicators import Figure, Key

HALF_MICRO = Fraction(1, 2 * 10**6) + Fraction(1, 10**9)
# What rests on days and lots shared out to a milligram, and how many such shares at most.
ROUNDED_BY_LINE = {
    "induced_kg_co2e": 0, "induced_kg_per_tonne": 0, "avoided_kg_co2e": 0,
    "rescued_share": 20_000, "attributed_by_lot_share": 20_000, "measured_data_share": 5_000,
    "fresh_change_tonnes": 2, "least_served_share": 100,
    # Sums of means of partners.
    "people_declared": 20, "households_declared": 20, "visits_declared": 20, "turned_away": 20,
    "people_declared_growth": 20, "kg_per_person_declared": 20,
}  # fmt: skip
KEY_COLUMNS = (
    "scope_kind", "scope_id", "indicator_code", "variant", "period_kind", "period_start",
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """One column of one row on which both sides do not agree."""

    key: Key
    column: str
    published: Any
    expected: Any

    def __str__(self) -> str:
        where = " ".join(str(part) for part in self.key if part != "")
        return f"{where}: {self.column} published {self.published}, oracle {self.expected}"


def compare(mart: pl.DataFrame, figures: Mapping[Key, Figure]) -> list[Difference]:
    """Every difference between a mart and the oracle; a row on one side only is one too."""
    rows = {tuple(row[name] for name in KEY_COLUMNS): row for row in mart.iter_rows(named=True)}
    found = [
        Difference(key, "row", "nothing", figure.value)
        for key, figure in figures.items()
        if key not in rows
    ]
    for key, row in rows.items():
        figure = figures.get(key)
        if figure is None:
            found.append(Difference(key, "row", row["value"], "nothing"))
            continue
        for column in ("value", "numerator", "denominator", "low", "high"):
            expected = getattr(figure, column)
            if not agree(row[column], expected, tolerance(key, figure, column)):
                shown = None if expected is None else float(expected)
                found.append(Difference(key, column, row[column], shown))
    return sorted(found, key=lambda one: (one.key[2:], one.key[:2], one.column))


def tolerance(key: Key, figure: Figure, column: str) -> Fraction:
    """Half of the last decimal published; emissions are sums of lines that were each rounded so."""
    code = key[2]
    if code in ROUNDED_BY_LINE:
        # Weights are shared out in whole milligrams, so that none is lost: each is off by less than
        # one (two halves) before its factor, at most 3.2 kgCO2e.
        pieces = 7 * max(figure.pieces, ROUNDED_BY_LINE[code])
        per_tonne = figure.denominator if column in ("value", "low", "high") else None
        return HALF_MICRO * (1 + pieces / (per_tonne or 1))
    return HALF_MICRO


def agree(
    published: Decimal | None, expected: Fraction | float | None, within: Fraction = HALF_MICRO
) -> bool:
    """Whether a published number is the expected one, correctly rounded."""
    if published is None or expected is None:
        return published is None and expected is None
    return abs(Fraction(published) - Fraction(expected)) <= within
