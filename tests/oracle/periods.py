"""Data dates and the periods that are counted: months, quarters, years, years to date.

Written from the head of indicators.md and decision 0004. A period of a food bank ends on its data
date where that comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from tests.oracle.accepted import Bank


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
    """Decision 0004: the earlier of the last receipt and the last delivery, not after today."""
    days = [
        [row[column] for row in bank.rows[record]]
        for record, column in (("receipts", "received_date"), ("deliveries", "delivered_date"))
    ]
    known = [found for found in days if found]
    if not known:
        return None
    return Coverage(min(map(min, known)), min(today, *map(max, known)))


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
