"""Deliveries, good and bad: what is good is published, what is not is held back and said."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from data_contracts.publications import open_current
from tests.conftest import DataFolder

World = Callable[[DataFolder], None]


@pytest.fixture
def petite(published_petite: DataFolder, tmp_path: Path) -> DataFolder:
    return published_petite.copy_to(tmp_path / "data")


def test_figures_of_a_small_world_are_those_worked_out_by_hand(petite: DataFolder) -> None:
    expected = {
        "tonnes_received": 0.16,
        "tonnes_distributed": 0.105,
        "fresh_share_distributed": round(95 / 105, 6),
        "fresh_share_received": 0.875,
        "weighed_share": round(140 / 172, 6),
        "meal_equivalents": 210,
        "partners_active": 2,
        "suppliers_listed": 2,
    }
    found = {code: petite.value(code, "2024-to-date", "petite") for code in expected}
    assert found == expected
    assert petite.value("tonnes_distributed", "2024-05", "petite") == 0.065
    assert petite.value("tonnes_distributed", "2024-05..2024-06", "petite") == 0.105


def test_a_record_never_supplied_is_no_zero(petite: DataFolder) -> None:
    answer = petite.collecto("indicator", "households_helped", "--period", "2024", "--json")
    assert answer.status == 2
    assert "no food bank supplied" in answer.err
    supplied = open_current(petite.path / "published").read("mart_supplied_records")
    absent = supplied.filter(~pl.col("is_supplied"))["record"].to_list()
    assert "parcels" in absent and "receipts" not in absent


def test_three_bad_rows_of_ten_leave_seven_published(morning: DataFolder) -> None:
    assert morning.value("tonnes_received", "2024-06", "petite") == 0.007
    held = [
        row
        for row in morning.collecto("quarantine", "list", "--json").json
        if row["source_name"] == "receipts/juin.csv"
    ]
    assert [(row["source_line"], [rule["rule"] for rule in row["rules"]]) for row in held] == [
        (5, ["minimum"]),
        (8, ["type", "code"]),
        (11, ["required", "code", "unit_factor"]),
    ]
    [delivery] = [
        row
        for row in morning.collecto("deliveries", "list", "--json").json
        if row["source_name"] == "receipts/juin.csv"
    ]
    counts = [delivery[f"rows_{name}"] for name in ("delivered", "accepted", "quarantined")]
    assert counts == [10, 7, 3]
    # The publication names the rules, and no value.
    [entry] = [
        entry
        for entry in open_current(morning.path / "published").manifest["inputs"]["deliveries"]
        if entry["delivery_id"] == delivery["delivery_id"]
    ]
    broken = Counter(f"{rule['column']}.{rule['rule']}" for row in held for rule in row["rules"])
    assert entry["broken_rules"] == dict(broken)


def test_a_refresh_counts_what_it_took_and_what_it_held_back(morning: DataFolder) -> None:
    answer = json.loads((morning.path / "answer.json").read_text(encoding="utf-8"))
    # 10 + 1 receipts, 1 delivery, 3 parcels, and 1 + 1 + 2 + 3 + 4 rows of the new food bank
    assert answer["rows"] == {"delivered": 26, "accepted": 20, "quarantined": 6, "replayed": 0}
    assert answer["deliveries"] == {"included": 9, "set_aside": 3}
    assert answer["refused"] is None and answer["is_new"] is True


def test_a_corrected_row_is_released_and_counts_once(
    morning: DataFolder, next_morning: DataFolder
) -> None:
    def held(folder: DataFolder) -> set[str]:
        listed = folder.collecto("quarantine", "list", "--json").json
        return {row["source_name"] for row in listed}

    assert held(morning) - held(next_morning) == {"receipts/a.csv"}
    assert next_morning.value("tonnes_received", "2024-06", "petite") == 0.0164


def test_a_later_row_of_the_same_key_is_a_correction(next_morning: DataFolder) -> None:
    assert next_morning.value("tonnes_received", "2024-05", "autre") == 0.007
    assert next_morning.value("tonnes_received", "2024-06", "autre") == 0.03
    assert next_morning.value("tonnes_received", "2024", "autre") == 0.037


def test_the_same_bytes_twice_have_no_effect(petite: DataFolder) -> None:
    again = (petite.landing / "petite/receipts/receipts.csv").read_bytes()
    petite.deliver("petite/receipts/encore.csv", again)
    before = (petite.path / "published" / "CURRENT").read_bytes()
    answer = petite.collecto("refresh", "--json")
    assert answer.status == 0
    assert answer.json["deliveries"] == {"duplicate": 1}
    assert answer.json["is_new"] is False
    assert (petite.path / "published" / "CURRENT").read_bytes() == before
    listed = petite.collecto("deliveries", "list", "--state", "duplicate", "--json").json
    assert [row["source_name"] for row in listed] == ["receipts/encore.csv"]


def test_an_unreadable_file_is_set_aside_and_the_others_published(morning: DataFolder) -> None:
    # 40 + 5 kg delivered, a parcel of 2.5 kg
    assert morning.value("tonnes_distributed", "2024-06", "petite") == 0.0475
    answer = json.loads((morning.path / "answer.json").read_text(encoding="utf-8"))
    assert "petite/receipts/photo.csv" in {file["source_name"] for file in answer["set_aside"]}
    assert reasons_set_aside(morning)["receipts/photo.csv"] == (
        "the file is not text but a picture (PNG); save it as CSV or XLSX and send it again"
    )
    assert morning.collecto("refresh").status == 0


def reasons_set_aside(folder: DataFolder) -> dict[str, str]:
    listed = folder.collecto("deliveries", "list", "--state", "set_aside", "--json").json
    return {row["source_name"]: row["reason"] for row in listed}


def test_people_are_never_written_in_clear(morning: DataFolder) -> None:
    assert morning.value("parcels", "2024-06", "petite") == 1
    with sqlite3.connect(morning.path / "state" / "deliveries.sqlite") as states:
        states.execute("pragma wal_checkpoint(truncate)")
    parquet = [pl.read_parquet(path) for path in (morning.path / "raw").rglob("*.parquet")]
    assert len(parquet) == 1 and "household_id" in parquet[0].columns
    secrets = [b"FOYER-SECRET", b"Durand", b"0380112233"]
    for path in morning.path.rglob("*"):
        if path.is_file() and morning.landing not in path.parents:
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret in content], path
    assert (
        not parquet[0]
        .select(pl.any_horizontal(pl.col(pl.String).str.contains("FOYER-SECRET|Durand").any()))
        .item()
    )


def test_without_a_key_nothing_is_read(folder: DataFolder, small_world: World) -> None:
    small_world(folder)
    answer = folder.collecto("refresh", COLLECTO_PSEUDONYM_KEY="")
    assert answer.status == 2
    assert answer.err.startswith("collecto: COLLECTO_PSEUDONYM_KEY")
    assert not (folder.path / "raw").exists()


def test_another_food_banks_rows_are_set_aside(morning: DataFolder) -> None:
    assert "of the food bank 'grande'" in reasons_set_aside(morning)["orders/orders.csv"]


def test_a_second_food_bank_stands_beside_the_first_and_the_network_sums(
    morning: DataFolder,
) -> None:
    rows = morning.collecto("indicator", "tonnes_received", "--period", "2024", "--json").json
    assert [(row["scope_id"], row["value"]) for row in rows] == [
        ("autre", 0.16), ("petite", 0.167), ("network", 0.327)
    ]  # fmt: skip


def test_a_file_set_aside_gets_another_chance_in_the_right_folder(
    morning: DataFolder, next_morning: DataFolder
) -> None:
    assert "sorties/juin.csv" in reasons_set_aside(morning)
    assert "sorties/juin.csv" not in reasons_set_aside(next_morning)
    assert next_morning.value("loss_share", "2024", "petite") == round(2 / 176.4, 6)
    listed = next_morning.collecto("deliveries", "list", "--json").json
    assert [row["source_name"] for row in listed if row["records"] == ["removals"]] == [
        "removals/juin.csv"
    ]
