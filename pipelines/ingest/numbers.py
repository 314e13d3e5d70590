"""Reads numbers as people write them: decimal commas, thousands by spaces, points or commas.

A number that can be read in two ways (`1,234`) is decided by the source profile, else by what the
numbers of the whole file show beyond doubt, else not at all: it is held back. Limits and units are
judged in `quality`.
"""

from __future__ import annotations

import re
from typing import Literal

import polars as pl

from pipelines.ingest.parsing import READ_ERROR

Separator = Literal[".", ","]

# Plain, no-break and narrow no-break spaces separate thousands, as do points and commas.
_WRITTEN = re.compile(
    r"""(?P<sign>[+-]?)
        (?P<whole>\d{1,3}(?:(?P<mark>[ \u00a0\u202f.,])\d{3})(?:(?P=mark)\d{3})*|\d+)
        (?:(?P<decimal>[.,])(?P<rest>\d+))?""",
    re.VERBOSE,
)
_ONE_MARK = re.compile(r"[+-]?(?P<before>\d+)(?P<mark>[.,])(?P<after>\d+)")
_NEEDS_READING = "[,\u00a0\u202f]|[0-9] [0-9]"


def list_readings(cell: str) -> dict[Separator, str]:
    """What a cell is under each decimal separator, with a decimal point; none if no number.

    `12,5` is a number under a comma alone, `1,234` under both, as two numbers.
    """
    text = cell.strip()
    readings: dict[Separator, str] = {}
    one = _ONE_MARK.fullmatch(text)
    if one:
        readings["." if one["mark"] == "." else ","] = text.replace(",", ".")
    written = _WRITTEN.fullmatch(text)
    if not written or (written["whole"].startswith("0") and written["mark"]):
        return readings
    mark, decimal = written["mark"], written["decimal"]
    if mark and mark == decimal:
        return readings
    digits = written["sign"] + re.sub(r"\D", "", written["whole"])
    value = f"{digits}.{written['rest']}" if decimal else digits
    for separator in (".", ","):
        if decimal in (None, separator) and mark != separator:
            readings.setdefault(separator, value)
    return readings


def needs_reading(frame: pl.DataFrame, names: list[str]) -> bool:
    """Whether some cell of these columns is written with more than digits and one point."""
    return any(frame[name].str.contains(_NEEDS_READING).any() for name in names)


def show_separators(frame: pl.DataFrame, names: list[str]) -> set[Separator]:
    """Decimal separators under which alone some cell is a number: how the file writes them."""
    shown: set[Separator] = set()
    for name in names:
        for cell in frame[name].unique().to_list():
            readings = list_readings(cell) if cell else {}
            if len(readings) == 1:
                shown |= set(readings)
    return shown


def write_numbers(
    frame: pl.DataFrame, names: list[str], decided: Separator | None, is_declared: bool
) -> pl.DataFrame:
    """Write the numbers of the columns `names` with a decimal point and without thousands.

    `decided`: the decimal separator by the source profile (`is_declared`) or by evidence over the
    whole file. What is no number, or a number only under the other separator, stays as it was
    written; a row with a number that nothing decides gets a `_read_error`.
    """
    if not (is_declared and decided == ",") and not needs_reading(frame, names):
        return frame
    readings = {
        cell: list_readings(cell)
        for name in names
        for cell in frame[name].unique().to_list()
        if cell
    }
    values: dict[str, str] = {}
    undecided: dict[str, str] = {}
    for cell, found in readings.items():
        if len(set(found.values())) == 1 and (decided in found or not is_declared):
            values[cell] = next(iter(found.values()))
        elif decided in found:
            values[cell] = found[decided]
        elif len(found) > 1:
            undecided[cell] = f"can be read in two ways: {' or '.join(sorted(found.values()))}"
    frame = _note_undecided(frame, names, undecided)
    return frame.with_columns(
        pl.col(name).replace_strict(values, default=pl.col(name), return_dtype=pl.String)
        for name in names
        if values
    )


def read_numbers(frame: pl.DataFrame, names: list[str], declared: Separator | None) -> pl.DataFrame:
    """`write_numbers` of a whole file in one frame, decided by `declared` or by its numbers."""
    shown = show_separators(frame, names) if needs_reading(frame, names) else set()
    evident = next(iter(shown)) if len(shown) == 1 else None
    return write_numbers(frame, names, declared or evident, declared is not None)


def _note_undecided(
    frame: pl.DataFrame, names: list[str], undecided: dict[str, str]
) -> pl.DataFrame:
    if not undecided:
        return frame
    notes = [
        pl.lit(f"{name} ")
        + pl.col(name).replace_strict(undecided, default=None, return_dtype=pl.String)
        for name in names
    ]
    return frame.with_columns(pl.coalesce(pl.col(READ_ERROR), *notes).alias(READ_ERROR))
