"""Money, support, volunteers, pooled means, temperatures and offers of one food bank.

Written from indicators.md sections 6 and 7, the register and decision 0015.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from fractions import Fraction

from tests.oracle.accepted import Bank, Row, grams, month_of
from tests.oracle.periods import Span
from tests.oracle.reference import read_seed

PUBLIC = frozenset({"epci", "commune", "departement", "region", "state", "eu"})
POSTS = ("transport", "cold", "premises", "staff", "purchases", "digital", "other")
TASKS = ("pickup", "sorting", "preparation", "delivery", "drive", "office", "support")


def list_uses(bank: Bank, data_date: date) -> Iterator[tuple[str, date, Fraction]]:
    """(agreement, day, euros): expenses, or where it has none its purchases and vouchers."""
    booked = {row["funding_id"] for row in bank.rows["expenses"] if row["funding_id"]}
    for row in bank.rows["expenses"]:
        if row["funding_id"] and month_of(row["month"]) <= data_date:
            yield row["funding_id"], month_of(row["month"]), Fraction(row["amount_eur"])
    for record, day, amount in (
        ("receipts", "received_date", "cost_eur"), ("vouchers", "redeemed_date", "redeemed_eur"),
    ):  # fmt: skip
        for row in bank.rows[record]:
            is_used = row["funding_id"] and row[amount] and row[day] and row[day] <= data_date
            if is_used and row["funding_id"] not in booked:
                yield row["funding_id"], row[day], Fraction(row[amount])


def sum_expenses(bank: Bank, span: Span, post: str | None = None) -> Fraction:
    """Euros of the months of a period, each whole."""
    months = {month for month in span.months() if month >= span.first_month}
    return sum(
        (
            Fraction(row["amount_eur"])
            for row in bank.rows["expenses"]
            if month_of(row["month"]) in months and post in (None, row["post"])
        ),
        Fraction(0),
    )


def sum_public(bank: Bank, span: Span, data_date: date) -> Fraction:
    """Euros used of agreements with public funders."""
    public = {row["funding_id"] for row in bank.rows["funding"] if row["funder_kind"] in PUBLIC}
    return sum(
        (
            euros
            for funding_id, day, euros in list_uses(bank, data_date)
            if funding_id in public and span.holds(day)
        ),
        Fraction(0),
    )


def sum_agreements(bank: Bank, span: Span, data_date: date) -> tuple[Fraction, Fraction]:
    """Euros used until the end of the period, and agreed, of agreements that run in it."""
    running = {
        row["funding_id"]: Fraction(row["amount_eur"])
        for row in bank.rows["funding"]
        if row["starts_on"] <= span.end and row["ends_on"] >= span.start
    }
    used = sum(
        (
            euros
            for funding_id, day, euros in list_uses(bank, data_date)
            if funding_id in running and day <= span.end
        ),
        Fraction(0),
    )
    return used, sum(running.values(), Fraction(0))


def sum_hours(bank: Bank, span: Span, task: str | None = None) -> Fraction:
    """Hours of volunteers."""
    return sum(
        (
            Fraction(int((row["ended_at"] - row["started_at"]).total_seconds()), 3600)
            * row["volunteers"]
            for row in bank.rows["volunteer_shifts"]
            if span.holds(row["started_date"]) and task in (None, row["task"])
        ),
        Fraction(0),
    )


def count_outside(bank: Bank, span: Span) -> tuple[int, int]:
    """Readings outside their regime, and readings."""
    highest = {
        row["storage"]: Fraction(row["celsius_high"])
        for row in read_seed("temperature_regimes")
        if row["celsius_high"]
    }
    checks = [row for row in bank.rows["temperature_checks"] if span.holds(row["checked_date"])]
    outside = sum(
        row["storage"] in highest and Fraction(row["celsius"]) > highest[row["storage"]]
        for row in checks
    )
    return outside, len(checks)


class Offers:
    """Offers by offer and product, with what was ordered from them and delivered in time."""

    def __init__(self, bank: Bank, data_date: date, is_food: dict[str, bool]) -> None:
        self.offered: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in bank.rows["offers"]:
            if row["published_date"] <= data_date:
                self.offered[row["offer_id"], row["product_code"]].append(row)
        self.is_food = is_food
        self.ordered: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in bank.rows["orders"]:
            if row["offer_id"] and row["status"] != "cancelled":
                self.ordered[row["offer_id"], row["product_code"]].append(row)
        self.delivered: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in bank.rows["deliveries"]:
            self.delivered[row["order_id"], row["product_code"]].append(row)
        self.use_by: dict[str, date] = {}
        for row in bank.rows["receipts"]:
            if row["lot_id"] and row["date_kind"] == "use_by" and row["expires_on"]:
                known = self.use_by.get(row["lot_id"], row["expires_on"])
                self.use_by[row["lot_id"]] = min(known, row["expires_on"])

    def list_in(self, span: Span) -> Iterator[tuple[int, int, int]]:
        """Grams offered, taken and saved of each offer of food published in a period."""
        for key, rows in self.offered.items():
            if self._counts(key) and span.holds(self._published(rows)):
                offered = self._offered(rows)
                yield offered, self._taken(key, rows), min(offered, self._saved(key, rows))

    def visible(self, end: date) -> int:
        """Grams on offer on a day, less what is ordered of them."""
        return sum(
            self._offered(rows) - self._taken(key, rows)
            for key, rows in self.offered.items()
            if self._counts(key) and self._published(rows) <= end <= self._closes(rows)
        )

    def list_waits(self, span: Span) -> list[Fraction]:
        """Hours from the publication of an offer to its first order."""
        by_offer: dict[str, list[Row]] = defaultdict(list)
        asked: dict[str, list[datetime]] = defaultdict(list)
        for (offer_id, product), rows in self.offered.items():
            by_offer[offer_id] += rows
            asked[offer_id] += [row["ordered_at"] for row in self.ordered[offer_id, product]]
        return [
            Fraction(
                int((min(asked[offer_id]) - min(r["published_at"] for r in rows)).total_seconds()),
                3600,
            )
            for offer_id, rows in by_offer.items()
            if asked[offer_id] and span.holds(self._published(rows))
        ]

    def _counts(self, key: tuple[str, str]) -> bool:
        return self.is_food.get(key[1], True)

    @staticmethod
    def _offered(rows: list[Row]) -> int:
        return sum(grams(row["offered_kg"]) for row in rows)

    @staticmethod
    def _published(rows: list[Row]) -> date:
        return min(row["published_date"] for row in rows)

    def _closes(self, rows: list[Row]) -> date:
        known = [row["closes_date"] for row in rows if row["closes_date"]]
        return max(known) if known else self._published(rows) + timedelta(days=7)

    def _taken(self, key: tuple[str, str], rows: list[Row]) -> int:
        asked = sum(grams(row["ordered_kg"]) for row in self.ordered[key])
        return min(self._offered(rows), asked)

    def _saved(self, key: tuple[str, str], rows: list[Row]) -> int:
        ends = [self.use_by[row["lot_id"]] for row in rows if row["lot_id"] in self.use_by]
        if not ends or (min(ends) - self._published(rows)).days > 3:
            return 0
        orders = {row["order_id"] for row in self.ordered[key]}
        return sum(
            grams(row["weight_kg"]) - grams(row["refused_kg"])
            for order in orders
            for row in self.delivered[order, key[1]]
            if row["delivered_date"] <= min(ends)
        )
