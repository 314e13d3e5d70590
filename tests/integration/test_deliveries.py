"""Deliveries, good and bad: what is good is published, what is not is held back and said."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from data_contracts.publications import open_current
from tests.conftest import BuildOnce, DataFolder

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


RECEIPTS = "receipt_id,line_no,received_at,site_id,supplier_id,channel,product_code,quantity,unit"
REMOVALS = (
    "removal_id,line_no,removed_at,site_id,product_code,weight_kg,reason,destination\n"
    "E1,1,2024-06-04T10:00:00,S1,POM,2,sorting,composting\n"
)
CORRECTED = "R9,1,2024-06-04T08:00:00,S1,D1,retail_pickup,POM,{},kg,{}\n"


def deliver_a_mixed_morning(folder: DataFolder) -> None:
    """Three bad rows among ten, a picture, people, rows of others, a new food bank beside it."""
    good = [
        f"G{number},1,2024-06-04T08:00:00,S1,D1,retail_pickup,POM,1,kg\n" for number in range(7)
    ]
    bad = [
        "B1,1,2024-06-04T08:00:00,S1,D1,retail_pickup,POM,-2,kg\n",
        "B2,1,2024-06-31T08:00:00,S1,D1,cadeau,POM,2,kg\n",
        "B3,1,2024-06-04T08:00:00,S1,D1,retail_pickup,,2,carton\n",
    ]
    rows = [*good[:3], bad[0], *good[3:5], bad[1], *good[5:], bad[2]]
    folder.deliver("petite/receipts/juin.csv", RECEIPTS + "\n" + "".join(rows))
    folder.deliver(
        "petite/receipts/a.csv",
        RECEIPTS + ",updated_at\n" + CORRECTED.format("9..4", "2024-06-05T09:00:00"),
    )
    folder.deliver("petite/receipts/photo.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00")
    folder.deliver(
        "petite/deliveries/juin.csv",
        "delivery_id,line_no,delivered_at,site_id,partner_id,mode,product_code,weight_kg\n"
        "L9,1,2024-06-04T10:00:00,S1,P1,delivered,POM,5\n",
    )
    row = "C{0},1,2024-06-03T09:00:00,2024-06-04T09:00:00,S1,{1},3,1,RIZ,{2},Durand,0380112233\n"
    parcels = [row.format(1, "FOYER-SECRET-7", "2.5"), row.format(2, "FOYER-SECRET-8", "lourd")]
    parcels.append("C3,1,2024-06-03T09:00:00,Durand FOYER-SECRET-9,S1,3,1,RIZ,2\n")
    folder.deliver(
        "petite/parcels/colis.csv",
        "parcel_id,line_no,requested_at,handed_over_at,site_id,household_id,household_size,"
        "children,product_code,weight_kg,nom,telephone\n" + "".join(parcels),
    )
    folder.deliver(
        "petite/orders/orders.csv",
        "food_bank_id,order_id,line_no,ordered_at,wanted_on,site_id,partner_id,status,"
        "product_code,ordered_kg\n"
        "grande,O1,1,2024-06-04T09:00:00,2024-06-05,S1,P1,open,POM,5\n",
    )
    folder.deliver("petite/sorties/juin.csv", REMOVALS)
    for name in ("food_banks", "sites", "suppliers", "products", "receipts"):
        text = (folder.landing / f"petite/{name}/{name}.csv").read_text(encoding="utf-8")
        folder.deliver(f"autre/{name}/{name}.csv", text.replace("petite", "autre"))


@pytest.fixture(scope="session")
def morning(build_once: BuildOnce, published_petite: DataFolder) -> DataFolder:
    """The small food bank after a morning of good and bad files. Tests do not write into it."""

    def fill(folder: DataFolder) -> None:
        shutil.copytree(published_petite.path, folder.path, dirs_exist_ok=True)
        deliver_a_mixed_morning(folder)
        answer = folder.collecto("refresh", "--json")
        assert answer.status == 3, answer.err
        (folder.path / "answer.json").write_text(answer.out, encoding="utf-8")

    return build_once("morning", fill)


@pytest.fixture(scope="session")
def next_morning(build_once: BuildOnce, morning: DataFolder) -> DataFolder:
    """The same, once what was wrong came again. Tests do not write into it."""

    def fill(folder: DataFolder) -> None:
        shutil.copytree(morning.path, folder.path, dirs_exist_ok=True)
        folder.deliver(
            "petite/receipts/b.csv",
            RECEIPTS + ",updated_at\n" + CORRECTED.format("9.4", "2024-06-06T09:00:00"),
        )
        folder.deliver("petite/removals/juin.csv", REMOVALS)
        folder.deliver(
            "autre/receipts/correction.csv",
            RECEIPTS + ",updated_at,is_deleted\n"
            "R1,1,2024-06-03T09:00:00,S1,D1,retail_pickup,POM,30,kg,2024-06-11T08:00:00,\n"
            "R2,1,2024-05-07T09:00:00,S1,D2,farm,POM,50,kg,2024-06-11T08:00:00,true\n"
            "R1,2,2024-05-06T09:00:00,S1,D1,retail_pickup,RIZ,7,kg,,\n",
        )
        answer = folder.collecto("refresh")
        assert answer.status == 0, answer.err

    return build_once("next_morning", fill)


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
