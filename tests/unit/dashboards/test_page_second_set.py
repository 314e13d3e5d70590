"""Parts of pages that rest on the second set of records: with them, and without."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dashboards.filters import Filters, resolve_filters
from dashboards.language import Words
from dashboards.page_models.accompagnement import build_accompagnement
from dashboards.page_models.donateurs import build_donateurs
from dashboards.page_models.donnees import build_donnees
from dashboards.page_models.methode import build_methode
from dashboards.page_models.mise_a_disposition import build_mise_a_disposition
from dashboards.page_models.stock import build_stock
from dashboards.published import Source, read_choices
from data_contracts.publications import Publication, open_current
from tests.fixtures.publication import FOOD_BANK, build_marts, write_publication

MAY, JUNE = date(2024, 5, 1), date(2024, 6, 1)
MAY_BEFORE = date(2023, 5, 1)
SECOND = ("support_activities", "funding", "volunteer_shifts", "shared_resources", "offers")


def bank(**values: Any) -> dict[str, Any]:
    return {"food_bank_id": FOOD_BANK, **values}


def support(month: date, kind: str, activities: int) -> dict[str, Any]:
    return bank(month=month, kind=kind, partner_kind="ccas", activities=activities,
                participants=8 * activities)  # fmt: skip


def agreement(month: date, used: str, code: str = "F1", agreed: str = "900") -> dict[str, Any]:
    return bank(
        month=month, funding_id=code, funder="Métropole", funder_kind="epci", is_public=True,
        programme="Alimentation", purpose="digital", territory_code="242100410",
        agreed_eur=Decimal(agreed), starts_on=date(2024, 1, 1), ends_on=date(2024, 12, 31),
        used_eur=Decimal(used),
    )  # fmt: skip


def ledger(month: date, opening: int, received: int, used: int, cost: int | None) -> dict[str, Any]:
    """A month of the State's credit at 2 EUR a kilogram, 1 kg lost, half of the rest by its lot."""
    euros: dict[str, Decimal | None] = dict.fromkeys(
        ("opening_eur", "received_eur", "out_eur", "losses_eur", "closing_eur")
    )
    closing = opening + received - used - 1
    if cost is not None:
        euros = {
            "opening_eur": Decimal(2 * opening), "received_eur": Decimal(cost),
            "out_eur": Decimal(2 * used), "losses_eur": Decimal(2),
            "closing_eur": Decimal(2 * closing),
        }  # fmt: skip
    return bank(
        month=month, programme="state_grocery_credit" if cost is not None else "eu_programme",
        opening_kg=Decimal(opening), received_kg=Decimal(received), out_kg=Decimal(used),
        losses_kg=Decimal(1), closing_kg=Decimal(closing), by_lot_kg=Decimal(used + 1) / 2,
        beyond_stock_kg=Decimal(0), with_cost_kg=Decimal(received if cost is not None else 0),
        **euros,
    )  # fmt: skip


def nutrition(group: str, position: int, kg: int, reference: str | None) -> dict[str, Any]:
    return bank(
        month=MAY, nutrition_group=group, position=position, label_fr=f"Groupe {group}",
        label_en=group, weight_kg=Decimal(kg), from_catalogue_kg=Decimal(0), food_kg=Decimal(400),
        food_share=Decimal(kg) / 400, reference_share=Decimal(reference) if reference else None,
        reference_limit="minimum" if reference else "none", source="a study",
        is_verified=reference is None,
    )  # fmt: skip


def quality(day: date, record: str, held: int, was_late: bool) -> dict[str, Any]:
    return bank(
        quality_date=day, record=record, deliveries=1, rows_delivered=100,
        rows_accepted=100 - held, rows_quarantined=held, rows_replayed=0, count_broken_rules=1,
        broken_rules=f"unit.code={held}", days_since_last=30, late_after_days=7, was_late=was_late,
    )  # fmt: skip


@pytest.fixture
def published(tmp_path: Path) -> Publication:
    supplied = build_marts()["mart_supplied_records"]
    write_publication(
        tmp_path,
        changes={
            "mart_supplied_records": [
                *supplied, *({**supplied[0], "record": record} for record in SECOND)
            ],
            "mart_support_monthly": [
                support(MAY, "cooking", 3), support(MAY, "budget", 1), support(JUNE, "cooking", 2),
                support(MAY_BEFORE, "cooking", 5),
            ],
            "mart_funding_monthly": [
                agreement(date(2024, 4, 1), "100"), agreement(MAY, "200"), agreement(JUNE, "50"),
                agreement(MAY, "0", "F2", "500"),
            ],
            "mart_volunteers_monthly": [
                bank(month=MAY, site_id="dijon", task=task, shifts=1,
                     volunteer_hours=Decimal(hours), staff_hours=Decimal(1))
                for task, hours in (("sorting", 30), ("pickup", 10))
            ],
            "mart_shared_resources_monthly": [
                bank(month=MAY, kind="vehicle", uses=2, shared_rounds=1, shared_km=Decimal(80),
                     shared_hours=Decimal("3.5"), pallet_days=Decimal(0)),
            ],
            "mart_offers_weekly": [
                bank(week_start=week, network_family=family, offers=1, offered_kg=Decimal(kg),
                     taken_kg=Decimal(kg) / 2, saved_kg=Decimal(0))
                for week, family, kg in (
                    (date(2024, 5, 6), "milk", 400), (date(2024, 5, 6), "hygiene", 9),
                    (date(2024, 5, 6), "eggs", 100), (date(2024, 6, 24), "milk", 77),
                )
            ],
            "mart_programmes_monthly": [
                ledger(date(2024, 4, 1), 0, 50, 39, 100), ledger(MAY, 10, 31, 29, 62),
                ledger(JUNE, 11, 0, 5, 0), ledger(MAY, 0, 100, 60, None),
            ],
            "mart_nutrition_monthly": [
                nutrition("fruit_vegetables", 1, 100, "0.33"), nutrition("dairy", 2, 300, "0.33"),
                nutrition("beverages", 3, 0, None),
            ],
            "mart_data_quality_daily": [
                quality(date(2024, 5, 3), "receipts", 2, False),
                quality(date(2024, 5, 31), "receipts", 1, True),
                quality(JUNE, "receipts", 0, True), quality(MAY, "orders", 0, False),
            ],
            "mart_history_monthly": [
                bank(month=date(2022, month, 1), flow=flow, channel="all", network_family="all",
                     source_document="Rapport 2022", weight_kg=Decimal(1000 * month))
                for month in (11, 12) for flow in ("received", "distributed")
            ],
        },
    )  # fmt: skip
    return open_current(tmp_path)


def filters_of(publication: Publication, **parameters: str) -> Filters:
    return resolve_filters(parameters, read_choices(Source.of(publication)))[0]


def test_activities_of_whole_months_are_compared_and_of_a_month_at_work_not(
    published: Publication, french: Words
) -> None:
    page = build_accompagnement(published, filters_of(published, period="2024-05"), french)
    rows = page.figure("actions").rows
    assert [(row[0], row[2], row[4]) for row in rows] == [
        ("cooking", Decimal(3), Decimal(5)), ("budget", Decimal(1), Decimal(0)),
    ]  # fmt: skip
    page = build_accompagnement(published, filters_of(published), french)
    rows = page.figure("actions").rows
    assert [(row[0], row[2], row[4]) for row in rows] == [
        ("cooking", Decimal(5), None), ("budget", Decimal(1), None),
    ]  # fmt: skip


def test_agreements_are_used_from_their_start_to_the_end_of_the_period(
    published: Publication, french: Words
) -> None:
    page = build_accompagnement(published, filters_of(published, period="2024-05"), french)
    figure = page.figure("conventions")
    assert figure.values("funding_id") == ["F1", "F2"]
    assert figure.values("used_eur") == [Decimal(300), Decimal(0)]
    assert figure.values("used_share") == [Decimal(1) / 3, Decimal(0)]
    page = build_accompagnement(published, filters_of(published, period="2023"), french)
    assert page.figure("conventions").state == "empty"


def test_a_programme_keeps_its_ledger_from_the_first_to_the_last_month(
    published: Publication, french: Words
) -> None:
    page = build_accompagnement(published, filters_of(published, period="2024-05"), french)
    rows = page.figure("registre-des-programmes").rows
    # programme, label, opening, received, out, losses, closing, cost, per kg, out, closing, lots
    assert [tuple(row[i] for i in (0, 2, 3, 4, 5, 6)) for row in rows] == [
        ("eu_programme", 0, 100, 60, 1, 39), ("state_grocery_credit", 10, 31, 29, 1, 11),
    ]  # fmt: skip
    assert [row[7:] for row in rows] == [
        (None, None, None, None, Decimal("0.5")), (62, 2, 58, 22, Decimal("0.5")),
    ]  # fmt: skip
    page = build_accompagnement(published, filters_of(published), french)
    figure = page.figure("registre-des-programmes")
    assert (figure.values("opening_kg")[1], figure.values("closing_kg")[1]) == (0, 5)
    assert figure.values("out_kg")[1] == 39 + 29 + 5


def test_a_nutrition_reference_that_was_not_read_says_so(
    published: Publication, french: Words
) -> None:
    page = build_methode(published, filters_of(published, period="2024-05"), french)
    figure = page.figure("equilibre-nutritionnel")
    assert figure.values("food_share") == [Decimal("0.25"), Decimal("0.75")]
    assert figure.values("state") == ["non confirmé", "non confirmé"]
    assert figure.values("reference_limit") == ["au moins", "au moins"]
    assert "25" in figure.title


def test_lines_to_correct_have_their_months(published: Publication, french: Words) -> None:
    page = build_donnees(published, filters_of(published), french)
    figure = page.figure("lignes-par-mois")
    assert [(row[0], row[2], row[4]) for row in figure.rows] == [
        ("all", MAY, 3), ("all", JUNE, 0),
    ]  # fmt: skip
    assert figure.notes[0].startswith("2 ")


def test_hours_of_volunteers_are_ranked_by_task(published: Publication, french: Words) -> None:
    page = build_accompagnement(published, filters_of(published, period="2024-05"), french)
    rows = page.figure("benevolat").rows
    assert [(row[1], row[2]) for row in rows] == [("Tri", Decimal(30)), ("Ramasse", Decimal(10))]
    assert "75" in page.figure("benevolat").title


def test_offers_are_food_of_whole_weeks(published: Publication, french: Words) -> None:
    page = build_stock(published, filters_of(published), french)
    figure = page.figure("disponibilite")
    assert [(row[0], row[4]) for row in figure.rows] == [
        ("offered", Decimal(500)), ("taken", Decimal(250)),
    ]  # fmt: skip


def test_pooled_means_are_told_by_kind(published: Publication, french: Words) -> None:
    page = build_donateurs(published, filters_of(published), french)
    [row] = page.figure("moyens-partages").rows
    assert row == ("vehicle", "Véhicule", 2, 1, Decimal(80), Decimal("3.50"), Decimal(0))


def test_history_stands_apart_hatched_and_is_what_was_distributed(
    published: Publication, french: Words
) -> None:
    page = build_mise_a_disposition(published, filters_of(published), french)
    figure = page.figure("historique")
    assert figure.values("weight_kg") == [Decimal(11_000), Decimal(12_000)]
    assert set(figure.by_role("aggregated")) == {True}
    assert "Rapport 2022" in figure.values("source_document")


def test_without_its_record_each_part_offers_an_example(
    publication: Publication, to_date: Filters, french: Words
) -> None:
    page = build_accompagnement(publication, to_date, french)
    states = {
        figure.figure_id: (figure.state, figure.labels)
        for figure in page.figures
        if figure.state == "not_supplied"
    }
    assert states == {
        "actions": ("not_supplied", ("support_activities",)),
        "cheques-par-mois": ("not_supplied", ("vouchers",)),
        "conventions": ("not_supplied", ("funding",)),
        "couts": ("not_supplied", ("expenses",)),
        "benevolat": ("not_supplied", ("volunteer_shifts",)),
    }
    stock = build_stock(publication, to_date, french).figure("disponibilite")
    assert (stock.state, stock.labels) == ("not_supplied", ("offers",))
    shared = build_donateurs(publication, to_date, french).figure("moyens-partages")
    assert (shared.state, shared.labels) == ("not_supplied", ("shared_resources",))
    history = build_mise_a_disposition(publication, to_date, french)
    assert "historique" not in {figure.figure_id for figure in history.figures}
