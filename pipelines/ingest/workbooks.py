"""Reads a sheet of a workbook (XLSX, XLS) as rows of text, each with its number in the sheet.

Cells become what a careful person would type from them; what has no value of its own (an error, a
formula that was never computed) stays visible under a mark. Columns and headers belong in
`parsing`.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from xml.etree.ElementTree import ParseError  # nosec B405

import xlrd
from openpyxl import load_workbook
from openpyxl.utils import range_boundaries
from openpyxl.utils.exceptions import InvalidFileException
from xlrd.compdoc import CompDocError

from pipelines.ingest.containers import MAX_RATIO, MAX_WORKBOOK_BYTES
from pipelines.ingest.marks import EMPTY_FORMULA, ERROR_CELL, FORMULA, MERGED

if TYPE_CHECKING:
    from openpyxl.cell import Cell

# A spreadsheet keeps 15 significant digits: 0.1 + 0.2 is shown, and meant, as 0.3.
_DIGITS = ".15g"
_SMALL_BYTES = 100_000
_FORMULA = re.compile(rb"<f[ >/]")
_MERGE = re.compile(rb'<mergeCell [^>]*ref="([A-Z0-9:$]{2,30})"')
_DAMAGE = (
    InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, SyntaxError, ParseError,
    IndexError, AttributeError, TypeError, EOFError, OSError, AssertionError, struct.error,
    UnicodeDecodeError, OverflowError, NotImplementedError, xlrd.XLRDError, RecursionError,
    zlib.error, LookupError, CompDocError,
)  # fmt: skip

Rows = Iterator[tuple[int, list[str]]]


class WorkbookError(Exception):
    """The workbook or its sheet cannot be read; one sentence for the person who sent it."""


class WorkbookFile(Protocol):
    """An open workbook. `kind` is that of its file."""

    kind: Literal["xlsx", "xls"]

    def choose_sheet(self, sheet: str | None) -> tuple[str, list[str]]:
        """The named sheet, else the first; and the other sheets that hold cells."""

    def read_rows(self, sheet: str) -> Rows:
        """Number (from 1 on) and cells of every row."""


@contextmanager
def open_workbook(path: Path, is_old: bool) -> Iterator[WorkbookFile]:
    """Open a workbook. Raises WorkbookError where it is damaged, protected or unpacks to much."""
    try:
        workbook = _OldWorkbook(path) if is_old else _Workbook(path)
    except xlrd.XLRDError as error:
        if "encrypted" in str(error):
            raise WorkbookError(
                "the workbook is protected by a password; send it without one"
            ) from None
        raise WorkbookError(_describe_damage(error)) from None
    except _DAMAGE as error:
        raise WorkbookError(_describe_damage(error)) from None
    yield workbook


def _describe_damage(error: Exception) -> str:
    return f"the workbook is damaged ({type(error).__name__}); save it again and send it"


def _choose(names: list[str], filled: list[str], sheet: str | None) -> tuple[str, list[str]]:
    if not names:
        raise WorkbookError("the workbook has no sheet of cells")
    if sheet is not None and sheet not in names:
        raise WorkbookError(f"the workbook has no sheet {sheet!r} (it has {', '.join(names)})")
    chosen = sheet or (filled or names)[0]
    return chosen, [name for name in filled if name != chosen]


class _Workbook:
    """XLSX."""

    kind: Literal["xlsx", "xls"] = "xlsx"

    def __init__(self, path: Path) -> None:
        self._path = path
        _refuse_bombs(path)
        # By its handle: the name says nothing, and a file without a name has none.
        self._values = load_workbook(path.open("rb"), read_only=True, data_only=True)

    def choose_sheet(self, sheet: str | None) -> tuple[str, list[str]]:
        names = [found.title for found in self._values.worksheets]
        try:
            filled = [name for name in names if self._has_cells(name)]
        except _DAMAGE as error:
            raise WorkbookError(_describe_damage(error)) from None
        return _choose(names, filled, sheet)

    def _has_cells(self, name: str) -> bool:
        rows = _iterate(self._values[name])
        return any(cell.value is not None for row in rows for cell in row)

    def read_rows(self, sheet: str) -> Rows:
        try:
            yield from self._read_rows(sheet)
        except _DAMAGE as error:
            raise WorkbookError(_describe_damage(error)) from None

    def _read_rows(self, sheet: str) -> Rows:
        has_formulas, merged = _scan(self._path, _path_of(self._values[sheet]))
        rows = _iterate(self._values[sheet])
        sources: Iterator[tuple[Any, ...]] | None = None
        if has_formulas:
            written = load_workbook(self._path.open("rb"), read_only=True)
            sources = _iterate(written[sheet])
        held: dict[tuple[int, int], str] = {}
        for number, row in enumerate(rows, start=1):
            cells = (
                [_write(cell, other) for cell, other in zip(row, next(sources), strict=True)]
                if sources
                else [_write_value(cell) for cell in row]
            )
            if merged:
                _fill_merged(number, cells, merged, held)
            yield number, cells


def _path_of(sheet: Any) -> str:
    return str(sheet._worksheet_path)


def _iterate(sheet: Any) -> Iterator[tuple[Cell, ...]]:
    # The extent that a sheet declares is often wrong, and may be a million empty rows.
    sheet.reset_dimensions()
    rows: Iterator[tuple[Cell, ...]] = sheet.iter_rows()
    return rows


def _refuse_bombs(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        unpacked = sum(entry.file_size for entry in entries)
    limit = max(path.stat().st_size, _SMALL_BYTES) * 2 * MAX_RATIO
    if unpacked > min(MAX_WORKBOOK_BYTES, limit):
        raise WorkbookError(f"the workbook unpacks to {unpacked // 1_000_000} MB")
    if any(entry.flag_bits & 1 for entry in entries):
        raise WorkbookError("the workbook is protected by a password; send it without one")


# First row, last row and column (all from 1 on) of cells merged downwards.
_Merged = dict[int, list[tuple[int, int]]]


def _scan(path: Path, sheet: str) -> tuple[bool, _Merged]:
    """Whether a sheet has formulas, and its cells merged over several rows, by column."""
    has_formulas = False
    merged: _Merged = {}
    with zipfile.ZipFile(path) as archive, archive.open(sheet) as stream:
        rest = b""
        while block := stream.read(1 << 20):
            block = rest + block
            has_formulas = has_formulas or _FORMULA.search(block) is not None
            for found in _MERGE.finditer(block):
                _add_merged(merged, range_boundaries(found[1].decode()))
            rest = block[-100:]
    return has_formulas, merged


def _add_merged(merged: _Merged, bounds: tuple[int | None, ...]) -> None:
    left, top, right, bottom = bounds
    # Cells merged sideways are titles: their value stands where it was written.
    if left is not None and left == right and top and bottom and bottom > top:
        merged.setdefault(left, [])
        if (top, bottom) not in merged[left]:
            merged[left].append((top, bottom))


def _fill_merged(
    number: int, cells: list[str], merged: _Merged, held: dict[tuple[int, int], str]
) -> None:
    """A cell merged over several lines stands for each of them, under a mark."""
    for column, ranges in merged.items():
        for top, bottom in ranges:
            if not top <= number <= bottom:
                continue
            if number == top:
                held[column, top] = cells[column - 1] if column <= len(cells) else ""
            value = held.get((column, top), "")
            if value:
                cells.extend([""] * (column - len(cells)))
                cells[column - 1] = MERGED + value.removeprefix(MERGED)


def _write(cell: Cell, source: Cell) -> str:
    if source.data_type == "f" and cell.value is None:
        return f"{FORMULA}formula without a value: {source.value}"
    return _write_value(cell)


def _write_value(cell: Cell) -> str:
    value: Any = cell.value
    if value is None:
        return ""
    return f"{ERROR_CELL}{value}" if cell.data_type == "e" else write_value(value)


def write_value(value: Any) -> str:
    """What a careful person would type from the value of a cell."""
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


class _OldWorkbook:
    """XLS."""

    kind: Literal["xlsx", "xls"] = "xls"

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        # Its notes about odd files go nowhere.
        self._book = xlrd.open_workbook(
            file_contents=content, formatting_info=True, logfile=_Silence()
        )

    def choose_sheet(self, sheet: str | None) -> tuple[str, list[str]]:
        names = self._book.sheet_names()
        filled = [name for name in names if self._book.sheet_by_name(name).nrows]
        return _choose(names, filled, sheet)

    def read_rows(self, sheet: str) -> Rows:
        found = self._book.sheet_by_name(sheet)
        merged: _Merged = {}
        for top, bottom, left, right in found.merged_cells:
            _add_merged(merged, (left + 1, top + 1, right, bottom))
        held: dict[tuple[int, int], str] = {}
        try:
            for number in range(found.nrows):
                cells = [self._write(cell) for cell in found.row(number)]
                _fill_merged(number + 1, cells, merged, held)
                yield number + 1, cells
        except _DAMAGE as error:
            raise WorkbookError(_describe_damage(error)) from None

    def _write(self, cell: Any) -> str:
        if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
            return ""
        if cell.ctype == xlrd.XL_CELL_TEXT and cell.value == "":
            # Only a formula leaves an empty text: it gives one, or was never computed.
            return EMPTY_FORMULA
        if cell.ctype == xlrd.XL_CELL_ERROR:
            return ERROR_CELL + str(xlrd.error_text_from_code.get(cell.value, "#ERROR!"))
        if cell.ctype == xlrd.XL_CELL_BOOLEAN:
            return write_value(bool(cell.value))
        if cell.ctype == xlrd.XL_CELL_DATE:
            if cell.value < 1:
                moment = xlrd.xldate_as_datetime(cell.value + 1, self._book.datemode)
                return write_value(moment.time())
            return write_value(xlrd.xldate_as_datetime(cell.value, self._book.datemode))
        return write_value(cell.value)


class _Silence:
    def write(self, text: str) -> None:
        """Nothing is written."""

    def flush(self) -> None:
        """Nothing is kept."""
