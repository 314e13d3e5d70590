"""Reports as workbooks: a sheet of key figures, a sheet per figure with all its rows, one about it.

Cells are written as in the exports of pages: real numbers and dates, no formula.
"""

from __future__ import annotations

import io
import re
from typing import Any

import xlsxwriter

from dashboards.exports import (
    Formats,
    describe_columns,
    describe_source,
    fill_about,
    fill_rows,
    open_workbook,
)
from dashboards.kpis import Kpi
from dashboards.reports.model import Report
from data_contracts.spreadsheets import LICENCE, neutralise

# Excel allows 31 characters and none of these in the name of a sheet.
FORBIDDEN = re.compile(r"[\[\]:*?/\\]")
LONGEST_NAME = 31


def write_report_workbook(report: Report) -> bytes:
    """The report as a workbook, in the language of the report."""
    buffer = io.BytesIO()
    with open_workbook(buffer) as workbook:
        formats = Formats.of(workbook)
        kpis = list(report.kpis)
        if kpis:
            _fill_kpis(workbook, formats, report, kpis)
        for model in report.figures:
            if model.state == "ok":
                name = FORBIDDEN.sub(" ", model.figure_id)[:LONGEST_NAME]
                fill_rows(workbook.add_worksheet(name), formats, model)
        fill_about(workbook.add_worksheet(report.words("xlsx.about")), formats, describe(report))
        workbook.set_properties({"title": report.title, "comments": LICENCE})
    return buffer.getvalue()


def describe(report: Report) -> dict[str, Any]:
    """What the workbook says of itself: report, filters, publication, definitions, licence."""
    filters, publication = report.filters, report.publication
    return {
        "report": report.kind,
        "title": report.title,
        "subtitle": report.subtitle,
        "lead": report.lead,
        "notices": list(report.notices),
        **describe_source(filters, publication),
        "audience": publication.audience,
        **dict(report.options),
        "licence": LICENCE,
        "language": report.words.language,
        "figures": [
            {"figure": model.figure_id, "title": model.title, "method_version": model.method,
             "notes": list(model.notes), "columns": describe_columns(model)}
            for model in report.figures
        ],
    }  # fmt: skip


def _fill_kpis(
    workbook: xlsxwriter.Workbook, formats: Formats, report: Report, kpis: list[Kpi]
) -> None:
    words = report.words
    sheet = workbook.add_worksheet(words("report.sheet.kpis"))
    heads = (
        "column.indicator", "column.actual", "column.unit", "column.earlier",
        "column.difference", "column.target", "column.definition",
    )  # fmt: skip
    for place, head in enumerate(heads):
        sheet.write_string(0, place, words(head), formats.head)
        sheet.set_column(place, place, 40 if place in (0, 5, 6) else 16)
    for line, kpi in enumerate(kpis, start=1):
        sheet.write_string(line, 0, neutralise(kpi.label))
        if kpi.raw_value is None:
            sheet.write_string(line, 1, neutralise(kpi.value))
        else:
            sheet.write_number(line, 1, float(kpi.raw_value), formats.number)
        sheet.write_string(line, 2, neutralise(kpi.unit))
        if kpi.difference:
            sheet.write_number(line, 3, float(kpi.difference.earlier), formats.number)
            sheet.write_string(line, 4, neutralise(kpi.difference.text))
        sheet.write_string(line, 5, neutralise(kpi.target or ""))
        sheet.write_string(line, 6, neutralise(kpi.definition))
    sheet.freeze_panes(1, 0)
