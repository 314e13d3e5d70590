"""From a published figure to the delivered files: the sums agree at each level."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from data_contracts.loader import load_register
from tests.conftest import DataFolder


def explain(folder: DataFolder, code: str, period: str, *options: str) -> Any:
    answer = folder.collecto("indicator", code, "--period", period, "--explain", "--json", *options)
    assert answer.status == 0, answer.err
    return answer.json[0]


def kilograms(entry: Any, side: str = "numerator") -> dict[str, tuple[int, Decimal]]:
    """Rows and kilograms by delivered file of one side of the formula."""
    return {
        file["source_name"]: (file["rows"], Decimal(str(file["kg"])))
        for file in entry["explain"]["delivered_files"]
        if file["side"] == side
    }


def test_a_mass_is_walked_down_to_its_files(published_petite: DataFolder) -> None:
    entry = explain(published_petite, "tonnes_received", "2024-05")
    assert kilograms(entry) == {"receipts/receipts.csv": (3, Decimal(160))}
    assert entry["explain"]["numerator"] == {"measure": "received_kg", "amount": 160}
    assert entry["explain"]["levels"] == [
        {"level": "value", "published": 0.16, "found": 0.16, "agrees": True}
    ]
    models = {model["name"]: model for model in entry["explain"]["models"]}
    assert entry["explain"]["models"][0]["name"] == entry["explain"]["mart"] == "mart_indicators"
    assert models["int_food_movements"]["layer"] == "intermediate"
    assert models["stg_receipts"]["reads"] == ["receipts"]
    assert "int_orders" not in models
    assert entry["explain"]["method_version"] == entry["method_version"]


def test_a_share_is_walked_on_both_sides(published_petite: DataFolder) -> None:
    entry = explain(published_petite, "fresh_share_distributed", "2024-to-date")
    assert kilograms(entry) == {"deliveries/deliveries.csv": (2, Decimal(95))}
    assert kilograms(entry, "denominator") == {"deliveries/deliveries.csv": (3, Decimal(105))}
    assert [level["level"] for level in entry["explain"]["levels"]] == [
        "numerator", "denominator", "value"
    ]  # fmt: skip
    assert all(level["agrees"] for level in entry["explain"]["levels"])


def test_a_correction_moves_kilograms_to_its_own_file(
    morning: DataFolder, next_morning: DataFolder
) -> None:
    # R1 of 30 kg moves to June, R2 is deleted, a line of 7 kg is new
    bank = ("--food-bank", "autre")
    before = kilograms(explain(morning, "tonnes_received", "2024-05", *bank))
    assert before == {"receipts/receipts.csv": (3, Decimal(160))}
    may = explain(next_morning, "tonnes_received", "2024-05", *bank)
    assert kilograms(may) == {"receipts/correction.csv": (1, Decimal(7))}
    june = explain(next_morning, "tonnes_received", "2024-06", *bank)
    assert kilograms(june) == {"receipts/correction.csv": (1, Decimal(30))}
    assert all(entry["explain"]["levels"][0]["agrees"] for entry in (may, june))


def test_files_that_were_changed_no_longer_add_up(
    published_petite: DataFolder, tmp_path: Path
) -> None:
    folder = published_petite.copy_to(tmp_path / "data")
    next((folder.path / "accepted" / "receipts").glob("petite-*.parquet")).unlink()
    [level] = explain(folder, "tonnes_received", "2024-05")["explain"]["levels"]
    assert (level["published"], level["found"], level["agrees"]) == (0.16, 0, False)
    answer = folder.collecto("indicator", "tonnes_received", "--period", "2024-05", "--explain")
    assert "DIFFERS" in answer.out


def test_what_is_no_sum_of_kilograms_says_so(published_petite: DataFolder) -> None:
    entry = explain(published_petite, "tonnes_in_stock", "2024-05")
    assert entry["explain"]["levels"] == []
    assert any("stock_kg is no sum" in text for text in entry["explain"]["not_walked"])
    assert {file["source_name"] for file in entry["explain"]["delivered_files"]} == {
        "receipts/receipts.csv", "deliveries/deliveries.csv"
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "period",
    [
        "2023-09..2023-12",
        *(pytest.param(period, marks=pytest.mark.sweep) for period in ("2024-to-date", "2024-02")),
    ],
)
def test_every_mass_of_the_demonstration_agrees_with_its_files(
    demonstration: DataFolder, period: str
) -> None:
    walked = set()
    for code, indicator in load_register().items():
        if ".." in period and "months" not in indicator.additive_over:
            continue
        for variant in indicator.variants:
            options = ["--variant", variant] if variant else []
            answer = demonstration.collecto(
                "indicator", code, "--period", period, "--explain", "--json", *options
            )
            # Of records that the demonstration does not hold, nothing is published; of what adds up
            # over months, one variant may be a ratio that does not.
            no_row = (
                "not published for",
                "no food bank supplied yet",
                "cannot be added over months",
            )
            if answer.status == 2 and any(reason in answer.err for reason in no_row):
                continue
            assert answer.status == 0, answer.err
            for entry in answer.json:
                levels = entry["explain"]["levels"]
                assert all(level["agrees"] for level in levels), (code, variant, levels)
                walked |= {code} if levels else set()
    expected = {"tonnes_received", "tonnes_distributed", "tonnes_ordered_and_delivered"}
    if ".." not in period:
        expected |= {"loss_share", "fresh_share_received", "weighed_share", "meal_equivalents",
                     "fresh_tonnes_growth"}  # fmt: skip
    assert expected <= walked


@pytest.mark.slow
def test_emissions_are_walked_to_their_factors(demonstration: DataFolder) -> None:
    entry = explain(demonstration, "induced_kg_co2e", "2023", "--food-bank", "bourgogne")
    factors = {factor["factor_id"]: factor for factor in entry["explain"]["factors"]}
    assert factors["diesel_b7"]["value"] == "3.1"
    assert factors["diesel_b7"]["source_row_id"] == "25775"
    assert entry["explain"]["levels"] == [
        {"level": "kg_co2e by factor", "published": entry["value"], "found": entry["value"],
         "agrees": True}
    ]  # fmt: skip
    assert {file["record"] for file in entry["explain"]["delivered_files"]} == {"rounds"}
