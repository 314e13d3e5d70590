"""Periods as people write them: `2023`, `2023-Q4`, `2023-11`, `2024-to-date`, `2023-09..2023-12`.

The one home of this notation, for the command line, the addresses of pages and exports.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

PeriodKind = Literal["month", "quarter", "year", "year_to_date", "span"]

_YEAR = re.compile(r"^([0-9]{4})$")
_QUARTER = re.compile(r"^([0-9]{4})-Q([1-4])$")
_MONTH = re.compile(r"^([0-9]{4})-(0[1-9]|1[0-2])$")
_TO_DATE = re.compile(r"^([0-9]{4})-to-date$")


class PeriodError(ValueError):
    """The text is not a period; the message says what is understood."""


@dataclass(frozen=True)
class Period:
    """A span of whole calendar months, or a year to the data date.

    `start` is its first day, `natural_end` its last (of a year to date: 31 December).
    """

    code: str
    kind: PeriodKind
    start: date
    natural_end: date

    def months(self) -> list[date]:
        """First days of the months of the period."""
        found, month = [], self.start
        while month <= self.natural_end:
            found.append(month)
            month = next_month(month)
        return found


def parse_period(code: str) -> Period:
    """Read a period.

    Raises PeriodError where the text is none.
    """
    text = code.strip()
    if ".." in text:
        parts = [part.strip() for part in text.split("..")]
        if len(parts) != 2 or not all(_MONTH.match(part) for part in parts):
            raise PeriodError(f"{code!r}: two months are expected, 2023-09..2023-12")
        first, last = (parse_period(part) for part in parts)
        if first.start > last.start:
            raise PeriodError(f"{code!r}: the months are not in order, 2023-09..2023-12")
        return Period("..".join(parts), "span", first.start, last.natural_end)
    if found := _YEAR.match(text):
        year = _year(found)
        return Period(text, "year", date(year, 1, 1), date(year, 12, 31))
    if found := _QUARTER.match(text):
        start = date(_year(found), 3 * int(found[2]) - 2, 1)
        return Period(text, "quarter", start, add_months(start, 3) - timedelta(days=1))
    if found := _MONTH.match(text):
        start = date(_year(found), int(found[2]), 1)
        return Period(text, "month", start, next_month(start) - timedelta(days=1))
    if found := _TO_DATE.match(text):
        year = _year(found)
        return Period(text, "year_to_date", date(year, 1, 1), date(year, 12, 31))
    raise PeriodError(
        f"{code!r} is not a period; write 2023, 2023-Q4, 2023-11, 2024-to-date or 2023-09..2023-12"
    )


def format_period(kind: str, start: date) -> str:
    """The code of a published period, the inverse of `parse_period`."""
    if kind == "year":
        return f"{start.year}"
    if kind == "quarter":
        return f"{start.year}-Q{(start.month + 2) // 3}"
    if kind == "month":
        return f"{start.year}-{start.month:02d}"
    return f"{start.year}-to-date"


def natural_end(kind: str, start: date) -> date:
    """Last calendar day of a published period that begins on `start`."""
    return parse_period(format_period(kind, start)).natural_end


def _year(found: re.Match[str]) -> int:
    year = int(found[1])
    if not 1900 <= year <= 2200:
        raise PeriodError(f"{found[0]!r}: the year is out of range")
    return year


def next_month(month: date) -> date:
    return add_months(month, 1)


def add_months(start: date, months: int) -> date:
    index = start.year * 12 + start.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)
