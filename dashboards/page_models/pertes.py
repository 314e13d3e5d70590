"""Page 12, Pertes et bilan matière: what is lost and why, and does every kilogram have a place?

Here live the losses by month between their usual limits, by reason and by way of recovery in the
legal order, the transformation, the counts of stock and the weekly ledger of each site.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise

import polars as pl

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.filters import Filters
from dashboards.kpis import Scope, build_kpi
from dashboards.language.formats import write_month, write_number, write_share
from dashboards.language.words import Words
from dashboards.page_models.page import Cards, PageModel
from dashboards.page_models.scope import read_scope
from dashboards.page_models.shapes import ZERO, build_ranked, build_table
from dashboards.readings import months_of, read_place_names
from data_contracts.publications import Publication

PAGE = "pertes"
CARDS = (
    ("loss_share", ""),
    ("recovery_share", "transformation"),
    ("recovery_share", "animal_feed"),
    ("recovery_share", "biowaste"),
    ("unexplained_tonnes", ""),
    ("tonnes_transformed", "output"),
)
# The order that the law gives to what can no longer be eaten by people.
LEGAL_ORDER = (
    "transformation", "animal_feed", "methanisation", "composting", "incineration", "landfill",
    "unknown",
)  # fmt: skip
# XmR charts: limits at the mean plus and minus 2.66 mean moving ranges (Wheeler; 3 / 1.128).
MOVING_RANGE_FACTOR = Decimal("2.66")
ENOUGH_FOR_LIMITS = 8
MONTHS_SHOWN = 24


def build_pertes(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    bank_id = filters.food_bank.food_bank_id
    names = read_place_names(publication, bank_id)
    first, last = months_of(filters.period)
    removals = (
        publication.scan("mart_removals_monthly")
        .filter(
            pl.col("food_bank_id") == bank_id,
            pl.col("month").is_between(first, last),
            pl.col("is_food"),
        )
        .collect()
    )
    cards = tuple(build_kpi(scope, code, variant) for code, variant in CARDS)
    return PageModel(
        PAGE,
        _write_lead(scope, removals),
        (
            Cards("chiffres", words("pertes.kpis"), cards, is_title_shown=False),
            _build_months(scope),
            build_ranked(
                scope,
                "pertes-par-motif",
                _sum_removed(removals, "reason"),
                lambda code: words.code("reason", code),
                key="removed_kg",
                method=scope.definitions["loss_share"].method_version,
            ),
            _build_recovery(scope, removals),
            _build_transformation(publication, scope),
            _build_counts(publication, scope, names),
            _build_ledger(publication, scope, names),
        ),
    )


def _sum_removed(removals: pl.DataFrame, column: str) -> dict[str, tuple[Decimal, Decimal | None]]:
    grouped = removals.group_by(column).agg(pl.col("removed_kg").sum())
    return {code: (weight, None) for code, weight in grouped.iter_rows() if weight}


def _write_lead(scope: Scope, removals: pl.DataFrame) -> str:
    words = scope.words
    card = build_kpi(scope, "loss_share")
    removed = Decimal(removals["removed_kg"].sum() or 0)
    if card.state != "ok":
        return words("pertes.lead.empty")
    return words("pertes.lead", share=card.value, value=write_measure(words, "tonnes", removed))


def find_limits(values: Sequence[Decimal]) -> tuple[Decimal, Decimal] | None:
    """Usual limits of a series (XmR); None where it is too short to know what is usual."""
    if len(values) < ENOUGH_FOR_LIMITS:
        return None
    mean = sum(values, ZERO) / len(values)
    ranges = [abs(later - earlier) for earlier, later in pairwise(values)]
    width = MOVING_RANGE_FACTOR * sum(ranges, ZERO) / len(ranges)
    return max(mean - width, ZERO), mean + width


def _build_months(scope: Scope) -> FigureModel:
    """The part that cannot be handed out, by month; the limits come from the months before."""
    words = scope.words
    last = scope.filters.period.end.replace(day=1)
    shares: dict[date, Decimal] = {
        reading.start: reading.value
        for reading in scope.readings.months("loss_share")
        if reading.value is not None and reading.start <= last and not reading.is_partial
    }
    months = sorted(shares)[-MONTHS_SHOWN:]
    limits = find_limits([shares[month] for month in months])
    low, high = limits or (None, None)
    rows: list[tuple[Cell, ...]] = [
        (
            month,
            write_month(words, month),
            shares[month],
            low,
            high,
            limits is not None and not limits[0] <= shares[month] <= limits[1],
        )
        for month in months
    ]
    outside = [row for row in rows if row[5]]
    finding = {}
    if limits:
        finding = {"count": write_number(words, len(outside)), "months": str(len(rows))}
    alt = words("figure.empty")
    if rows:
        alt = words(
            "pertes-par-mois.alt",
            value=write_share(words, shares[months[-1]]),
            month=write_month(words, months[-1]),
            outside=len(outside),
        )
    note = "pertes-par-mois.note" if limits else "pertes-par-mois.short"
    return build_table(
        scope,
        "pertes-par-mois",
        (
            Column("month", "", "date", "x"),
            Column("month_name", words("column.month"), role="x_label"),
            Column("loss_share", words("column.loss_share"), "share", "value"),
            Column("lower_limit_share", words("column.low_limit"), "share", "low"),
            Column("upper_limit_share", words("column.high_limit"), "share", "high"),
            Column("is_outside", words("column.outside"), "flag", "flag"),
        ),
        rows,
        kind="control",
        finding=finding,
        alt=alt,
        method=scope.definitions["loss_share"].method_version,
        notes=(words(note),),
    )


def _build_recovery(scope: Scope, removals: pl.DataFrame) -> FigureModel:
    """Where removed food went, in the legal order rather than by weight."""
    words = scope.words
    weights = {code: weight for code, (weight, _) in _sum_removed(removals, "destination").items()}
    total = sum(weights.values(), ZERO)
    order = [*LEGAL_ORDER, *sorted(set(weights) - set(LEGAL_ORDER))]
    rows: list[tuple[Cell, ...]] = [
        (code, words.code("destination", code), weights[code], weights[code] / total)
        for code in order
        if code in weights and total > 0
    ]
    burnt = weights.get("incineration", ZERO) + weights.get("landfill", ZERO)
    return build_table(
        scope,
        "valorisation",
        (
            Column("destination", ""),
            Column("label", words("column.destination"), role="label"),
            Column("removed_kg", words("measure_name.tonnes"), "tonnes", "value"),
            Column("share", words("column.share"), "share", "share"),
        ),
        rows,
        kind="ranked",
        finding={"share": write_share(words, 1 - burnt / total, 0)} if total > 0 else {},
        alt=words("valorisation.alt", total=write_measure(words, "tonnes", total)),
        notes=(words("valorisation.note"),),
    )


def _build_transformation(publication: Publication, scope: Scope) -> FigureModel:
    """What went into the kitchen and what came out, by month."""
    words = scope.words
    first, last = months_of(scope.filters.period)
    frame = (
        publication.scan("mart_transformations_monthly")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
            pl.col("month").is_between(first, last),
        )
        .group_by("month", "direction")
        .agg(pl.col("weight_kg").sum())
        .collect()
    )
    weights = {(month, direction): weight for month, direction, weight in frame.iter_rows()}
    rows: list[tuple[Cell, ...]] = []
    for month in sorted({month for month, _ in weights}):
        went_in = weights.get((month, "input"), ZERO)
        came_out = weights.get((month, "output"), ZERO)
        rows.append((month, went_in, came_out, came_out / went_in if went_in else None))
    went_in = sum((w for (_, direction), w in weights.items() if direction == "input"), ZERO)
    came_out = sum((w for (_, direction), w in weights.items() if direction == "output"), ZERO)
    return build_table(
        scope,
        "transformation",
        (
            Column("month", words("column.month"), "month"),
            Column("input_kg", words("column.input"), "kg"),
            Column("output_kg", words("column.output"), "kg"),
            Column("yield_share", words("column.yield"), "share"),
        ),
        rows,
        finding={"share": write_share(words, came_out / went_in, 0)} if went_in else {},
        empty=words("transformation.none"),
    )


def _build_counts(
    publication: Publication, scope: Scope, names: dict[tuple[str, str], str]
) -> FigureModel:
    """Full counts: what was found beside what the records say."""
    words, period = scope.words, scope.filters.period
    frame = (
        publication.scan("mart_stock_counts")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
            pl.col("count_date").is_between(period.start, period.end),
        )
        .sort("count_date", "site_id", descending=[True, False])
        .collect()
    )
    rows: list[tuple[Cell, ...]] = [
        (
            row["count_date"],
            names.get(("site", row["site_id"]), row["site_id"]),
            row["theoretical_kg"],
            row["counted_kg"],
            row["unexplained_kg"],
            row["lower_limit_kg"],
            row["upper_limit_kg"],
            row["is_flagged"],
        )
        for row in frame.iter_rows(named=True)
    ]
    flagged = sum(bool(row[7]) for row in rows)
    return build_table(
        scope,
        "ecarts-de-stock",
        (
            Column("count_date", words("column.counted_on"), "date"),
            Column("site", words("column.site")),
            Column("theoretical_kg", words("column.theoretical"), "kg"),
            Column("counted_kg", words("column.counted"), "kg"),
            Column("unexplained_kg", words("column.unexplained"), "kg"),
            Column("lower_limit_kg", words("column.low_limit"), "kg"),
            Column("upper_limit_kg", words("column.high_limit"), "kg"),
            Column("is_flagged", words("column.outside"), "flag"),
        ),
        rows,
        finding={"count": write_number(words, flagged), "all": str(len(rows))} if rows else {},
        notes=(words("ecarts-de-stock.note"),),
    )


def _build_ledger(
    publication: Publication, scope: Scope, names: dict[tuple[str, str], str]
) -> FigureModel:
    """The ledger by week and site: opening, what came, what left, what nobody explains, closing."""
    words, period = scope.words, scope.filters.period
    terms = (
        "opening_kg", "received_kg", "transfers_in_kg", "transformation_output_kg", "delivered_kg",
        "returned_kg", "parcels_kg", "removed_kg", "transfers_out_kg", "transformation_input_kg",
        "initial_count_kg", "unexplained_kg", "closing_kg",
    )  # fmt: skip
    frame = (
        publication.scan("mart_mass_balance_weekly")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
            pl.col("week_start").is_between(period.start, period.end),
            pl.col("network_family") != "hygiene",
        )
        .group_by("week_start", "site_id")
        .agg(pl.col(*terms).sum())
        .sort("week_start", "site_id", descending=[True, False])
        .collect()
    )
    rows: list[tuple[Cell, ...]] = []
    gap = ZERO
    for row in frame.iter_rows(named=True):
        term = {name: Decimal(row[name] or 0) for name in terms}
        came = sum(
            (
                term[name]
                for name in (
                    "received_kg", "transfers_in_kg", "transformation_output_kg", "returned_kg",
                    "initial_count_kg",
                )
            ),
            ZERO,
        )  # fmt: skip
        left = sum(
            (
                term[name]
                for name in (
                    "delivered_kg", "parcels_kg", "removed_kg", "transfers_out_kg",
                    "transformation_input_kg",
                )
            ),
            ZERO,
        )  # fmt: skip
        gap += abs(term["opening_kg"] + came - left + term["unexplained_kg"] - term["closing_kg"])
        rows.append(
            (
                row["week_start"],
                names.get(("site", row["site_id"]), row["site_id"]),
                term["opening_kg"],
                came,
                left,
                term["unexplained_kg"],
                term["closing_kg"],
            )
        )
    note = "registre-hebdomadaire.closed" if not gap else "registre-hebdomadaire.open"
    return build_table(
        scope,
        "registre-hebdomadaire",
        (
            Column("week_start", words("column.week"), "date"),
            Column("site", words("column.site")),
            Column("opening_kg", words("column.opening"), "kg"),
            Column("came_kg", words("column.came"), "kg"),
            Column("left_kg", words("column.left"), "kg"),
            Column("unexplained_kg", words("column.unexplained"), "kg"),
            Column("closing_kg", words("column.closing"), "kg"),
        ),
        rows,
        notes=(words(note, gap=write_number(words, gap, 3)),) if rows else (),
    )
