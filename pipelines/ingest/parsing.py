"""Reads the bytes of a delivered file into a table of text with line numbers.

Every cell stays text here: nothing is typed, guessed or dropped. Column names and meanings belong
in `mapping`, rules in `quality`.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

if TYPE_CHECKING:
    from _csv import _reader as _Reader

MAX_BYTES = 4_000_000_000
MAX_COLUMNS = 2_000
MAX_FIELD_CHARACTERS = 100_000
SOURCE_LINE = "_source_line"
READ_ERROR = "_read_error"

_SIGNATURES = {
    b"PK\x03\x04": "a zip archive or a workbook (XLSX)",
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
    ends) and `_read_error` (why the row does not fit its header, or null).
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
            raise UnreadableError(f"the file is {what}; save it as CSV and send it again")
    if b"\x00" in content:
        raise UnreadableError("the file is not text (it holds NUL bytes); save it as CSV")
    candidates = [encoding] if encoding else ["utf-8", "cp1252"]
    for candidate in candidates:
        try:
            return content.decode("utf-8-sig" if candidate == "utf-8" else candidate), candidate
        except UnicodeDecodeError:
            continue
    raise UnreadableError(f"the file is not encoded in {' or '.join(candidates)}")


def parse_csv(
    content: bytes,
    *,
    encoding: str | None = None,
    delimiter: Literal[",", ";"] | None = None,
    header_rows: int = 1,
) -> ParsedTable:
    """Parse CSV bytes (RFC 4180, `,` or `;`). The first header row names the columns.

    A row with another number of cells than the header is kept, with `_read_error`.
    Raises UnreadableError where the file has no usable header or is not text.
    """
    if not content.strip():
        raise UnreadableError("the file is empty")
    text, found_encoding = decode(content, encoding)
    first_line = text.split("\n", 1)[0]
    separator = delimiter or (";" if first_line.count(";") > first_line.count(",") else ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        headers = [next(reader) for _ in range(header_rows)]
        names = _check_header(headers[0])
        fast = _parse_plain(text, separator, names, header_rows)
        frame = fast if fast is not None else _parse_rows(reader, names)
    except StopIteration:
        raise UnreadableError(f"the file has fewer than {header_rows} header rows") from None
    except csv.Error as error:
        raise UnreadableError(f"line {reader.line_num} is not CSV: {error}") from None
    return ParsedTable(frame, found_encoding, separator)


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


def _parse_rows(reader: _Reader, names: list[str]) -> pl.DataFrame:
    width = len(names)
    columns: list[list[str]] = [[] for _ in names]
    lines: list[int] = []
    errors: list[str | None] = []
    for cells in reader:
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
        lines.append(reader.line_num)
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
