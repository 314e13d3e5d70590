"""Page 1, L'essentiel: does our support have an effect, may I quote it?

Here live the cards, the figure by month, the adoption of the platform, the published key figures
and the sentences to quote.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl

from dashboards.figure_models import Cell, Column, FigureModel
from dashboards.filters import Filters, label_period
from dashboards.kpis import Kpi, Scope, build_kpi, build_people_kpi, not_supplied
from dashboards.language.formats import (
    write_date,
    write_growth,
    write_month,
    write_number,
    write_span,
    write_tonnes,
)
from dashboards.language.words import Words
from dashboards.page_models.page import Cards, PageModel, Sentences, link_reports
from dashboards.page_models.quotes import write_quotes, write_signature, write_warnings
from dashboards.page_models.scope import MonthlyFigure, build_monthly, read_scope
from dashboards.readings import (
    read_methods,
    read_value,
    scan_food_flows,
    sum_distributed,
)
from data_contracts.publications import Publication

PAGE = "essentiel"
ADOPTION = (
    ("partners_on_platform", ""),
    ("platform_users_active", ""),
    ("orders", ""),
    ("platform_tonnes_share", ""),
)
VERDICT_MARKS = {"equal": "✓", "reached": "✓", "apart": "✕", "missing": "–"}


def build_essentiel(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    kpis = _build_cards(scope)
    adoption = tuple(build_kpi(scope, code, variant) for code, variant in ADOPTION)
    return PageModel(
        PAGE,
        _write_lead(scope, kpis[0]),
        (
            Cards("chiffres", words("essentiel.kpis"), kpis, is_title_shown=False),
            _build_monthly(publication, scope, kpis[0]),
            Cards("plateforme", _write_adoption_title(scope), adoption),
            build_key_figures(publication, filters, words),
            Sentences(write_quotes(scope), write_warnings(scope), write_signature(scope)),
            *(
                (link_reports(words, filters, "council-note"),)
                if publication.audience.startswith("metropole/")
                else ()
            ),
        ),
    )


def _build_cards(scope: Scope) -> tuple[Kpi, ...]:
    """Six cards; those whose records are not supplied say so."""
    words = scope.words
    fresh = build_kpi(scope, "fresh_share_distributed", "standard")
    emissions = build_kpi(scope, "induced_kg_per_tonne", "transport")
    people = (
        build_people_kpi(scope)
        if "beneficiary_reports" in scope.supplied
        else not_supplied(words, "people_declared")
    )
    return (
        build_kpi(scope, "tonnes_distributed"),
        fresh,
        emissions,
        build_kpi(scope, "households_helped"),
        people,
        build_kpi(scope, "cost_per_tonne"),
    )


def _write_lead(scope: Scope, tonnes: Kpi) -> str:
    words, filters = scope.words, scope.filters
    if tonnes.state != "ok":
        return words("essentiel.lead.empty", period=label_period(words, filters.period))
    span = write_span(words, filters.period.start, filters.period.end)
    text_id = "essentiel.lead.plain"
    if tonnes.difference:
        text_id = f"essentiel.lead.{tonnes.difference.direction}"
    growth = tonnes.difference.text.lstrip("+-") if tonnes.difference else ""
    return words(
        text_id,
        food_bank=filters.food_bank.name,
        value=f"{tonnes.value}\u00a0t",
        span=span,
        growth=growth,
        year=filters.period.start.year - 1,
    )


def _build_monthly(publication: Publication, scope: Scope, tonnes: Kpi) -> FigureModel:
    words, filters = scope.words, scope.filters
    year = filters.period.start.year
    weights = _distributed_by_month(publication, filters.food_bank.food_bank_id, year)
    title = words("monthly.title.neutral")
    if tonnes.difference:
        text_id = "flat" if tonnes.difference.direction == "flat" else "change"
        title = words(f"monthly.title.{text_id}", growth=tonnes.difference.text)

    def write_alt(known: list[tuple[date, Decimal | int]]) -> str:
        total = sum((Decimal(value) for _, value in known), Decimal(0))
        best_month, best = max(known, key=lambda item: item[1])
        return words(
            "monthly.alt",
            total=write_tonnes(words, total),
            months=len(known),
            best=write_tonnes(words, Decimal(best)),
            month=write_month(words, best_month),
        )

    return build_monthly(
        words,
        filters,
        MonthlyFigure(
            figure_id="tonnes-par-mois",
            title=title,
            subtitle=words(
                "monthly.subtitle",
                food_bank=filters.food_bank.name,
                period=label_period(words, filters.period),
            ),
            value_kind="tonnes",
            method=tonnes.method,
            methods=read_methods(scope.readings, "tonnes_distributed"),
            notes=(*_write_target(scope), *_write_events(publication, scope)),
        ),
        weights.get,
        write_alt,
    )


def _write_target(scope: Scope) -> tuple[str, ...]:
    """What was decided for the year; nobody split it by month, so no month has a mark."""
    year = scope.filters.period.start.year
    target = scope.targets.get(("tonnes_distributed", year))
    if target is None:
        return (scope.words("monthly.note.no_target", year=year),)
    value = write_tonnes(scope.words, target.value * 1000)
    return (scope.words("monthly.note.target", year=year, value=value),)


def _write_events(publication: Publication, scope: Scope) -> tuple[str, ...]:
    """Dated notes of the food bank within the period."""
    period, words = scope.filters.period, scope.words
    rows = publication.read("mart_events").filter(
        pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
        pl.col("event_date").is_between(period.start, period.end),
    )
    return tuple(
        words("monthly.note.event", date=write_date(words, day), text=text)
        for day, text in rows.sort("event_date", "event_id")
        .select("event_date", f"text_{words.language}")
        .iter_rows()
    )


def _distributed_by_month(
    publication: Publication, food_bank_id: str, year: int
) -> dict[date, Decimal]:
    """Food distributed by month, this year and the year before."""
    flows = scan_food_flows(publication, food_bank_id, date(year - 1, 1, 1), date(year, 12, 1))
    months = flows.group_by("month").agg(sum_distributed("weight_kg")).sort("month").collect()
    return dict(months.iter_rows())


def _write_adoption_title(scope: Scope) -> str:
    period = scope.filters.period
    on_platform = read_value(scope.readings, "partners_on_platform", "", period)
    active = read_value(scope.readings, "partners_active", "", period)
    if not on_platform or not active or on_platform.value is None or active.value is None:
        return scope.words("adoption.title.neutral")
    return scope.words(
        "adoption.title.finding",
        count=write_number(scope.words, on_platform.value),
        total=write_number(scope.words, active.value),
    )


def build_key_figures(publication: Publication, filters: Filters, words: Words) -> FigureModel:
    """Computed value beside published value, with source and date."""
    frame = (
        publication.scan("mart_key_figures")
        .filter(pl.col("food_bank_id") == filters.food_bank.food_bank_id)
        .sort("position", "key_figure", "period_label")
        .collect()
    )
    rows: list[tuple[Cell, ...]] = []
    found = 0
    for row in frame.iter_rows(named=True):
        verdict = judge_key_figure(
            row["comparison"], row["unit"], row["value"], row["published_value"]
        )
        found += verdict in ("equal", "reached")
        rows.append(
            (
                row["key_figure"],
                row[f"label_{words.language}"],
                write_span(words, row["period_start"], row["period_end"]),
                row["period_label"],
                row["value"],
                row["published_value"],
                write_key_value(words, row["unit"], row["value"]),
                write_published_value(
                    words, row["comparison"], row["unit"], row["published_value"]
                ),
                f"{VERDICT_MARKS[verdict]} {words(f'key_figures.verdict.{verdict}')}",
                verdict,
                row["unit"],
                row["source"],
                _write_source(words, row["source"], row["published_on"]),
                row["published_on"],
            )
        )
    columns = (
        Column("key_figure", ""),
        Column("label", words("column.key_figure")),
        Column("period", words("column.period")),
        Column("period_label", ""),
        Column("value", "", "raw"),
        Column("published_value", "", "raw"),
        Column("value_text", words("column.computed"), "written"),
        Column("published_text", words("column.published"), "written"),
        Column("verdict_text", words("column.verdict"), "written-text"),
        Column("verdict", ""),
        Column("unit", ""),
        Column("source", ""),
        Column("source_text", words("column.source"), "written-text"),
        Column("published_on", "", "date"),
    )
    title = words("key_figures.title.neutral")
    if rows:
        text_id = "all" if found == len(rows) else "some"
        title = words(f"key_figures.title.{text_id}", found=found, total=len(rows))
    return FigureModel(
        figure_id="chiffres-publies",
        kind="table",
        title=title,
        subtitle=words("key_figures.subtitle"),
        alt=title,
        columns=columns,
        rows=tuple(rows),
        state="ok" if rows else "empty",
    )


def judge_key_figure(comparison: str, unit: str, value: Decimal | None, published: Decimal) -> str:
    """`equal`, `reached` (at least), `apart` or `missing`.

    Equal means equal to the precision of the published figure: a whole number of units, a tenth
    of a tonne for a figure published with a decimal, a tenth of a percentage point for a share.
    """
    if value is None:
        return "missing"
    if comparison == "at_least":
        return "reached" if value >= published else "apart"
    decimals = -int(published.normalize().as_tuple().exponent)
    return "equal" if round(value, max(decimals, 0)) == published else "apart"


def _write_source(words: Words, source: str, published_on: date) -> str:
    """A source with its date, which many sources name themselves."""
    if str(published_on.year) in source:
        return source
    return f"{source}, {write_date(words, published_on)}"


def write_key_value(words: Words, unit: str, value: Decimal | None, decimals: int = 1) -> str:
    """A key figure with its unit; tonnes with one decimal, or as many as were published."""
    if value is None:
        return words("state.missing")
    if unit == "share":
        return write_growth(words, value)
    if unit == "t":
        return f"{write_number(words, value, decimals)}\u00a0t"
    return write_number(words, value)


def write_published_value(words: Words, comparison: str, unit: str, published: Decimal) -> str:
    """A published figure as it was published."""
    decimals = max(-int(published.normalize().as_tuple().exponent), 0)
    text = write_key_value(words, unit, published, decimals)
    return words("key_figures.at_least", value=text) if comparison == "at_least" else text
