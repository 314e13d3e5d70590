"""Figures as view models: title, sentence, rows and provenance, before anything is drawn.

Here live the dataclasses that a chart, its table and its CSV share, so that they cannot differ.
Charts are drawn in `figures.py`, tables and lines in `blocks.py`, files in `exports.py`; what a
figure says is written in `page_models/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from dashboards.language.formats import (
    write_date,
    write_growth,
    write_month,
    write_number,
    write_published,
    write_share,
    write_tonnes_only,
)
from dashboards.language.words import NO_BREAK_SPACE, Words
from data_contracts.publications import Publication

Cell = str | date | Decimal | int | bool | None

# Kinds of numbers and the decimals with which they are written; kilograms under `tonnes`.
DECIMALS = {
    "count": 0, "decimal": 1, "kg": 0, "km": 0, "eur": 0, "eur_per_kg": 2, "co2": 0, "co2_t": 1,
    "co2_per_t": 1, "days": 1, "hours": 1, "minutes": 0, "factor": 4,
}  # fmt: skip
NUMBER_KINDS = frozenset({"tonnes", "share", "growth", *DECIMALS})


@dataclass(frozen=True)
class Column:
    """A column of a figure's rows. `kind` says how a value is written, `role` what a chart does.

    A column with an empty label is in the files and in the chart, not in the table on the page.
    `opens`: the parameter of the address that a code of this column sets to open its sheet.
    """

    key: str
    label: str
    kind: str = "text"
    role: str = ""
    opens: str = ""

    @property
    def is_number(self) -> bool:
        """Whether its values are aligned on the right."""
        return self.kind in NUMBER_KINDS


@dataclass(frozen=True)
class FigureModel:
    """A figure. `kind` says how it is drawn; `state` is `ok`, `empty`, `not_supplied`, or
    `not_in_publication` where the publication was made before its table existed."""

    figure_id: str
    kind: str
    title: str
    subtitle: str
    alt: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    method: str = ""
    notes: tuple[str, ...] = ()
    state: str = "ok"
    labels: tuple[str, ...] = ()

    def values(self, key: str) -> list[Any]:
        """The values of a column, in the order of the rows."""
        index = [column.key for column in self.columns].index(key)
        return [row[index] for row in self.rows]

    def column(self, role: str) -> Column | None:
        """The column of a role, where the figure has one."""
        return next((column for column in self.columns if column.role == role), None)

    def opened(self) -> tuple[str, list[str | None]]:
        """The parameter that the rows set, empty where they open nothing, and each row's code."""
        for index, column in enumerate(self.columns):
            if column.opens:
                return column.opens, [str(row[index]) if row[index] else None for row in self.rows]
        return "", [None] * len(self.rows)

    def by_role(self, role: str) -> list[Any]:
        """The values of the column of a role; nothing known where the figure has none."""
        column = self.column(role)
        return [None] * len(self.rows) if column is None else self.values(column.key)


@dataclass(frozen=True)
class Provenance:
    """Where the figures of a page come from."""

    source: str
    data_date: date | None
    publication_id: str
    published_at: datetime | None
    passed_checks: int | None
    all_checks: int | None


def write_cell(words: Words, kind: str, value: Cell) -> str:
    """A value of a figure as it is shown in the table on the page."""
    if value is None:
        return words("state.missing")
    if kind == "tonnes" and isinstance(value, Decimal):
        return write_tonnes_only(words, value)
    if kind == "share" and isinstance(value, Decimal):
        return write_share(words, value)
    if kind == "whole_share" and isinstance(value, Decimal):
        return write_share(words, value, 0)
    if kind == "growth" and isinstance(value, Decimal):
        return write_growth(words, value)
    if kind == "month" and isinstance(value, date):
        return write_month(words, value)
    if isinstance(value, bool):
        return words("cell.yes" if value else "cell.no")
    if kind in DECIMALS and isinstance(value, Decimal | int):
        return write_number(words, value, DECIMALS[kind])
    if isinstance(value, date):
        return write_date(words, value)
    return str(value)


def write_measure(words: Words, kind: str, value: Cell) -> str:
    """A value with its unit, as it stands beside a mark."""
    text = write_cell(words, kind, value)
    unit = words.texts.get(f"measure.{kind}")
    return text if value is None or unit is None else f"{text}{NO_BREAK_SPACE}{unit}"


def write_table(words: Words, model: FigureModel) -> tuple[list[Column], list[list[str]]]:
    """The columns that a page shows and their cells, row by row."""
    shown = [(index, column) for index, column in enumerate(model.columns) if column.label]
    cells = [
        [write_cell(words, column.kind, row[index]) for index, column in shown]
        for row in model.rows
    ]
    return [column for _, column in shown], cells


def read_provenance(publication: Publication, source: str, data_date: date | None) -> Provenance:
    """Provenance of the figures of a publication."""
    passed, total = count_checks(publication.manifest.get("checks"))
    return Provenance(
        source, data_date, publication.publication_id, publication.published_at, passed, total
    )


def count_checks(checks: object) -> tuple[int | None, int | None]:
    """Checks passed and checks run, whether the manifest lists them or gives their numbers."""
    if isinstance(checks, dict) and isinstance(checks.get("passed"), int):
        return checks["passed"], checks.get("total", checks["passed"] + checks.get("failed", 0))
    results = list(checks.values()) if isinstance(checks, dict) else checks
    if not isinstance(results, list) or not results:
        return None, None
    return sum(_has_passed(result) for result in results), len(results)


def write_provenance(words: Words, provenance: Provenance, method: str) -> tuple[str, ...]:
    """The parts of the line under a figure."""
    parts = [words("provenance.source", source=provenance.source)]
    if provenance.data_date:
        parts.append(words("provenance.data_date", date=write_date(words, provenance.data_date)))
    if method:
        parts.append(words("provenance.method", version=method))
    if provenance.published_at:
        day = write_published(words, provenance.published_at)
        parts.append(words("provenance.publication", date=day))
    else:
        parts.append(words("provenance.archive"))
    if provenance.all_checks:
        is_clean = provenance.passed_checks == provenance.all_checks
        parts.append(
            words(
                "provenance.all_checks" if is_clean else "provenance.checks",
                passed=write_number(words, provenance.passed_checks),
                total=write_number(words, provenance.all_checks),
            )
        )
    return tuple(parts)


def _has_passed(result: object) -> bool:
    if isinstance(result, dict):
        for key in ("has_passed", "ok", "passed", "success"):
            if key in result:
                return bool(result[key])
        return str(result.get("status", result.get("result", ""))).lower() in ("pass", "passed")
    return result is True or str(result).lower() in ("pass", "passed", "ok", "true")
