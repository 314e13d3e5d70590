"""Reports as tagged PDF (PDF/UA-1) by typst: a page layout, the data of the report, its charts.

The layout is `report.typ`; texts of data reach it as data, never as mark-up. The same report gives
the same bytes: no time of building is written.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import typst

from dashboards.figure_models import FigureModel, write_provenance, write_table
from dashboards.figures.marks import list_keys
from dashboards.kpis import ARROWS, Kpi
from dashboards.page_models.page import Cards, Decisions, Prose, Sentences
from dashboards.reports.charts import FONT, FONTS, draw_svg, has_chart, start_browser
from dashboards.reports.model import (
    Chapter,
    NewPage,
    Printed,
    Report,
    ReportError,
    Section,
    Signatures,
)

LAYOUT = Path(__file__).with_name("report.typ")
# Rows of a table of which no limit is given.
MANY = 60
# Stands for a letter that no font of the reports has.
UNKNOWN_LETTER = "\ufffd"


def write_pdf(report: Report) -> bytes:
    """One report as PDF. Raises ReportError where a chart or the layout cannot be made."""
    return next(write_pdfs([report]))


def write_pdfs(reports: Iterable[Report]) -> Iterator[bytes]:
    """Several reports as PDF; the browser is started once, where one of them has charts."""
    with ExitStack() as stack:
        has_browser = False
        for report in reports:
            if not has_browser and _has_charts(report):
                stack.enter_context(start_browser())
                has_browser = True
            yield _compile(report)


def _has_charts(report: Report) -> bool:
    return any(
        part.has_chart and has_chart(part.figure)
        for part in report.sections
        if isinstance(part, Printed)
    )


def _compile(report: Report) -> bytes:
    with tempfile.TemporaryDirectory(prefix="collecto-report-") as temporary:
        folder = Path(temporary)
        layout = folder / LAYOUT.name
        layout.write_bytes(LAYOUT.read_bytes())
        described = describe(report, folder)
        try:
            try:
                return _set(layout, described)
            except typst.TypstError:
                # Names come in every script: one letter without a shape costs that letter.
                return _set(layout, _replace_unprintable(described, folder))
        except typst.TypstError as error:
            raise ReportError(f"the layout of {report.kind} cannot be made: {error}") from error


def _set(layout: Path, described: Any) -> bytes:
    """The layout set with what lies beside it. Raises TypstError where it cannot be."""
    folder = layout.parent
    (folder / "report.json").write_text(json.dumps(described), encoding="utf-8")
    return bytes(
        typst.compile(
            layout, root=folder, font_paths=[FONTS], ignore_system_fonts=True,
            format="pdf", pdf_standards=["ua-1"],
        )
    )  # fmt: skip


def _replace_unprintable(described: Any, folder: Path) -> Any:
    """What is described, and its charts, with a sign for each letter that cannot be printed."""
    charts = {path: path.read_text(encoding="utf-8") for path in folder.glob("*.svg")}
    letters = {*json.dumps(described, ensure_ascii=False), *"".join(charts.values())}
    controls = map(chr, (*range(0x20), 0x7F))
    table = str.maketrans(
        dict.fromkeys(find_unprintable(sorted({*letters, *controls})), UNKNOWN_LETTER)
    )
    for path, text in charts.items():
        path.write_text(text.translate(table), encoding="utf-8")

    def replace_in(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: replace_in(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [replace_in(inner) for inner in value]
        return value.translate(table) if isinstance(value, str) else value

    return replace_in(described)


def find_unprintable(letters: Sequence[str]) -> list[str]:
    """Letters for which the fonts of the reports have no shape, found by halves."""
    with tempfile.TemporaryDirectory(prefix="collecto-letters-") as temporary:
        layout = Path(temporary) / "letters.typ"
        layout.write_text(
            f'#set document(title: "letters")\n#set text(font: "{FONT}", lang: "en")\n'
            '#for each in json("report.json") [#each ]\n',
            encoding="utf-8",
        )
        return _find_among(layout, letters)


def _find_among(layout: Path, letters: Sequence[str]) -> list[str]:
    try:
        _set(layout, letters)
    except typst.TypstError:
        middle = len(letters) // 2
        if not middle:
            return list(letters)
        return [
            *_find_among(layout, letters[:middle]), *_find_among(layout, letters[middle:]),
        ]  # fmt: skip
    return []


def describe(report: Report, folder: Path) -> dict[str, Any]:
    """The report as plain values for the layout; charts are written into the folder as SVG."""
    words = report.words
    return {
        "kind": report.kind,
        "lang": words.language,
        "title": report.title,
        "subtitle": report.subtitle,
        "author": words("site.name"),
        "site": words("site.name"),
        "notices": list(report.notices),
        "lead": report.lead,
        "dense": report.is_dense,
        "level": 2 if any(isinstance(part, Chapter) for part in report.sections) else 1,
        "sections": [
            described
            for position, section in enumerate(report.sections)
            for described in _describe_section(report, section, position, folder)
        ],
        "source": " · ".join(write_provenance(words, report.provenance, "")),
        "identifier": words("report.identifier", publication=report.publication.publication_id),
        "page": words("report.page"),
    }


def _describe_section(
    report: Report, section: Section, position: int, folder: Path
) -> Iterator[dict[str, Any]]:
    words = report.words
    match section:
        case Cards():
            yield {
                "type": "cards",
                "title": section.title if section.is_title_shown else "",
                "items": [_describe_kpi(report, kpi) for kpi in section.kpis],
            }
        case Printed():
            yield _describe_figure(report, section, position, folder)
        case Chapter():
            yield {"type": "chapter", "title": section.title, "lead": section.lead}
        case Prose():
            yield {"type": "prose", "title": section.title, "paragraphs": list(section.paragraphs)}
        case Sentences():
            yield {
                "type": "quotes",
                "title": words("quote.title"),
                "items": [words("quote.open", sentence=q.sentence) for q in section.quotes],
                "signature": section.signature,
                "caution": words("warning.title"),
                "cautions": [
                    {"sentence": words("quote.open", sentence=q.sentence), "reason": q.reason}
                    for q in section.warnings
                ],
            }
        case Decisions():
            left = len(section.figure.rows) - len(section.items)
            yield {
                "type": "decisions",
                "title": section.title,
                "subtitle": section.subtitle,
                "nothing": section.nothing,
                "columns": [
                    words("report.column.done"), words("report.column.what"),
                    words("report.column.weight"), words("report.column.due"),
                    words("report.column.owner"),
                ],
                "items": [
                    {
                        "what": item.what, "detail": item.detail, "weight": item.weight_text,
                        "due": item.due_text, "owner": item.owner, "urgency": item.urgency,
                    }
                    for item in section.items
                ],
                "more": words("report.more", count=left) if left > 0 else "",
            }  # fmt: skip
        case NewPage():
            yield {"type": "page"}
        case Signatures():
            yield {"type": "sign", "title": section.title, "lines": list(section.lines)}


def _describe_kpi(report: Report, kpi: Kpi) -> dict[str, Any]:
    words, change = report.words, kpi.difference
    meaning = words(f"kpi.judgement.{change.judgement}") if change else ""
    return {
        "label": kpi.label,
        "value": kpi.value,
        "unit": kpi.unit,
        "state": kpi.state,
        "change": f"{ARROWS[change.direction]} {change.text} {meaning}" if change else "",
        "judgement": change.judgement if change else "neutral",
        "lines": [
            line
            for line in (
                change.basis if change else kpi.no_difference, kpi.target, kpi.territory,
                *kpi.notes,
            )
            if line
        ],
    }  # fmt: skip


def _describe_figure(
    report: Report, printed: Printed, position: int, folder: Path
) -> dict[str, Any]:
    words, model = report.words, printed.figure
    image = ""
    if printed.has_chart and has_chart(model):
        image = f"chart-{position}.svg"
        (folder / image).write_bytes(draw_svg(words, model))
    columns, rows = write_table(words, _drop_unknown(model))
    is_only_table = not image
    shown = printed.rows if printed.rows is not None else MANY
    if is_only_table and not shown:
        shown = MANY
    left = len(rows) - shown
    return {
        "type": "figure",
        "title": model.title,
        "subtitle": model.subtitle,
        "image": image,
        "alt": model.alt,
        "keys": [{"kind": kind, "label": label} for kind, label in list_keys(words, model)]
        if image
        else [],
        "columns": [
            {
                "label": column.label,
                "number": _is_number(model, column.key),
                "share": max([len(row[place]) for row in rows[:shown]] + [8]),
            }
            for place, column in enumerate(columns)
        ],
        "rows": rows[:shown],
        "more": words("report.more", count=left) if left > 0 and shown else "",
        "notes": list(model.notes),
        "boxes": printed.has_boxes,
        "box": words("report.column.done"),
        "source": " · ".join(write_provenance(words, report.provenance, model.method)),
    }


def _drop_unknown(model: FigureModel) -> FigureModel:
    """The figure without the label of numbers of which none is known: paper has no such column."""
    return replace(
        model,
        columns=tuple(
            replace(column, label="")
            if column.is_number and all(value is None for value in model.values(column.key))
            else column
            for column in model.columns
        ),
    )


def _is_number(model: FigureModel, key: str) -> bool:
    """Whether cells of a column stand on the right."""
    column = next(column for column in model.columns if column.key == key)
    return column.is_number or column.kind == "written"
