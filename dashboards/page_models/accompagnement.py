"""Page 4, Accompagnement et financement: what supports people, and what pays for it?

Here live the vouchers, the tonnes by programme and what the food bank spends; support activities,
agreements and expenses show what is missing for as long as their records are not supplied.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl

from dashboards.figure_models import FigureModel, write_measure
from dashboards.filters import Filters, label_period
from dashboards.kpis import Scope, build_kpi
from dashboards.language.formats import write_month
from dashboards.language.words import Words
from dashboards.page_models.approvisionnement import sum_amounts
from dashboards.page_models.page import Cards, PageModel
from dashboards.page_models.scope import MonthlyFigure, build_monthly, read_scope
from dashboards.page_models.shapes import (
    build_absent,
    build_ranked,
    write_subtitle,
    write_title,
)
from dashboards.readings import food_flows, months_of, read_supplied_records
from data_contracts.publications import Publication

PAGE = "accompagnement"
PROGRAMMES = ("eu_programme", "state_grocery_credit", "better_food_programme")
CARDS = (
    ("vouchers_eur", ""),
    ("voucher_use_share", ""),
    ("voucher_households", ""),
    ("purchases_eur", ""),
    ("eur_per_kg", ""),
    ("food_value_eur", ""),
)
# Figures whose records belong to a second set, and the record that each waits for.
ABSENT = (
    ("actions", "support_activities"),
    ("conventions", "funding_agreements"),
    ("couts", "expenses"),
)


def build_accompagnement(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    cards = tuple(build_kpi(scope, code, variant) for code, variant in CARDS)
    supplied = read_supplied_records(publication, filters.food_bank.food_bank_id)
    vouchers = (
        _build_vouchers(publication, scope)
        if "vouchers" in supplied
        else build_absent(scope, "cheques-par-mois", "vouchers")
    )
    return PageModel(
        PAGE,
        _write_lead(scope),
        (
            Cards("chiffres", words("accompagnement.kpis"), cards, is_title_shown=False),
            vouchers,
            _build_programmes(publication, scope),
            *(build_absent(scope, figure_id, record) for figure_id, record in ABSENT),
        ),
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
