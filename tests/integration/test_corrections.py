"""Quarantine as a workplace: export, correct, land again; judge again under today's contracts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from pipelines.quality.corrections import write_corrections
from tests.fixtures.intake import RECEIPTS_HEADER, TODAY, Intake, make_profile, receipt

PARCELS = (
    "parcel_id,line_no,requested_at,handed_over_at,site_id,household_id,household_size,children,"
    "product_code,weight_kg\n"
)


@pytest.fixture
def intake(tmp_path: Path) -> Intake:
    return Intake(tmp_path / "data")


def export(intake: Intake) -> list[Path]:
    return write_corrections(intake.quarantine(), intake.folder / "exported", TODAY)


def correct(path: Path, changes: dict[str, Any], row: int = 5) -> bytes:
    """A volunteer opens the workbook, types into some cells of a row and saves it."""
    workbook = openpyxl.load_workbook(path)
    sheet = workbook.active
    assert sheet is not None
    names = {cell.value: cell.column for cell in sheet[4]}
    for name, value in changes.items():
        sheet.cell(row, names[name]).value = value
    workbook.save(path)
    return path.read_bytes()


def test_an_exported_line_says_in_french_what_is_wrong_and_what_is_expected(
    intake: Intake,
) -> None:
    intake.deliver("receipts/a.csv", f"{RECEIPTS_HEADER}\n" + receipt("R1", channel="cadeau",
                   quantity="-2"))  # fmt: skip
    intake.take()
    [path] = export(intake)
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert "Corrigez les cellules" in str(rows[0][0])
    assert rows[2][:4] == ["Fichier", "Ligne", "Ce qui ne va pas", "Ce qui est attendu"]
    shown = dict(zip(rows[3], rows[4], strict=True))
    assert shown["_file"] == "receipts/a.csv"
    assert shown["_line"] == "2"
    assert "Canal d'approvisionnement : ce n'est pas un des codes" in str(shown["_wrong"])
    assert "Quantité : la valeur est trop petite" in str(shown["_wrong"])
    assert "un de ces codes : retail_pickup" in str(shown["_expected"])
    assert (shown["receipt_id"], shown["quantity"]) == ("R1", "-2")


def test_the_corrected_workbook_simply_lands_again(intake: Intake) -> None:
    lines = [
        receipt("R1", channel="cadeau"),
        receipt("R2"),
        # Its key cannot be read: only its number tells what it corrects.
        receipt("", quantity="7"),
    ]
    intake.deliver("receipts/a.csv", f"{RECEIPTS_HEADER}\n" + "".join(lines))
    intake.take()
    [path] = export(intake)
    correct(path, {"channel": "retail_pickup", "quantity": 12.5})
    content = correct(path, {"receipt_id": "R3"}, row=6)
    intake.deliver("receipts/corrige.xlsx", content)
    intake.take()
    assert intake.quarantine("open") == []
    assert len(intake.quarantine("corrected")) == 2
    kilograms = {row["receipt_id"]: str(row["weight_kg"]) for row in intake.current().to_dicts()}
    assert kilograms == {"R1": "12.500", "R2": "5.000", "R3": "7.000"}
    # The columns for people are no columns of the record, and are not kept.
    assert "_wrong" in intake.take()[-1].notes[0]


def test_a_line_that_is_still_wrong_waits_again(intake: Intake) -> None:
    intake.deliver("receipts/a.csv", f"{RECEIPTS_HEADER}\n" + receipt("R1", channel="cadeau"))
    intake.take()
    [path] = export(intake)
    intake.deliver("receipts/b.xlsx", correct(path, {"channel": "don"}))
    intake.take()
    assert [row["source_name"] for row in intake.quarantine()] == [
        "receipts/a.csv", "receipts/b.xlsx",
    ]  # fmt: skip


def test_a_corrected_parcel_stays_with_its_household(intake: Intake) -> None:
    good = "C1,1,2024-06-03T09:00:00,2024-06-04T09:00:00,S1,FOYER-7,3,1,RIZ,2.5\n"
    bad = "C2,1,2024-06-03T09:00:00,2024-06-04T09:00:00,S1,FOYER-7,3,1,RIZ,-1\n"
    intake.deliver("parcels/a.csv", PARCELS + good + bad)
    intake.take()
    [path] = export(intake)
    assert b"FOYER-7" not in path.read_bytes()
    intake.deliver("parcels/b.xlsx", correct(path, {"weight_kg": "1"}))
    intake.take()
    households = intake.current("parcels", "parcel_id, line_no")["household_id"].to_list()
    assert len(households) == 2
    assert len(set(households)) == 1
    assert intake.quarantine() == []


# replay


def test_lines_are_judged_again_under_todays_profile_and_count_once(intake: Intake) -> None:
    file = {
        "name": "bons", "match": "bons*.csv", "record": "receipts",
        "columns": {
            **{name: {"source": name} for name in RECEIPTS_HEADER.split(",") if name != "channel"},
            "channel": {"source": "channel", "values": {"Magasin": "retail_pickup"}},
        },
    }  # fmt: skip
    intake.profiles = make_profile(file)
    intake.deliver(
        "bons.csv",
        f"{RECEIPTS_HEADER}\n"
        + receipt("R1", channel="Magasin")
        + receipt("R2", channel="Ferme", quantity="8")
        + receipt("R3", channel="Inconnu", quantity="2"),
    )
    intake.take()
    assert (intake.replay(), len(intake.quarantine())) == ((2, 0), 2)
    file["columns"]["channel"]["values"]["Ferme"] = "farm"
    intake.profiles = make_profile(file)
    assert intake.replay() == (2, 1)
    assert intake.replay() == (1, 0)
    [outcome] = intake.outcomes()
    counts = [outcome[f"rows_{name}"] for name in ("delivered", "accepted", "quarantined")]
    assert (counts, outcome["rows_replayed"]) == ([3, 1, 1], 1)
    grams = [outcome[f"grams_{name}"] for name in ("delivered", "accepted", "quarantined")]
    assert (grams, outcome["grams_replayed"]) == ([15_000, 5_000, 2_000], 8_000)
    assert outcome["is_pending"]
    assert intake.current()["receipt_id"].to_list() == ["R1", "R2"]
    assert [row["status"] for row in intake.quarantine(None)] == ["replayed", "open"]


def test_a_correction_that_came_since_wins_over_a_replayed_line(intake: Intake) -> None:
    intake.deliver("receipts/a.csv", f"{RECEIPTS_HEADER}\n" + receipt("R1", unit="case"))
    intake.take()
    products = (
        "product_code,label,network_family,storage,is_food,case_weight_kg\n"
        "POM,Pommes,fruit_vegetables_fresh,ambient,true,10\n"
    )
    intake.deliver("products/p.csv", products)
    intake.deliver("receipts/b.csv", f"{RECEIPTS_HEADER},is_deleted\n"
                   + receipt("R9") .replace("\n", ",\n"))  # fmt: skip
    intake.take()
    assert intake.replay() == (1, 1)
    kilograms = {row["receipt_id"]: str(row["weight_kg"]) for row in intake.current().to_dicts()}
    assert kilograms == {"R1": "50.000", "R9": "5.000"}
    [first, *_] = intake.outcomes()
    # Nothing could be read of it while the weight of a case was not known.
    assert (first["grams_delivered"], first["grams_replayed"]) == (50_000, 50_000)
