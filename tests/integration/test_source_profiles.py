"""Each feature of a source profile on a small export, from the file to the accepted row."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
import yaml

from data_contracts.loader import ContractError, load_profile
from pipelines.quality import judge
from tests.fixtures.intake import Intake, make_profile

COLUMNS: dict[str, dict[str, Any]] = {
    "receipt_id": {"source": "Bon"},
    "line_no": {"source": "Ligne"},
    "received_at": {"source": "Date"},
    "site_id": {"constant": "S1"},
    "supplier_id": {"source": "Magasin"},
    "channel": {"constant": "retail_pickup"},
    "product_code": {"source": "Article"},
    "quantity": {"source": "Poids"},
    "unit": {"constant": "kg"},
}
HEADER = "Bon;Ligne;Date;Magasin;Article;Poids"


def bons(**changed: Any) -> dict[str, Any]:
    columns = {**COLUMNS, **changed.pop("columns", {})}
    return {"name": "bons", "match": "bons*", "record": "receipts", "columns": columns, **changed}


def take(folder: Path, text: str | bytes, *files: dict[str, Any], name: str = "bons.csv") -> Intake:
    intake = Intake(folder, make_profile(*files))
    intake.deliver(name, text)
    intake.take()
    return intake


def column(intake: Intake, name: str) -> list[Any]:
    current = intake.current()
    return current[name].to_list() if current.height else []


def kilograms(intake: Intake) -> list[float]:
    return [float(value) for value in column(intake, "weight_kg")]


def test_french_days_and_numbers_are_read_as_the_whole_file_shows(tmp_path: Path) -> None:
    text = (
        f"Ramasse de juin;;\n{HEADER}\n"
        "B1;1;05/06/2024 08:30;M1;POM;1 234,5\nB2;1;25/06/2024;M1;POM;1,234\nB3;1;45450;M1;POM;7\n"
    )
    intake = take(tmp_path, text, bons())
    assert kilograms(intake) == [1234.5, 1.234, 7]
    assert [str(day) for day in column(intake, "received_date")] == [
        "2024-06-05", "2024-06-25", "2024-06-07",
    ]  # fmt: skip
    assert column(intake, "received_at")[0] == datetime(2024, 6, 5, 6, 30)  # noqa: DTZ001 (UTC)


def test_what_nothing_decides_is_held_back(tmp_path: Path) -> None:
    text = f"{HEADER}\nB1;1;05/06/2024;M1;POM;5\nB2;1;2024-06-05;M1;POM;1,234\n"
    intake = take(tmp_path, text, bons())
    assert kilograms(intake) == []
    messages = [row["rules"] for row in intake.quarantine()]
    assert "received_at can be read in two ways: 2024-05-06 or 2024-06-05" in messages[0]
    assert "quantity can be read in two ways: 1.234 or 1234" in messages[1]
    decided = take(tmp_path / "b", text, bons(decimal=",", date_order="dmy"))
    assert kilograms(decided) == [5, 1.234]


def test_keys_are_taken_out_of_one_cell_and_put_together_from_several(tmp_path: Path) -> None:
    text = "Cle;Date;Mag;Dep;Article;Poids\nBL7/2;2024-06-05;12;21;POM;5\n"
    columns = {
        "receipt_id": {"source": "Cle", "extract": r"^(.+)/\d+$"},
        "line_no": {"source": "Cle", "extract": r"/(\d+)$"},
        "supplier_id": {"template": "{Dep}-{Mag}"},
    }
    intake = take(tmp_path, text, bons(columns=columns))
    assert intake.current().select("receipt_id", "line_no", "supplier_id").rows() == [
        ("BL7", 2, "21-12")
    ]


def test_tare_is_taken_off_by_site_and_day_and_is_kept_beside(tmp_path: Path) -> None:
    text = (
        "Bon;Ligne;Date;Site;Magasin;Article;Poids;Caisses\n"
        "B1;1;2024-05-31;NORD;M1;POM;10,0;2\n"
        "B2;1;2024-06-01;NORD;M1;POM;10,0;2\n"
        "B3;1;2024-06-01;SUD;M1;POM;10,0;2\n"
        "B4;1;2024-06-02;NORD;M1;POM;1,0;2\n"
        "B5;1;2024-06-02;NORD;M1;POM;10,0;deux\n"
    )
    tare = {
        "column": "quantity", "add": "-1.2", "per": "Caisses", "where": {"site_id": ["NORD"]},
        "first_day": "2024-06-01", "last_day": "2024-12-31", "reason": "caisses lourdes",
    }  # fmt: skip
    profile = bons(columns={"site_id": {"source": "Site"}}, adjustments=[tare])
    intake = take(tmp_path, text, profile)
    rows = intake.current().select("receipt_id", "weight_kg", "_adjustment").rows()
    assert rows == [
        ("B1", Decimal("10.000"), None),
        ("B2", Decimal("7.600"), Decimal("-2.400000")),
        ("B3", Decimal("10.000"), None),
    ]
    held = {row["row_key"]: row["rules"] for row in intake.quarantine()}
    assert "is too small" in held["B4|1"]
    assert "Caisses: no number" in held["B5|1"]


def test_products_are_mapped_by_a_file_and_the_unmapped_are_visible(tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "produits.csv").write_text("local;reseau\nA1;POM\nA2;RIZ\n", encoding="utf-8")
    source = {
        "source": "Article",
        "values_from": {"file": "produits.csv", "key": "local", "value": "reseau"},
        "otherwise": "unmapped",
    }
    described = {
        "food_bank_id": "petite", "version": "1",
        "files": [bons(columns={"product_code": source})],
    }  # fmt: skip
    path = folder / "petite.yaml"
    path.write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
    profile = load_profile(path)
    intake = Intake(tmp_path / "data", {"petite": profile})
    text = f"{HEADER}\nB1;1;2024-06-05;M1;A1;5\nB2;1;2024-06-05;M1;A2;6\nB3;1;2024-06-05;M1;ZZ;7\n"
    intake.deliver("bons.csv", text)
    intake.take()
    assert column(intake, "product_code") == ["POM", "RIZ", "unmapped"]
    (folder / "produits.csv").write_text("local;reseau\nA1;RIZ\n", encoding="utf-8")
    assert load_profile(path).fingerprint != profile.fingerprint
    for broken, said in [
        ("local;x\nA1;POM\n", "has no column 'reseau'"),
        ("local;reseau\nA1;POM\nA1;RIZ\n", "line 3: 'A1' has two values"),
    ]:
        (folder / "produits.csv").write_text(broken, encoding="utf-8")
        with pytest.raises(ContractError, match=r"petite.yaml, line \d+: produits.csv") as error:
            load_profile(path)
        assert said in str(error.value)


HEADS = {
    "name": "entetes", "match": "entetes*", "lookup": "bons",
    "columns": {"N°": {"source": "N°"}, "Date": {"source": "Date"}, "Magasin": {"source": "Mag"}},
}  # fmt: skip
LINES = bons(
    match="lignes*",
    join={"lookup": "bons", "by": {"Bon": "N°"}, "columns": ["Date", "Magasin"]},
)


def test_one_record_is_put_together_from_two_files(tmp_path: Path) -> None:
    intake = Intake(tmp_path, make_profile(HEADS, LINES))
    intake.deliver("entetes.csv", "N°;Date;Mag\nB1;2024-06-05;M1\nB2;2024-06-06;M2\n")
    intake.deliver("lignes.csv", "Bon;Ligne;Article;Poids\nB1;1;POM;5\nB1;2;RIZ;6\nB9;1;POM;7\n")
    intake.take()
    assert intake.current().select("receipt_id", "line_no", "supplier_id").rows() == [
        ("B1", 1, "M1"), ("B1", 2, "M1"),
    ]  # fmt: skip
    [held] = intake.quarantine()
    assert "no line of 'bons' has the key B9 (Bon)" in held["rules"]
    # Its other half comes a day later.
    intake.deliver("entetes-2.csv", "N°;Date;Mag\nB9;2024-06-07;M3\n")
    intake.take()
    assert intake.replay() == (1, 1)
    assert column(intake, "supplier_id") == ["M1", "M1", "M3"]


def test_several_records_come_from_one_file(tmp_path: Path) -> None:
    text = (
        "Bon;Ligne;Date;Magasin;Article;Poids;Sens\n"
        "B1;1;2024-06-05;M1;POM;5;E\nB2;1;2024-06-05;M1;POM;2;P\n"
    )
    losses = {
        "name": "pertes", "match": "bons*", "record": "removals", "keep_rows": {"Sens": ["P"]},
        "columns": {
            "removal_id": {"source": "Bon"}, "line_no": {"source": "Ligne"},
            "removed_at": {"source": "Date"}, "site_id": {"constant": "S1"},
            "product_code": {"source": "Article"}, "weight_kg": {"source": "Poids"},
            "reason": {"constant": "sorting"}, "destination": {"constant": "composting"},
        },
    }  # fmt: skip
    intake = take(tmp_path, text, bons(keep_rows={"Sens": ["E"]}), losses)
    assert kilograms(intake) == [5]
    assert intake.current("removals", "removal_id, line_no")["removal_id"].to_list() == ["B2"]
    counts = [(row["record"], row["rows_filtered"], row["rows_delivered"])
              for row in intake.outcomes()]  # fmt: skip
    assert counts == [("receipts", 1, 1), ("removals", 1, 1)]


CONTROL = {"rows": {"Bon": ["TOTAL"]}, "sums": ["Poids"], "count": "Ligne"}


@pytest.mark.parametrize(
    ("total", "said"),
    [
        ("TOTAL;2;;;;1 011,50", None),
        ("TOTAL;2;;;;1 011,40", "the total line says 1 011,40 for 'Poids', its lines add up to"),
        ("TOTAL;3;;;;1 011,50", "says 3 lines, the file has 2"),
        ("TOTAL;2;;;;", "says nothing for 'Poids'"),
        ("", "the file has 0 lines of control totals"),
        ("TOTAL;2;;;;1 011,50\nTOTAL;2;;;;1 011,50", "has 2 lines of control totals"),
    ],
)
def test_control_totals_of_the_file_are_those_of_its_lines(
    tmp_path: Path, total: str, said: str | None
) -> None:
    text = f"{HEADER}\nB1;1;2024-06-05;M1;POM;11,5\nB2;1;2024-06-05;M1;POM;1 000\n{total}\n"
    intake = take(tmp_path, text, bons(control=CONTROL))
    [found] = intake.take()
    if said is None:
        assert (found.state, kilograms(intake)) == ("judged", [11.5, 1000])
        assert intake.outcomes()[0]["rows_filtered"] == 1
    else:
        assert found.state == "set_aside"
        assert said in str(found.reason)


@pytest.mark.parametrize(
    ("sent_at", "name"),
    [
        ({"name": r"_(\d{8}-\d{4})\.csv$", "date_format": "%Y%m%d-%H%M"}, "bons_20240605-2300.csv"),
        ({"column": "Edition", "date_format": "%d/%m/%Y %H:%M"}, "bons.csv"),
    ],
)
def test_a_profile_says_when_a_file_was_sent(
    tmp_path: Path, sent_at: dict[str, str], name: str
) -> None:
    text = f"{HEADER};Edition\nB1;1;2024-06-05;M1;POM;5;05/06/2024 23:00\n"
    intake = take(tmp_path, text, bons(sent_at=sent_at), name=name)
    [found] = intake.take()
    assert found.sent_at == datetime(2024, 6, 5, 21, tzinfo=UTC)
    assert column(intake, "_sent_at") == [datetime(2024, 6, 5, 21)]  # noqa: DTZ001 (UTC)


def test_workbooks_with_titles_merged_cells_and_a_named_sheet(tmp_path: Path) -> None:
    memory = io.BytesIO()
    workbook = xlsxwriter.Workbook(memory)
    workbook.add_worksheet("Lisez-moi").write_string(0, 0, "Notice")
    sheet = workbook.add_worksheet("Bons")
    sheet.merge_range(0, 0, 0, 5, "Ramasse de juin")
    for row, cells in enumerate([
        HEADER.split(";"), ["", 1, "2024-06-05", "M1", "POM", 5], ["", 2, "2024-06-05", "M1",
        "POM", 6], ["B2", 1, "2024-06-05", "M1", "POM", ""], ["B3", 1, "2024-06-05", "M1", "POM",
        ""]], start=1):  # fmt: skip
        sheet.write_row(row, 0, cells)
    sheet.merge_range(2, 0, 3, 0, "B1")
    # Nobody says what each of the two lines has of nine kilograms.
    sheet.merge_range(4, 5, 5, 5, 9)
    workbook.close()
    intake = take(tmp_path, memory.getvalue(), bons(sheet="Bons"), name="bons.xlsx")
    assert intake.current().select("receipt_id", "line_no", "weight_kg").rows() == [
        ("B1", 1, Decimal("5.000")), ("B1", 2, Decimal("6.000")),
    ]  # fmt: skip
    held = intake.quarantine()
    assert [row["source_line"] for row in held] == [5, 6]
    assert all("one number merged over several lines" in row["rules"] for row in held)


@pytest.mark.parametrize(
    ("last", "held"),
    [("B2;1;2024-06-05;M1;POM;15", 1), ("B2;1;2024-06-05;M1;POM;15.00", 0),
     ("B2;1;2024-06-05;M1;POM;", 1)],
)  # fmt: skip
def test_a_last_line_that_may_be_cut_is_held_back(tmp_path: Path, last: str, held: int) -> None:
    text = f"{HEADER}\nB1;1;2024-06-05;M1;POM;5.00\nB3;1;2024-06-05;M1;POM;12.50\n{last}"
    intake = take(tmp_path, text, bons())
    assert len(intake.quarantine()) == held
    ended = take(tmp_path / "b", text + "\n", bons())
    assert len(ended.quarantine()) == (1 if last.endswith(";") else 0)
    whole = take(tmp_path / "c", text, bons(ends_without_newline=True))
    assert len(whole.quarantine()) == (1 if last.endswith(";") else 0)


def test_a_file_that_no_profile_takes_is_taken_once_one_does(tmp_path: Path) -> None:
    intake = Intake(tmp_path, make_profile(bons(match="autre*")))
    intake.deliver("bons.csv", f"{HEADER}\nB1;1;2024-06-05;M1;POM;5\n")
    assert [found.state for found in intake.take()] == ["set_aside"]
    assert [found.state for found in intake.take()] == ["set_aside"]
    changed = make_profile(bons())
    intake.profiles = {"petite": changed["petite"].model_copy(update={"fingerprint": "2"})}
    assert [found.state for found in intake.take()] == ["judged"]
    assert kilograms(intake) == [5]


def test_a_file_set_aside_for_its_profile_is_tried_again_once_that_has_changed(
    tmp_path: Path,
) -> None:
    wrong = bons(columns={"quantity": {"source": "Kilos"}})
    intake = Intake(tmp_path, make_profile(wrong))
    intake.deliver("bons.csv", f"{HEADER}\nB1;1;2024-06-05;M1;POM;5\n")
    [found] = intake.take()
    assert "'Kilos', from which quantity is read, is missing" in str(found.reason)
    assert [found.state for found in intake.take()] == ["set_aside"]
    changed = make_profile(bons())
    intake.profiles = {"petite": changed["petite"].model_copy(update={"fingerprint": "2"})}
    assert [found.state for found in intake.take()] == ["judged"]


def test_a_file_that_is_hopeless_is_set_aside_whole_and_comes_in_once_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "MAX_HELD_BACK", 20)
    rows = "".join(f"B{n};1;2024-06-05;M1;POM;1,{n % 9}00\n" for n in range(30))
    intake = Intake(tmp_path, make_profile(bons()))
    intake.deliver("bons.csv", f"{HEADER}\n{rows}")
    good = f"{HEADER}\nG1;1;2024-06-05;M1;POM;5\n"
    intake.deliver("bons-2.csv", good)
    states = {found.source_name: (found.state, found.reason) for found in intake.take()}
    assert states["bons-2.csv"][0] == "judged"
    assert states["bons.csv"][0] == "set_aside"
    assert "30 rows would be held back, the first on line 2 (quantity can be read in two" in str(
        states["bons.csv"][1]
    )
    assert intake.quarantine() == []
    changed = make_profile(bons(decimal=","))
    intake.profiles = {"petite": changed["petite"].model_copy(update={"fingerprint": "2"})}
    intake.take()
    assert len(kilograms(intake)) == 31


def test_a_last_day_like_the_others_is_whole(tmp_path: Path) -> None:
    header = "Bon;Ligne;Magasin;Article;Poids;Date"
    rows = "B1;1;M1;POM;5;25/06/2024\nB2;1;M1;POM;6;05/06/2024\n"
    intake = take(tmp_path, f"{header}\n{rows}B3;1;M1;POM;7;06/06/2024", bons())
    assert (kilograms(intake), intake.quarantine()) == ([5, 6, 7], [])
    cut = take(tmp_path / "cut", f"{header}\n{rows}B3;1;M1;POM;7;06/06/20", bons())
    assert (kilograms(cut), len(cut.quarantine())) == ([5, 6], 1)


def test_people_do_not_come_in_by_a_lookup(tmp_path: Path) -> None:
    heads = {"name": "foyers", "match": "foyers*", "lookup": "foyers",
             "columns": {"Colis": {"source": "Colis"}, "Foyer": {"source": "Foyer"}}}  # fmt: skip
    lines = {
        "name": "colis", "match": "colis*", "record": "parcels",
        "join": {"lookup": "foyers", "by": {"Colis": "Colis"}, "columns": ["Foyer"]},
        "columns": {"parcel_id": {"source": "Colis"}, "line_no": {"source": "Ligne"},
                    "household_id": {"source": "Foyer"}},
    }  # fmt: skip
    intake = Intake(tmp_path, make_profile(heads, lines))
    intake.deliver("colis.csv", "Colis;Ligne\nC1;1\n")
    [found] = intake.take()
    assert "household_id is personal: it must come from one column" in str(found.reason)
