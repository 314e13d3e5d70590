"""Reads a delivered file into batches of text cells with line numbers.

Every cell stays text here: nothing is typed, guessed or dropped. What a file is, is told by its
content (`containers`); column names and meanings belong in `mapping`, rules in `quality`.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ingest.containers import UnreadableError, open_unpacked
from pipelines.ingest.marks import ANY, MAX_FIELD_CHARACTERS, has_mark, settle_marks
from pipelines.ingest.text import Block, TextFile
from pipelines.ingest.workbooks import WorkbookError, WorkbookFile, open_workbook

MAX_COLUMNS = 2_000
MAX_RECORD_LINES = 300
MAX_BROKEN_LINES = 5_000
HEADER_SEARCH_ROWS = 30
BATCH_ROWS = 50_000
SOURCE_LINE = "_source_line"
READ_ERROR = "_read_error"
DELIMITERS = (",", ";", "\t", "|")

_ODD = re.compile(f'["\x00]|{ANY}')
_SEPARATOR_HINT = re.compile(r"^sep=(.)\r?\n", re.IGNORECASE)
_EXPONENT = re.compile(r"[+-]?\d+(\.\d+)?[eE][+-]?\d+")


@dataclass(frozen=True)
class Reading:
    """What decides the cells of a file; None where its content decides.

    `expected`: names that the header has; it is then found among the first rows (title lines may
    stand above it). `skip_rows` lines above the header are skipped unread where it is given.
    """

    encoding: str | None = None
    delimiter: str | None = None
    header_rows: int = 1
    skip_rows: int | None = None
    sheet: str | None = None
    expected: frozenset[str] = frozenset()
    ignores_case: bool = False

    def holds_expected(self, cells: Sequence[str]) -> bool:
        return bool(self.expected) and self.expected <= self._names(cells)

    def count_expected(self, cells: Sequence[str]) -> int:
        return len(self.expected & self._names(cells))

    def _names(self, cells: Sequence[str]) -> set[str]:
        return {cell.strip().lower() if self.ignores_case else cell.strip() for cell in cells}


@dataclass
class Table:
    """A file that is being read: batches with one column per header cell, `_source_line` and
    `_read_error`.

    `_source_line` is the line of the file where the row ends (in a workbook, of the sheet),
    `_read_error` why a row cannot be taken as it stands. `encoding`, `notes` and
    `unterminated_line` (number of a last line without line end) are whole once the batches are.
    """

    columns: list[str]
    encoding: Callable[[], str]
    delimiter: str
    batches: Iterator[pl.DataFrame]
    notes: Callable[[], list[str]] = lambda: []
    unterminated_line: Callable[[], int | None] = lambda: None


@dataclass(frozen=True)
class ParsedTable:
    """A whole table in memory; see `Table` for its columns."""

    frame: pl.DataFrame
    encoding: str
    delimiter: str
    notes: tuple[str, ...] = ()
    unterminated_line: int | None = None

    @property
    def columns(self) -> list[str]:
        return list_columns(self.frame)


def list_columns(frame: pl.DataFrame) -> list[str]:
    """The columns that were delivered, without line and error."""
    return [name for name in frame.columns if name not in (SOURCE_LINE, READ_ERROR)]


@contextmanager
def open_table(path: Path, reading: Reading) -> Iterator[Table]:
    """Open a delivered file of any format that is read.

    Raises UnreadableError, also while batches are read, where it has no usable header or is none.
    """
    if not path.stat().st_size:
        raise UnreadableError("the file is empty")
    with open_unpacked(path) as (inner, kind):
        if not inner.stat().st_size:
            raise UnreadableError("the file in the archive is empty")
        try:
            if kind in ("xlsx", "xls"):
                with open_workbook(inner, kind == "xls") as workbook:
                    yield _open_sheet(workbook, reading)
            elif kind == "parquet":
                yield _open_parquet(inner)
            elif kind == "jsonl":
                yield _open_json_lines(inner, reading)
            else:
                yield _open_csv(inner, reading)
        except WorkbookError as error:
            raise UnreadableError(str(error)) from None


def parse_table(content: bytes, **options: Any) -> ParsedTable:
    """Parse a small file whole; `options` are those of `Reading`."""
    with tempfile.NamedTemporaryFile() as handle:
        handle.write(content)
        handle.flush()
        with open_table(Path(handle.name), Reading(**options)) as table:
            return collect(table)


def collect(table: Table) -> ParsedTable:
    """All batches of a table as one."""
    frames = list(table.batches)
    frame = pl.concat(frames) if frames else _empty_frame(table.columns)
    frame = settle_marks(frame, table.columns, frozenset(), READ_ERROR)
    return ParsedTable(
        frame, table.encoding(), table.delimiter, tuple(table.notes()), table.unterminated_line()
    )


def _empty_frame(names: list[str]) -> pl.DataFrame:
    return pl.DataFrame(schema=_schema(names))


def _schema(names: list[str]) -> dict[str, Any]:
    return {
        **dict.fromkeys(names, pl.String()),
        SOURCE_LINE: pl.Int64(),
        READ_ERROR: pl.String(),
    }


# CSV


def _open_csv(path: Path, reading: Reading) -> Table:
    file = TextFile(path, reading.encoding)
    blocks = file.blocks()
    try:
        first = next(blocks)
    except StopIteration:
        raise UnreadableError("the file is empty") from None
    if not first.text.strip():
        raise UnreadableError("the file is empty")
    header = _find_header(first, reading)
    names = check_header(header.cells)
    rest = Block("".join(header.rest), header.next_line)
    last_line = rest.first_line
    lines = _Lines(chain([rest], blocks))

    def batches() -> Iterator[pl.DataFrame]:
        nonlocal last_line
        broken = 0
        while (block := lines.next_block()) is not None:
            frame = _parse_plain(block, header.delimiter, names)
            if frame is None:
                lines.load(block)
                for frame in _parse_lines(lines, header.delimiter, names):
                    broken += int(frame[READ_ERROR].str.starts_with(_BROKEN_QUOTES).sum() or 0)
                    if broken > MAX_BROKEN_LINES:
                        raise UnreadableError(
                            f"the quotes of more than {MAX_BROKEN_LINES} lines do not close"
                        )
                    yield frame
            else:
                yield frame
        last_line = lines.last_line

    return Table(
        names,
        lambda: file.encoding,
        header.delimiter,
        batches(),
        lambda: file.notes,
        lambda: last_line if file.is_unterminated else None,
    )


@dataclass
class _Header:
    cells: list[str]
    delimiter: str
    rest: list[str]
    next_line: int


def _find_header(block: Block, reading: Reading) -> _Header:
    """The header among the first lines, the delimiter that it shows, and what follows it."""
    lines = list(io.StringIO(block.text, newline=""))
    start, delimiter = 0, reading.delimiter
    hint = _SEPARATOR_HINT.match(block.text)
    if hint:
        start, delimiter = 1, delimiter or hint[1]
    start += reading.skip_rows or 0
    candidates = [delimiter] if delimiter else list(DELIMITERS)
    is_searched = reading.skip_rows is None
    best: tuple[int, int, int, str] | None = None
    for candidate in candidates:
        for number, (line, cells) in enumerate(_first_records(lines[start:], candidate)):
            hits = reading.count_expected(cells)
            is_whole = reading.holds_expected(cells)
            if number and not (is_searched and is_whole):
                continue
            rank = (int(is_whole) * 1000 + hits, -number, lines[start + line].count(candidate))
            if best is None or rank > best[:3]:
                best = (*rank, candidate)
            if is_whole:
                break
    if best is None:
        where = f" after the first {start} lines" if start else ""
        raise UnreadableError(f"the file has fewer than {reading.header_rows} header rows{where}")
    chosen = best[3]
    records = _first_records(lines[start:], chosen)
    first = next(islice(records, -best[1], None))
    at = start + first[0]
    reader = csv.reader(lines[at:], delimiter=chosen, strict=True)
    try:
        headers = list(islice(reader, reading.header_rows))
    except csv.Error as error:
        raise UnreadableError(f"line {at + reader.line_num} is not CSV: {error}") from None
    if len(headers) < reading.header_rows:
        where = f" after the first {at} lines" if at else ""
        raise UnreadableError(f"the file has fewer than {reading.header_rows} header rows{where}")
    end = at + reader.line_num
    return _Header(headers[0], chosen, lines[end:], block.first_line + end)


def _first_records(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The first records, as far as they can be told, each with the place of its first line."""
    reader = csv.reader(lines, delimiter=delimiter)
    place = 0
    try:
        for cells in islice(reader, HEADER_SEARCH_ROWS):
            yield place, cells
            place = reader.line_num
    except csv.Error:
        return


class _Lines:
    """Physical lines of a file with their numbers; a line can be given back."""

    def __init__(self, blocks: Iterator[Block]) -> None:
        self._blocks = blocks
        self._pending: deque[str] = deque()
        self.number = 0
        self.last_line = 0

    def next_block(self) -> Block | None:
        for block in self._blocks:
            if block.text:
                lines = block.text.count("\n") + (not block.text.endswith(("\n", "\r")))
                self.last_line = block.first_line + max(lines, 1) - 1
                return block
        return None

    def load(self, block: Block) -> None:
        """Take the lines of a block, to be read one by one."""
        self._pending.extend(io.StringIO(block.text, newline=""))
        self.number = block.first_line - 1

    @property
    def is_empty(self) -> bool:
        return not self._pending

    def take(self) -> str | None:
        """The next line, of the next block where a quoted cell goes on in it."""
        if not self._pending:
            block = self.next_block()
            if block is None:
                return None
            self._pending.extend(io.StringIO(block.text, newline=""))
        self.number += 1
        self.last_line = max(self.last_line, self.number)
        return self._pending.popleft()

    def give_back(self, lines: list[str]) -> None:
        self._pending.extendleft(reversed(lines))
        self.number -= len(lines)


_BROKEN_QUOTES = "the quotes of this line do not close"


def _read_records(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """Last line, cells and error of each record until the loaded lines are used up.

    A line whose quotes do not close is a broken row of its own; the next line starts afresh.
    """
    taken: list[str] = []

    def feed() -> Iterator[str]:
        while (line := lines.take()) is not None:
            taken.append(line)
            if len(taken) > MAX_RECORD_LINES:
                raise csv.Error("a cell that goes on for too many lines")
            yield line

    while not lines.is_empty:
        reader = csv.reader(feed(), delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                yield lines.number, cells, None
                taken.clear()
                if lines.is_empty:
                    return
        except csv.Error as error:
            lines.give_back(taken[1:])
            reason = f"a cell is longer than {MAX_FIELD_CHARACTERS} characters"
            if "field larger" not in str(error):
                reason = f"{_BROKEN_QUOTES} ({error})"
            try:
                cells = next(csv.reader(taken[:1], delimiter=delimiter), [])
            except csv.Error:
                cells = []
            yield lines.number, cells, reason
            taken.clear()


def _parse_lines(lines: _Lines, delimiter: str, names: list[str]) -> Iterator[pl.DataFrame]:
    records = _read_records(lines, delimiter)
    while batch := list(islice(records, BATCH_ROWS)):
        yield make_frame(batch, names)


def make_frame(
    records: Sequence[tuple[int, list[str], str | None]], names: list[str]
) -> pl.DataFrame:
    """Records as a batch: blank ones left out, those that do not fit the header with a reason."""
    width = len(names)
    rows: list[list[str]] = []
    lines: list[int] = []
    errors: list[str | None] = []
    for line, cells, error in records:
        if not any(cells) and error is None:
            continue
        if error is None and (len(cells) < width or (len(cells) > width and any(cells[width:]))):
            error = f"{len(cells)} cells where the header has {width}"
        if len(cells) != width:
            cells = [*cells[:width], *[""] * (width - len(cells))]
        rows.append(cells)
        lines.append(line)
        errors.append(error)
    columns = list(zip(*rows, strict=True)) if rows else [()] * width
    return pl.DataFrame(
        {**dict(zip(names, columns, strict=True)), SOURCE_LINE: lines, READ_ERROR: errors},
        schema=_schema(names),
    )


def check_header(cells: Sequence[str]) -> list[str]:
    """The names of the columns. Raises UnreadableError where they cannot be told apart."""
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if len(names) > MAX_COLUMNS:
        raise UnreadableError(f"the header has more than {MAX_COLUMNS} columns")
    if any(has_mark(name) for name in names):
        raise UnreadableError("the header cannot be decoded: save the file in UTF-8")
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


def _parse_plain(block: Block, separator: str, names: list[str]) -> pl.DataFrame | None:
    """Read lines without quotes that all have the header's cells; None for others."""
    text = block.text.replace("\r\n", "\n") if "\r" in block.text else block.text
    if _ODD.search(text) or "\r" in text or len(names) < 2:
        return None
    lines = text.count("\n") + (0 if text.endswith("\n") or not text else 1)
    if not lines or "\n\n" in text or text.startswith("\n"):
        return None
    if text.count(separator) != lines * (len(names) - 1):
        return None
    try:
        frame = pl.read_csv(
            io.BytesIO(text.encode()),
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
    first = block.first_line
    return frame.with_columns(
        pl.int_range(first, first + lines, dtype=pl.Int64).alias(SOURCE_LINE),
        pl.lit(None, dtype=pl.String).alias(READ_ERROR),
    )


# Workbooks


def _open_sheet(workbook: WorkbookFile, reading: Reading) -> Table:
    sheet, others = workbook.choose_sheet(reading.sheet)
    rows = workbook.read_rows(sheet)
    start = reading.skip_rows or 0
    head = list(islice(rows, start + HEADER_SEARCH_ROWS))
    place = start
    if reading.skip_rows is None:
        found = [at for at, (_, cells) in enumerate(head) if reading.holds_expected(cells)]
        place = found[0] if found else 0
    headers = [cells for _, cells in head[place : place + reading.header_rows]]
    if len(headers) < reading.header_rows:
        where = f" after the first {place} lines" if place else ""
        raise UnreadableError(f"the file has fewer than {reading.header_rows} header rows{where}")
    names = check_header(headers[0])
    width = len(names)

    def batches() -> Iterator[pl.DataFrame]:
        # Cells that were never filled in are not stored: a short row is a whole one.
        records = (
            (number, [*cells, *[""] * (width - len(cells))], None)
            for number, cells in chain(head[place + reading.header_rows :], rows)
        )
        while batch := list(islice(records, BATCH_ROWS)):
            yield make_frame(batch, names)

    note = f"the workbook has other sheets, which were not read: {', '.join(others)}"
    is_said = bool(others) and reading.sheet is None
    return Table(
        names,
        lambda: workbook.kind,
        reading.sheet or "",
        batches(),
        lambda: [note] if is_said else [],
    )


# JSON lines


def _open_json_lines(path: Path, reading: Reading) -> Table:
    file = TextFile(path, reading.encoding)
    names: dict[str, None] = {}
    for _, row, _ in _read_objects(file):
        names.update(dict.fromkeys(row))
        if len(names) > MAX_COLUMNS:
            raise UnreadableError(f"the objects have more than {MAX_COLUMNS} names")
    columns = check_header(list(names))
    again = TextFile(path, reading.encoding)
    last = 0

    def batches() -> Iterator[pl.DataFrame]:
        nonlocal last
        objects = _read_objects(again)
        while batch := list(islice(objects, BATCH_ROWS)):
            last = batch[-1][0]
            records = [
                (line, [row.get(name, "") for name in columns], error) for line, row, error in batch
            ]
            yield make_frame(records, columns)

    # An object cut in two is no JSON: a last line without line end hides nothing.
    return Table(columns, lambda: again.encoding, "", batches(), lambda: again.notes)


def _read_objects(file: TextFile) -> Iterator[tuple[int, dict[str, str], str | None]]:
    for block in file.blocks():
        for number, line in enumerate(block.text.split("\n"), start=block.first_line):
            if not line.strip():
                continue
            try:
                found = json.loads(
                    line,
                    parse_float=str,
                    parse_int=str,
                    parse_constant=str,
                    object_pairs_hook=_check_names,
                )
                if not isinstance(found, dict):
                    raise ValueError("it is no object")
                yield number, _flatten(found), None
            except (ValueError, RecursionError) as error:
                yield number, {}, f"the line is not JSON ({error})"


def _check_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("a name stands twice")
    return names


def _flatten(found: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Names of nested objects are joined by a point, lists by `|`."""
    flat: dict[str, str] = {}
    for name, value in found.items():
        full = f"{prefix}{name}"
        if isinstance(value, dict):
            flat |= _flatten(value, f"{full}.")
        elif isinstance(value, list):
            if any(isinstance(part, (dict, list)) or "|" in str(part) for part in value):
                raise ValueError(f"{full} is a list that cannot be written as one cell")
            flat[full] = "|".join(_write_scalar(part) for part in value)
        else:
            flat[full] = _write_scalar(value)
    return flat


def _write_scalar(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


# Parquet


def _open_parquet(path: Path) -> Table:
    try:
        file = pq.ParquetFile(path)
        total = sum(
            file.metadata.row_group(number).total_byte_size
            for number in range(file.metadata.num_row_groups)
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = "encrypted" if "encrypt" in str(error).lower() else "cut or damaged"
        raise UnreadableError(f"the Parquet file is {reason}; send it again") from None
    names = check_header(list(file.schema_arrow.names))
    nested = [
        entry.name
        for entry in file.schema_arrow
        if pa.types.is_nested(entry.type) or pa.types.is_binary(entry.type)
    ]
    if nested:
        raise UnreadableError(f"the column {nested[0]!r} holds no text, number or date")
    if total > 20 * max(path.stat().st_size, 10_000_000) * 10:
        raise UnreadableError(f"the Parquet file unpacks to {total // 1_000_000} MB")

    def batches() -> Iterator[pl.DataFrame]:
        first = 1
        try:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield _as_text(batch, names, first)
                first += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise UnreadableError(
                f"the Parquet file is damaged ({type(error).__name__}); send it again"
            ) from None

    return Table(names, lambda: "parquet", "", batches())


def _as_text(batch: pa.RecordBatch, names: list[str], first_row: int) -> pl.DataFrame:
    columns = {}
    for name, column in zip(names, batch.columns, strict=True):
        if pa.types.is_timestamp(column.type):
            has_zone = column.type.tz is not None
            written = pl.Series(pl.from_arrow(column.cast(pa.timestamp("us", column.type.tz))))
            shape = "%Y-%m-%dT%H:%M:%S%.f" + ("Z" if has_zone else "")
            if has_zone:
                written = written.dt.convert_time_zone("UTC")
            text = written.dt.strftime(shape)
        elif pa.types.is_dictionary(column.type):
            text = pl.Series(pl.from_arrow(column.dictionary_decode().cast(pa.string())))
        else:
            text = pl.Series(pl.from_arrow(column.cast(pa.string())))
        if pa.types.is_floating(column.type):
            text = _without_exponents(text)
        columns[name] = text.fill_null("")
    frame = pl.DataFrame(columns).with_columns(
        pl.int_range(first_row, first_row + batch.num_rows, dtype=pl.Int64).alias(SOURCE_LINE),
        pl.lit(None, dtype=pl.String).alias(READ_ERROR),
    )
    is_blank = pl.all_horizontal(pl.col(names) == "")
    return frame.filter(~is_blank)


def _without_exponents(text: pl.Series) -> pl.Series:
    """1e-05 is written 0.00001: as a person would, and as rules read it."""
    odd = [cell for cell in text.unique().to_list() if cell and _EXPONENT.fullmatch(cell)]
    if not odd:
        return text
    plain = {cell: format(Decimal(cell), "f") for cell in odd}
    return text.replace(list(plain), list(plain.values()))
