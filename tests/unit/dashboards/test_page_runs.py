"""Runs of the script: what is kept between them, and under which key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboards.blocks import Box, Chart, Heading, write_part
from dashboards.figure_models import read_provenance
from dashboards.filters import Filters
from dashboards.pages import PAGES
from dashboards.published import PUBLISHED_DIR_VARIABLE, Source
from dashboards.views.page import Stretch, lay_out_page
from data_contracts.publications import Door, Publication
from tests.fixtures.publication import EARLIER_ID

SCRIPT = "from dashboards.app import run\nrun()\n"


@pytest.fixture
def app(small_published_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv(PUBLISHED_DIR_VARIABLE, str(small_published_dir))
    st.cache_resource.clear()
    yield AppTest.from_string(SCRIPT, default_timeout=120)
    st.cache_resource.clear()


def list_sent(app: AppTest) -> list[Any]:
    """What the page holds, element by element; identifiers of widgets aside."""
    assert not app.exception
    return [
        (element.type, getattr(element.proto, "body", "") or getattr(element.proto, "spec", ""))
        for element in app.main
    ]


def test_a_kept_page_is_the_page_that_was_made(app: AppTest) -> None:
    made = list_sent(app.run())
    assert {kind for kind, _ in made} >= {"html", "plotly_chart", "selectbox"}
    assert list_sent(app.run()) == made
    # what a page of one file, a chart and two lists needs, and no more
    assert len(made) <= 12


def test_a_kept_page_is_not_shown_for_other_filters(app: AppTest) -> None:
    made = list_sent(app.run())
    shown = {}
    for name, value in (("period", "2023"), ("lang", "en"), ("pub", EARLIER_ID)):
        app.query_params[name] = value
        shown[name] = list_sent(app.run())
        assert shown[name] != made, name
        del app.query_params[name]
    assert len({repr(page) for page in shown.values()}) == len(shown)
    assert list_sent(app.run()) == made


def test_what_is_kept_has_a_key_of_reader_filters_and_publication(
    publication: Publication, to_date: Filters, whole_2023: Filters
) -> None:
    bank = to_date.food_bank
    provenance = read_provenance(publication, bank.name, bank.data_date)
    folder = publication.published_dir
    readers = ({"data_team"}, {"data_team", "public"})
    doors = [Door(folder, frozenset(audiences)) for audiences in readers]
    keys: list[str] = []
    for door in doors:
        for filters in (to_date, whole_2023):
            for code in PAGES:
                source = Source.of(publication, door)
                for part in lay_out_page(source, code, filters, provenance, "footer"):
                    keys += [part.key] if isinstance(part, Stretch) and part.key else []
    assert len(keys) > len(PAGES)
    assert len(set(keys)) == len(keys)


def test_a_piece_with_a_chart_is_no_html_and_all_others_are() -> None:
    heading = Heading("<i>Titre</i>", "ancre")
    assert write_part(heading) == '<h2 id="ancre">&lt;i&gt;Titre&lt;/i&gt;</h2>'
    assert write_part(Box("figure-x", (heading, "<p>a</p>"))) == (
        '<div class="st-key-figure-x"><div class="piece">'
        f'{write_part(heading)}</div><div class="piece"><p>a</p></div></div>'
    )
    chart: Any = object()
    assert write_part(Box("figure-x", (heading, Chart("chart-x", chart, "alt")))) is None
