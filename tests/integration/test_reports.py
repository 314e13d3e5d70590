"""Reports over the demonstration: figures are those of pages and marts, PDF is tagged and whole."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import openpyxl
import polars as pl
import pypdf
import pytest

from dashboards.access import ForbiddenError, Principal
from dashboards.exports import NoSuchFigureError
from dashboards.figure_models import write_cell, write_table
from dashboards.filters import resolve_filters
from dashboards.language import read_words
from dashboards.page_models.page import Prose
from dashboards.pages import PAGES, page_of_figure
from dashboards.published import PUBLISHED_DIR_VARIABLE, open_asked, read_choices
from dashboards.reports import (
    REPORTS,
    Report,
    ReportError,
    Sought,
    build_recall_proof,
    build_report,
    write_pdfs,
    write_report_workbook,
)
from dashboards.reports.downloads import find_report
from dashboards.reports.kinds import list_options
from dashboards.reports.model import Printed
from pipelines.defs.reports import list_readers, write_reports
from pipelines.settings import Settings
from tests.conftest import DataFolder

pytestmark = pytest.mark.slow

ASKED: tuple[tuple[str, dict[str, str]], ...] = (
    ("council-note", {}),
    ("council-note", {"lang": "en", "territory": "200040715"}),
    ("agreement-annex", {"agreement": "METRO-2024", "period": "2024-to-date"}),
    ("activity-report", {"food_bank": "isere", "lang": "en", "period": "2024-05"}),
    ("morning-sheet", {"site": "dijon"}),
    ("morning-sheet", {"site": "chalon", "lang": "en"}),
    ("partner-statement", {"partner": "PA125", "period": "2024-to-date"}),
    ("donor-quality", {"donor": "SU001", "period": "2023"}),
    ("donation-statement", {"donor": "SU001", "period": "2024-05", "lang": "en"}),
)  # fmt: skip
PAGES_OF = {"council-note": 2, "morning-sheet": 1, "agreement-annex": 1, "donation-statement": 1}


@pytest.fixture(scope="module")
def published(demonstration: DataFolder) -> Iterator[DataFolder]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PUBLISHED_DIR_VARIABLE, str(demonstration.path / "published"))
        yield demonstration


@pytest.fixture(scope="module")
def built(published: DataFolder) -> list[tuple[Report, bytes]]:
    """Every kind of report with its PDF, and the proof of a recall."""
    reports = [build_report(kind, asked) for kind, asked in ASKED]
    reports.append(build_recall_proof("bourgogne", Sought(lot="L013164"), "fr"))
    return list(zip(reports, write_pdfs(reports), strict=True))


def read_text(pdf: bytes) -> str:
    """The text of a PDF without any space, as lines may break anywhere."""
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    return re.sub(r"[\s\u00ad-]+", "", "".join(page.extract_text() for page in reader.pages))


def squeeze(text: str) -> str:
    return re.sub(r"[\s\u00ad-]+", "", text)


def test_every_kind_is_built(built: list[tuple[Report, bytes]]) -> None:
    assert {report.kind for report, _ in built} == {*REPORTS, "recall-proof"}
    assert {report.words.language for report, _ in built} == {"fr", "en"}


def test_pdf_is_tagged_titled_and_of_its_length(built: list[tuple[Report, bytes]]) -> None:
    for report, pdf in built:
        reader = pypdf.PdfReader(io.BytesIO(pdf))
        root = reader.trailer["/Root"]
        assert root["/MarkInfo"]["/Marked"], report.kind
        assert root["/Lang"][:2] == report.words.language
        assert "/StructTreeRoot" in root
        assert root["/ViewerPreferences"]["/DisplayDocTitle"]
        assert b"pdfuaid:part" in root["/Metadata"].get_data()
        assert reader.metadata is not None
        assert reader.metadata.title == report.title
        assert len(reader.pages) == PAGES_OF.get(report.kind, len(reader.pages)), report.kind


def test_paper_says_every_value_of_the_model(built: list[tuple[Report, bytes]]) -> None:
    """Cards, the cells of every printed row, leads and notices stand in the text of the PDF."""
    seen = 0
    for report, pdf in built:
        text = read_text(pdf)
        assert squeeze(report.lead) in text, report.kind
        assert all(squeeze(notice) in text for notice in report.notices)
        for kpi in report.kpis:
            assert squeeze(kpi.value) in text, (report.kind, kpi.code)
            assert kpi.difference is None or squeeze(kpi.difference.earlier_text) in text
        for part in report.sections:
            if not isinstance(part, Printed):
                continue
            if part.rows == 0 and part.has_chart:
                continue
            _, rows = write_table(report.words, part.figure)
            for row in rows[: part.rows]:
                for cell in row:
                    seen += 1
                    unknown = report.words("state.missing")
                    assert cell == unknown or squeeze(cell) in text, (report.kind, cell)
    assert seen > 500


def test_figures_are_those_of_the_pages(built: list[tuple[Report, bytes]]) -> None:
    compared = 0
    for report, _ in built:
        publication, filters = report.publication, report.filters
        pages = {}
        for figure in report.figures:
            entry = page_of_figure(figure.figure_id)
            if entry is None:
                continue
            code = entry.code
            if code not in pages:
                pages[code] = PAGES[code].build(publication, filters, report.words)
            of_page = pages[code].figure(figure.figure_id)
            assert set(figure.rows) <= set(of_page.rows), (report.kind, figure.figure_id)
            if report.kind != "morning-sheet":
                assert len(figure.rows) == len(of_page.rows)
            compared += 1
    assert compared > 20


def test_cards_and_axes_are_the_rows_of_the_mart(built: list[tuple[Report, bytes]]) -> None:
    compared = 0
    for report, _ in built:
        period, bank = report.filters.period, report.filters.food_bank.food_bank_id
        rows = report.publication.read("mart_indicators").filter(
            pl.col("scope_kind") == "food_bank", pl.col("scope_id") == bank,
            pl.col("period_kind") == period.kind, pl.col("period_start") == period.start,
        )  # fmt: skip
        values = {
            (row["indicator_code"], row["variant"]): row["value"]
            for row in rows.iter_rows(named=True)
        }
        wanted = [(kpi.code, kpi.variant, kpi.raw_value) for kpi in report.kpis]
        for figure in report.figures:
            if figure.figure_id == "axes":
                wanted += zip(
                    *(figure.values(key) for key in ("indicator_code", "variant", "value")),
                    strict=True,
                )
        for code, variant, value in wanted:
            assert value is None or value == values[code, variant], (report.kind, code)
            compared += value is not None
    assert compared > 40


def test_an_agreement_is_planned_by_day_and_used_as_recorded(
    built: list[tuple[Report, bytes]], published: DataFolder
) -> None:
    """60 000 EUR over the 366 days of 2024: 5 081.97 for January, 29 016.39 by 25 June."""
    report = next(report for report, _ in built if report.kind == "agreement-annex")
    figure = next(report.figures)
    assert figure.values("planned_eur")[0] == Decimal("5081.97")
    assert figure.values("planned_to_date_eur")[-1] == Decimal("29016.39")
    used = report.publication.read("mart_funding_monthly").filter(
        pl.col("funding_id") == "METRO-2024", pl.col("food_bank_id") == "bourgogne"
    )
    assert figure.values("used_to_date_eur")[-1] == used["used_eur"].sum()
    gap = figure.values("gap_eur")[-1]
    assert gap == figure.values("used_to_date_eur")[-1] - figure.values("planned_to_date_eur")[-1]


def test_a_workbook_holds_every_row_as_numbers(built: list[tuple[Report, bytes]]) -> None:
    for report, _ in built:
        book = openpyxl.load_workbook(io.BytesIO(write_report_workbook(report)))
        about = {row[0].value: row[1].value for row in book.worksheets[-1].iter_rows()}
        assert about["publication_id"] == report.publication.publication_id
        assert about["report"] == report.kind
        for figure in report.figures:
            if figure.state != "ok":
                continue
            sheet = book[figure.figure_id[:31]]
            assert sheet.max_row == len(figure.rows) + 1, (report.kind, figure.figure_id)
            number = next((c for c in figure.columns if c.is_number), None)
            if number is None:
                continue
            kept = [c for c in figure.columns if not c.kind.startswith("written")]
            place = kept.index(number)
            cells = [row[place].value for row in sheet.iter_rows(min_row=2)]
            wanted = [None if v is None else float(v) for v in figure.values(number.key)]
            assert cells == pytest.approx(wanted), (report.kind, figure.figure_id)
        assert all(
            cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row
        )


def test_the_same_report_gives_the_same_bytes(published: DataFolder) -> None:
    build = partial(build_report, "donation-statement", {"donor": "SU001", "period": "2024-05"})
    first, second = write_pdfs([build(), build()])
    assert first == second


def test_what_a_partner_is_sent_concerns_it_alone(built: list[tuple[Report, bytes]]) -> None:
    for report, pdf in built:
        if report.kind not in ("partner-statement", "donor-quality", "donation-statement"):
            continue
        ((about, code),) = report.options
        names = list_options(report.publication, report.filters, about)
        text = read_text(pdf)
        assert squeeze(names[code]) in text
        assert not [n for c, n in names.items() if c != code and squeeze(n) in text]


def test_a_metropole_note_is_of_an_approved_edition_and_says_who_signed(
    built: list[tuple[Report, bytes]],
) -> None:
    for report, pdf in built:
        if report.kind != "council-note":
            continue
        edition = report.publication.edition
        assert edition is not None
        text = read_text(pdf)
        assert all(squeeze(str(approval["by"])) in text for approval in edition.approvals)
        assert report.publication.audience == f"metropole/{edition.territory}"


@pytest.mark.parametrize(
    ("kind", "asked", "said"),
    [
        ("nothing", {}, "there is no report 'nothing'"),
        ("council-note", {"period": "2031"}, "period '2031' is not in what was opened"),
        ("morning-sheet", {}, "needs a site; there are auxerre"),
        ("morning-sheet", {"site": "paris"}, "site 'paris' is not known"),
        ("donor-quality", {"donor": "SU001", "partner": "PA001"}, "not about a partner"),
        ("activity-report", {"lang": "de"}, "no language 'de'"),
        ("activity-report", {"colour": "red"}, "not asked by colour"),
    ],
)
def test_a_report_that_cannot_be_built_says_what_to_ask(
    published: DataFolder, kind: str, asked: dict[str, str], said: str
) -> None:
    with pytest.raises(ReportError, match=re.escape(said)):
        build_report(kind, asked)


def test_what_is_not_told_outside_is_unknown_and_no_zero(published: DataFolder) -> None:
    """Of received food the metropole is not told the same days a year before."""
    report = build_report("council-note", {})
    programmes = next(f for f in report.figures if f.figure_id == "tonnes-par-programme")
    assert set(programmes.values("weight_kg_same_days")) == {None}
    opened = open_asked({"food_bank": "bourgogne"}, Principal("food_bank", ("bourgogne",)))
    page = PAGES["accompagnement"].build(opened.publication, report.filters, report.words)
    inside = page.figure("tonnes-par-programme")
    assert all(value > 0 for value in inside.values("weight_kg_same_days"))
    assert write_cell(report.words, "tonnes", None) == report.words("state.missing")


# by their address

DIRECTOR = Principal("food_bank", ("bourgogne",))
OFFICIAL = Principal("metropole", ("242100410",))


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("morning-sheet", {"site": "dijon"}),
        ("activity-report", {"period": "2024-05", "site": "dijon", "commune": "21231"}),
    ],
)
def test_a_director_has_the_reports_of_the_own_food_bank(
    published: DataFolder, kind: str, asked: dict[str, str]
) -> None:
    report = find_report(kind, {**asked, "lang": "en", "edition": "242100410-1"}, DIRECTOR)
    assert report.kind == kind
    assert report.words.language == "en"
    assert report.publication.audience == "food_banks/bourgogne"


@pytest.mark.parametrize(
    ("principal", "kind", "asked"),
    [
        (DIRECTOR, "morning-sheet", {"site": "dijon", "food_bank": "isere"}),
        (DIRECTOR, "council-note", {}),
        (OFFICIAL, "morning-sheet", {"site": "dijon"}),
        (OFFICIAL, "recall-proof", {"lot": "L1"}),
        (OFFICIAL, "council-note", {"territory": "200040715"}),
        (Principal("public"), "council-note", {}),
        (Principal("public"), "activity-report", {}),
    ],
)
def test_what_is_anothers_is_refused(
    published: DataFolder, principal: Principal, kind: str, asked: dict[str, Any]
) -> None:
    with pytest.raises(ForbiddenError):
        find_report(kind, asked, principal)


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("nothing", {}),
        ("morning-sheet", {"site": "paris"}),
        ("morning-sheet", {}),
        ("partner-statement", {"partner": "../../etc"}),
        ("recall-proof", {}),
        ("recall-proof", {"lot": "inconnu"}),
    ],
)
def test_what_there_is_not_is_not_found(
    published: DataFolder, kind: str, asked: dict[str, str]
) -> None:
    with pytest.raises(NoSuchFigureError):
        find_report(kind, asked, DIRECTOR)


def test_pages_lead_to_reports_that_there_are(published: DataFolder) -> None:
    """Every link of a page to a report is answered to who reads the page."""
    seen = set()
    for principal, page, options in (
        (DIRECTOR, "pilotage", {"site": "dijon"}),
        (DIRECTOR, "stock", {"lot": "L013164"}),
        (DIRECTOR, "service", {"partner": "PA125"}),
        (DIRECTOR, "donateurs", {"donor": "SU001"}),
        (OFFICIAL, "essentiel", {}),
    ):
        opened = open_asked(options, principal)
        filters, _ = resolve_filters(options, read_choices(opened.source))
        for part in PAGES[page].build(opened.publication, filters, read_words("fr")).sections:
            for _, address in part.links if isinstance(part, Prose) else ():
                url = urlsplit(address)
                kind, _, extension = url.path.rpartition("/")[2].partition(".")
                if not url.path.startswith("/export/report/"):
                    continue
                report = find_report(kind, dict(parse_qsl(url.query)), principal)
                assert report.kind == kind
                assert extension in ("pdf", "xlsx")
                seen.add(kind)
    assert seen == {*REPORTS, "recall-proof"} - {"agreement-annex"}


@pytest.mark.sweep
def test_the_job_writes_every_report_of_every_reader(published: DataFolder) -> None:
    settings = Settings(data_dir=published.path)
    names = write_reports(settings)
    kinds = {name.split("_")[0] for name in names}
    assert kinds == {"council-note", "activity-report", "morning-sheet", "agreement-annex"}
    assert len(names) == len(set(names))
    written = {path.name for path in settings.reports.rglob("*") if path.is_file()}
    assert written == set(names)
    readers = list(list_readers(settings))
    assert {"food_bank": "bourgogne"} in readers
    assert {"territory": "242100410"} in readers
