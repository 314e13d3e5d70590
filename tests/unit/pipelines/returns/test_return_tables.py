"""Returns of a small world: lines that add up, periods that are refused, cells that never run."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from data_contracts.disclosure import load_policy
from data_contracts.loader import load_marts, load_register
from data_contracts.periods import parse_period
from data_contracts.publications import open_current
from data_contracts.spreadsheets import BYTE_ORDER_MARK
from pipelines.returns.consistency import build_consistency
from pipelines.returns.files import describe, export_return, write_table, write_workbook
from pipelines.returns.forms import RETURNS, ReturnError, check_period, find_return, load_lines
from pipelines.returns.tables import FLOWS, PROGRAMMES, Asked, Table, build_return
from tests.fixtures.publication import FOOD_BANK, build_marts, write_publication

MAY = date(2024, 5, 1)
# A name that a spreadsheet would run, on a partner that a supplier could have typed.
FORMULA = '=HYPERLINK("http://example.org","cliquez")'


def ledger(month: date, opening: str, received: str, out: str, closing: str) -> dict[str, Any]:
    return {
        "month": month, "food_bank_id": FOOD_BANK, "programme": "eu_programme",
        "opening_kg": Decimal(opening), "received_kg": Decimal(received), "out_kg": Decimal(out),
        "losses_kg": Decimal("0.001"), "closing_kg": Decimal(closing), "by_lot_kg": Decimal(out),
        "beyond_stock_kg": Decimal(0), "with_cost_kg": Decimal(0),
    }  # fmt: skip


def outlet(kind: str, outlet_id: str, weight: str) -> dict[str, Any]:
    return {
        "month": MAY, "food_bank_id": FOOD_BANK, "programme": "eu_programme", "outlet_kind": kind,
        "outlet_id": outlet_id, "weight_kg": Decimal(weight), "value_eur": Decimal(0),
    }  # fmt: skip


def declared(month: date, commune: str, people: int, reporting: int) -> dict[str, Any]:
    return {
        "month": month, "food_bank_id": FOOD_BANK, "partner_kind": "ccas", "commune_code": commune,
        "people": people, "households": 1, "partners_reporting": reporting, "partners_expected": 2,
    }  # fmt: skip


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    write_publication(
        folder,
        changes={
            "mart_places": [
                *build_marts()["mart_places"],
                {"food_bank_id": FOOD_BANK, "place_kind": "partner", "place_id": "px",
                 "name": FORMULA, "kind": "ccas", "is_active": True, "uses_platform": False},
            ],
            "mart_programmes_monthly": [
                ledger(date(2024, 4, 1), "0", "100.5", "60", "40.499"),
                ledger(MAY, "40.499", "9.5", "49.998", "0"),
            ],
            "mart_programme_outlets_monthly": [
                outlet("partner", "px", "49.998"), outlet("loss", "sorting", "0.001"),
            ],
            "mart_declared_people_monthly": [
                declared(date(2024, 1, 1), "21231", 100, 1), declared(MAY, "21231", 7, 1),
                declared(date(2024, 3, 1), "21231", 201, 2),
                declared(date(2024, 2, 1), "21231", 0, 0),
                declared(date(2024, 3, 1), "71076", 40, 1),
            ],
        },
    )  # fmt: skip
    return folder


def asked_for(published: Path, period: str, language: str = "fr") -> Asked:
    publication = open_current(published)
    bank = publication.read("mart_food_banks").row(0, named=True)
    return Asked(publication, bank, parse_period(period), language)


def table_of(published: Path, code: str, period: str, section: str) -> Table:
    tables = build_return(code, asked_for(published, period))
    return next(table for table in tables if table.code == section)


def test_the_lines_of_a_section_add_up_to_its_total(published: Path) -> None:
    """Five months of 88 400 kg and half a one: 486 200 kg, by partner as by family."""
    by_partner = table_of(published, "annual-activity", "2024-to-date", "distributed_by_partner")
    values = dict(zip(by_partner.values("line_code"), by_partner.values("value"), strict=True))
    assert values["distributed_social_grocery"] == Decimal("5.5") * 44_000
    assert values["distributed_independent_charity"] == Decimal("5.5") * 24_000  # less returns
    assert values["distributed_household"] == Decimal("5.5") * 400
    assert values["distributed_by_partner_total"] == 486_200
    for section in ("distributed_by_partner", "distributed_by_family"):
        table = table_of(published, "annual-activity", "2024-to-date", section)
        *lines, total = [Decimal(str(value)) for value in table.values("value")]
        assert sum(lines) == total == 486_200


def test_hygiene_is_no_food_of_a_return(published: Path) -> None:
    table = table_of(published, "annual-activity", "2023", "received_by_source")
    values = dict(zip(table.values("line_code"), table.values("value"), strict=True))
    assert values["received_purchase"] == 0
    assert values["received_by_source_total"] == 12 * 110_000


def test_every_category_of_a_measure_has_one_line() -> None:
    """A channel, kind of partner, family or reason that no line takes would fall into the rest."""
    flows = load_marts()["mart_flows_monthly"]
    removals = load_marts()["mart_removals_monthly"]
    wanted = {
        "received_by_source": set(flows.column("channel").codes) - {"none"},
        "economic_supply": set(flows.column("channel").codes) - {"none"},
        "distributed_by_family": set(flows.column("network_family").codes)
        - {"hygiene", "unmapped"},
        "nutritional_families": set(flows.column("network_family").codes) - {"hygiene", "unmapped"},
        "removed_by_reason": set(removals.column("reason").codes),
        "removed_by_destination": set(removals.column("destination").codes),
        "nutritional": set(load_marts()["mart_nutrition_monthly"].column("nutrition_group").codes),
    }
    for section, codes in wanted.items():
        lines = [line for form in RETURNS for line in load_lines(form) if line.section == section]
        taken = Counter(code for line in lines for code in line.codes)
        assert taken == dict.fromkeys(codes, 1), section
    assert set(PROGRAMMES) == set(load_marts()["mart_programmes_monthly"].column("programme").codes)


def test_every_line_is_in_both_languages_and_of_a_known_measure() -> None:
    register = load_register()
    lines = [line for code in RETURNS for line in load_lines(code)]
    assert len(lines) > 100
    for line in lines:
        assert line.labels["fr"] and line.labels["en"] and line.source
        if line.measure == "indicator":
            code, variant = line.indicator
            assert variant in register[code].variants
        else:
            assert line.measure in (*FLOWS, "removals", "nutrition")
    # None of the forms was read: no line may say so until somebody did.
    assert not any(line.is_verified for line in lines)


def test_registrations_of_a_quarter_are_the_mean_of_the_months_declared(published: Path) -> None:
    table = table_of(published, "quarterly-departments", "2024-Q1", "departements")
    rows = {row[0]: row for row in table.rows}
    names = [name for name, _, _ in table.columns]
    assert names[4:8] == ["people_2024_01", "people_2024_02", "people_2024_03", "people_mean"]
    # Nobody declared in February: it is not known, not zero.
    assert rows["21"][4:8] == (100, None, 201, Decimal("150.50"))
    assert rows["71"][4:8] == (None, None, 40, 40)
    assert rows["21"][3] == 3 * (44_000 + 20_000 + 400)
    assert rows["71"][1:4] == (3 * 24_000, 0, 3 * 24_000)


def test_a_ledger_of_a_period_opens_with_its_first_month_and_closes_with_its_last(
    published: Path,
) -> None:
    table = table_of(published, "programme-ledgers", "2024-04..2024-05", "registres")
    total = table.rows[-1]
    assert [str(value) for value in total[2:8]] == [
        "Total", "0.000", "110.000", "109.998", "0.002", "0.000",
    ]  # fmt: skip
    # No cost was recorded: euros are not known.
    assert total[8:13] == (None,) * 5
    outlets = table_of(published, "programme-ledgers", "2024-05", "sorties")
    assert [row[3:6] for row in outlets.rows] == [
        ("Pertes", "Tri", Decimal("0.001")), (FORMULA, "CCAS", Decimal("49.998")),
    ]  # fmt: skip


def test_one_tonne_is_counted_once_in_each_section(published: Path) -> None:
    table = build_consistency(asked_for(published, "2024-to-date"))
    names = [name for name, _, _ in table.columns]
    *cells, totals = table.rows
    for row in cells:
        cell = dict(zip(names, row, strict=True))
        for name in names[5:]:
            assert cell[name] in (None, cell["weight_kg"]), (name, row)
    total = dict(zip(names, totals, strict=True))
    assert total["annual-activity.distributed_by_partner"] == 486_200
    assert total["annual-activity.distributed_by_family"] == 486_200
    assert total["european-observatory.social_distribution"] == 486_200
    assert total["quarterly-departments.distributed"] == 486_200
    assert total["annual-activity.received_by_source"] == Decimal("5.5") * 116_000
    assert total["european-observatory.economic_supply"] == Decimal("5.5") * 116_000


@pytest.mark.parametrize(
    ("code", "period"),
    [("annual-activity", "2024-Q1"), ("quarterly-departments", "2024"),
     ("european-observatory", "2024-05"), ("annual-activity", "2023-01..2023-12")],
)  # fmt: skip
def test_a_return_of_another_kind_of_period_is_refused(code: str, period: str) -> None:
    with pytest.raises(ReturnError, match=f"ask for --period {RETURNS[code].example}"):
        check_period(find_return(code), parse_period(period))


def test_an_unknown_return_names_those_that_there_are() -> None:
    with pytest.raises(ReturnError, match="annual-activity, quarterly-departments"):
        find_return("siaa")


@pytest.mark.parametrize("code", RETURNS)
def test_files_hold_real_numbers_no_formula_and_where_they_come_from(
    published: Path, tmp_path: Path, code: str
) -> None:
    period = "2024-Q1" if code == "quarterly-departments" else "2024-to-date"
    asked = asked_for(published, period)
    workbook, *texts = export_return(code, asked, tmp_path / "new folder")
    sheets = openpyxl.load_workbook(workbook).worksheets
    tables = (*build_return(code, asked), build_consistency(asked))
    assert len(sheets) == len(tables) + 1
    assert len(texts) == len(tables) + 1
    for table, sheet, path in zip(tables, sheets, texts, strict=False):
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
        assert rows[0] == [name for name, _, _ in table.columns]
        assert len(rows) - 1 == len(table.rows) == sheet.max_row - 1
        assert path.read_text(encoding="utf-8").startswith(BYTE_ORDER_MARK)
        for line, row in enumerate(table.rows, start=2):
            for place, value in enumerate(row, start=1):
                cell = sheet.cell(line, place)
                assert cell.data_type != "f"
                if isinstance(value, Decimal):
                    assert cell.data_type == "n"
                    assert Decimal(str(cell.value)) == round(value, 15)
                    assert Decimal(rows[line - 1][place - 1]) == value
                elif isinstance(value, date):
                    assert cell.is_date
    about = dict(describe(code, asked))
    assert about["Publication"] == asked.publication.publication_id
    assert (about["Licence"], about["Période complète"]) == ("Licence Ouverte 2.0", "oui"
            if code == "quarterly-departments" else "non")  # fmt: skip
    assert [cell.value for cell in sheets[-1]["A"]][: len(about)] == list(about)


def test_a_name_that_looks_like_a_formula_is_text_everywhere(published: Path) -> None:
    asked = asked_for(published, "2024-05")
    table = build_return("programme-ledgers", asked)[1]
    assert f"\"'{FORMULA[:5]}" in write_table(table)
    content = write_workbook([table], describe("programme-ledgers", asked), asked)
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    assert sheet.cell(3, 4).value == f"'{FORMULA}"


def test_the_same_figures_are_the_same_bytes(published: Path) -> None:
    asked = asked_for(published, "2024-to-date", "en")
    contents = {
        write_workbook(
            build_return("annual-activity", asked), describe("annual-activity", asked), asked
        )
        for _ in range(2)
    }
    assert len(contents) == 1


def test_whom_a_programme_went_to_stays_inside() -> None:
    assert load_policy().marts["mart_programme_outlets_monthly"].outside == []
