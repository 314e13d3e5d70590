"""Files to take away: exact, labelled, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import openpyxl
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboards.access import ForbiddenError, Principal
from dashboards.exports import (
    NoSuchFigureError,
    answer_example,
    answer_export,
    answer_health,
    find_export,
    write_csv,
    write_example,
    write_workbook,
)
from data_contracts.loader import load_records
from data_contracts.publications import Publication
from data_contracts.spreadsheets import neutralise, write_machine_value
from tests.fixtures.publication import EARLIER_ID, PUBLICATION_ID

DATA_TEAM = Principal("data_team")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "=HYPERLINK(1)"]
)
def test_a_formula_is_neutralised(text: str) -> None:
    assert neutralise(text) == f"'{text}"


def test_ordinary_texts_and_numbers_are_left_alone() -> None:
    assert neutralise("Épiceries sociales") == "Épiceries sociales"
    assert write_machine_value(Decimal("-12.500")) == "-12.5"
    assert write_machine_value(Decimal("88400.000")) == "88400"
    assert write_machine_value(Decimal("100")) == "100"
    assert write_machine_value(None) == ""


def test_the_file_holds_the_rows_with_filters_and_publication(publication: Publication) -> None:
    export = find_export({"period": "2024-to-date"}, "tonnes-par-mois", DATA_TEAM)
    assert export.stem == f"tonnes-par-mois_bourgogne_2024-to-date_{PUBLICATION_ID[:12]}"
    text = write_csv(export)
    assert text.endswith("\r\n")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["weight_kg_this_year"] for row in rows] == ["88400"] * 5 + ["44200"]
    assert rows[0]["month"] == "2024-01-01"
    assert rows[-1]["is_partial"] == "true"
    assert {row["period"] for row in rows} == {"2024-to-date"}
    assert {row["publication_id"] for row in rows} == {PUBLICATION_ID}
    assert {row["is_demonstration"] for row in rows} == {"true"}


def test_the_workbook_holds_the_same_rows_as_numbers_and_dates(publication: Publication) -> None:
    export = find_export({"period": "2024-to-date", "lang": "en"}, "tonnes-par-mois", DATA_TEAM)
    book = openpyxl.load_workbook(io.BytesIO(write_workbook(export)))
    rows = list(book["Data"].iter_rows(values_only=True))
    assert [row[0].date() for row in rows[1:3]] == [date(2024, 1, 1), date(2024, 2, 1)]
    assert [row[3] for row in rows[1:]] == [88400] * 5 + [44200]
    assert book["Data"].freeze_panes == "A2"
    about = {row[0]: row[1] for row in book["About"].iter_rows(values_only=True)}
    assert about["publication_id"] == PUBLICATION_ID
    assert about["period"] == "2024-to-date"
    assert about["licence"] == "Licence Ouverte 2.0"
    formulas = [
        cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"
    ]
    assert formulas == []


def test_the_file_of_the_balance_adds_up(publication: Publication) -> None:
    text = write_csv(find_export({}, "bilan-matiere", DATA_TEAM))
    rows = list(csv.DictReader(io.StringIO(text)))
    incoming = sum(Decimal(row["weight_kg"]) for row in rows if row["source_layer"] == "0")
    outgoing = sum(Decimal(row["weight_kg"]) for row in rows if row["target_layer"] == "4")
    assert incoming == outgoing == Decimal("638020")


def test_an_earlier_publication_can_be_taken_away(publication: Publication) -> None:
    assert EARLIER_ID[:12] in find_export({"pub": EARLIER_ID}, "chiffres-publies", DATA_TEAM).stem


def test_an_unknown_figure_is_refused(publication: Publication) -> None:
    with pytest.raises(NoSuchFigureError):
        find_export({}, "nothing", DATA_TEAM)


def test_a_figure_of_another_role_is_refused(publication: Publication) -> None:
    with pytest.raises(ForbiddenError):
        find_export({}, "decisions", Principal("metropole", ("242100410",)))


@pytest.fixture
def client(publication: Publication) -> Iterator[TestClient]:
    routes = [
        Route("/export/example/{record}.csv", answer_example),
        Route("/export/{file}", answer_export),
        Route("/health", answer_health),
    ]
    with TestClient(Starlette(routes=routes)) as opened:
        yield opened


def test_the_route_sends_files_that_spreadsheets_read(client: TestClient) -> None:
    answer = client.get("/export/tonnes-par-mois.csv?period=2023&lang=en")
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xef\xbb\xbfmonth,")
    assert 'filename="tonnes-par-mois_bourgogne_2023_' in answer.headers["content-disposition"]
    book = client.get("/export/tonnes-par-mois.xlsx?period=2023")
    assert book.content.startswith(b"PK")
    metadata = client.get("/export/tonnes-par-mois.metadata.json?period=2023").json()
    assert metadata["period"] == "2023"
    assert metadata["publication_id"] == PUBLICATION_ID
    assert "weight_kg_this_year" in json.dumps(metadata["columns"])


@pytest.mark.parametrize(
    "path", ["nothing.csv", "tonnes-par-mois.exe", "tonnes-par-mois", "tonnes-par-mois.csv?pub=zz"]
)
def test_what_there_is_not_is_not_found(client: TestClient, path: str) -> None:
    assert client.get(f"/export/{path}").status_code == 404


def test_another_role_is_forbidden(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTO_LOCAL_ROLE", "metropole:242100410")
    assert client.get("/export/decisions.csv").status_code == 403


def test_the_server_says_whether_it_has_a_publication(client: TestClient) -> None:
    answer = client.get("/health")
    # that there is one, and nothing about it
    assert (answer.status_code, answer.json()) == (200, {"ok": True})


@pytest.mark.parametrize("record", sorted(load_records()))
def test_the_example_of_a_record_has_the_columns_of_its_contract(record: str) -> None:
    rows = list(csv.reader(io.StringIO(write_example(record))))
    assert rows[0] == [column.name for column in load_records()[record].columns]
    assert len(rows) == 2 and len(rows[1]) == len(rows[0])


def test_the_example_of_an_unknown_record_is_not_found(client: TestClient) -> None:
    assert client.get("/export/example/nothing.csv").status_code == 404
    assert client.get("/export/example/receipts.csv").status_code == 200
