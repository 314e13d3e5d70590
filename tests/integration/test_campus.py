"""A real export that nobody here designed comes in through a source profile, without code."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import DataFolder

LB = 0.45359237
HALLS = {"1": "Campus Center Cafe", "2": "Chase Duckett"}
FOODS = {"16": "Beef", "25": "Rice", "10": "Vegetables"}


def _accepted(folder: DataFolder) -> pl.DataFrame:
    receipts = pl.read_parquet(folder.path / "accepted" / "receipts" / "campus-*.parquet")
    suppliers = pl.read_parquet(folder.path / "accepted" / "suppliers" / "campus-*.parquet")
    return receipts.join(suppliers.select("supplier_id", "name"), on="supplier_id").with_columns(
        pl.col("weight_kg").cast(pl.Float64) / LB
    )


def _totals(rows: pl.DataFrame, column: str) -> dict[str, float]:
    return dict(rows.group_by(column).agg(pl.col("weight_kg").sum()).iter_rows())


def test_the_export_gives_the_totals_that_its_network_published(
    folder: DataFolder, shared_dir: Path
) -> None:
    source = shared_dir / "real-input" / "campus-food-rescue"
    export = source / "collection-form-2024-12-10.csv"
    folder.deliver(f"campus/{export.name}", export.read_bytes())
    answer = folder.collecto("refresh", "--json", COLLECTO_AS_OF="2024-12-31")
    assert answer.status == 0, answer.err
    rows = _accepted(folder)
    found = {
        "total": {"": rows["weight_kg"].sum()},
        "food_type": _totals(rows, "product_code"),
        "dining_hall": _totals(rows, "name"),
    }
    with (source / "published-fall-2024.csv").open(encoding="utf-8", newline="") as handle:
        published = list(csv.DictReader(handle))
    assert len(published) == 30
    for line in published:
        value = found[line["table"]][line["name"]]
        assert value == pytest.approx(float(line["weight_lb"]), abs=0.1), line
    held = folder.collecto("quarantine", "list", "--json").json
    assert [(row["source_line"], row["rules"][0]["column"]) for row in held] == [(27, "13_Q4_19")]
    assert held[0]["rules"][0]["value"] == "9..4"
    tonnes = folder.value("tonnes_received", "2024", "campus")
    assert tonnes == pytest.approx(4480.9 * LB / 1000, abs=0.0001)


def _write_form() -> str:
    """A form of the same shape: two header rows, wide and sparse, previews among the answers."""
    cells = [(hall, food) for hall in HALLS for food in FOODS]
    codes = ["StartDate", "Status", "ResponseId", "Q1", "Q2"]
    codes += [f"{hall}_Q4_{food}" for hall, food in cells] + ["1_Q3", "Q6"]
    questions = ["Start Date", "Response Type", "Response ID", "Enter a date:", "Which halls?"]
    questions += [f"Enter weight: - {HALLS[h]} - {FOODS[f]}" for h, f in cells]
    questions += ["Containers", "Anything else?"]
    answers = [
        ["x", "Survey Preview", "R_1", "9/27/2024", "a", "99", "", "", "", "", "", "1", ""],
        ["x", "IP Address", "R_2", "9/28/2024", "a,b", "10", "", "2.5", "", "4", "", "1", "é"],
        ["x", "IP Address", "R_3", "10/1/2024", "b", "", "", "", "9..4", "", "3", "", ""],
    ]
    lines = [codes, questions, *answers]
    return "".join(",".join(f'"{c}"' if "," in c else c for c in line) + "\r\n" for line in lines)


@pytest.mark.sweep
def test_a_form_of_the_same_shape_comes_in_by_the_same_profile(folder: DataFolder) -> None:
    folder.deliver("campus/collection-form-test.csv", _write_form().encode("cp1252"))
    answer = folder.collecto("refresh", "--json", COLLECTO_AS_OF="2024-12-31")
    assert answer.status == 0, answer.err
    rows = _accepted(folder)
    assert {name: round(value, 2) for name, value in _totals(rows, "name").items()} == {
        "Campus Center Cafe": 12.5,
        "Chase Duckett": 7.0,
    }
    assert {name: round(value, 2) for name, value in _totals(rows, "product_code").items()} == {
        "beef": 10.0,
        "vegetables": 5.5,
        "rice": 4.0,
    }
    assert rows["unit"].unique().to_list() == ["lb"]
    assert str(rows["kg_per_unit"][0]) == "0.453592370"
    held = folder.collecto("quarantine", "list", "--json").json
    assert [(row["source_line"], row["rules"][0]["column"]) for row in held] == [(5, "2_Q4_16")]
    listed = folder.collecto("deliveries", "list", "--json").json
    form = next(row for row in listed if row["source_name"].startswith("collection-form"))
    assert (form["rows_delivered"], form["rows_accepted"], form["rows_quarantined"]) == (5, 4, 1)
