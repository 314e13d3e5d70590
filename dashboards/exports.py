"""Files to take away: the rows of a figure as CSV, XLSX and metadata, by routes of their own.

Here live workbooks with real numbers and dates and the addresses
`/export/<figure>.<csv|xlsx|metadata.json>` and `/export/example/<record>.csv`. Every file carries
its filters and its publication. Rows come from `page_models/`, how a cell is written from
`data_contracts/spreadsheets.py`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import xlsxwriter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from dashboards.access import ForbiddenError, Principal, check_page
from dashboards.access_log import ANONYMOUS, NotLoggedError, log_access, log_reading
from dashboards.figure_models import Column, FigureModel
from dashboards.filters import Filters, read_language, write_query
from dashboards.language import Words, read_words
from dashboards.pages import page_of_figure
from dashboards.published import (
    Opened,
    open_asked,
    published_dir,
    read_choices,
    read_filters,
    read_page,
)
from dashboards.sign_in import SignInError, identify_request
from data_contracts.loader import Column as ContractColumn
from data_contracts.loader import load_records
from data_contracts.publications import Publication, PublicationError
from data_contracts.spreadsheets import (
    BYTE_ORDER_MARK,
    LICENCE,
    neutralise,
    write_cell,
    write_rows,
)

WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NOT_KEPT = {"Cache-Control": "no-store"}


class NoSuchFigureError(Exception):
    """The address names no figure that can be exported."""


def describe_source(filters: Filters, publication: Publication) -> dict[str, str]:
    """Of whom and of when a file speaks, and what it was read from, by name."""
    edition = publication.edition
    return {
        "food_bank_id": filters.food_bank.food_bank_id,
        "period": filters.period.code,
        "period_start": filters.period.start.isoformat(),
        "period_end": filters.period.end.isoformat(),
        "publication_id": publication.publication_id,
        "edition": f"{edition.territory}-{edition.number}" if edition else "",
        "is_demonstration": "true" if filters.food_bank.is_demonstration else "false",
    }


@dataclass(frozen=True)
class Export:
    """A figure with the filters under which its rows stand and what it was read from."""

    model: FigureModel
    filters: Filters
    opened: Opened
    words: Words
    page: str

    @property
    def stem(self) -> str:
        """Name of a file: figure, food bank, period, publication."""
        parts = (
            self.model.figure_id,
            self.filters.food_bank.food_bank_id,
            self.filters.period.code,
            self.opened.publication.publication_id[:12],
        )
        return "_".join(parts)

    @property
    def context(self) -> dict[str, str]:
        """What every file says of itself, by name."""
        return describe_source(self.filters, self.opened.publication)

    @property
    def metadata(self) -> dict[str, Any]:
        """Definitions, method, filters, licence and the columns of the rows."""
        model = self.model
        return {
            "figure": model.figure_id,
            "title": model.title,
            "subtitle": model.subtitle,
            "notes": list(model.notes),
            "method_version": model.method,
            "audience": self.opened.publication.audience,
            "address": f"/{'' if self.page == 'essentiel' else self.page}?"
            f"{write_query(self.filters)}#{model.figure_id}",
            **self.context,
            **dict(self.filters.options),
            "data_to": (self.filters.food_bank.data_date or self.filters.period.end).isoformat(),
            "source": self.filters.food_bank.name,
            "licence": LICENCE,
            "language": self.filters.language,
            "columns": describe_columns(model),
        }


def exported_columns(model: FigureModel) -> list[Column]:
    """Columns of the files: texts that only repeat a value for reading are left out."""
    return [column for column in model.columns if not column.kind.startswith("written")]


def describe_columns(model: FigureModel) -> list[dict[str, str]]:
    """Name, label and kind of each column of the files."""
    return [
        {"name": name_column(column), "label": column.label, "kind": column.kind}
        for column in exported_columns(model)
    ]


def name_column(column: Column) -> str:
    """Name of a column in the files; columns shown in tonnes hold kilograms and say so."""
    name = column.key
    return name.replace("tonnes_", "weight_kg_") if name.startswith("tonnes_") else name


def write_csv(export: Export) -> str:
    """The rows of a figure as RFC 4180 text."""
    model = export.model
    kept = exported_columns(model)
    indexes = [model.columns.index(column) for column in kept]
    names = [name_column(column) for column in kept]
    # A figure may hold a column of the same name as one of the context: the figure's wins.
    context = {name: value for name, value in export.context.items() if name not in names}
    return write_rows(
        [*names, *context],
        ([*(row[i] for i in indexes), *context.values()] for row in model.rows),
    )


@dataclass(frozen=True)
class Formats:
    """Formats of cells of one workbook."""

    head: Any
    day: Any
    share: Any
    number: Any

    @classmethod
    def of(cls, workbook: xlsxwriter.Workbook) -> Formats:
        """The formats, added to a workbook."""
        return cls(
            head=workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"}),
            day=workbook.add_format({"num_format": "yyyy-mm-dd"}),
            # Of more, of less, and of a true zero.
            share=workbook.add_format({"num_format": "0.0 %;-0.0 %;0 %"}),
            number=workbook.add_format({"num_format": "#,##0.###;-#,##0.###;0"}),
        )


def open_workbook(buffer: io.BytesIO) -> xlsxwriter.Workbook:
    """A workbook in memory in which no text becomes a formula or a link."""
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    return xlsxwriter.Workbook(buffer, options)


def fill_rows(sheet: Any, formats: Formats, model: FigureModel) -> None:
    """The rows of a figure on a sheet: real numbers and dates under a frozen head."""
    kept = exported_columns(model)
    indexes = [model.columns.index(column) for column in kept]
    for place, column in enumerate(kept):
        sheet.write_string(0, place, column.label or name_column(column), formats.head)
        sheet.set_column(place, place, 30 if column.kind == "text" else 16)
    for line, row in enumerate(model.rows, start=1):
        for place, (column, index) in enumerate(zip(kept, indexes, strict=True)):
            form = formats.share if column.kind in ("share", "growth") else formats.number
            if isinstance(row[index], date):
                form = formats.day
            write_cell(sheet, line, place, row[index], form)
    sheet.freeze_panes(1, 0)
    if model.rows:
        sheet.autofilter(0, 0, len(model.rows), max(len(kept) - 1, 0))


def fill_about(sheet: Any, formats: Formats, metadata: Mapping[str, Any]) -> None:
    """What a file says of itself, a line per property."""
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 100)
    for line, (name, value) in enumerate(metadata.items()):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        sheet.write_string(line, 0, name, formats.head)
        sheet.write_string(line, 1, neutralise(text))


def write_workbook(export: Export) -> bytes:
    """The rows of a figure as a workbook: real numbers and dates, and a sheet about them."""
    model, words = export.model, export.words
    buffer = io.BytesIO()
    with open_workbook(buffer) as workbook:
        formats = Formats.of(workbook)
        fill_rows(workbook.add_worksheet(words("xlsx.rows")), formats, model)
        fill_about(workbook.add_worksheet(words("xlsx.about")), formats, export.metadata)
        workbook.set_properties({"title": model.title, "comments": LICENCE})
    return buffer.getvalue()


def find_export(parameters: Mapping[str, str], figure_id: str, principal: Principal) -> Export:
    """The figure of an address, for the principal who asks.

    Raises NoSuchFigureError for an unknown figure or one without rows, PublicationError for a
    publication that is not kept, ForbiddenError where the principal may not read it.
    """
    entry = page_of_figure(figure_id)
    if entry is None:
        raise NoSuchFigureError(figure_id)
    check_page(principal, entry.code)
    opened = open_asked(parameters, principal)
    filters, _ = read_filters(parameters, opened, read_choices(opened.source))
    page = read_page(opened, entry.code, filters)
    model = next((found for found in page.exported if found.figure_id == figure_id), None)
    if model is None:
        raise NoSuchFigureError(figure_id)
    words = read_words(read_language(parameters))
    return Export(model, filters, opened, words, entry.code)


def write_example(record: str) -> str:
    """An example file of a record: the columns of its contract and one row that keeps it.

    Raises NoSuchFigureError for a record without a contract.
    """
    contract = load_records().get(record)
    if contract is None:
        raise NoSuchFigureError(record)
    columns = list(contract.columns)
    return write_rows(
        [column.name for column in columns], [[_write_sample(column) for column in columns]]
    )


def _write_sample(column: ContractColumn) -> str:
    """A value of the type of a column."""
    if column.codes:
        return column.codes[0]
    if column.logical_type in ("number", "integer"):
        return str(column.minimum if column.minimum and column.minimum > 1 else 1)
    samples = {"date": "2024-01-15", "timestamp": "2024-01-15T08:00:00Z", "boolean": "true"}
    return samples.get(column.logical_type, "" if column.pattern else "A1")


def write_file(export: Export, extension: str) -> Response:
    """The answer to an export: the file with its name, never kept by a cache."""
    content: bytes
    if extension == "csv":
        content = (BYTE_ORDER_MARK + write_csv(export)).encode()
        media_type = "text/csv; charset=utf-8; header=present"
    elif extension == "xlsx":
        content, media_type = write_workbook(export), WORKBOOK
    else:
        return JSONResponse(export.metadata, headers=NOT_KEPT)
    return Response(
        content,
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{export.stem}.{extension}"',
            **NOT_KEPT,
        },
    )


@dataclass(frozen=True)
class Given:
    """A file that was asked for: where it is from, and what writes the answer once it is logged."""

    page: str
    publication: Publication
    write: Callable[[], Response]


def give_export(request: Request, file: str) -> Response:
    """The file of a figure's address, for whom it is."""
    figure_id, _, extension = file.partition(".")

    def find(principal: Principal) -> Given:
        if extension not in ("csv", "xlsx", "metadata.json"):
            raise NoSuchFigureError(extension)
        export = find_export(dict(request.query_params), figure_id, principal)
        write = partial(write_file, export, extension)
        return Given(export.page, export.opened.publication, write)

    return give(request, figure_id, extension, find)


def give(
    request: Request, name: str, extension: str, find: Callable[[Principal], Given]
) -> Response:
    """The file that `find` finds for whom asks; what is given and what is refused is logged.

    401 where nobody signed in (or no longer), 403 where the role does not reach, 404 for what there
    is not, 503 where it cannot be logged. None of them says more than that.
    """
    what: dict[str, Any] = {
        "parameters": dict(request.query_params), "figure": name, "file_format": extension,
    }  # fmt: skip
    try:
        principal = identify_request(request)
    except SignInError as error:
        reader = error.reader or ANONYMOUS
        log_access("refused", reader, "", (), reason=error.reason, **what)
        status = 403 if error.reason == "no_role" else 401
        return PlainTextResponse("sign in first\n", status_code=status, headers=NOT_KEPT)
    try:
        given = find(principal)
    except ForbiddenError:
        log_reading("refused", principal, reason="forbidden", **what)
        return PlainTextResponse("forbidden\n", status_code=403, headers=NOT_KEPT)
    except (NoSuchFigureError, PublicationError):
        log_reading("refused", principal, reason="not_found", **what)
        return PlainTextResponse("no such export\n", status_code=404, headers=NOT_KEPT)
    log_reading("export", principal, page=given.page, publication=given.publication, **what)
    return given.write()


async def answer_export(request: Request) -> Response:
    """`GET /export/<figure>.<csv|xlsx|metadata.json>`, with the parameters of the page."""
    try:
        return await run_in_threadpool(give_export, request, request.path_params["file"])
    except NotLoggedError:
        return PlainTextResponse("not now: it cannot be logged\n", status_code=503)


async def answer_example(request: Request) -> Response:
    """`GET /export/example/<record>.csv`: what a file of a record looks like."""
    record = request.path_params["record"]
    try:
        await run_in_threadpool(identify_request, request)
        text = await run_in_threadpool(write_example, record)
    except SignInError:
        return PlainTextResponse("sign in first\n", status_code=401, headers=NOT_KEPT)
    except NoSuchFigureError:
        return PlainTextResponse("no such record\n", status_code=404)
    except NotLoggedError:
        return PlainTextResponse("not now: it cannot be logged\n", status_code=503)
    return Response(
        (BYTE_ORDER_MARK + text).encode(),
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{record}.csv"'},
    )


async def answer_health(request: Request) -> Response:
    """`GET /health`: whether there is a publication that can be opened, and nothing about it."""
    try:
        door = Principal("data_team").open_door(published_dir())
        await run_in_threadpool(door.open_current, "data_team")
    except (PublicationError, OSError):
        return JSONResponse({"ok": False}, status_code=503, headers=NOT_KEPT)
    return JSONResponse({"ok": True}, headers=NOT_KEPT)
