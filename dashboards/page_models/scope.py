"""What all pages read first: the scope of their cards, and figures by month.

Here live the shared readings of a page and the months that a figure shows. What a page says with
them belongs in its own file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import pairwise

from dashboards.figure_models import Cell, Column, FigureModel
from dashboards.filters import Filters, Period
from dashboards.kpis import Scope
from dashboards.language.formats import write_month, write_short_month
from dashboards.language.words import Words
from dashboards.readings import (
    Readings,
    add_distributed,
    communes_of_territory,
    has_records_before,
    months_of,
    read_definitions,
    read_indicators,
    read_supplied_records,
    read_targets,
    scan_food_flows,
)
from data_contracts.periods import natural_end
from data_contracts.publications import Publication


@dataclass(frozen=True)
class MonthlyFigure:
    """What a figure by month needs to be told: its words and the kind of its values.

    `methods`: the version of the method by month, where months are published indicators.
    """

    figure_id: str
    title: str
    subtitle: str
    value_kind: str
    method: str
    notes: tuple[str, ...] = ()
    methods: Mapping[date, str] = field(default_factory=dict)
    target: Decimal | None = None


def read_scope(publication: Publication, filters: Filters, words: Words) -> Scope:
    """Everything that the cards of a page are read from."""
    bank_id = filters.food_bank.food_bank_id
    first, last = months_of(filters.period)
    flows = scan_food_flows(publication, bank_id, first, last)
    territory = filters.territory_code
    communes = communes_of_territory(publication, territory) if territory else []
    distributed, in_territory = add_distributed(flows, communes)
    return Scope(
        filters=filters,
        words=words,
        definitions=read_definitions(publication, words.language),
        readings=read_indicators(publication, "food_bank", bank_id),
        territory_readings=(
            read_indicators(publication, "territory", territory) if territory else Readings()
        ),
        distributed=distributed,
        territory_distributed=in_territory if territory else None,
        targets=read_targets(publication, bank_id),
        supplied=read_supplied_records(publication, bank_id),
    )


def months_shown(period: Period) -> tuple[date, ...]:
    """Months of a figure: those of the period; for one month, those of its year up to it."""
    first, last = months_of(period)
    if period.kind == "month":
        first = date(first.year, 1, 1)
    return tuple(date(first.year, month, 1) for month in range(first.month, last.month + 1))


def is_partial_month(month: date, data_date: date | None) -> bool:
    """Whether the data date falls before the last day of a month."""
    return data_date is not None and data_date < natural_end("month", month)


def year_before(month: date) -> date:
    """The same month a year before."""
    return date(month.year - 1, month.month, 1)


def build_monthly(
    words: Words,
    filters: Filters,
    figure: MonthlyFigure,
    read_month: Callable[[date], Decimal | int | None],
    write_alt: Callable[[list[tuple[date, Decimal | int]]], str],
) -> FigureModel:
    """Values by month beside the year before.

    A partial month has no difference, nor has one whose method is not that of the year before.
    """
    bank = filters.food_bank
    rows: list[tuple[Cell, ...]] = []
    known: list[tuple[date, Decimal | int]] = []
    for month in months_shown(filters.period):
        value = read_month(month)
        earlier = (
            read_month(year_before(month))
            if has_records_before(bank.first_date, year_before(month))
            else None
        )
        is_partial = is_partial_month(month, bank.data_date)
        has_break = figure.methods.get(month) != figure.methods.get(year_before(month))
        growth = (
            None
            if is_partial or value is None or not earlier or has_break
            else Decimal(value) / Decimal(earlier) - 1
        )
        if value is not None:
            known.append((month, value))
        label = write_short_month(words, month)
        title = write_month(words, month)
        if is_partial:
            title = words("monthly.partial", month=title)
        rows.append((month, title, label, value, earlier, growth, is_partial, figure.target))
    year = filters.period.start.year
    columns = (
        Column("month", "", "date"),
        Column("month_name", words("column.month"), role="name"),
        Column("month_short", "", role="x"),
        Column(f"{figure.value_kind}_this_year", str(year), figure.value_kind, "value"),
        Column(f"{figure.value_kind}_year_before", str(year - 1), figure.value_kind, "earlier"),
        Column("difference_share", words("column.difference"), "growth", "change"),
        Column("is_partial", "", "flag", "partial"),
        Column(f"{figure.value_kind}_target", "", figure.value_kind, "target"),
    )
    return FigureModel(
        figure_id=figure.figure_id,
        kind="monthly",
        title=figure.title,
        subtitle=figure.subtitle,
        alt=write_alt(known) if known else words("figure.empty"),
        columns=columns,
        rows=tuple(rows),
        method=figure.method,
        notes=(*figure.notes, *_name_breaks(words, figure.methods, months_shown(filters.period))),
        state="ok" if known else "empty",
        labels=(str(year), str(year - 1)),
    )


def _name_breaks(
    words: Words, methods: Mapping[date, str], shown: tuple[date, ...]
) -> tuple[str, ...]:
    """A sentence for each month from which on another method computes, in both years shown."""
    months = [*(year_before(month) for month in shown), *shown]
    return tuple(
        words("monthly.method_break", month=write_month(words, later), version=methods[later])
        for earlier, later in pairwise(month for month in months if month in methods)
        if methods[earlier] != methods[later]
    )
