"""Page 4, Accompagnement et financement: what supports people, and what pays for it?

Here live support activities, vouchers, the tonnes and the ledger of each programme, agreements with
what is used of them, expenses by post and hours of volunteers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial

import polars as pl

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.filters import Filters, label_period
from dashboards.kpis import Scope, build_kpi
from dashboards.language.formats import write_month, write_number
from dashboards.language.words import Words
from dashboards.page_models.approvisionnement import sum_amounts
from dashboards.page_models.page import Cards, PageModel
from dashboards.page_models.scope import (
    MonthlyFigure,
    build_monthly,
    is_partial_month,
    read_scope,
    year_before,
)
from dashboards.page_models.shapes import (
    ZERO,
    Amounts,
    build_absent,
    build_ranked,
    build_table,
    write_subtitle,
    write_title,
)
from dashboards.readings import food_flows, months_of
from data_contracts.publications import Publication

PAGE = "accompagnement"
Build = Callable[[Publication, Scope], FigureModel]


@dataclass(frozen=True)
class MonthlyAmount:
    """A column of a monthly mart that is ranked by the codes of another one.

    `codes`: where their labels are in the catalogues.
    """

    mart: str
    by: str
    column: str
    kind: str
    codes: str
    indicator: str


ACTIVITIES = MonthlyAmount(
    "mart_support_monthly", "kind", "activities", "count", "support_kind", "support_activities"
)
VOLUNTEERS = MonthlyAmount(
    "mart_volunteers_monthly", "task", "volunteer_hours", "hours", "task", "volunteer_hours"
)
PROGRAMMES = ("eu_programme", "state_grocery_credit", "better_food_programme")
CARDS = (
    ("support_activities", ""),
    ("participants", ""),
    ("partners_offering_support_share", ""),
    ("cost_per_tonne", ""),
    ("public_eur_per_tonne", ""),
    ("funding_used_share", ""),
)
PURCHASES = (
    ("purchases_eur", ""),
    ("eur_per_kg", ""),
    ("food_value_eur", ""),
    ("food_value_per_public_euro", ""),
)
POSTS = ("staff", "purchases", "transport", "premises", "cold", "digital", "other")


def build_accompagnement(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    cards = tuple(build_kpi(scope, code, variant) for code, variant in CARDS)
    bought = tuple(build_kpi(scope, code, variant) for code, variant in PURCHASES)

    def build(figure_id: str, record: str, make: Build) -> FigureModel:
        if record not in scope.supplied:
            return build_absent(scope, figure_id, record)
        return make(publication, scope)

    # Agreements are between a food bank and its funders: the public has their sum on the cards.
    agreements = (
        (build("conventions", "funding", _build_agreements),)
        if "mart_funding_monthly" in publication.marts()
        else ()
    )
    return PageModel(
        PAGE,
        _write_lead(scope),
        (
            Cards("chiffres", words("accompagnement.kpis"), cards, is_title_shown=False),
            build("actions", "support_activities", partial(_rank_months, "actions", ACTIVITIES)),
            build("cheques-par-mois", "vouchers", _build_vouchers),
            *agreements,
            _build_programmes(publication, scope),
            _build_ledgers(publication, scope),
            build("couts", "expenses", _build_costs),
            Cards("achats", words("accompagnement.purchases"), bought),
            build("benevolat", "volunteer_shifts", partial(_rank_months, "benevolat", VOLUNTEERS)),
        ),
    )


def _read_months(publication: Publication, scope: Scope, amount: MonthlyAmount) -> Amounts:
    """Amounts of the period and of the same months a year before, by the values of a column.

    Without what came before where the last month is not over: months are compared whole.
    """
    first, last = months_of(scope.filters.period)
    before = (year_before(first), year_before(last))
    frame = (
        publication.scan(amount.mart)
        .filter(pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id)
        .group_by(amount.by, "month")
        .agg(pl.col(amount.column).sum())
        .collect()
    )
    has_earlier = not is_partial_month(last, scope.filters.food_bank.data_date)
    amounts: dict[str, tuple[Decimal, Decimal | None]] = {}
    for code, month, value in frame.iter_rows():
        now, earlier = amounts.get(code, (ZERO, ZERO if has_earlier else None))
        if first <= month <= last:
            amounts[code] = (now + Decimal(value), earlier)
        elif earlier is not None and before[0] <= month <= before[1]:
            amounts[code] = (now, earlier + Decimal(value))
    return {code: amount for code, amount in amounts.items() if amount[0] > 0}


def _rank_months(
    figure_id: str, amount: MonthlyAmount, publication: Publication, scope: Scope
) -> FigureModel:
    """Amounts of the period by the codes of a column, the largest first."""
    return build_ranked(
        scope,
        figure_id,
        _read_months(publication, scope, amount),
        lambda code: scope.words.code(amount.codes, code),
        kind=amount.kind,
        key=amount.column,
        method=scope.definitions[amount.indicator].method_version,
        notes=(scope.words(f"{figure_id}.note"),),
    )


def _build_costs(publication: Publication, scope: Scope) -> FigureModel:
    """Euros of expenses for a tonne distributed, by post."""
    total = build_kpi(scope, "cost_per_tonne")
    spent = build_kpi(scope, "expenses_eur")
    amounts: dict[str, tuple[Decimal, Decimal | None]] = {}
    if total.raw_value and spent.raw_value:
        tonnes = spent.raw_value / total.raw_value
        for post in POSTS:
            part = build_kpi(scope, "expenses_eur", post).raw_value
            if part:
                amounts[post] = (part / tonnes, None)
    return build_ranked(
        scope,
        "couts",
        amounts,
        lambda code: scope.words.code("expense_post", code),
        kind="eur",
        key="eur_per_tonne",
        method=total.method,
        notes=(scope.words("couts.note"),),
    )


def _build_agreements(publication: Publication, scope: Scope) -> FigureModel:
    """Agreements that run in the period: agreed, used until its end, left."""
    words, period = scope.words, scope.filters.period
    last = months_of(period)[1]
    frame = (
        publication.scan("mart_funding_monthly")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
            pl.col("month") <= last,
            pl.col("starts_on") <= period.end,
            pl.col("ends_on") >= period.start,
        )
        .group_by("funding_id", "funder", "funder_kind", "programme", "purpose", "agreed_eur",
                  "starts_on", "ends_on")
        .agg(pl.col("used_eur").sum())
        .sort("agreed_eur", "funding_id", descending=[True, False])
        .collect()
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (
            row["funding_id"],
            row["funder"],
            words.code("funder_kind", row["funder_kind"]),
            row["programme"],
            words.code("purpose", row["purpose"]),
            row["ends_on"],
            row["agreed_eur"],
            row["used_eur"],
            row["used_eur"] / row["agreed_eur"] if row["agreed_eur"] else None,
        )
        for row in frame.iter_rows(named=True)
    ]
    share = build_kpi(scope, "funding_used_share")
    return build_table(
        scope,
        "conventions",
        (
            Column("funding_id", ""),
            Column("funder", words("column.funder")),
            Column("funder_kind", words("column.kind")),
            Column("programme", words("column.programme")),
            Column("purpose", words("column.purpose")),
            Column("ends_on", words("column.ends_on"), "date"),
            Column("agreed_eur", words("column.agreed"), "eur"),
            Column("used_eur", words("column.used"), "eur"),
            Column("used_share", words("column.used_share"), "share"),
        ),
        rows,
        finding={"share": share.value, "count": write_number(words, len(rows))}
        if rows and share.state == "ok"
        else {},
        method=share.method,
        notes=(words("conventions.note"),),
    )


def _write_lead(scope: Scope) -> str:
    words = scope.words
    issued = build_kpi(scope, "vouchers_eur")
    bought = build_kpi(scope, "purchases_eur")
    period = label_period(words, scope.filters.period)
    if issued.state == "ok" and bought.state == "ok":
        return words("accompagnement.lead", issued=issued.value, bought=bought.value, period=period)
    if bought.state == "ok":
        return words("accompagnement.lead.purchases", bought=bought.value, period=period)
    return words("accompagnement.lead.empty", period=period)


def _build_vouchers(publication: Publication, scope: Scope) -> FigureModel:
    """Euros of vouchers issued by month; a month with a hidden cell is not known."""
    words = scope.words
    frame = (
        publication.scan("mart_vouchers_monthly")
        .filter(pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id)
        .group_by("month")
        .agg(
            pl.col("issued_eur").sum(),
            is_known=pl.col("issued_eur").is_not_null().all(),
        )
        .collect()
    )
    issued: dict[date, Decimal] = {
        month: value for month, value, is_known in frame.iter_rows() if is_known
    }

    def write_alt(known: list[tuple[date, Decimal | int]]) -> str:
        month, value = max(known, key=lambda item: item[1])
        return words(
            "cheques-par-mois.alt",
            value=write_measure(words, "eur", value),
            month=write_month(words, month),
        )

    card = build_kpi(scope, "vouchers_eur")
    finding = {"value": f"{card.value}\u00a0{card.unit}"} if card.state == "ok" else {}
    return build_monthly(
        words,
        scope.filters,
        MonthlyFigure(
            figure_id="cheques-par-mois",
            title=write_title(words, "cheques-par-mois", **finding),
            subtitle=write_subtitle(scope, "cheques-par-mois"),
            value_kind="eur",
            method=card.method,
            notes=(words("cheques-par-mois.note"),),
        ),
        issued.get,
        write_alt,
    )


def _build_programmes(publication: Publication, scope: Scope) -> FigureModel:
    """Tonnes received by programme of public food aid."""
    words = scope.words
    first, last = months_of(scope.filters.period)
    flows = food_flows(publication, scope.filters.food_bank.food_bank_id, first, last).filter(
        pl.col("flow") == "received", pl.col("channel").is_in(list(PROGRAMMES))
    )
    return build_ranked(
        scope,
        "tonnes-par-programme",
        sum_amounts(flows, "channel"),
        lambda code: words.code("channel", code),
        method=scope.definitions["tonnes_received"].method_version,
        notes=(words("tonnes-par-programme.note"),),
    )


def _build_ledgers(publication: Publication, scope: Scope) -> FigureModel:
    """The ledger of each programme over the months of the period, in tonnes and euros."""
    words = scope.words
    first, last = months_of(scope.filters.period)
    frame = (
        publication.scan("mart_programmes_monthly")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
            pl.col("month").is_between(first, last),
        )
        .sort("programme", "month")
        .collect()
    )
    rows: list[tuple[Cell, ...]] = []
    for (programme,), ledger in frame.group_by("programme", maintain_order=True):
        received, used, lost, costed = (
            _sum_known(ledger[name]) or ZERO
            for name in ("received_kg", "out_kg", "losses_kg", "with_cost_kg")
        )
        by_lot = _sum_known(ledger["by_lot_kg"])
        cost = _sum_known(ledger["received_eur"])
        rows.append(
            (
                programme,
                words.code("channel", str(programme)),
                ledger["opening_kg"][0],
                received,
                used,
                lost,
                ledger["closing_kg"][-1],
                cost,
                cost / costed if cost is not None and costed else None,
                _sum_known(ledger["out_eur"]),
                ledger["closing_eur"][-1],
                by_lot / (used + lost) if by_lot is not None and used + lost else None,
            )
        )
    whole = sum((Decimal(str(row[4])) for row in rows), ZERO)
    return build_table(
        scope,
        "registre-des-programmes",
        (
            Column("programme", ""),
            Column("label", words("column.programme")),
            Column("opening_kg", words("programmes.opening"), "tonnes"),
            Column("received_kg", words("programmes.received"), "tonnes"),
            Column("out_kg", words("programmes.out"), "tonnes"),
            Column("losses_kg", words("programmes.losses"), "tonnes"),
            Column("closing_kg", words("programmes.closing"), "tonnes"),
            Column("received_eur", words("programmes.cost"), "eur"),
            Column("eur_per_kg", words("programmes.eur_per_kg"), "eur_per_kg"),
            Column("out_eur", words("programmes.out_eur"), "eur"),
            Column("closing_eur", words("programmes.closing_eur"), "eur"),
            Column("by_lot_share", words("programmes.by_lot"), "share"),
        ),
        rows,
        finding={"value": write_measure(words, "tonnes", whole)} if whole > 0 else {},
        notes=(words("registre-des-programmes.note"),),
    )


def _sum_known(amounts: pl.Series) -> Decimal | None:
    """The sum of monthly amounts; not known where a month's is not."""
    if amounts.null_count() or not amounts.len():
        return None
    return Decimal(str(amounts.sum()))
