"""Reads the bytes of a delivered file into a table of text with line numbers.

Every cell stays text here: nothing is typed, guessed or dropped. Column names and meanings belong
in `mapping`, rules in `quality`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import polars as pl

from pipelines.ingest.workbooks import WorkbookError, is_workbook, read_sheet

MAX_BYTES = 4_000_000_000
MAX_FIELD_CHARACTERS = 100_000
MAX_COLUMNS = 2_000
SOURCE_LINE = "_source_line"
READ_ERROR = "_read_error"

_SIGNATURES = {
    b"PK\x03\x04": "a zip archive",
    b"\xd0\xcf\x11\xe0": "a workbook of the old format (XLS)",
    b"\x1f\x8b": "a gzip archive",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF",
}


class UnreadableError(Exception):
    """The file cannot be read at all; the message is one sentence for the person who sent it."""


@dataclass(frozen=True)
class ParsedTable:
    """Cells as text.

    `frame`: one column per header cell, then `_source_line` (line of the file where the row
    ends; in a workbook, of the sheet) and `_read_error` (why the row does not fit its header, or
    null). `encoding` and `delimiter` of a workbook: `xlsx` and the name of its sheet, if it was
    asked for by name.
    """

    frame: pl.DataFrame
    encoding: str
    delimiter: str

    @property
    def columns(self) -> list[str]:
        return [name for name in self.frame.columns if name not in (SOURCE_LINE, READ_ERROR)]


def decode(content: bytes, encoding: str | None) -> tuple[str, str]:
    """Decode a text file: the declared encoding, else UTF-8, else cp1252.

    Returns text and encoding. Raises UnreadableError where neither fits.
    """
    for signature, what in _SIGNATURES.items():
        if content.startswith(signature):
            raise UnreadableError(f"the file is {what}; save it as CSV or XLSX and send it again")
    if b"\x00" in content:
        raise UnreadableError("the file is not text (it holds NUL bytes); save it as CSV or XLSX")
    candidates = [encoding] if encoding else ["utf-8", "cp1252"]
    for candidate in candidates:
        try:
            return content.decode("utf-8-sig" if candidate == "utf-8" else candidate), candidate
        except UnicodeDecodeError:
            continue
    raise UnreadableError(f"the file is not encoded in {' or '.join(candidates)}")


def parse_table(
    content: bytes,
    *,
    encoding: str | None = None,
    delimiter: Literal[",", ";"] | None = None,
    header_rows: int = 1,
    skip_rows: int = 0,
    sheet: str | None = None,
) -> ParsedTable:
    """Parse a workbook (XLSX, known by its content) or CSV (RFC 4180, `,` or `;`).

    `skip_rows` lines stand above the header; its first row names the columns. A row with another
    number of cells than the header is kept, with `_read_error`.
    Raises UnreadableError where the file has no usable header or is neither.
    """
    if not content.strip():
        raise UnreadableError("the file is empty")
    if is_workbook(content):
        return _parse_workbook(content, sheet, skip_rows, header_rows)
    text, found_encoding = decode(content, encoding)
    stream = io.StringIO(text, newline="")
    for _ in range(skip_rows):
        stream.readline()
    body = stream.read()
    first_line = body.split("\n", 1)[0]
    separator = delimiter or (";" if first_line.count(";") > first_line.count(",") else ",")
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True)
    try:
        names = _check_header(_read_headers(reader, header_rows, skip_rows)[0])
        frame = _parse_plain(body, separator, names, header_rows)
        if frame is None:
            frame = _parse_rows(((reader.line_num, cells) for cells in reader), names)
    except csv.Error as error:
        line = reader.line_num + skip_rows
        raise UnreadableError(f"line {line} is not CSV: {error}") from None
    frame = frame.with_columns(pl.col(SOURCE_LINE) + skip_rows)
    return ParsedTable(frame, found_encoding, separator)


def _parse_workbook(
    content: bytes, sheet: str | None, skip_rows: int, header_rows: int
) -> ParsedTable:
    try:
        rows = read_sheet(content, sheet)
        cells = (cells for _, cells in islice(rows, skip_rows, None))
        names = _check_header(_read_headers(cells, header_rows, skip_rows)[0])
        # Cells that were never filled in are not stored: a short row is a whole one.
        padded = ((number, [*row, *[""] * (len(names) - len(row))]) for number, row in rows)
        frame = _parse_rows(padded, names)
    except WorkbookError as error:
        raise UnreadableError(str(error)) from None
    return ParsedTable(frame, "xlsx", sheet or "")


def _read_headers(rows: Iterator[list[str]], header_rows: int, skip_rows: int) -> list[list[str]]:
    headers = list(islice(rows, header_rows))
    if len(headers) < header_rows:
        where = f" after the first {skip_rows} lines" if skip_rows else ""
        raise UnreadableError(f"the file has fewer than {header_rows} header rows{where}")
    return headers


def _check_header(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if len(names) > MAX_COLUMNS:
        raise UnreadableError(f"the header has more than {MAX_COLUMNS} columns")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if not names or not all(names) or repeated:
        # The names are not quoted: in a file without a header they would be somebody's values.
        same = [str(place) for place, name in enumerate(names, start=1) if name in repeated[-1:]]
        what = (
            f"gives columns {' and '.join(same)} one name"
            if names and all(names)
            else "has empty cells"
        )
        raise UnreadableError(f"the header {what}; each column needs a name of its own")
    reserved = [name for name in names if name in (SOURCE_LINE, READ_ERROR)]
    if reserved:
        raise UnreadableError(f"the header uses the reserved name {reserved[0]!r}")
    return names


def _parse_plain(
    text: str, separator: str, names: list[str], header_rows: int
) -> pl.DataFrame | None:
    """Read a file without quotes whose rows all have the header's cells; None for others."""
    if '"' in text or "\r" in text.replace("\r\n", "\n") or len(names) < 2:
        return None
    parts = text.replace("\r\n", "\n").split("\n", header_rows)
    body = parts[header_rows] if len(parts) > header_rows else ""
    lines = body.count("\n") + (0 if body.endswith("\n") or not body else 1)
    if not lines or "\n\n" in body or body.startswith("\n"):
        return None
    if body.count(separator) != lines * (len(names) - 1):
        return None
    try:
        frame = pl.read_csv(
            io.BytesIO(body.encode()),
            has_header=False,
            separator=separator,
            quote_char=None,
            infer_schema=False,
            empty_string_is_null=False,
            raise_if_empty=False,
        )
    except pl.exceptions.PolarsError:
        return None
    if frame.shape != (lines, len(names)) or frame.null_count().sum_horizontal().item():
        return None
    is_blank = pl.all_horizontal(pl.all() == "").any().alias("blank")
    longest = pl.max_horizontal(pl.all().str.len_chars().max()).alias("longest")
    blank, length = frame.select(is_blank, longest).row(0)
    if blank or length > MAX_FIELD_CHARACTERS:
        return None
    frame.columns = names
    return frame.with_columns(
        pl.int_range(header_rows + 1, header_rows + lines + 1, dtype=pl.Int64).alias(SOURCE_LINE),
        pl.lit(None, dtype=pl.String).alias(READ_ERROR),
    )


def _parse_rows(rows: Iterator[tuple[int, list[str]]], names: list[str]) -> pl.DataFrame:
    width = len(names)
    columns: list[list[str]] = [[] for _ in names]
    lines: list[int] = []
    errors: list[str | None] = []
    for line, cells in rows:
        if not any(cells):
            continue
        error = None
        if (len(cells) > width and any(cells[width:])) or len(cells) < width:
            error = f"{len(cells)} cells where the header has {width}"
        if any(len(cell) > MAX_FIELD_CHARACTERS for cell in cells):
            error = f"a cell is longer than {MAX_FIELD_CHARACTERS} characters"
        padded = [*cells[:width], *[""] * (width - len(cells))]
        for column, cell in zip(columns, padded, strict=True):
            column.append(cell)
        lines.append(line)
        errors.append(error)
    data = dict(zip(names, columns, strict=True))
    return pl.DataFrame(
        {**data, SOURCE_LINE: lines, READ_ERROR: errors},
        schema={
            **dict.fromkeys(names, pl.String()),
            SOURCE_LINE: pl.Int64(),
            READ_ERROR: pl.String(),
        },
    )
