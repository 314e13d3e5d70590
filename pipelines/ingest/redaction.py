"""Replaces identifiers of people by keyed hashes and drops the columns that nobody knows.

What leaves here may be written to disk; nothing of a personal file is written before.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import polars as pl

from pipelines.ingest.marks import settle_marks
from pipelines.ingest.parsing import READ_ERROR, SOURCE_LINE, ParsedTable
from pipelines.ingest.targets import Target, known_columns
from pipelines.store import PSEUDONYM_PREFIX, Pseudonymizer

_PSEUDONYM = re.compile(rf"{PSEUDONYM_PREFIX}(\d{{1,3}}):([0-9a-f]{{32}})")


class Redaction:
    """Drops the columns that nobody knows and replaces identifiers of people by keyed hashes.

    Made once for a header, applied to each batch. `dropped`: names of the columns that are not
    kept; `differs`: whether what is kept differs from what was delivered (it is then archived as a
    table, and the bytes are not kept).
    """

    def __init__(
        self, names: list[str], targets: list[Target], pseudonymizer: Pseudonymizer
    ) -> None:
        known: dict[str, set[str]] = {}
        numbers: set[str] = set()
        for target in targets:
            columns = {column.name: column for column in target.contract.columns}
            for name, column in known_columns(names, target).items():
                known.setdefault(name, set())
                found = columns.get(column)
                if found is not None and found.is_personal:
                    known[name].add(column)
                is_number = found is not None and found.logical_type == "number"
                is_wide = target.profile is not None and target.profile.unpivot is not None
                if is_number or column.endswith("_quantity") or (is_wide and not column):
                    numbers.add(name)
        self.kept = list(known)
        self.dropped = [name for name in names if name not in known]
        self.hashed = [name for name, personal in known.items() if personal]
        self._numbers = frozenset(numbers)
        self._pseudonymizer = pseudonymizer
        self._hashes: dict[str, str] = {"": ""}
        self.differs = bool(self.dropped or self.hashed)

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """A batch as it may be written: known columns, hashed identifiers, marks settled."""
        frame = batch.select([*self.kept, SOURCE_LINE, READ_ERROR])
        frame = settle_marks(frame, self.kept, self._numbers, READ_ERROR)
        if not self.hashed:
            return frame
        frame = frame.with_columns(self._hash(frame[name]) for name in self.hashed)
        return frame.with_columns(_withhold_shifted_rows(frame))

    def _hash(self, values: pl.Series) -> pl.Series:
        for value in values.unique().to_list():
            if value not in self._hashes:
                self._hashes[value] = self._hash_one(value)
        return values.replace_strict(self._hashes, default="", return_dtype=pl.String)

    def _hash_one(self, value: str) -> str:
        normalised = normalise_identity(value)
        if found := _PSEUDONYM.fullmatch(normalised):
            return self._pseudonymizer.follow(found[2], int(found[1]))
        return self._pseudonymizer.hash_identity(normalised) if normalised else ""


def redact(
    table: ParsedTable, targets: list[Target], pseudonymizer: Pseudonymizer
) -> tuple[ParsedTable, list[str], bool]:
    """Redact a whole table in memory: the table, the dropped columns, whether it differs."""
    redaction = Redaction(table.columns, targets, pseudonymizer)
    frame = redaction.apply(table.frame)
    return replace(table, frame=frame), redaction.dropped, redaction.differs


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


def normalise_identity(value: str) -> str:
    """One spelling per identifier: NFC, trimmed, without the zeros that spreadsheets lose."""
    trimmed = unicodedata.normalize("NFC", value).strip()
    return trimmed.lstrip("0") or "0" if trimmed.isdecimal() else trimmed
