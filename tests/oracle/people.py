"""Households, what partners declare, vouchers: three populations that are never added.

Written from indicators.md section 4 and the definitions of the register.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from tests.oracle.accepted import Bank, Row
from tests.oracle.periods import Coverage, Span, next_month, same_day

At = Callable[[str | None], bool]


@dataclass(frozen=True)
class Parcel:
    """An emergency parcel, whatever its lines."""

    parcel_id: str
    household_id: str | None
    household_size: int | None
    commune: str | None
    requested_at: datetime | None
    handed_over_at: datetime
    day: date

    @property
    def order(self) -> tuple[date, datetime, str]:
        return self.day, self.handed_over_at, self.parcel_id


def list_parcels(bank: Bank) -> list[Parcel]:
    lines: dict[str, list[Row]] = defaultdict(list)
    for row in bank.rows["parcels"]:
        lines[row["parcel_id"]].append(row)

    def least(rows: list[Row], column: str):
        known = [row[column] for row in rows if row[column] is not None]
        return min(known) if known else None

    parcels = [
        Parcel(
            parcel_id,
            least(rows, "household_id"),
            max((row["household_size"] for row in rows if row["household_size"]), default=None),
            least(rows, "insee_code"),
            least(rows, "requested_at"),
            least(rows, "handed_over_at"),
            least(rows, "handed_over_date"),
        )
        for parcel_id, rows in lines.items()
    ]
    return sorted(parcels, key=lambda parcel: parcel.order)


@dataclass(frozen=True)
class PartnerMonth:
    """A month that a partner was expected to declare; `row` is what it declared, if it did."""

    partner_id: str
    month: date
    commune: str | None
    row: Row | None


def list_partner_months(bank: Bank, coverage: Coverage) -> list[PartnerMonth]:
    """Months that are over, from the first report received on, of partners active in them."""
    reports = {(row["partner_id"], row["month"]): row for row in bank.rows["beneficiary_reports"]}
    if not reports:
        return []
    partners = bank.by_id("partners")
    month = min(month for _, month in reports)
    months = []
    while (end := next_month(month) - timedelta(days=1)) <= coverage.data_date:
        if month >= coverage.first.replace(day=1):
            months.append((month, end))
        month = next_month(month)
    expected = set()
    for month, end in months:
        for partner_id, partner in partners.items():
            if partner["active_from"] <= end and (partner["active_to"] or month) >= month:
                expected.add((partner_id, month))
        expected |= {key for key in reports if key[1] == month}
    return [
        PartnerMonth(
            partner_id,
            month,
            partners[partner_id]["insee_code"] if partner_id in partners else None,
            reports.get((partner_id, month)),
        )
        for partner_id, month in sorted(expected)
    ]


def within(months: list[PartnerMonth], span: Span, at: At, years: int = 0) -> list[PartnerMonth]:
    """The partner-months of a period, or of the same months `years` before."""
    found = []
    for one in months:
        month = date(one.month.year + years, one.month.month, 1)
        end = next_month(month) - timedelta(days=1)
        if span.start <= month and end <= span.end and at(one.commune):
            found.append(one)
    return found


def sum_of_means(months: list[PartnerMonth], column: str) -> Fraction | None:
    """Over partners, the mean of the months that each declared; None where none did."""
    declared: dict[str, list[int]] = defaultdict(list)
    for one in months:
        if one.row is not None and one.row[column] is not None:
            declared[one.partner_id].append(one.row[column])
    if not declared:
        return None
    return sum((Fraction(sum(v), len(v)) for v in declared.values()), Fraction(0))


def same_day_before(day: date) -> date:
    return same_day(day, day.year - 1)
