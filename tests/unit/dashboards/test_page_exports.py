"""Files to take away: exact, labelled, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboards.exports import (
    NoSuchFigureError,
    answer_export,
    export_figure,
    neutralise,
    write_machine_value,
)
from data_contracts.publications import Publication
from tests.fixtures.publication import EARLIER_ID, PUBLICATION_ID


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
    name, text = export_figure({"period": "2024-to-date"}, "essentiel", "tonnes-par-mois")
    assert name == f"tonnes-par-mois_bourgogne_2024-to-date_{PUBLICATION_ID[:12]}.csv"
    assert text.endswith("\r\n")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["weight_kg_this_year"] for row in rows] == ["88400"] * 5 + ["44200"]
    assert rows[0]["month"] == "2024-01-01"
    assert rows[-1]["is_partial"] == "true"
    assert {row["period"] for row in rows} == {"2024-to-date"}
    assert {row["publication_id"] for row in rows} == {PUBLICATION_ID}
    assert {row["is_demonstration"] for row in rows} == {"true"}


def test_the_file_of_the_balance_adds_up(publication: Publication) -> None:
    _, text = export_figure({}, "mise-a-disposition", "bilan-matiere")
    rows = list(csv.DictReader(io.StringIO(text)))
    incoming = sum(Decimal(row["weight_kg"]) for row in rows if row["source_layer"] == "0")
    outgoing = sum(Decimal(row["weight_kg"]) for row in rows if row["target_layer"] == "4")
    assert incoming == outgoing == Decimal("638020")


def test_an_earlier_publication_can_be_taken_away(publication: Publication) -> None:
    name, _ = export_figure({"pub": EARLIER_ID}, "essentiel", "chiffres-publies")
    assert EARLIER_ID[:12] in name


def test_an_unknown_figure_is_refused(publication: Publication) -> None:
    with pytest.raises(NoSuchFigureError):
        export_figure({}, "essentiel", "nothing")
    with pytest.raises(NoSuchFigureError):
        export_figure({}, "nowhere", "tonnes-par-mois")


def test_the_route_sends_a_file_that_spreadsheets_read(publication: Publication) -> None:
    route = Route("/exports/{page}/{figure}.csv", answer_export)
    with TestClient(Starlette(routes=[route])) as client:
        answer = client.get("/exports/essentiel/tonnes-par-mois.csv?period=2023&lang=en")
        assert answer.status_code == 200
        assert answer.content.startswith(b"\xef\xbb\xbfmonth,")
        assert 'filename="tonnes-par-mois_bourgogne_2023_' in answer.headers["content-disposition"]
        assert client.get("/exports/essentiel/nothing.csv").status_code == 404
        assert client.get("/exports/essentiel/tonnes-par-mois.csv?pub=zz").status_code == 404
