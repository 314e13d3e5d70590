"""An export that nobody described: a first profile is drafted from a sample, and comes in."""

from __future__ import annotations

import csv
import io
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_contracts.loader import load_profile
from pipelines.ingest.containers import UnreadableError
from pipelines.ingest.drafting import draft_profile, read_sample
from tests.conftest import DataFolder
from tests.fixtures.corpus import DAYS, DELIMITERS, NUMBERS, TRUTH, make_rows, write_csv
from tests.fixtures.intake import Intake

HEADINGS = {
    "receipt_id": "N° de bon", "line_no": "Ligne", "received_at": "Reçu le", "site_id": "Site",
    "supplier_id": "Magasin", "channel": "Canal", "product_code": "Code article",
    "quantity": "Poids net (kg)",
}  # fmt: skip


def write_export(path: Path, day: str, number: str, delimiter: str, titles: int) -> None:
    """The four receipts of the corpus as a food bank's software writes them."""
    rows = make_rows("BL7", DAYS[day], NUMBERS[number])
    kept = [rows[0].index(name) for name in HEADINGS]
    table = [[row[place] for place in kept] for row in rows]
    table[0] = list(HEADINGS.values())
    for row in table[1:]:
        row[list(HEADINGS).index("channel")] = "Retail pickup"
    path.write_bytes(write_csv(table, DELIMITERS[delimiter], "\r\n", "cp1252", titles=titles))


@pytest.mark.parametrize(
    ("day", "number", "delimiter", "titles"),
    [("dmy", "comma", "semicolon", 2), ("iso", "point", "comma", 0), ("mdy", "point", "tab", 1),
     ("serial", "nbsp_comma", "bar", 0), ("dmy_time", "space_comma", "semicolon", 3)],
)  # fmt: skip
def test_a_drafted_profile_takes_the_sample_as_it_stands(
    tmp_path: Path, day: str, number: str, delimiter: str, titles: int
) -> None:
    sample = tmp_path / "export.csv"
    write_export(sample, day, number, delimiter, titles)
    draft = draft_profile(sample, "petite")
    path = tmp_path / "petite.yaml"
    path.write_text(draft, encoding="utf-8")
    profile = load_profile(path)
    [file] = profile.files
    assert file.record == "receipts"
    assert {name: source.source for name, source in file.columns.items() if source.source} == (
        HEADINGS
    )
    assert (file.delimiter, file.skip_rows or 0) == (DELIMITERS[delimiter], titles)
    intake = Intake(tmp_path / "data", {"petite": profile})
    intake.deliver("export.csv", sample.read_bytes())
    intake.take()
    found = intake.current().select("line_no", "received_date", "weight_kg").rows()
    assert found == [(row.line, row.day, Decimal(row.kilograms)) for row in TRUTH]


def test_what_the_sample_does_not_show_is_said_and_not_guessed(tmp_path: Path) -> None:
    sample = tmp_path / "export.csv"
    sample.write_text(
        "Bon;Ligne;Date;Article;Poids;Conducteur;Note\n"
        "B1;1;05/06/2024;POM;1,234;Durand;\nB2;1;06/06/2024;RIZ;2,345;Martin;\n",
        encoding="utf-8",
    )
    draft = draft_profile(sample, "petite", "receipts")
    assert "# date_order: ? dmy or mdy" in draft
    assert "# decimal: ? nothing in the sample shows" in draft
    for name in ("site_id", "supplier_id", "channel"):
        assert f"# {name}: {{constant: ...}}" in draft
    assert '"Conducteur": 100% filled, 2 different' in draft
    assert '"Note": 0% filled' in draft
    # A draft is shown to others: what people are called does not stand in it.
    assert "Durand" not in draft
    assert yaml.safe_load(draft)["files"][0]["record"] == "receipts"


def test_a_sample_that_cannot_be_drafted_from_says_why(tmp_path: Path) -> None:
    empty = tmp_path / "a.csv"
    empty.write_text("Bon;Ligne\n", encoding="utf-8")
    with pytest.raises(UnreadableError, match="needs some rows"):
        read_sample(empty)
    empty.write_text("Bon;Ligne\nB1;1\n", encoding="utf-8")
    with pytest.raises(UnreadableError, match="no record is called 'bons'"):
        draft_profile(empty, "petite", "bons")


# reconciliation


def reconcile(folder: DataFolder, rows: list[dict[str, Any]], *options: str) -> list[Any]:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["indicator", "period", "value", "unit"], delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    path = folder.path / "rapport.csv"
    path.write_text("Rapport d'activité\n" + text.getvalue(), encoding="utf-8")
    found = folder.collecto("reconcile", str(path), "--food-bank", "petite", "--json", *options)
    return [(line["cause"], line["detail"]) for line in found.json]


def line(indicator: str, period: str, value: str, unit: str = "") -> dict[str, str]:
    return {"indicator": indicator, "period": period, "value": value, "unit": unit}


def test_each_gap_to_a_published_report_has_its_cause(published_petite: DataFolder) -> None:
    found = reconcile(
        published_petite,
        [
            line("tonnes_received", "2024", "0,16"),
            line("tonnes_received", "2024", "160", "kg"),
            line("tonnes_received", "2024", "0,2"),
            line("tonnes_received", "2024", "0,172"),
            line("tonnes_received", "2024", "160"),
            line("tonnes_received", "2024-05", "0,110"),
            line("tonnes_distributed", "2024-05", "0,040"),
            line("tonnes_received", "2024-05", "0,31"),
            line("tonnes_received", "2024", "0,31"),
            line("fresh_share_distributed", "2024", "0,905"),
        ],
    )
    causes = [cause for cause, _ in found]
    assert causes == ["agrees", "agrees", "rounding", "scope", "unit", "scope", "period",
                      "unexplained", "partial", "rounding"]  # fmt: skip
    details = [detail for _, detail in found]
    assert details[3] == "with products that are no food"
    assert details[5].startswith("without ")
    assert details[6] == "our figure of 2024-06"


def test_a_report_that_cannot_be_compared_says_where(published_petite: DataFolder) -> None:
    path = published_petite.path / "faux.csv"
    for text, said in [
        ("indicator;value\ntonnes_received;1\n", "has no column 'period'"),
        ("indicator;period;value\ntonnes;2024;1\n", "line 2: 'tonnes' is no indicator"),
        ("indicator;period;value\ntonnes_received;hier;1\n", "line 2: 'hier' is not a period"),
        ("indicator;period;value\ntonnes_received;2024;beaucoup\n", "'beaucoup' is no number"),
    ]:
        path.write_text(text, encoding="utf-8")
        answer = published_petite.collecto("reconcile", str(path), "--food-bank", "petite")
        assert answer.status == 2
        assert said in answer.err
        assert answer.err.count("\n") == 1


def test_a_draft_of_a_hostile_sample_steers_no_terminal(folder: DataFolder) -> None:
    names = [
        "Reçu le",
        "Code article\u202e",
        "Poids net (kg)",
        "Note\x1b[2J\x9b31m\u2028",
        "x: {y}",
    ]
    rows = [[f"2024-05-0{day}", f"P{day}", "12,5", "\x1b[2J", "b"] for day in range(1, 9)]
    sample = folder.path / "a\nfiles: []\x1b[31m.csv"
    with sample.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=";").writerows([names, *rows])
    answer = folder.collecto("contracts", "new-source", str(sample), "--record", "receipts")
    assert answer.status == 0, answer.err
    unusual = {c for c in answer.out if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}
    assert unusual == {"\n"}
    # what was escaped is read back as it was
    (drafted,) = yaml.safe_load(answer.out)["files"]
    assert drafted["columns"]["product_code"] == {"source": "Code article\u202e"}
    assert r"Note\e[2J" in answer.out
