"""Orders: what was asked, what was due of it, what came and when.

Written from indicators.md section 6 and the definitions of the register.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime

from tests.oracle.accepted import Bank, Row, grams

NOT_DUE = frozenset({"open", "cancelled"})


@dataclass
class Order:
    """An order by the day that it was placed, with its lines in order and what came of it."""

    order_id: str
    day: date
    ordered_at: datetime
    partner_id: str
    commune: str | None
    lines: list[Row] = field(default_factory=list)
    first_delivered_at: datetime | None = None
    first_delivered_on: date | None = None
    filled: list[int] = field(default_factory=list)

    @property
    def due(self) -> list[tuple[int, int]]:
        """Ordered and filled grams of the lines due."""
        return [
            (grams(line["ordered_kg"]), filled)
            for line, filled in zip(self.lines, self.filled, strict=True)
            if line["status"] not in NOT_DUE
        ]

    @property
    def is_on_time(self) -> bool:
        wanted = min(line["wanted_on"] for line in self.lines)
        return self.first_delivered_on is not None and self.first_delivered_on <= wanted


def list_orders(bank: Bank, data_date: date) -> list[Order]:
    partners = bank.by_id("partners")
    orders: dict[str, Order] = {}
    for row in sorted(bank.rows["orders"], key=lambda row: row["line_no"]):
        partner = partners.get(row["partner_id"])
        order = orders.setdefault(
            row["order_id"],
            Order(
                row["order_id"],
                row["ordered_date"],
                row["ordered_at"],
                row["partner_id"],
                partner["insee_code"] if partner else None,
            ),
        )
        order.lines.append(row)
    came: dict[str, list[Row]] = defaultdict(list)
    for row in bank.rows["deliveries"]:
        if row["order_id"] in orders:
            came[row["order_id"]].append(row)
    for order_id, order in orders.items():
        order.filled = _fill(order, came[order_id])
        known = [row for row in came[order_id] if row["delivered_date"] <= data_date]
        if known:
            first = min(known, key=lambda row: row["delivered_at"])
            order.first_delivered_at = first["delivered_at"]
            order.first_delivered_on = min(row["delivered_date"] for row in known)
    return list(orders.values())


def _fill(order: Order, deliveries: list[Row]) -> list[int]:
    """Grams of each line that came, never more than was ordered.

    A delivery answers the line that it names, else the lines of its product one after another.
    """
    ordered = [grams(line["ordered_kg"]) for line in order.lines]
    numbers = {line["line_no"]: at for at, line in enumerate(order.lines)}
    filled = [0] * len(ordered)
    loose: dict[str, int] = defaultdict(int)
    for row in deliveries:
        weight = grams(row["weight_kg"]) - grams(row["refused_kg"])
        at = numbers.get(row["order_line_no"])
        if at is None:
            loose[row["product_code"]] += weight
        else:
            filled[at] += weight
    filled = [min(came, asked) for came, asked in zip(filled, ordered, strict=True)]
    for at, line in enumerate(order.lines):
        taken = min(loose[line["product_code"]], ordered[at] - filled[at])
        filled[at] += taken
        loose[line["product_code"]] -= taken
    return filled
