"""Data dates and the periods that are counted: months, quarters, years, years to date.

Written from the head of indicators.md and decision 0004. A period of a food bank ends on its data
date where that comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from tests.oracle.accepted import Bank

# Records that move food, with the days on which they do.
MOVEMENT_DAYS = {
    "receipts": ("received_date",),
    "deliveries": ("delivered_date",),
    "parcels": ("handed_over_date",),
    "removals": ("removed_date",),
    "transfers": ("shipped_date", "received_date"),
    "transformations": ("made_date",),
}


@dataclass(frozen=True)
class Coverage:
    """First and last day that count of a food bank."""

    first: date
    data_date: date


@dataclass(frozen=True)
class Span:
    """A period of a food bank; `end`: its last day that counts, `natural_end`: the calendar's.

    A year whose first months have no figures of their own counts from the first one that has.
    """

    kind: str
    start: date
    end: date
    natural_end: date
    first_month: date

    def holds(self, day: date) -> bool:
        return max(self.start, self.first_month) <= day <= self.end

    def months(self) -> list[date]:
        """First days of its months, as far as its last day."""
        found, month = [], self.start
        while month <= self.end:
            found.append(month)
            month = next_month(month)
        return found


def find_coverage(bank: Bank, today: date) -> Coverage | None:
    """Decision 0004: the earlier of the last receipt and the last delivery, not after today.

    The first day is that on which food first moved, by any record.
    """
    days = {record: _list_days(bank, record, today) for record in MOVEMENT_DAYS}
    ends = [max(days[record]) for record in ("receipts", "deliveries") if days[record]]
    if not ends:
        return None
    return Coverage(min(day for found in days.values() for day in found), min(ends))


def _list_days(bank: Bank, record: str, today: date) -> list[date]:
    columns = MOVEMENT_DAYS[record]
    found = (row[column] for row in bank.rows[record] for column in columns)
    return [day for day in found if day and day <= today]


def list_spans(coverage: Coverage) -> Iterator[Span]:
    """Every period from the first day to the data date."""
    first, last = coverage.first, coverage.data_date
    seen = set()
    month = first_month = first.replace(day=1)
    while month <= last:
        quarter = date(month.year, (month.month - 1) // 3 * 3 + 1, 1)
        for kind, start, natural_end in (
            ("month", month, next_month(month) - timedelta(days=1)),
            ("quarter", quarter, add_months(quarter, 3) - timedelta(days=1)),
            ("year", date(month.year, 1, 1), date(month.year, 12, 31)),
        ):
            if (kind, start) not in seen:
                seen.add((kind, start))
                yield Span(kind, start, min(natural_end, last), natural_end, first_month)
        month = next_month(month)
    for year in range(first.year, last.year + 1):
        end = same_day(last, year)
        if end >= first_month:
            yield Span("year_to_date", date(year, 1, 1), end, end, first_month)


def same_day(day: date, year: int) -> date:
    """The same day of another year; 29 February compares with 28."""
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def year_before(day: date) -> date:
    return same_day(day, day.year - 1)


def add_months(month: date, count: int) -> date:
    index = month.year * 12 + month.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


def next_month(month: date) -> date:
    return add_months(month, 1)
