"""Every page over the demonstration: one truth in card, chart, table and files; no word that is not
translated; the marts that each page reads."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
import yaml

from dashboards.access import Principal
from dashboards.exports import Export, exported_columns, write_csv, write_workbook
from dashboards.figure_models import FigureModel, write_table
from dashboards.figures import DRAWINGS, draw_figure
from dashboards.figures.marks import SCALES
from dashboards.filters import Filters, resolve_filters
from dashboards.language import Words, read_words
from dashboards.page_models.page import Cards, Choice, PageModel, Prose
from dashboards.pages import PAGES
from dashboards.published import (
    PUBLISHED_DIR_VARIABLE,
    Opened,
    open_asked,
    read_choices,
    read_page,
)
from data_contracts.publications import Publication
from data_contracts.spreadsheets import BYTE_ORDER_MARK, neutralise, write_machine_value
from pipelines.settings import PROJECT_DIR
from tests.conftest import DataFolder
from tests.fixtures.earlier import take_out

pytestmark = pytest.mark.slow

DIRECTOR = Principal("food_bank", ("bourgogne",))
READERS = {
    "data_team": Principal("data_team"),
    "food_bank": DIRECTOR,
    "metropole": Principal("metropole", ("242100410",)),
    "public": Principal("public"),
}
# Figures that list what the register defines, and which publications there are.
ABOUT_THE_REGISTER = ("registre", "versions", "publications", "verifications", "editions")
# What single pages are asked for, so that their sheets are there too.
ASKED = {"commune": "21231", "partner": "PA005", "donor": "D001", "lot": "P0110"}


@pytest.fixture
def published(demonstration: DataFolder, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.setenv(PUBLISHED_DIR_VARIABLE, str(demonstration.path / "published"))
    return demonstration


def open_for(reader: str, **parameters: str) -> tuple[Opened, Filters]:
    opened = open_asked(parameters, READERS[reader])
    filters, ignored = resolve_filters({**ASKED, **parameters}, read_choices(opened.source))
    assert ignored == ()
    return opened, filters


def build_pages(
    opened: Opened, filters: Filters, words: Words | None = None
) -> Iterator[tuple[str, PageModel]]:
    for code in opened.principal.pages:
        page = PAGES[code].build(opened.publication, filters, words or read_words(filters.language))
        yield code, page


def drawn_total(words: Words, model: FigureModel) -> Decimal | None:
    """The sum of what a chart draws, in the unit of its column; None for what is not summed."""
    if model.kind not in ("monthly", "ranked", "ranges", "lines", "control"):
        return None
    figure = draw_figure(words, model)
    column = model.column("value")
    assert column is not None
    scale = Decimal(str(SCALES.get(column.kind, 1)))
    total = Decimal(0)
    for trace in figure.data:
        if trace.name in (*model.labels[1:2], "low", "high"):
            continue
        values = trace.x if trace.orientation == "h" else trace.y
        total += sum((Decimal(str(value)) for value in values if value is not None), Decimal(0))
    return total * scale


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "asked", [{}, {"period": "2023", "lang": "en"}, {"period": "2024-05"}], ids=str
)
def test_chart_table_csv_and_workbook_hold_the_same_values(
    published: DataFolder, reader: str, asked: dict[str, str]
) -> None:
    opened, filters = open_for(reader, **asked)
    words = read_words(filters.language)
    seen = 0
    for code, page in build_pages(opened, filters):
        assert {figure.figure_id for figure in page.figures} <= set(PAGES[code].figures)
        for figure in page.exported:
            seen += 1
            _, cells = write_table(words, figure)
            assert len(cells) == len(figure.rows) > 0
            assert any(character.isdigit() for character in figure.alt), figure.figure_id
            assert 0 < len(figure.title.split(" ")) <= 10, figure.title
            if figure.kind in DRAWINGS:
                drawn, column = drawn_total(words, figure), figure.column("value")
                if drawn is not None and column is not None:
                    known = [v for v in figure.values(column.key) if isinstance(v, Decimal | int)]
                    assert drawn == pytest.approx(Decimal(sum(known)), abs=Decimal("0.01"))
            export = Export(figure, filters, opened, words, code)
            kept = exported_columns(figure)
            places = [figure.columns.index(column) for column in kept]
            read = list(csv.reader(io.StringIO(write_csv(export).removeprefix(BYTE_ORDER_MARK))))
            assert [row[: len(kept)] for row in read[1:]] == [
                [write_machine_value(row[place]) for place in places] for row in figure.rows
            ]
            check_workbook(export, places)
    assert seen >= {"data_team": 45, "food_bank": 40}.get(reader, 20)


@pytest.mark.parametrize("reader", READERS)
def test_a_page_is_the_same_each_time_that_it_is_built(published: DataFolder, reader: str) -> None:
    opened, filters = open_for(reader, period="2023")
    assert dict(build_pages(opened, filters)) == dict(build_pages(opened, filters))


NEW_MARTS = ("mart_nutrition_monthly", "mart_offers_weekly", "mart_step_times")
NEW_INDICATORS = ("visible_stock_share", "offer_taken_share", "partners_on_platform")


@pytest.mark.parametrize("reader", READERS)
def test_a_publication_made_before_a_mart_existed_shows_all_other_parts(
    demonstration: DataFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reader: str
) -> None:
    pages = []
    for folder in (demonstration.path / "published", tmp_path / "published"):
        if not folder.exists():
            shutil.copytree(demonstration.path / "published", folder)
            take_out(folder, NEW_MARTS, NEW_INDICATORS)
        monkeypatch.setenv(PUBLISHED_DIR_VARIABLE, str(folder))
        opened, filters = open_for(reader)
        codes = opened.principal.pages
        pages.append({code: read_page(opened, code, filters) for code in codes})
    whole, earlier = pages
    lacking, cards = set(), set()
    for code, page in earlier.items():
        for kpi, before in zip(page.kpis, whole[code].kpis, strict=True):
            if kpi.code in NEW_INDICATORS:
                assert (kpi.state, kpi.label) == ("not_supplied", before.label)
                assert kpi.raw_value is None and kpi.notes
                cards.add(kpi.code)
            else:
                assert kpi == before
        for figure, shown in zip(page.figures, whole[code].figures, strict=True):
            if figure.state == "not_in_publication" and shown.state != "empty":
                lacking.add(figure.figure_id)
                assert figure.rows == () and figure.notes
            elif figure.figure_id not in ABOUT_THE_REGISTER:
                assert figure.rows == shown.rows, figure.figure_id
    inside = reader in ("data_team", "food_bank")
    assert lacking >= {"equilibre-nutritionnel", *(("temps-par-etape",) if inside else ())}
    assert cards >= {"partners_on_platform", *(("offer_taken_share",) if inside else ())}


# What nothing is found of in the demonstration, or what the sheet that is asked for is about.
SHOWS_NOTHING = {
    ("decisions", "mart_partners_monthly"), ("decisions", "mart_supplied_records"),
    ("historique", "mart_history_monthly"),
    ("rappel-par-lieu", "mart_traced_food"), ("rappel-lignes", "mart_traced_food"),
    ("releve-partenaire", "mart_partners_monthly"), ("fiche-donateur", "mart_suppliers_monthly"),
}  # fmt: skip


@pytest.mark.parametrize("code", PAGES)
def test_a_figure_is_empty_without_the_marts_that_its_page_names_for_it(
    published: DataFolder, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """Each mart of a figure is one whose rows it shows, and none without which it is empty, but
    those of names, is left out."""
    opened, filters = open_for("data_team")
    entry, words = PAGES[code], read_words("fr")
    whole = {f.figure_id: f for f in entry.build(opened.publication, filters, words).figures}
    scan = Publication.scan
    for mart in opened.publication.marts():
        if mart in ("mart_food_banks", "mart_register", "mart_places"):
            continue

        def empty(self: Publication, name: str, gone: str = mart) -> Any:
            return scan(self, name).filter(pl.lit(name != gone))

        monkeypatch.setattr(Publication, "scan", empty)
        without = {f.figure_id: f for f in entry.build(opened.publication, filters, words).figures}
        for name in whole.keys() & without.keys():
            is_named = mart in entry.figures[name]
            if without[name].state == "empty" != whole[name].state:
                assert is_named, (name, mart)
            if is_named and (name, mart) not in SHOWS_NOTHING:
                assert without[name] != whole[name], (name, mart)


def check_workbook(export: Export, places: list[int]) -> None:
    book = openpyxl.load_workbook(io.BytesIO(write_workbook(export)), read_only=True)
    rows = list(book[export.words("xlsx.rows")].iter_rows(min_row=2, values_only=True))
    assert len(rows) == len(export.model.rows)
    for shown, row in zip(rows, export.model.rows, strict=True):
        for value, place in zip(shown, places, strict=False):
            check_cell(value, row[place])


def check_cell(shown: Any, value: Any) -> None:
    if value is None or value == "":
        assert shown in (None, "")
    elif isinstance(value, bool):
        assert shown is value
    elif isinstance(value, Decimal | int):
        assert shown == pytest.approx(float(value), rel=1e-12)
    elif isinstance(value, date):
        assert shown.date() == value
    else:
        assert shown == neutralise(value)


@pytest.mark.parametrize("period", ["2024-to-date", "2023"])
def test_every_card_is_what_the_command_line_answers(published: DataFolder, period: str) -> None:
    opened, filters = open_for("data_team", period=period)
    seen = set()
    for code, page in build_pages(opened, filters):
        # The cards of page 5 are those of the territory.
        scope = "242100410" if code == "territoire" else "bourgogne"
        for kpi in page.kpis:
            key = (kpi.code, kpi.variant, scope)
            if kpi.raw_value is None or key in seen:
                continue
            seen.add(key)
            options = ["--variant", kpi.variant] if kpi.variant else []
            by = ["--by", "territory"] if scope != "bourgogne" else []
            answer = published.collecto(
                "indicator", kpi.code, "--period", period, "--json", *options, *by
            )
            assert answer.status == 0, (kpi.code, answer.err)
            found = [
                row["value"]
                for row in answer.json
                if row["scope_id"] == scope and row["variant"] == kpi.variant
            ]
            assert found == [pytest.approx(float(kpi.raw_value))], key
    assert len(seen) > 30


class Bracketed(dict[str, str]):
    """Texts that show where they come from: `⟦...⟧` around each."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__({text_id: f"⟦{text}⟧" for text_id, text in texts.items()})


@pytest.mark.parametrize("language", ["fr", "en"])
def test_no_word_of_a_page_is_written_in_code(published: DataFolder, language: str) -> None:
    opened, filters = open_for("data_team", lang=language)
    known = read_words(language)
    words = replace(known, texts=Bracketed(dict(known.texts)))
    for code, page in build_pages(opened, filters, words):
        texts = [page.lead]
        for figure in page.figures:
            texts += [figure.title, figure.subtitle, figure.alt, *figure.notes]
            texts += [column.label for column in figure.columns if column.label]
        for section in page.sections:
            if isinstance(section, Choice):
                texts.append(section.label)
            elif isinstance(section, Cards):
                texts.append(section.title)
            elif isinstance(section, Prose) and section.anchor != "accessibilite":
                texts += [section.title, *section.paragraphs]
        bare = [text for text in texts if "⟦" not in text and not text.isdigit()]
        assert bare == [], code


@pytest.mark.parametrize("code", PAGES)
def test_a_page_reads_the_marts_of_its_exposure(
    published: DataFolder, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    opened, filters = open_for("data_team")
    read: set[str] = {"mart_food_banks", "mart_indicators", "mart_communes"}
    scan = Publication.scan

    def note(self: Publication, mart: str) -> Any:
        read.add(mart)
        return scan(self, mart)

    monkeypatch.setattr(Publication, "scan", note)
    PAGES[code].build(opened.publication, filters, read_words("fr"))
    path = PROJECT_DIR / "dbt_project" / "models" / "marts" / "_exposures.yml"
    exposures = {entry["name"]: entry for entry in yaml.safe_load(path.read_text())["exposures"]}
    named = {ref[5:-2] for ref in exposures[code.replace("-", "_")]["depends_on"]}
    assert named == read
