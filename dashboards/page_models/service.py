"""Page 10, Service et partenaires: do partners get what they order, and which need a call?

Here live the fill rate and lead times by week, the table of partners with what changed, those that
get less than their share, the kinds that do not declare, and the statement of one partner.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.filters import Filters
from dashboards.kpis import Scope, build_kpi
from dashboards.language.formats import write_day, write_number, write_share
from dashboards.language.words import Words
from dashboards.page_models.page import Alert, Cards, Choice, PageModel, Section, link_reports
from dashboards.page_models.scope import read_scope
from dashboards.page_models.shapes import ZERO, build_lines, build_table, has_year_before
from dashboards.readings import months_of, read_place_names
from data_contracts.publications import Publication

PAGE = "service"
CARDS = (
    ("order_fill_share", ""),
    ("on_time_share", ""),
    ("hours_order_to_delivery", "median"),
    ("unmet_kg", ""),
    ("partners_active", ""),
    ("accreditations_expiring", ""),
)
LEAST = 12


def build_service(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    bank_id = filters.food_bank.food_bank_id
    names = read_place_names(publication, bank_id)
    weeks = (
        publication.scan("mart_orders_weekly")
        .filter(
            pl.col("food_bank_id") == bank_id,
            # Whole weeks: the last one is still being filled.
            pl.col("week_start") >= filters.period.start,
            pl.col("week_start") <= filters.period.end - timedelta(days=6),
        )
        .collect()
    )
    months = (
        publication.scan("mart_partners_monthly")
        .filter(pl.col("food_bank_id") == bank_id)
        .collect()
    )
    cards = tuple(build_kpi(scope, code, variant) for code, variant in CARDS)
    return PageModel(
        PAGE,
        _write_lead(scope),
        (
            Cards("chiffres", words("service.kpis"), cards, is_title_shown=False),
            _build_fill(scope, weeks),
            _build_delays(scope, weeks),
            _build_partners(scope, months, names),
            _build_least(scope, months, names),
            _build_undeclared(publication, scope),
            *_build_statement(scope, months, names),
        ),
    )


def _write_lead(scope: Scope) -> str:
    words = scope.words
    fill, unmet = build_kpi(scope, "order_fill_share"), build_kpi(scope, "unmet_kg")
    if fill.state != "ok" or unmet.raw_value is None:
        return words("service.lead.empty")
    return words(
        "service.lead", fill=fill.value, unmet=write_measure(words, "tonnes", unmet.raw_value)
    )


def _build_fill(scope: Scope, weeks: pl.DataFrame) -> FigureModel:
    """Kilograms filled by kilograms due, by week of order."""
    grouped = weeks.group_by("week_start").agg(pl.col("filled_kg", "due_kg").sum())
    values: dict[tuple[str, date], Decimal | None] = {
        ("all", week): filled / due if due else None for week, filled, due in grouped.iter_rows()
    }
    card = build_kpi(scope, "order_fill_share")
    return build_lines(
        scope,
        "taux-de-service",
        values,
        lambda code: "",
        kind="share",
        key="fill_share",
        write_day=write_day,
        method=card.method,
        finding={"share": card.value} if card.state == "ok" else None,
        notes=(scope.words("taux-de-service.note"),),
    )


def _build_delays(scope: Scope, weeks: pl.DataFrame) -> FigureModel:
    """Median hours from order to delivery by week and kind of partner."""
    words = scope.words
    values: dict[tuple[str, date], Decimal | None] = {
        (kind, week): hours
        for week, kind, hours in weeks.select(
            "week_start", "partner_kind", "median_order_to_delivery_hours"
        ).iter_rows()
        if hours is not None
    }
    # A median cannot be added: only the kinds that order most are shown, none as a rest.
    counts = weeks.group_by("partner_kind").agg(pl.col("delivered_orders").sum())
    ranked = sorted(counts.iter_rows(), key=lambda row: (-row[1], row[0]))
    largest = [kind for kind, _ in ranked][:4]
    card = build_kpi(scope, "hours_order_to_delivery", "median")
    return build_lines(
        scope,
        "delais",
        {key: value for key, value in values.items() if key[0] in largest},
        lambda code: words.code("partner_kind", code),
        kind="hours",
        key="median_hours",
        write_day=write_day,
        method=card.method,
        finding={"value": f"{card.value}\u00a0{card.unit}"} if card.state == "ok" else None,
        notes=(words("delais.note"),),
    )


def _sum_partners(
    months: pl.DataFrame, first: date, last: date
) -> dict[str, dict[str, Decimal | int | str]]:
    frame = (
        months.filter(pl.col("month").is_between(first, last))
        .group_by("partner_id")
        .agg(
            pl.col("partner_kind").last(),
            pl.col(
                "deliveries", "delivered_kg", "refused_kg", "fresh_kg", "orders", "ordered_kg",
                "due_kg", "filled_kg",
            ).sum(),
        )
    )  # fmt: skip
    return {row["partner_id"]: row for row in frame.iter_rows(named=True)}


def _year_before(day: date) -> date:
    return day.replace(year=day.year - 1)


def _build_partners(
    scope: Scope, months: pl.DataFrame, names: dict[tuple[str, str], str]
) -> FigureModel:
    """A row per partner: what it took, orders, service, and whether it stopped or came back."""
    words = scope.words
    first, last = months_of(scope.filters.period)
    now = _sum_partners(months, first, last)
    before = (
        _sum_partners(months, _year_before(first), _year_before(last))
        if has_year_before(scope)
        else {}
    )
    compares = not scope.filters.period.is_partial and bool(before)
    rows: list[tuple[Cell, ...]] = []
    stopped = 0
    for partner in sorted({*now, *before}):
        current, earlier = now.get(partner), before.get(partner)
        taken = _kg(current, "delivered_kg") - _kg(current, "refused_kg")
        taken_before = _kg(earlier, "delivered_kg") - _kg(earlier, "refused_kg")
        has_stopped = taken == 0 and taken_before > 0
        stopped += has_stopped
        state = (
            "stopped" if has_stopped else "new" if before and not taken_before else "served"
        )  # fmt: skip
        due = _kg(current, "due_kg")
        kind = str((current or earlier or {}).get("partner_kind", ""))
        rows.append(
            (
                partner,
                names.get(("partner", partner), partner),
                words.code("partner_kind", kind),
                taken,
                taken / taken_before - 1 if compares and taken_before else None,
                _kg(current, "fresh_kg") / taken if taken > 0 else None,
                int(_kg(current, "orders")),
                _kg(current, "filled_kg") / due if due else None,
                words(f"partner_state.{state}"),
            )
        )
    rows.sort(key=lambda row: (-_decimal(row[3]), str(row[1])))
    return build_table(
        scope,
        "partenaires",
        (
            Column("partner_id", "", opens="partner"),
            Column("label", words("column.partner")),
            Column("partner_kind", words("column.partner_kind")),
            Column("taken_kg", words("measure_name.tonnes"), "tonnes"),
            Column("difference_share", words("column.difference"), "growth"),
            Column("fresh_share", words("column.fresh_share"), "share"),
            Column("orders", words("column.orders"), "count"),
            Column("fill_share", words("column.fill_share"), "share"),
            Column("state", words("column.state")),
        ),
        rows,
        finding={"count": write_number(words, stopped)} if stopped and before else {},
        notes=() if compares else (words("partenaires.no_difference"),),
    )


def _build_least(
    scope: Scope, months: pl.DataFrame, names: dict[tuple[str, str], str]
) -> FigureModel:
    """Partners whose orders are filled least, beside the whole."""
    words = scope.words
    first, last = months_of(scope.filters.period)
    partners = _sum_partners(months, first, last)
    due = sum((_kg(row, "due_kg") for row in partners.values()), ZERO)
    filled = sum((_kg(row, "filled_kg") for row in partners.values()), ZERO)
    overall = filled / due if due else None
    known = [
        (partner, _kg(row, "filled_kg") / _kg(row, "due_kg"), _kg(row, "due_kg"))
        for partner, row in partners.items()
        if _kg(row, "due_kg") > 0
    ]
    known.sort(key=lambda item: (item[1], -item[2], item[0]))
    rows: list[tuple[Cell, ...]] = [
        (partner, names.get(("partner", partner), partner), share, ordered)
        for partner, share, ordered in known[:LEAST]
    ]
    return build_table(
        scope,
        "part-des-partenaires",
        (
            Column("partner_id", "", opens="partner"),
            Column("label", words("column.partner"), role="label"),
            Column("fill_share", words("column.fill_share"), "share", "value"),
            Column("due_kg", words("column.due_kg"), "kg"),
        ),
        rows,
        kind="ranked",
        finding={"share": write_share(words, overall, 0)} if overall is not None else {},
        alt=words("part-des-partenaires.alt", label=str(rows[0][1]),
                  share=write_share(words, _decimal(rows[0][2]), 0)) if rows else None,
        notes=(words("part-des-partenaires.note"),),
    )  # fmt: skip


def _build_undeclared(publication: Publication, scope: Scope) -> FigureModel:
    """Kinds of partners by the part of them that declared in the last month."""
    words = scope.words
    last = months_of(scope.filters.period)[1]
    frame = (
        publication.scan("mart_declared_people_monthly")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id, pl.col("month") <= last
        )
        .collect()
    )
    rows: list[tuple[Cell, ...]] = []
    silent = 0
    if not frame.is_empty():
        # The month of the data date is still being declared: the last complete one is judged.
        known = frame.filter(pl.col("partners_reporting") > 0)
        month: Any = (frame if known.is_empty() else known)["month"].max()
        grouped = (
            frame.filter(pl.col("month") == month)
            .group_by("partner_kind")
            .agg(pl.col("partners_reporting", "partners_expected").sum())
            .sort("partner_kind")
        )
        for kind, reporting, expected in grouped.iter_rows():
            silent += expected - reporting
            rows.append(
                (
                    kind,
                    words.code("partner_kind", kind),
                    month,
                    expected,
                    reporting,
                    expected - reporting,
                    Decimal(reporting) / expected if expected else None,
                )
            )
        rows.sort(key=lambda row: -int(str(row[5])))
    return build_table(
        scope,
        "sans-declaration",
        (
            Column("partner_kind", ""),
            Column("label", words("column.partner_kind")),
            Column("month", words("column.month"), "month"),
            Column("partners_expected", words("column.expected"), "count"),
            Column("partners_reporting", words("column.declared"), "count"),
            Column("partners_silent", words("column.silent"), "count"),
            Column("coverage_share", words("column.share"), "share"),
        ),
        rows,
        finding={"count": write_number(words, silent)} if silent else {},
    )


def _build_statement(
    scope: Scope, months: pl.DataFrame, names: dict[tuple[str, str], str]
) -> tuple[Section, ...]:
    """The choice of a partner and its months."""
    words = scope.words
    partners = sorted(set(months["partner_id"].to_list()))
    options = sorted(
        ((partner, names.get(("partner", partner), partner)) for partner in partners),
        key=lambda option: option[1],
    )
    asked = scope.filters.option("partner")
    choice = Choice(
        "partner",
        words("service.choose"),
        tuple(options),
        (asked,) if asked and asked in partners else (),
    )
    if asked is None:
        return (choice,)
    if asked not in partners:
        text = words("notice.ignored.partner", value=asked)
        return (choice, Alert("ignored", words("notice.ignored.title"), text))
    first, last = months_of(scope.filters.period)
    rows = _monthly_rows(
        months.filter(
            pl.col("partner_id") == asked, pl.col("month").is_between(first, last)
        ).sort("month").iter_rows(named=True)
    )  # fmt: skip
    table = build_table(
        scope,
        "releve-partenaire",
        (
            Column("month", words("column.month"), "month"),
            Column("deliveries", words("column.deliveries"), "count"),
            Column("delivered_kg", words("column.delivered"), "kg"),
            Column("refused_kg", words("column.refused"), "kg"),
            Column("fresh_share", words("column.fresh_share"), "share"),
            Column("orders", words("column.orders"), "count"),
            Column("due_kg", words("column.due_kg"), "kg"),
            Column("fill_share", words("column.fill_share"), "share"),
        ),
        rows,
        finding={"partner": names.get(("partner", asked), asked)},
    )
    return (choice, table, link_reports(words, scope.filters, "partner-statement"))


def _monthly_rows(rows: Iterable[dict[str, Any]]) -> list[tuple[Cell, ...]]:
    found: list[tuple[Cell, ...]] = []
    for row in rows:
        delivered, due = _decimal(row["delivered_kg"]), _decimal(row["due_kg"])
        found.append(
            (
                row["month"],
                int(str(row["deliveries"])),
                delivered,
                _decimal(row["refused_kg"]),
                _decimal(row["fresh_kg"]) / delivered if delivered else None,
                int(str(row["orders"])),
                due,
                _decimal(row["filled_kg"]) / due if due else None,
            )
        )
    return found


def _kg(row: dict[str, Decimal | int | str] | None, column: str) -> Decimal:
    return Decimal(0) if row is None else Decimal(row[column])


def _decimal(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else ZERO
