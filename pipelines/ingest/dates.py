"""Reads days and moments as people write them: ISO, day or month first, spreadsheet serials, names.

A day that can be read in two ways (`05/06/2024`) is decided by the source profile, else by what the
days of the whole file show beyond doubt, else not at all: it is held back. What exists and what
lies in the future is judged in `quality`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Literal

import polars as pl
from babel import Locale

from pipelines.ingest.parsing import READ_ERROR

Order = Literal["dmy", "mdy", "ymd"]
Kind = Literal["date", "month", "timestamp"]

EARLIEST_YEAR = 1900
# Serials of the 1900 system from 1954 to 2119: five digits. No other way of writing a day has five.
_SERIAL = re.compile(r"([2-7]\d{4})(\.\d+)?")
_EPOCHS = {"excel": date(1899, 12, 30), "excel_1904": date(1904, 1, 1)}
_YEAR_FIRST = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})")
_EIGHT_DIGITS = re.compile(r"(\d{2})(\d{2})(\d{4})")
_NAMED = re.compile(r"(\d{1,2})(?:er)?[-/. ]+([^\W\d]+)\.?[-/. ,]+(\d{4}|\d{2})")
_NAMED_FIRST = re.compile(r"([^\W\d]+)\.?[-/. ]+(\d{1,2}),?[-/. ]+(\d{4})")
_MONTH = re.compile(r"(?:(\d{4})[-/.](\d{1,2})|(\d{1,2})[-/.](\d{4}))")
_IS_ISO = r"^(\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?)?$"
_SPLIT = r"^(.*?)(?:[T ]+(\d{1,2}[:hH]\d{2}.*))?$"
_TIME = re.compile(
    r"(\d{1,2})[:hH](\d{2})(?::(\d{2})(\.\d{1,6})?)? ?([AaPp][Mm])?(Z|[+-]\d{2}(?::?\d{2})?)?"
)


@cache
def _month_names() -> dict[str, int]:
    """Names and short names of months in French and English, without their points."""
    names = {}
    for language in ("fr", "en"):
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, name in Locale(language).months[context][width].items():
                    names[name.lower().rstrip(".")] = int(number)
    return names


def _make(year: str, month: str | int, day: str) -> str | None:
    full = int(year) + (2000 if len(year) == 2 else 0)
    try:
        found = date(full, int(month), int(day))
    except ValueError:
        return None
    return found.isoformat() if full >= EARLIEST_YEAR else None


def list_days(text: str) -> dict[Order, str]:
    """What a day is under each order of its parts, as ISO 8601; none where it is no day.

    A way of writing that has one meaning has it under every order. Years of two digits are of this
    century; they come first only between hyphens.
    """
    text = text.strip()
    readings: dict[Order, str | None] = {}
    if found := _YEAR_FIRST.fullmatch(text):
        readings = dict.fromkeys(("dmy", "mdy", "ymd"), _make(found[1], found[3], found[4]))
        if any(readings.values()) or found[2]:
            return {order: day for order, day in readings.items() if day}
    if found := _EIGHT_DIGITS.fullmatch(text):
        readings = {
            "dmy": _make(found[3], found[2], found[1]),
            "mdy": _make(found[3], found[1], found[2]),
        }
    elif found := _YEAR_LAST.fullmatch(text):
        first, mark, second, year = found.groups()
        readings = {"dmy": _make(year, second, first), "mdy": _make(year, first, second)}
        if mark == "-" and len(year) == 2 and len(first) == 2:
            readings["ymd"] = _make(first, second, year)
    elif found := _NAMED.fullmatch(text):
        month = _month_names().get(found[2].lower())
        day = _make(found[3], month, found[1]) if month else None
        readings = dict.fromkeys(("dmy", "mdy", "ymd"), day)
    elif found := _NAMED_FIRST.fullmatch(text):
        month = _month_names().get(found[1].lower())
        day = _make(found[3], month, found[2]) if month else None
        readings = dict.fromkeys(("dmy", "mdy", "ymd"), day)
    return {order: day for order, day in readings.items() if day}


def read_serial(text: str, system: str = "excel") -> str | None:
    """The day or moment of a spreadsheet's serial number, ISO 8601; None where it is none."""
    found = _SERIAL.fullmatch(text.strip())
    if not found:
        return None
    day = _EPOCHS[system] + timedelta(int(found[1]))
    if not found[2] or not float(found[2]):
        return day.isoformat()
    seconds = round(float(found[2]) * 86_400)
    moment = datetime.combine(day, time.min) + timedelta(seconds=seconds)
    return moment.isoformat()


def _read_month(text: str) -> str | None:
    found = _MONTH.fullmatch(text.strip())
    return _make(found[1] or found[4], found[2] or found[3], "1") if found else None


def read_time(text: str) -> str | None:
    """A time of day as `HH:MM:SS` with its offset, if any; None where it is none."""
    found = _TIME.fullmatch(text.strip())
    if not found:
        return None
    hour, minute, second, fraction, half, offset = found.groups()
    number = int(hour)
    if half:
        if not 1 <= number <= 12:
            return None
        number = number % 12 + (12 if half.lower() == "pm" else 0)
    if number > 23 or int(minute) > 59 or int(second or 0) > 59:
        return None
    return f"{number:02d}:{minute}:{second or '00'}{fraction or ''}{offset or ''}"


def needs_reading(frame: pl.DataFrame, columns: Iterable[str]) -> bool:
    """Whether some cell of these columns is not written as ISO 8601."""
    names = list(columns)
    if not names or frame.is_empty():
        return False
    return not frame.select(
        pl.all_horizontal(pl.col(names).str.strip_chars().str.contains(_IS_ISO).all())
    ).item()


def show_orders(frame: pl.DataFrame, columns: Iterable[str]) -> set[Order]:
    """The orders that some day of these columns has alone: evidence of how the file writes."""
    shown: set[Order] = set()
    for name in columns:
        for text in _split(frame[name])[0].unique().to_list():
            readings = list_days(text or "")
            if len(readings) == 1:
                shown |= set(readings)
    return shown


def _split(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Day and time of each cell; the time is empty where there is none."""
    parts = cells.str.strip_chars().str.extract_groups(_SPLIT).struct.unnest()
    return parts["1"].fill_null(""), parts["2"].fill_null("")


def write_dates(
    frame: pl.DataFrame, columns: Mapping[str, Kind], decided: Order | None
) -> pl.DataFrame:
    """Write the days and moments of `columns` as ISO 8601.

    `decided`: the order by the source profile or by evidence over the whole file. What is no day
    stays as it was written; a row with a day that nothing decides gets a `_read_error`.
    """
    for name, kind in columns.items():
        if not needs_reading(frame, [name]):
            continue
        days, times = _split(frame[name])
        values: dict[str, str] = {}
        undecided: dict[str, str] = {}
        for text in days.unique().to_list():
            readings = list_days(text)
            if len(set(readings.values())) == 1:
                values[text] = next(iter(readings.values()))
            elif decided in readings:
                values[text] = readings[decided]
            elif readings:
                ways = " or ".join(sorted(set(readings.values())))
                undecided[text] = f"{name} can be read in two ways: {ways}"
            elif (month := _read_month(text)) and kind == "month":
                values[text] = month
            elif serial := read_serial(text):
                values[text] = serial
        frame = _replace(frame, name, kind, days, times, values)
        if undecided:
            reason = days.replace_strict(undecided, default=None, return_dtype=pl.String)
            frame = frame.with_columns(pl.coalesce(pl.col(READ_ERROR), reason).alias(READ_ERROR))
    return frame


def _replace(
    frame: pl.DataFrame,
    name: str,
    kind: Kind,
    days: pl.Series,
    times: pl.Series,
    values: dict[str, str],
) -> pl.DataFrame:
    clocks = {text: read_time(text) for text in times.unique().to_list() if text}
    if kind != "timestamp":
        # A day at midnight is a day.
        clocks = {text: "" if time == "00:00:00" else time for text, time in clocks.items()}
    known = {text: time for text, time in clocks.items() if time is not None}
    if not values:
        return frame
    parts = pl.DataFrame({"whole": frame[name], "day": days, "time": times}).with_columns(
        pl.col("day")
        .replace_strict(values, default=None, return_dtype=pl.String)
        .alias("read_day"),
        pl.col("time")
        .replace_strict({"": "", **known}, default=None, return_dtype=pl.String)
        .alias("read_time"),
    )
    mark = pl.when(pl.col("read_time") == "").then(pl.lit("")).otherwise(pl.lit("T"))
    written = pl.coalesce(
        pl.concat_str("read_day", mark, "read_time", ignore_nulls=False), pl.col("whole")
    )
    return frame.with_columns(parts.select(written.alias(name)).to_series())
