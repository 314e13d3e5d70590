"""Turns the columns of a delivered file into the columns of a record, still as text.

A source profile says how; a file in the record's own columns needs none. Identifiers of people
are replaced by keyed hashes in `redact`, before anything is written. Types and rules are judged
in `quality`.
"""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import polars as pl

from data_contracts.loader import (
    ColumnSource,
    Contract,
    ContractError,
    FileProfile,
    SourceProfile,
    load_records,
)
from pipelines.ingest.numbers import read_numbers
from pipelines.ingest.parsing import READ_ERROR, SOURCE_LINE, ParsedTable, UnreadableError
from pipelines.store import Pseudonymizer

SOURCE_COLUMN = "_source_column"
FOOD_BANK_ID = re.compile(r"^[a-z][a-z0-9_]{1,31}$")
EARLIEST_YEAR = 1900


@dataclass(frozen=True)
class Target:
    """One record that a file holds, and the profile that says how (None: its own columns)."""

    contract: Contract
    profile: FileProfile | None


@dataclass(frozen=True)
class MappedRows:
    """Rows of one record as text, with `_source_line`, `_source_column` and `_read_error`."""

    contract: Contract
    frame: pl.DataFrame
    rows_filtered: int


def find_targets(relative_path: str, profile: SourceProfile | None) -> list[Target]:
    """Which records a landing file holds: by the source profile, else by its folder.

    `relative_path` is relative to the food bank's landing folder. Raises UnreadableError where
    neither says so.
    """
    records = load_records()
    matching = [
        file
        for file in (profile.files if profile else [])
        if fnmatch.fnmatchcase(relative_path, file.match)
    ]
    if matching:
        for file in matching:
            _check_profile(file, records)
        repeated = {
            file.record for file in matching if [f.record for f in matching].count(file.record) > 1
        }
        if repeated:
            raise ContractError(f"two profiles of one file give rows of {min(repeated)}")
        if len({_reading(file) for file in matching}) > 1:
            names = " and ".join(file.name for file in matching)
            raise ContractError(f"the profiles {names} of one file read it in different ways")
        return [Target(records[file.record], file) for file in matching]
    folder = PurePosixPath(relative_path).parts[0]
    if folder in records and "/" in relative_path:
        return [Target(records[folder], None)]
    raise UnreadableError(
        "no source profile of this food bank takes a file of this name, and its folder is not"
        f" the name of a record ({', '.join(records)})"
    )


def _reading(profile: FileProfile) -> tuple[object, ...]:
    """What decides the cells: a file is read, redacted and archived once for all its records."""
    return (
        profile.encoding,
        profile.delimiter,
        profile.header_rows,
        profile.skip_rows,
        profile.sheet,
    )


def _check_profile(profile: FileProfile, records: dict[str, Contract]) -> None:
    """Refuse a profile under which identifiers of people would be read past `redact`."""
    if profile.record not in records:
        raise ContractError(f"profile {profile.name}: no record is called {profile.record!r}")
    derived: set[str] = set()
    if profile.unpivot:
        wide = re.compile(profile.unpivot.columns)
        derived = {profile.unpivot.value, profile.unpivot.position, *wide.groupindex}
    for column in records[profile.record].columns:
        source = profile.columns.get(column.name)
        if source and column.is_personal and (source.source is None or source.source in derived):
            raise ContractError(
                f"profile {profile.name}: {column.name} is personal: it must come from one column"
            )


def _known_columns(table: ParsedTable, target: Target) -> dict[str, str]:
    """Source column -> contract column, for the columns that are used; templates keep names."""
    contract, profile = target.contract, target.profile
    if profile is None:
        accepted = {column.name: column.name for column in contract.columns}
        for column in contract.columns:
            if column.is_mass:
                stem = column.name.removesuffix("_kg")
                accepted |= {f"{stem}_quantity": f"{stem}_quantity", f"{stem}_unit": f"{stem}_unit"}
        known = {name: accepted[name.lower()] for name in table.columns if name.lower() in accepted}
        if len(set(known.values())) < len(known):
            twice = next(name for name in known.values() if list(known.values()).count(name) > 1)
            raise UnreadableError(f"the header names {twice} twice, in capitals and small letters")
        return known
    used = dict.fromkeys([*profile.keep_rows, *profile.drop_rows], "")
    personal = {column.name for column in contract.columns if column.is_personal}
    # Personal columns last: a source column that is read twice is still an identifier.
    for name, source in sorted(profile.columns.items(), key=lambda entry: entry[0] in personal):
        if source.source:
            used[source.source] = name
        for part in re.findall(r"\{(\w+)\}", source.template or ""):
            used.setdefault(part, "")
    wide = re.compile(profile.unpivot.columns) if profile.unpivot else None
    return {
        name: used.get(name, "")
        for name in table.columns
        if name in used or (wide and wide.search(name))
    }


def redact(
    table: ParsedTable, targets: list[Target], pseudonymizer: Pseudonymizer
) -> tuple[ParsedTable, list[str], bool]:
    """Drop the columns that nobody knows and replace identifiers of people by keyed hashes.

    Returns the table, the names of the dropped columns, and whether it differs from what was
    delivered (it is then archived as a table, and the bytes are not kept).
    """
    known: dict[str, set[str]] = {}
    for target in targets:
        personal = {column.name for column in target.contract.columns if column.is_personal}
        for name, column in _known_columns(table, target).items():
            known.setdefault(name, set()).update({column} & personal)
    dropped = [name for name in table.columns if name not in known]
    hashed = [name for name, personal in known.items() if personal]
    frame = table.frame.drop(dropped).with_columns(
        _hash_column(table.frame[name], pseudonymizer.hash_identity) for name in hashed
    )
    if hashed:
        frame = frame.with_columns(_withhold_shifted_rows(frame))
    return ParsedTable(frame, table.encoding, table.delimiter), dropped, bool(dropped or hashed)


def _withhold_shifted_rows(frame: pl.DataFrame) -> list[pl.Expr]:
    """In a file about people, a row that does not fit its header may hold a name in any cell."""
    return [
        pl.when(pl.col(READ_ERROR).is_null() | (pl.col(name) == ""))
        .then(pl.col(name))
        .otherwise(pl.format("[withheld, {} characters]", pl.col(name).str.len_chars()))
        .alias(name)
        for name in frame.columns
        if name not in (SOURCE_LINE, READ_ERROR)
    ]


def _hash_column(values: pl.Series, hash_identity: Callable[[str], str]) -> pl.Series:
    distinct = values.unique().to_list()
    hashes = {value: hash_identity(normalise_identity(value)) for value in distinct if value}
    hashes = {value: hashed for value, hashed in hashes.items() if normalise_identity(value)}
    return values.replace_strict(hashes, default="", return_dtype=pl.String)


def normalise_identity(value: str) -> str:
    """One spelling per identifier: NFC, trimmed, without the zeros that spreadsheets lose."""
    trimmed = unicodedata.normalize("NFC", value).strip()
    return trimmed.lstrip("0") or "0" if trimmed.isdecimal() else trimmed


def map_rows(table: ParsedTable, target: Target, food_bank_id: str) -> MappedRows:
    """Give a redacted table the columns of the record.

    Raises UnreadableError where key columns are missing or rows are another food bank's.
    """
    contract, profile = target.contract, target.profile
    known = _known_columns(table, target)
    if profile is None:
        frame = table.frame.rename(known).with_columns(
            pl.lit(None, dtype=pl.String).alias(SOURCE_COLUMN)
        )
        filtered = 0
    else:
        frame, filtered = _apply_profile(table, profile, contract)
    numbers = [
        name
        for name in frame.columns
        if name.endswith("_quantity")
        or (name in {c.name for c in contract.columns if c.logical_type in ("number", "integer")})
    ]
    frame = read_numbers(frame, numbers, profile.decimal if profile else None)
    frame = _check_food_bank(frame, food_bank_id)
    missing = [key for key in contract.keys if key not in frame.columns]
    if missing:
        raise UnreadableError(f"the key column {', '.join(missing)} of {contract.name} is missing")
    return MappedRows(contract, frame, filtered)


def _check_food_bank(frame: pl.DataFrame, food_bank_id: str) -> pl.DataFrame:
    if "food_bank_id" not in frame.columns:
        return frame.with_columns(pl.lit(food_bank_id).alias("food_bank_id"))
    written = pl.col("food_bank_id").str.strip_chars()
    others = frame.filter(
        (written != food_bank_id) & (written != "") & pl.col(READ_ERROR).is_null()
    )
    if others.height:
        name = others["food_bank_id"][0].strip()
        whose = f"the food bank {name!r}" if FOOD_BANK_ID.match(name) else "another food bank"
        raise UnreadableError(
            f"line {others[SOURCE_LINE][0]} is of {whose}, in the folder of {food_bank_id!r}"
        )
    return frame


def _apply_profile(
    table: ParsedTable, profile: FileProfile, contract: Contract
) -> tuple[pl.DataFrame, int]:
    frame = table.frame
    before = frame.height
    for name in [*profile.keep_rows, *profile.drop_rows]:
        if name not in frame.columns:
            raise UnreadableError(f"the column {name!r}, which says which rows count, is missing")
    for name, values in profile.keep_rows.items():
        frame = frame.filter(pl.col(name).str.strip_chars().is_in(values))
    for name, values in profile.drop_rows.items():
        frame = frame.filter(~pl.col(name).str.strip_chars().is_in(values))
    filtered = before - frame.height
    frame = (
        _unpivot(frame, profile)
        if profile.unpivot
        else frame.with_columns(pl.lit(None, dtype=pl.String).alias(SOURCE_COLUMN))
    )
    dates = {column.name for column in contract.columns if column.logical_type == "date"}
    columns = [
        _column_expression(name, source, frame.columns, name in dates).alias(name)
        for name, source in profile.columns.items()
    ]
    return frame.select(*columns, SOURCE_LINE, SOURCE_COLUMN, READ_ERROR), filtered


def _unpivot(frame: pl.DataFrame, profile: FileProfile) -> pl.DataFrame:
    assert profile.unpivot is not None
    pattern = re.compile(profile.unpivot.columns)
    wide = [name for name in frame.columns if pattern.search(name)]
    if not wide:
        raise UnreadableError(f"no column has a name like {profile.unpivot.columns}")
    names = pl.DataFrame(
        [
            {SOURCE_COLUMN: name, profile.unpivot.position: str(number), **found.groupdict()}
            for number, name in enumerate(wide, start=1)
            if (found := pattern.search(name))
        ]
    )
    index = [name for name in frame.columns if name not in wide]
    value = profile.unpivot.value
    long = frame.unpivot(on=wide, index=index, variable_name=SOURCE_COLUMN, value_name=value)
    # A line that does not fit its header stays a row, to be held back, also without a value.
    is_broken = pl.col(READ_ERROR).is_not_null() & (pl.col(SOURCE_COLUMN) == wide[0])
    long = long.filter((pl.col(value).str.strip_chars() != "") | is_broken)
    return long.join(names, on=SOURCE_COLUMN, how="left", maintain_order="left")


def _column_expression(
    name: str, source: ColumnSource, available: list[str], is_date: bool
) -> pl.Expr:
    if source.constant is not None:
        return pl.lit(source.constant)
    if source.template is not None:
        parts = re.split(r"\{(\w+)\}", source.template)
        for part in parts[1::2]:
            _require_column(name, part, available)
        return pl.concat_str(
            pl.col(part).str.strip_chars() if number % 2 else pl.lit(part)
            for number, part in enumerate(parts)
        )
    _require_column(name, source.source or name, available)
    expression = pl.col(source.source or name).str.strip_chars()
    if source.values is not None:
        if source.otherwise is not None:
            other: pl.Expr = (
                pl.when(expression == "").then(pl.lit("")).otherwise(pl.lit(source.otherwise))
            )
        else:
            other = expression
        expression = expression.replace_strict(source.values, default=other, return_dtype=pl.String)
    if source.date_format is not None:
        expression = _read_moment(expression, source.date_format, is_date)
    return expression


def _read_moment(written: pl.Expr, date_format: str, is_date: bool) -> pl.Expr:
    """ISO 8601 text of what is written in `date_format`; what cannot be read stays as it is.

    `24` read as `%Y` would be the year 24: no record is older than EARLIEST_YEAR.
    """
    moment = written.str.strptime(pl.Datetime, date_format, strict=False)
    shape = "%Y-%m-%d" if is_date else "%Y-%m-%dT%H:%M:%S"
    offset = "Z" if "%z" in date_format and not is_date else ""
    text = pl.when(moment.dt.year() >= EARLIEST_YEAR).then(moment.dt.strftime(shape + offset))
    return pl.coalesce(text, written)


def _require_column(name: str, source: str, available: list[str]) -> None:
    if source not in available:
        raise UnreadableError(f"the column {source!r}, from which {name} is read, is missing")
