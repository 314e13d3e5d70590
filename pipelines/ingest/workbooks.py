"""Reads a sheet of an XLSX workbook as rows of text, each with its number in the sheet.

Cells become what a careful person would type from them; what has no value of its own (an error, a
formula that was never computed) stays visible as text, for a rule to hold it back. Columns and
headers belong in `parsing`.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

if TYPE_CHECKING:
    from openpyxl.cell import Cell
    from openpyxl.workbook.workbook import Workbook

MAX_UNPACKED_BYTES = 600_000_000
MAX_RATIO = 200
# A spreadsheet keeps 15 significant digits: 0.1 + 0.2 is shown, and meant, as 0.3.
_DIGITS = ".15g"


class WorkbookError(Exception):
    """The workbook or its sheet cannot be read; one sentence for the person who sent it."""


def is_workbook(content: bytes) -> bool:
    """Whether the bytes are an XLSX workbook, whatever the file is called."""
    if not content.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "[Content_Types].xml" in archive.namelist() and any(
                name.startswith("xl/worksheets/") for name in archive.namelist()
            )
    except zipfile.BadZipFile:
        return False


def read_sheet(content: bytes, sheet: str | None) -> Iterator[tuple[int, list[str]]]:
    """Number (from 1 on) and cells of every row of a sheet: the named one, else the first.

    Raises WorkbookError where the workbook is damaged, unpacks to too much, or has no such sheet.
    """
    _refuse_bombs(content)
    try:
        values = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        name = _find_sheet(values, sheet)
        rows = _iterate(values[name])
        if not _has_formulas(content):
            for number, row in enumerate(rows, start=1):
                yield number, [_write_value(cell) for cell in row]
            return
        written = load_workbook(io.BytesIO(content), read_only=True)
        formulas = _iterate(written[name])
        for number, (row, source) in enumerate(zip(rows, formulas, strict=True), start=1):
            yield number, [_write(cell, other) for cell, other in zip(row, source, strict=True)]
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
        raise WorkbookError(f"the workbook is damaged ({type(error).__name__})") from error


def _iterate(sheet: Any) -> Iterator[tuple[Cell, ...]]:
    # The extent that a sheet declares is often wrong, and may be a million empty rows.
    sheet.reset_dimensions()
    rows: Iterator[tuple[Cell, ...]] = sheet.iter_rows()
    return rows


def _refuse_bombs(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * max(len(content), 100_000):
        raise WorkbookError(f"the workbook unpacks to {unpacked // 1_000_000} MB")


def _find_sheet(workbook: Workbook, sheet: str | None) -> str:
    names = [found.title for found in workbook.worksheets]
    if not names:
        raise WorkbookError("the workbook has no sheet of cells")
    if sheet is None:
        return names[0]
    if sheet not in names:
        raise WorkbookError(f"the workbook has no sheet {sheet!r} (it has {', '.join(names)})")
    return sheet


def _has_formulas(content: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return any(
            b"<f>" in text or b"<f " in text
            for name in archive.namelist()
            if name.startswith("xl/worksheets/")
            for text in [archive.read(name)]
        )


def _write(cell: Cell, source: Cell) -> str:
    if source.data_type == "f" and cell.value is None:
        return f"formula without a value: {source.value}"
    return _write_value(cell)


def _write_value(cell: Cell) -> str:
    value: Any = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return format(Decimal(format(value, _DIGITS)), "f")
    if isinstance(value, datetime):
        # A day is a moment at midnight to a spreadsheet.
        at_midnight = value.time() == time()
        return value.date().isoformat() if at_midnight else value.isoformat(timespec="seconds")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)
