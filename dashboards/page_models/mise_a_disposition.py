"""Page 3, Mise à disposition: where does the food go, and does the balance close?

Here live the Sankey of the closed balance, the kinds of partners, the households helped by month,
the people declared (when they are supplied) and the service to partners. The arithmetic of the
balance is in `balance.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl

from dashboards.figure_models import Cell, Column, FigureModel
from dashboards.filters import Filters, label_period
from dashboards.kpis import Kpi, Scope, build_kpi, build_people_kpi
from dashboards.language.formats import (
    write_month,
    write_number,
    write_share,
    write_short_month,
    write_tonnes,
)
from dashboards.language.words import Words
from dashboards.page_models.balance import (
    ALL_SITES,
    GROUPED,
    Balance,
    Node,
    build_balance,
    group_small_kinds,
    has_sites,
)
from dashboards.page_models.page import Cards, PageModel
from dashboards.page_models.scope import MonthlyFigure, build_monthly, read_scope
from dashboards.page_models.shapes import ZERO, build_table
from dashboards.readings import (
    food_flows,
    has_records_before,
    months_of,
    read_methods,
    read_supplied_records,
)
from data_contracts.publications import Publication

PAGE = "mise-a-disposition"
# Kinds below this share of the total are one node of the Sankey.
SMALL_KIND_SHARE = Decimal("0.025")
SERVICE = (
    ("order_fill_share", ""),
    ("orders", ""),
    ("orders_per_partner", ""),
    ("tonnes_ordered_and_delivered", ""),
)


def build_mise_a_disposition(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    first, last = months_of(filters.period)
    balance = group_small_kinds(
        build_balance(publication, filters.food_bank.food_bank_id, first, last), SMALL_KIND_SHARE
    )
    site_names = _read_site_names(publication, filters.food_bank.food_bank_id)
    service = tuple(build_kpi(scope, code, variant) for code, variant in SERVICE)
    supplied = read_supplied_records(publication, filters.food_bank.food_bank_id)
    return PageModel(
        PAGE,
        _write_lead(scope, balance),
        (
            build_balance_figure(
                scope, balance, site_names, is_protected=not has_sites(publication)
            ),
            _build_partner_kinds(publication, scope),
            # Two populations, each in a figure of its own: they are never added.
            _build_households(publication, scope),
            _build_people(scope, "beneficiary_reports" in supplied),
            Cards("service", _write_service_title(scope, service[0]), service),
            *_build_history(publication, scope),
        ),
    )


def _build_history(publication: Publication, scope: Scope) -> tuple[FigureModel, ...]:
    """Tonnes distributed by month before the records begin, as a document published them.

    Never beside figures of records; nothing where no such document was supplied.
    """
    words = scope.words
    frame = (
        publication.read("mart_history_monthly")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
            pl.col("flow") == "distributed",
        )
        .group_by("month")
        .agg(pl.col("weight_kg").sum(), pl.col("source_document").unique().sort())
        .sort("month")
    )
    if frame.is_empty():
        return ()
    rows: list[tuple[Cell, ...]] = [
        (month, write_month(words, month), write_short_month(words, month), weight, None, True,
         ", ".join(documents))
        for month, weight, documents in frame.select(
            "month", "weight_kg", "source_document"
        ).iter_rows()
    ]  # fmt: skip
    total = write_tonnes(words, sum((row[3] for row in rows if isinstance(row[3], Decimal)), ZERO))
    table = build_table(
        scope,
        "historique",
        (
            Column("month", "", "date"),
            Column("month_name", words("column.month"), role="name"),
            Column("month_short", "", role="x"),
            Column("weight_kg", words("measure_name.tonnes"), "tonnes", "value"),
            Column("difference_share", "", "growth", "change"),
            Column("is_aggregated", "", "flag", "aggregated"),
            Column("source_document", words("column.document")),
        ),
        rows,
        kind="monthly",
        alt=words("historique.alt", total=total, months=len(rows)),
        notes=(words("historique.note"),),
    )
    return (replace(table, labels=(words("measure_name.tonnes"),)),)


def _write_lead(scope: Scope, balance: Balance) -> str:
    words = scope.words
    period = label_period(words, scope.filters.period)
    if not balance.links:
        return words("disposition.lead.empty", period=period)
    return words(
        "disposition.lead",
        total=write_tonnes(words, balance.total_kg),
        distributed=write_tonnes(words, balance.distributed_kg + balance.parcels_kg),
        removed=write_tonnes(words, balance.removed_kg),
    )


def _read_site_names(publication: Publication, food_bank_id: str) -> dict[str, str]:
    frame = publication.read("mart_places").filter(
        pl.col("food_bank_id") == food_bank_id, pl.col("place_kind") == "site"
    )
    return dict(zip(frame["place_id"].to_list(), frame["name"].to_list(), strict=True))


def label_node(words: Words, node: Node, site_names: dict[str, str]) -> str:
    """A node of the balance, in words."""
    if node.group == "site" and node.code == ALL_SITES:
        return words("balance.all_sites")
    if node.group == "site":
        return site_names.get(node.code, node.code)
    return words.code(node.group, node.code)


def build_balance_figure(
    scope: Scope, balance: Balance, site_names: dict[str, str], *, is_protected: bool = False
) -> FigureModel:
    """The Sankey: a row per link; sources and targets carry their layer for drawing.

    `is_protected`: as the metropole and the public read it.
    """
    words, filters = scope.words, scope.filters
    rows: list[tuple[Cell, ...]] = [
        (
            label_node(words, link.source, site_names),
            label_node(words, link.target, site_names),
            link.weight_kg,
            f"{link.source.group}.{link.source.code}",
            f"{link.target.group}.{link.target.code}",
            link.source.layer,
            link.target.layer,
        )
        for link in balance.links
    ]
    columns = (
        Column("source", words("column.from")),
        Column("target", words("column.to")),
        Column("weight_kg", words("column.tonnes"), "tonnes"),
        Column("source_code", ""),
        Column("target_code", ""),
        Column("source_layer", ""),
        Column("target_layer", ""),
    )
    handed_out = balance.distributed_kg + balance.parcels_kg
    leaving = handed_out + balance.removed_kg
    title = words("balance.title.neutral")
    alt = words("figure.empty")
    if rows and leaving > 0:
        share = write_share(words, handed_out / leaving, 0)
        title = words("balance.title.finding", share=share)
        alt = words(
            "balance.alt",
            total=write_tonnes(words, balance.total_kg),
            distributed=write_tonnes(words, handed_out),
            removed=write_tonnes(words, balance.removed_kg),
        )
    return FigureModel(
        figure_id="bilan-matiere",
        kind="balance",
        title=title,
        subtitle=words(
            "balance.subtitle",
            food_bank=filters.food_bank.name,
            period=label_period(words, filters.period),
        ),
        alt=alt,
        columns=columns,
        rows=tuple(rows),
        method=scope.definitions["tonnes_distributed"].method_version,
        notes=(
            *_write_balance_notes(words, balance, is_protected=is_protected),
            *((words("balance.note.protected"),) if is_protected else ()),
        ),
        state="ok" if rows else "empty",
        labels=(
            words("balance.origins"),
            words("balance.sites"),
            words("balance.ends"),
            words("balance.total", total=write_tonnes(words, balance.total_kg)),
        ),
    )


def _write_balance_notes(words: Words, balance: Balance, *, is_protected: bool) -> tuple[str, ...]:
    if not balance.links:
        return ()
    gap = balance.total_kg - balance.outgoing_kg
    is_closed = not gap and not balance.unbalanced_kg
    state = "closed" if is_closed else "rounded" if is_protected else "open"
    values = {
        "incoming": write_number(words, balance.total_kg, 0),
        "outgoing": write_number(words, balance.outgoing_kg, 0),
        "gap": write_number(words, balance.unbalanced_kg, 3),
    }
    notes = [words(f"balance.note.{state}", **values)]
    if balance.transferred_kg:
        notes.append(
            words("balance.note.transfers", value=write_tonnes(words, balance.transferred_kg))
        )
    if any(GROUPED in (link.source.code, link.target.code) for link in balance.links):
        notes.append(words("balance.note.grouped", share=write_share(words, SMALL_KIND_SHARE)))
    if balance.unexplained_kg is None:
        notes.append(words("balance.note.no_count"))
    else:
        notes.append(
            words(
                "balance.note.unexplained",
                value=write_tonnes(words, balance.unexplained_kg),
            )
        )
    if balance.initial_count_kg:
        notes.append(
            words(
                "balance.note.initial_count",
                value=write_tonnes(words, balance.initial_count_kg),
            )
        )
    return tuple(notes)


def _build_partner_kinds(publication: Publication, scope: Scope) -> FigureModel:
    """Tonnes by kind of partner, net of refusals, beside the same days a year before."""
    words, filters = scope.words, scope.filters
    first, last = months_of(filters.period)
    flows = food_flows(publication, filters.food_bank.food_bank_id, first, last)
    has_earlier = has_records_before(
        filters.food_bank.first_date, first.replace(year=first.year - 1)
    )
    totals = _net_by_partner_kind(flows)
    total = sum((weight for weight, _ in totals.values()), Decimal(0))
    ranked = sorted(totals.items(), key=lambda item: (-item[1][0], item[0]))
    rows: list[tuple[Cell, ...]] = []
    for kind, (weight, earlier_weight) in ranked:
        earlier = earlier_weight if has_earlier else None
        growth = weight / earlier - 1 if earlier else None
        share = weight / total if total else None
        rows.append((kind, words.code("partner_kind", kind), weight, share, earlier, growth))
    columns = (
        Column("partner_kind", ""),
        Column("label", words("column.partner_kind"), role="label"),
        Column("weight_kg", words("column.tonnes"), "tonnes", "value"),
        Column("weight_share", words("column.share"), "share", "share"),
        Column("weight_kg_same_days", words("column.same_days"), "tonnes", "earlier"),
        Column("difference_share", words("column.difference"), "growth"),
    )
    title = words("partner_kinds.title.neutral")
    alt = words("figure.empty")
    if rows and total > 0:
        top_kind, (top_weight, _) = ranked[0]
        share_text = write_share(words, top_weight / total, 0)
        label = words.code("partner_kind", top_kind)
        title = words("partner_kinds.title.finding", kind=label, share=share_text)
        alt = words(
            "partner_kinds.alt",
            kind=label,
            share=share_text,
            value=write_tonnes(words, top_weight),
            total=write_tonnes(words, total),
        )
    year = filters.period.start.year
    return FigureModel(
        figure_id="par-type-de-partenaire",
        kind="ranked",
        title=title,
        subtitle=words(
            "partner_kinds.subtitle",
            food_bank=filters.food_bank.name,
            period=label_period(words, filters.period),
        ),
        alt=alt,
        columns=columns,
        rows=tuple(rows),
        method=scope.definitions["tonnes_distributed"].method_version,
        notes=(words("partner_kinds.note"),) if has_earlier else (),
        state="ok" if rows else "empty",
        labels=(str(year), words("partner_kinds.same_days", year=year - 1)),
    )


def _net_by_partner_kind(flows: pl.DataFrame) -> dict[str, tuple[Decimal, Decimal]]:
    totals: dict[str, tuple[Decimal, Decimal]] = {}
    grouped = (
        flows.filter(pl.col("flow").is_in(["delivered", "returned"]))
        .group_by("partner_kind", "flow")
        .agg(pl.col("weight_kg", "weight_kg_same_days").sum())
        .sort("partner_kind", "flow")
    )
    for kind, flow, weight, earlier in grouped.iter_rows():
        sign = 1 if flow == "delivered" else -1
        current = totals.get(kind, (Decimal(0), Decimal(0)))
        totals[kind] = (current[0] + sign * weight, current[1] + sign * earlier)
    return totals


def _build_households(publication: Publication, scope: Scope) -> FigureModel:
    words, filters = scope.words, scope.filters
    frame = publication.read("mart_households_monthly").filter(
        pl.col("food_bank_id") == filters.food_bank.food_bank_id
    )
    counts = dict(zip(frame["month"].to_list(), frame["households_helped"].to_list(), strict=True))
    card = build_kpi(scope, "households_helped")
    title = words("households.title.neutral")
    if card.state == "ok":
        title = words("households.title.finding", count=card.value)

    def write_alt(known: list[tuple[date, Decimal | int]]) -> str:
        best_month, best = max(known, key=lambda item: item[1])
        return words(
            "households.alt",
            best=write_number(words, best),
            month=write_month(words, best_month),
        )

    notes = [words("households.note")]
    # Outside the food bank this count is not published.
    if "anonymous_parcels" in scope.definitions:
        anonymous = build_kpi(scope, "anonymous_parcels")
        if anonymous.raw_value:
            notes.append(words("households.note.anonymous", count=anonymous.value))
    return build_monthly(
        words,
        filters,
        MonthlyFigure(
            figure_id="foyers-par-mois",
            title=title,
            subtitle=words(
                "households.subtitle",
                food_bank=filters.food_bank.name,
                period=label_period(words, filters.period),
            ),
            value_kind="count",
            method=card.method,
            methods=read_methods(scope.readings, "households_helped"),
            notes=tuple(notes),
        ),
        counts.get,
        write_alt,
    )


def _build_people(scope: Scope, is_supplied: bool) -> FigureModel:
    """The people that partners declare, by month, with their coverage."""
    words, filters = scope.words, scope.filters
    if not is_supplied:
        missing = words("not_supplied.people_declared.missing")
        return FigureModel(
            figure_id="personnes-declarees",
            kind="none",
            title=words("people.title.neutral"),
            subtitle=words("people.subtitle", food_bank=filters.food_bank.name),
            alt=missing,
            columns=(),
            rows=(),
            notes=(missing, words("people.note.missing")),
            state="not_supplied",
        )
    counts = {month.start: month.value for month in scope.readings.months("people_declared")}
    card = build_people_kpi(scope)
    title = words("people.title.neutral")
    if card.state == "ok":
        title = words("people.title.finding", count=card.value)

    def write_alt(known: list[tuple[date, Decimal | int]]) -> str:
        best_month, best = max(known, key=lambda item: item[1])
        return words(
            "people.alt", best=write_number(words, best), month=write_month(words, best_month)
        )

    return build_monthly(
        words,
        filters,
        MonthlyFigure(
            figure_id="personnes-declarees",
            title=title,
            subtitle=words("people.subtitle", food_bank=filters.food_bank.name),
            value_kind="count",
            method=card.method,
            methods=read_methods(scope.readings, "people_declared"),
            notes=(*card.notes, words("people.note")),
        ),
        counts.get,
        write_alt,
    )


def _write_service_title(scope: Scope, fill: Kpi) -> str:
    if fill.state != "ok" or fill.raw_value is None:
        return scope.words("service.title.neutral")
    share = write_share(scope.words, fill.raw_value, 0)
    return scope.words("service.title.finding", share=share)
