"""Page 6, Carbone: what do we emit, and what is avoided?

Here live our own emissions by post and by month, avoided emissions by two methods with their
ranges (two labelled bars, never added to each other nor subtracted), and the factors in use.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.filters import Filters
from dashboards.kpis import Scope, build_kpi
from dashboards.language.formats import write_month, write_share
from dashboards.language.words import Words
from dashboards.page_models.page import Cards, PageModel
from dashboards.page_models.scope import MonthlyFigure, build_monthly, read_scope
from dashboards.page_models.shapes import ZERO, build_table, write_subtitle, write_title
from dashboards.readings import Reading, read_methods, read_value
from data_contracts.publications import Publication

PAGE = "carbone"
CARDS = (
    ("induced_kg_per_tonne", "transport"),
    ("induced_kg_per_tonne", "total"),
    ("km_per_tonne", ""),
    ("load_factor", ""),
    ("measured_data_share", "total"),
    ("rescued_share", ""),
)
POSTS = ("transport", "electricity", "heat", "refrigerants", "own_waste")
# End of life, whole chain: what two methods of the same food say.
AVOIDED = ("local_waste_route", "flat_full_chain")


def build_carbone(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    cards = tuple(build_kpi(scope, code, variant) for code, variant in CARDS)
    return PageModel(
        PAGE,
        _write_lead(scope),
        (
            Cards("chiffres", words("carbone.kpis"), cards, is_title_shown=False),
            _build_posts(scope),
            _build_avoided(scope),
            _build_months(scope),
            _build_factors(publication, scope),
        ),
    )


def read_range(scope: Scope, code: str, variant: str) -> Reading | None:
    """A published value with its range, where it is known."""
    reading = read_value(scope.readings, code, variant, scope.filters.period)
    return None if reading is None or reading.value is None else reading


def _write_lead(scope: Scope) -> str:
    words = scope.words
    total = read_range(scope, "induced_kg_co2e", "total")
    if total is None or total.value is None:
        return words("figure.empty")
    per_tonne = build_kpi(scope, "induced_kg_per_tonne", "transport")
    value = write_measure(words, "co2_t", total.value / 1000)
    if per_tonne.state != "ok":
        return words("carbone.lead.total", value=value)
    return words("carbone.lead", value=value, per_tonne=per_tonne.value)


def _build_posts(scope: Scope) -> FigureModel:
    """Emissions by post with the range of their factors."""
    words = scope.words
    known = [
        (post, reading)
        for post in POSTS
        if (reading := read_range(scope, "induced_kg_co2e", post)) is not None
    ]
    known.sort(key=lambda item: -(item[1].value or ZERO))
    rows: list[tuple[Cell, ...]] = [
        (post, words(f"post.{post}"), reading.value, reading.low, reading.high)
        for post, reading in known
    ]
    total = sum((reading.value or ZERO for _, reading in known), ZERO)
    finding, alt = {}, words("figure.empty")
    if known and total > 0:
        post, reading = known[0]
        share = write_share(words, (reading.value or ZERO) / total, 0)
        finding = {"post": words(f"post.{post}"), "share": share}
        alt = words(
            "emissions-par-poste.alt",
            post=words(f"post.{post}"),
            share=share,
            total=write_measure(words, "co2", total),
        )
    missing = [words(f"post.{post}") for post in POSTS if post not in dict(known)]
    notes = [words("emissions-par-poste.note")]
    if missing:
        notes.append(words("emissions-par-poste.missing", posts=", ".join(missing)))
    return build_table(
        scope,
        "emissions-par-poste",
        _range_columns(words, "column.post"),
        rows,
        kind="ranges",
        finding=finding,
        alt=alt,
        method=scope.definitions["induced_kg_co2e"].method_version,
        notes=tuple(notes),
    )


def _build_avoided(scope: Scope) -> FigureModel:
    """Two bars for the same food: what its waste would have emitted, and its whole chain."""
    words = scope.words
    rows: list[tuple[Cell, ...]] = []
    for method in AVOIDED:
        reading = read_range(scope, "avoided_kg_co2e", method)
        if reading is not None:
            rows.append(
                (method, words(f"avoided.{method}"), reading.value, reading.low, reading.high)
            )
    own = read_range(scope, "induced_kg_co2e", "total")
    if own is not None and rows:
        rows.append(("induced", words("avoided.induced"), own.value, own.low, own.high))
    finding, alt = {}, words("figure.empty")
    if rows:
        finding = {"value": write_measure(words, "co2", rows[0][2])}
        alt = words(
            "emissions-evitees.alt",
            first=write_measure(words, "co2", rows[0][2]),
            last=write_measure(words, "co2", rows[-1][2]),
        )
    return build_table(
        scope,
        "emissions-evitees",
        _range_columns(words, "column.method"),
        rows,
        kind="ranges",
        finding=finding,
        alt=alt,
        method=scope.definitions["avoided_kg_co2e"].method_version,
        notes=(words("emissions-evitees.note"), words("emissions-evitees.caution")),
    )


def _range_columns(words: Words, label_id: str) -> tuple[Column, ...]:
    return (
        Column("code", ""),
        Column("label", words.texts[label_id], role="label"),
        Column("kg_co2e", words("measure_name.co2"), "co2", "value"),
        Column("kg_co2e_low", words("column.low"), "co2", "low"),
        Column("kg_co2e_high", words("column.high"), "co2", "high"),
    )


def _build_months(scope: Scope) -> FigureModel:
    words = scope.words
    by_month = {
        reading.start: reading.value
        for reading in scope.readings.months("induced_kg_per_tonne", "transport")
    }

    def write_alt(known: list[tuple[date, Decimal | int]]) -> str:
        month, value = max(known, key=lambda item: item[1])
        return words(
            "emissions-par-mois.alt",
            value=write_measure(words, "co2_per_t", value),
            month=write_month(words, month),
        )

    target = scope.targets.get(("induced_kg_per_tonne", scope.filters.period.start.year))
    card = build_kpi(scope, "induced_kg_per_tonne", "transport")
    finding = {"value": card.value} if card.state == "ok" else {}
    return build_monthly(
        words,
        scope.filters,
        MonthlyFigure(
            figure_id="emissions-par-mois",
            title=write_title(words, "emissions-par-mois", **finding),
            subtitle=write_subtitle(scope, "emissions-par-mois"),
            value_kind="co2_per_t",
            method=card.method,
            methods=read_methods(scope.readings, "induced_kg_per_tonne", "transport"),
            target=target.value if target else None,
        ),
        by_month.get,
        write_alt,
    )


def build_factor_rows(
    publication: Publication, words: Words, *, used_only: bool
) -> list[tuple[Cell, ...]]:
    """Factors with their source, version and licence."""
    frame = publication.read("mart_factors").sort("category", "factor_id")
    if used_only:
        frame = frame.filter(pl.col("is_used"))
    return [
        (
            row["factor_id"],
            row["label_fr"],
            row["value"],
            words.code("unit", row["unit"]),
            words.code("source", row["source"])
            + ("" if row["factor_version"] in row["source"] else f" {row['factor_version']}"),
            words.code("gwp_set", row["gwp_set"]),
            row["is_verified"],
            words.code("licence", row["licence"]),
        )
        for row in frame.iter_rows(named=True)
    ]


def factor_columns(words: Words) -> tuple[Column, ...]:
    """Columns of the tables of factors."""
    return (
        Column("factor_id", ""),
        Column("label_fr", words("column.factor")),
        Column("value", words("column.value"), "factor"),
        Column("unit", words("column.unit")),
        Column("source", words("column.source")),
        Column("gwp_set", words("column.gwp_set")),
        Column("is_verified", words("column.is_verified"), "flag"),
        Column("licence", words("column.licence")),
    )


def _build_factors(publication: Publication, scope: Scope) -> FigureModel:
    rows = build_factor_rows(publication, scope.words, used_only=True)
    return build_table(
        scope,
        "facteurs-utilises",
        factor_columns(scope.words),
        rows,
        finding={"count": str(len(rows))} if rows else {},
        notes=(scope.words("facteurs-utilises.note"),),
    )
