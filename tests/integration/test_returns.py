"""Returns and open data of published figures: equal to the marts, valid, the same bytes again."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from frictionless import Package

from data_contracts.publications import Publication, open_current, open_edition
from pipelines.returns.forms import RETURNS, load_lines
from tests.conftest import DataFolder

EDITION, TERRITORY, BANK = "242100410-1", "242100410", "bourgogne"
PERIODS = {
    "annual-activity": "2023", "quarterly-departments": "2024-Q1", "programme-ledgers": "2023",
    "european-observatory": "2024-to-date",
}  # fmt: skip
MONTHS = {"2023": ("2023-01", "2023-12"), "2024-Q1": ("2024-01", "2024-03"),
          "2024-to-date": ("2024-01", "2024-06")}  # fmt: skip


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def months_of(publication: Publication, mart: str, period: str) -> pl.DataFrame:
    """Rows of the food bank in a period, read without the code of returns."""
    first, last = MONTHS[period]
    month = pl.col("month").dt.strftime("%Y-%m")
    return publication.read(mart).filter(
        pl.col("food_bank_id") == BANK, month >= first, month <= last
    )


def total(frame: pl.DataFrame, column: str) -> Decimal:
    return sum(frame[column].drop_nulls().to_list(), Decimal(0))


def distributed(flows: pl.DataFrame) -> Decimal:
    food = flows.filter("is_food")
    plus = food.filter(pl.col("flow").is_in(["delivered", "parcels"]))
    return total(plus, "weight_kg") - total(food.filter(flow="returned"), "weight_kg")


def received(flows: pl.DataFrame) -> Decimal:
    return total(flows.filter("is_food", flow="received"), "weight_kg")


@pytest.mark.slow
def test_every_return_of_the_edition_of_the_demonstration_is_what_the_marts_say(
    demonstration: DataFolder, tmp_path: Path
) -> None:
    edition = open_edition(demonstration.path / "published", TERRITORY, f"food_banks/{BANK}", 1)
    for code, period in PERIODS.items():
        answer = demonstration.collecto(
            "export", code, "--period", period, "--edition", EDITION, "-o", str(tmp_path), "--json"
        )
        assert answer.status == 0, answer.err
        assert answer.json[0] == str(tmp_path / f"{code}_{BANK}_{period}.xlsx")
        assert all(Path(name).is_file() for name in answer.json)
        flows = months_of(edition, "mart_flows_monthly", period)
        check_consistency(
            tmp_path / f"{code}_{BANK}_{period}_coherence.csv", flows, edition, period
        )
        about = dict(openpyxl.load_workbook(answer.json[0]).worksheets[-1].values)
        assert about["Publication"] == edition.publication_id
        assert (about["Édition"], about["Données de démonstration"]) == (EDITION, "oui")
    check_forms(tmp_path, edition)
    check_departments(tmp_path, edition)
    check_programmes(tmp_path, edition)


def check_consistency(path: Path, flows: pl.DataFrame, edition: Publication, period: str) -> None:
    """One tonne stands once in each section, and each column is the whole of its flow."""
    *cells, totals = read_csv(path)
    names = [name for name in totals if "." in name]
    for cell in cells:
        assert {cell[name] for name in names} <= {"", cell["weight_kg"]}
    sums = {name: Decimal(totals[name]) for name in names}
    whole = {"received": received(flows), "distributed": distributed(flows),
             "removed": total(flows.filter("is_food", flow="removed"), "weight_kg")}  # fmt: skip
    ledgers = months_of(edition, "mart_programmes_monthly", period)
    assert sums.pop("programme-ledgers.received") == total(ledgers, "received_kg")
    measures = {line.section: line.measure for code in RETURNS for line in load_lines(code)} | {
        "distributed": "distributed"
    }
    for name, value in sums.items():
        assert value == whole[measures[name.split(".")[1]]], name
    assert len(sums) == 8


def check_forms(folder: Path, edition: Publication) -> None:
    """Every line of the two forms, from the marts and by the register's codes."""
    indicators = {
        (row["indicator_code"], row["variant"], row["period_kind"], row["period_start"].year):
            row["value"]
        for row in edition.read("mart_indicators").filter(scope_id=BANK).iter_rows(named=True)
    }  # fmt: skip
    compared: Counter[str] = Counter()
    for code in ("annual-activity", "european-observatory"):
        period = PERIODS[code]
        kind = "year" if period == "2023" else "year_to_date"
        flows = months_of(edition, "mart_flows_monthly", period).filter("is_food")
        removals = months_of(edition, "mart_removals_monthly", period).filter("is_food")
        nutrition = months_of(edition, "mart_nutrition_monthly", period)
        for line in load_lines(code):
            rows = read_csv(folder / f"{code}_{BANK}_{period}_{line.section}.csv")
            shown = next(row["value"] for row in rows if row["line_code"] == line.code)
            assert next(r["is_verified"] for r in rows if r["line_code"] == line.code) == "false"
            expected: Any
            if line.measure == "indicator":
                name, variant = line.indicator
                expected = indicators.get((name, variant, kind, int(period[:4])))
            elif line.measure == "removals":
                expected = total(
                    removals.filter(pl.col("destination").is_in(line.codes)), "removed_kg"
                )
            elif line.measure == "nutrition":
                part = nutrition.filter(pl.col("nutrition_group").is_in(line.codes))
                expected = total(part, "weight_kg") / total(nutrition, "weight_kg")
            else:
                cells = flows.filter(pl.col(line.column).is_in(line.codes))
                expected = {
                    "received": received, "distributed": distributed,
                    "removed": lambda c: total(c.filter(flow="removed"), "weight_kg"),
                }[line.measure](cells)  # fmt: skip
            assert (Decimal(shown) if shown else None) == expected, line.code
            compared[line.measure] += shown != ""
    assert compared["indicator"] > 25 and compared["received"] == 21


def check_departments(folder: Path, edition: Publication) -> None:
    period = PERIODS["quarterly-departments"]
    rows = read_csv(folder / f"quarterly-departments_{BANK}_{period}_departements.csv")
    flows = months_of(edition, "mart_flows_monthly", period)
    declared = months_of(edition, "mart_declared_people_monthly", period)
    assert {row["departement"] for row in rows} == {"21", "58", "71", "89", "inconnu"}
    for row in rows:
        own = pl.col("commune_code").str.slice(0, 2) == row["departement"]
        if row["departement"] == "inconnu":
            own = pl.col("commune_code") == "unknown"
        assert Decimal(row["distributed_kg"]) == distributed(flows.filter(own))
        for month in ("2024-01", "2024-02", "2024-03"):
            of_month = declared.filter(own, pl.col("month").dt.strftime("%Y-%m") == month)
            people = row[f"people_{month.replace('-', '_')}"]
            assert people == (str(of_month["people"].sum()) if of_month.height else "")
    assert sum(Decimal(row["distributed_kg"]) for row in rows) == distributed(flows)


def check_programmes(folder: Path, edition: Publication) -> None:
    period = PERIODS["programme-ledgers"]
    rows = read_csv(folder / f"programme-ledgers_{BANK}_{period}_registres.csv")
    outlets = read_csv(folder / f"programme-ledgers_{BANK}_{period}_sorties.csv")
    marts = {
        (row["programme"], row["month"].isoformat()): row
        for row in months_of(edition, "mart_programmes_monthly", period).iter_rows(named=True)
    }
    totals = 0
    for row in rows:
        figures = {
            name: Decimal(value) for name, value in row.items()
            if name.endswith(("_kg", "_eur")) and value
        }  # fmt: skip
        for unit in ("kg", "eur"):
            if f"closing_{unit}" in figures:
                opening, came, out, lost, closing = (
                    figures[f"{term}_{unit}"]
                    for term in ("opening", "received", "out", "losses", "closing")
                )
                assert opening + came - out - lost == closing
        if row["month"] != "Total":
            mart = marts.pop((row["programme"], row["month"]))
            assert all(mart[name] == value for name, value in figures.items())
            continue
        totals += 1
        own = [entry for entry in outlets if entry["programme"] == row["programme"]]
        lost = [entry for entry in own if entry["outlet_kind"] == "loss"]
        assert sum(Decimal(entry["weight_kg"]) for entry in lost) == figures["losses_kg"]
        assert (
            sum(Decimal(entry["weight_kg"]) for entry in own)
            == figures["out_kg"] + figures["losses_kg"]
        )
        partners = [entry for entry in own if entry["outlet_kind"] == "partner"]
        assert len(partners) > 50 and all(entry["name"] for entry in partners)
    assert (marts, totals) == ({}, 3)


@pytest.mark.slow
def test_open_data_of_the_edition_are_a_valid_package_and_the_same_bytes_again(
    demonstration: DataFolder, tmp_path: Path
) -> None:
    published = demonstration.path / "published"
    contents = []
    for name in ("first", "second"):
        answer = demonstration.collecto(
            "export", "open-data", "--edition", "200040715", "-o", str(tmp_path / name), "--json"
        )
        assert answer.status == 0, answer.err
        assert answer.json == [str(tmp_path / name / "open-data_200040715-1")]
        folder = Path(answer.json[0])
        contents.append(
            {
                path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in folder.rglob("*")
                if path.is_file()
            }
        )
    assert contents[0] == contents[1]
    report = Package(str(folder / "datapackage.json")).validate()
    assert report.valid, report.flatten(["name", "type", "message"])[:5]
    edition = open_edition(published, "200040715", "public")
    described = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    names = {resource["path"] for resource in described["resources"]}
    assert names == {
        f"data/{mart}.{kind}" for mart in edition.marts() for kind in ("csv", "parquet")
    }
    for mart in edition.marts():
        assert pl.read_parquet(folder / f"data/{mart}.parquet").height == edition.read(mart).height
        assert len(read_csv(folder / f"data/{mart}.csv")) == edition.read(mart).height
        assert (folder / "contracts" / f"{mart}.odcs.yaml").is_file()
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "Données de démonstration" in readme and "Demonstration data" in readme
    # A cell that its schema does not allow, and a file that was changed, are found.
    path = folder / "data" / "mart_expenses_monthly.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",", ",x", 3), encoding="utf-8")
    broken = Package(str(folder / "datapackage.json")).validate()
    types = {kind for _, kind in broken.flatten(["name", "type"])}
    assert not broken.valid and types & {"hash-count", "byte-count", "type-error"}


def test_open_data_need_an_edition_and_returns_a_known_food_bank_and_period(
    published_petite: DataFolder, tmp_path: Path
) -> None:
    out = ("-o", str(tmp_path / "out"))
    refused = {
        ("open-data",): "none was approved",
        ("open-data", "--edition", "242100410-x"): "is no edition",
        ("open-data", "--period", "2024"): "open data are of an edition",
        ("annual-activity",): "--period 2023",
        ("annual-activity", "--period", "2024-Q1"): "is made for a year",
        ("annual-activity", "--period", "2024", "--food-bank", "autre"): "petite",
        ("annual-activity", "--period", "2025"): "its last day is 2024-06-04",
        ("annual-activity", "--period", "2024", "--edition", "242100410"): "is no edition",
        ("annual-activity", "--period", "2024", "--language", "de"): "fr, en",
        ("siaa", "--period", "2024"): "annual-activity",
    }
    for arguments, message in refused.items():
        answer = published_petite.collecto("export", *arguments, *out)
        assert (answer.status, message in answer.err) == (2, True), (arguments, answer.err)
        assert answer.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
    listed = published_petite.collecto("export", "--list", "--json")
    assert [row["id"] for row in listed.json] == list(RETURNS)


def test_a_small_food_bank_declares_what_it_handed_out(
    published_petite: DataFolder, tmp_path: Path
) -> None:
    """105 kg: 65 to a social grocery, 40 to a charity; 160 kg came."""
    answer = published_petite.collecto(
        "export", "annual-activity", "--period", "2024", "-o", str(tmp_path), "--language", "en",
        "--json",
    )  # fmt: skip
    assert answer.status == 0, answer.err
    rows = read_csv(tmp_path / "annual-activity_petite_2024_distributed_by_partner.csv")
    assert {row["label"]: row["value"] for row in rows if row["value"] != "0"} == {
        "Social groceries": "65", "Independent charities": "40", "Total": "105",
    }  # fmt: skip
    rows = read_csv(tmp_path / "annual-activity_petite_2024_received_by_source.csv")
    assert {row["label"]: row["value"] for row in rows if row["value"] != "0"} == {
        "Pickup in stores": "110", "Farms": "50", "Total": "160",
    }  # fmt: skip


def test_the_quality_of_files_by_day_holds_every_row_delivered(morning: DataFolder) -> None:
    publication = open_current(morning.path / "published")
    wanted: Counter[tuple[str, str, str]] = Counter()
    for entry in publication.manifest["inputs"]["deliveries"]:
        for name in ("rows_delivered", "rows_accepted", "rows_quarantined", "rows_replayed"):
            wanted[entry["food_bank_id"], entry["record"], name] += entry[name]
        for count in entry["broken_rules"].values():
            wanted[entry["food_bank_id"], entry["record"], "broken"] += count
    found: Counter[tuple[str, str, str]] = Counter()
    for row in publication.read("mart_data_quality_daily").iter_rows(named=True):
        key = (row["food_bank_id"], row["record"])
        for name in ("rows_delivered", "rows_accepted", "rows_quarantined", "rows_replayed"):
            found[*key, name] += row[name]
        rules = [rule.split("=") for rule in row["broken_rules"].split("|") if rule]
        assert len(rules) == row["count_broken_rules"]
        found[*key, "broken"] += sum(int(count) for _, count in rules)
    assert +found == +wanted
    assert found["petite", "receipts", "rows_quarantined"] >= 3
