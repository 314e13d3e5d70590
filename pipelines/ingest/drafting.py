"""Drafts a first source profile from a sample file: what can be told from its cells, and no more.

Dialect, header row, dates, units and the record that fits best are proposed with what they rest on;
what is not known is left for the person who knows the export, in comments. Nothing is guessed
silently: the draft says where two readings are possible.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from itertools import islice
from pathlib import Path

import polars as pl
import yaml

from data_contracts.loader import CONTRACTS_DIR, Column, Contract, load_records, read_yaml
from pipelines.ingest import dates, numbers
from pipelines.ingest.containers import UnreadableError, open_unpacked
from pipelines.ingest.parsing import DELIMITERS, Reading, open_table
from pipelines.ingest.text import TextFile
from pipelines.ingest.workbooks import WorkbookError, open_workbook

SAMPLE_ROWS = 5_000
SEARCHED_ROWS = 30
MIN_LIKENESS = 0.82
MAX_CODES = 15
_UNIT = re.compile(r"\b(kg|kilos?|grammes?|g|tonnes?|t|lbs?|pounds?)\b")
_UNITS = {
    "kg": "kg", "kilo": "kg", "kilos": "kg", "g": "g", "gramme": "g", "grammes": "g",
    "t": "t", "tonne": "t", "tonnes": "t", "lb": "lb", "lbs": "lb", "pound": "lb", "pounds": "lb",
}  # fmt: skip


@dataclass(frozen=True)
class SampleColumn:
    """One column of a sample. `filled`: share of rows with a value; `kind`: what its cells are."""

    name: str
    filled: float
    distinct: int
    kind: str
    note: str
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """A sample file as it was read."""

    skip_rows: int
    delimiter: str
    encoding: str
    columns: tuple[SampleColumn, ...]
    rows: int
    decimal: str | None
    date_order: str | None
    notes: tuple[str, ...]


def draft_profile(path: Path, food_bank_id: str, record: str | None = None) -> str:
    """A source profile as YAML, with what is not known in comments.

    Raises UnreadableError where the file cannot be read, or no record is called `record`.
    """
    records = load_records()
    if record is not None and record not in records:
        raise UnreadableError(f"no record is called {record!r}: {', '.join(records)}")
    sample = read_sample(path)
    contract = records[record] if record else _choose_record(sample)
    return _write(path, food_bank_id, sample, contract)


def read_sample(path: Path) -> Sample:
    """Read the first rows of a file whose header nobody has described."""
    skip_rows, delimiter = _find_header(path)
    reading = Reading(skip_rows=skip_rows, delimiter=delimiter or None)
    frames: list[pl.DataFrame] = []
    with open_table(path, reading) as table:
        for batch in table.batches:
            frames.append(batch)
            if sum(frame.height for frame in frames) >= SAMPLE_ROWS:
                break
        if not frames:
            raise UnreadableError("the file has a header and no row: a sample needs some rows")
        frame = pl.concat(frames).head(SAMPLE_ROWS)
        names, encoding, notes = table.columns, table.encoding(), tuple(table.notes())
    separators = numbers.show_separators(frame, names)
    orders = dates.show_orders(frame, [name for name in names if _is_mostly_days(frame[name])])
    decimal = next(iter(separators)) if len(separators) == 1 else None
    order = next(iter(orders)) if len(orders) == 1 else None
    columns = tuple(_describe(frame[name]) for name in names)
    return Sample(skip_rows, delimiter, encoding, columns, frame.height, decimal, order, notes)


def _find_header(path: Path) -> tuple[int, str]:
    """The row that names most columns among the first ones, and the delimiter of a text file."""
    with open_unpacked(path) as (inner, kind):
        if kind in ("parquet", "jsonl"):
            return 0, ""
        if kind in ("xlsx", "xls"):
            try:
                with open_workbook(inner, kind == "xls") as workbook:
                    sheet, _ = workbook.choose_sheet(None)
                    rows = [cells for _, cells in islice(workbook.read_rows(sheet), SEARCHED_ROWS)]
            except WorkbookError as error:
                raise UnreadableError(str(error)) from None
            return _choose_row(rows), ""
        block = next(TextFile(inner, None).blocks(), None)
    if block is None:
        raise UnreadableError("the file is empty")
    lines = block.text.splitlines(keepends=True)[:SEARCHED_ROWS]
    delimiter = max(DELIMITERS, key=lambda mark: _count_regular(lines, mark))
    rows = [next(csv.reader([line], delimiter=delimiter), []) for line in lines]
    return _choose_row(rows), delimiter


def _count_regular(lines: list[str], delimiter: str) -> tuple[int, int]:
    """How many of the lines have the most common number of cells beyond one, and that number."""
    widths = [line.count(delimiter) for line in lines if line.strip()]
    common = max(set(widths), key=lambda width: (width > 0, widths.count(width)), default=0)
    return (widths.count(common) if common else 0, common)


def _choose_row(rows: list[list[str]]) -> int:
    widest = max((sum(bool(cell.strip()) for cell in row) for row in rows), default=0)
    for number, row in enumerate(rows):
        named = [cell for cell in row if cell.strip()]
        is_text = not any(numbers.list_readings(cell) or dates.list_days(cell) for cell in named)
        if named and len(named) >= 0.8 * widest and is_text:
            return number
    return 0


def _is_mostly_days(cells: pl.Series) -> bool:
    filled = [cell for cell in cells.unique().to_list() if cell]
    days = [cell for cell in filled if dates.list_days(re.split(r"[T ]\d{1,2}[:h]", cell)[0])]
    return bool(filled) and len(days) > 0.8 * len(filled)


def _describe(cells: pl.Series) -> SampleColumn:
    filled = cells.filter(cells.str.strip_chars() != "")
    distinct = filled.unique(maintain_order=True).to_list()
    kind, note = "text", ""
    if not distinct:
        kind = "empty"
    elif _is_mostly_days(filled):
        kind = "day"
        shown = dates.show_orders(pl.DataFrame({"x": filled}), ["x"])
        if dates.needs_reading(pl.DataFrame({"x": filled}), ["x"]):
            ways = ", ".join(sorted(shown)) or "nothing shows which"
            note = f"not ISO; order of day and month: {ways}"
    elif all(numbers.list_readings(cell) for cell in distinct[:500]):
        kind = "number"
        serials = [cell for cell in distinct[:500] if dates.read_serial(cell)]
        if len(serials) > 0.8 * len(distinct[:500]):
            kind, note = "serial", "numbers of the size of spreadsheet days"
    elif len(distinct) <= MAX_CODES and len(distinct) < 0.5 * filled.len():
        kind = "code"
    return SampleColumn(
        cells.name,
        filled.len() / cells.len() if cells.len() else 0.0,
        len(distinct),
        kind,
        note,
        tuple(distinct[: MAX_CODES if kind == "code" else 3]),
    )


def _plain(text: str) -> str:
    """Small letters without accents, marks and brackets: how headings are compared."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    letters = "".join(mark for mark in decomposed if not unicodedata.combining(mark))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", letters.replace("°", " ")).split())


@cache
def _headings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = read_yaml(CONTRACTS_DIR / "headings.yaml")["headings"]
    return found


def _likeness(heading: str, column: Column) -> float:
    """How much a heading looks like a column: by its name, its labels, or how exports call it."""
    written = _plain(heading)
    bare = _UNIT.sub("", written).strip() or written
    known = [column.name.replace("_", " "), column.label_fr, column.label_en]
    known += _headings().get(column.name, [])
    return max(
        SequenceMatcher(None, text, _plain(name)).ratio()
        for text in (written, bare)
        for name in known
    )


_FITS = {
    "day": ("date", "timestamp"),
    "serial": ("date", "timestamp", "number", "integer", "string"),
    "number": ("number", "integer", "string"),
    "code": ("string", "boolean"),
    "text": ("string",),
    "empty": (),
}


def match_columns(sample: Sample, contract: Contract) -> dict[str, SampleColumn]:
    """Contract column -> column of the sample, the best pairs first, each used once."""
    pairs = [
        (_likeness(found.name, column), -number, column.name, found)
        for number, column in enumerate(contract.columns)
        for found in sample.columns
        if column.logical_type in _FITS[found.kind] and column.name != "food_bank_id"
    ]
    matched: dict[str, SampleColumn] = {}
    used: set[str] = set()
    for likeness, _, name, found in sorted(pairs, key=lambda pair: pair[:3], reverse=True):
        if likeness >= MIN_LIKENESS and name not in matched and found.name not in used:
            matched[name] = found
            used.add(found.name)
    return matched


def _choose_record(sample: Sample) -> Contract:
    def fit(contract: Contract) -> tuple[float, int]:
        matched = match_columns(sample, contract)
        required = [c.name for c in contract.columns if c.is_required and c.name != "food_bank_id"]
        return sum(name in matched for name in required) / len(required), len(matched)

    return max(load_records().values(), key=fit)


def _quote(value: str) -> str:
    """One YAML scalar on one line."""
    text = yaml.safe_dump(value, allow_unicode=True, default_style='"', width=10_000)
    return text.split("\n", 1)[0]


def _write(path: Path, food_bank_id: str, sample: Sample, contract: Contract) -> str:
    matched = match_columns(sample, contract)
    used = {found.name for found in matched.values()}
    lines = [
        f"# Drafted from {_quote(path.name)} ({sample.rows} rows read). Look at each `?`, then:",
        "#   collecto contracts check",
        f"food_bank_id: {food_bank_id}",
        "version: 0.1.0",
        "timezone: Europe/Paris",
        "",
        "files:",
        "  - name: sample",
        f"    match: {_quote('*' + path.suffix)}  # ? which files are written so",
        f"    record: {contract.name}  # {contract.description}",
    ]
    if sample.encoding in ("utf-8", "cp1252"):
        lines.append(f"    encoding: {sample.encoding}")
    if sample.delimiter:
        lines.append(f"    delimiter: {_quote(sample.delimiter)}")
    if sample.skip_rows:
        lines.append(f"    skip_rows: {sample.skip_rows}  # lines above the header")
    lines += _write_evidence(sample)
    lines += [f"    # note: {' '.join(note.split())}" for note in sample.notes]
    lines.append("    columns:")
    for column in contract.columns:
        found = matched.get(column.name)
        if found is not None:
            lines += _write_column(column, found)
    if "unit" in {c.name for c in contract.columns} and "unit" not in matched:
        measured = matched.get("quantity")
        lines.append(f"      unit: {{constant: {_find_unit(measured)}}}")
    lines += _write_missing(contract, matched)
    lines += _write_unmapped(column for column in sample.columns if column.name not in used)
    return "\n".join(lines) + "\n"


def _write_evidence(sample: Sample) -> list[str]:
    lines = []
    if any(column.kind == "number" for column in sample.columns) and sample.decimal:
        lines.append(f"    decimal: {_quote(sample.decimal)}")
    elif any(column.kind == "number" for column in sample.columns):
        lines.append("    # decimal: ? nothing in the sample shows the decimal separator")
    odd = [column for column in sample.columns if column.kind == "day" and column.note]
    if odd and sample.date_order:
        lines.append(f"    date_order: {sample.date_order}")
    elif odd:
        lines.append("    # date_order: ? dmy or mdy: no day of the sample shows which")
    return lines


def _write_column(column: Column, found: SampleColumn) -> list[str]:
    note = f"  # {found.note}" if found.note else ""
    if column.codes and found.kind in ("code", "text"):
        values = ", ".join(
            f"{_quote(written)}: {_find_code(written, column)}" for written in found.examples
        )
        return [
            f"      {column.name}:",
            f"        source: {_quote(found.name)}",
            f"        values: {{{values}}}  # ? codes: {', '.join(column.codes)}",
        ]
    return [f"      {column.name}: {{source: {_quote(found.name)}}}{note}"]


def _find_code(written: str, column: Column) -> str:
    """The code that a value spells; else the value itself, for somebody to map."""
    likeness = {
        code: SequenceMatcher(None, _plain(written), _plain(code)).ratio() for code in column.codes
    }
    best = max(likeness, key=lambda code: likeness[code])
    return best if likeness[best] >= MIN_LIKENESS else _quote(written)


def _find_unit(measured: SampleColumn | None) -> str:
    found = _UNIT.search(_plain(measured.name)) if measured else None
    return f"{_UNITS[found[1]]}" if found else "kg"


def _write_missing(contract: Contract, matched: dict[str, SampleColumn]) -> list[str]:
    names = {c.name for c in contract.columns}
    missing = [
        column
        for column in contract.columns
        if column.is_required
        and column.name not in {*matched, "food_bank_id"}
        and not (column.name == "unit" and "quantity" in names)
    ]
    if not missing:
        return []
    lines = ["      # ? required, and nothing in the sample looks like it:"]
    return lines + [f"      # {c.name}: {{constant: ...}}  # {c.label_fr}" for c in missing]


def _write_unmapped(columns: Iterable[SampleColumn]) -> list[str]:
    found = list(columns)
    if not found:
        return []
    lines = ["    # Columns of the sample that nothing takes (they are dropped and never stored):"]
    for column in found:
        # Values may be somebody's name: only what the cells are is written, not what they say.
        text = f"{column.filled:.0%} filled, {column.distinct} different, {column.kind}"
        lines.append(f"    #   {_quote(column.name)}: {text}")
    return lines
