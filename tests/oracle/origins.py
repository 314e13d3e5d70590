"""Where what is distributed came from: the lot's receipt, else the mix of the receipts.

Written from indicators.md section 2, "Origin of what is distributed".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tests.oracle.accepted import month_of
from tests.oracle.flows import UNMAPPED, Line
from tests.oracle.periods import add_months

Source = tuple[str, str | None]
"""Channel, commune of the supplier."""


@dataclass(frozen=True)
class Origin:
    """Grams distributed on a day that came from one source."""

    day: date
    channel: str
    commune: str | None
    grams: Decimal
    by_lot: bool


class Mix:
    """Grams received by source."""

    def __init__(self) -> None:
        self.parts: dict[Source, int] = defaultdict(int)

    def add(self, line: Line) -> None:
        self.parts[line.row["channel"], line.commune] += line.grams

    def shares(self) -> list[tuple[Source, Decimal]]:
        total = sum(self.parts.values())
        if total <= 0:
            return []
        return [(source, Decimal(part) / total) for source, part in self.parts.items() if part]


def _order(line: Line) -> tuple[date, str, int]:
    return line.day, line.row["receipt_id"], line.row["line_no"]


def trace_origins(lines: list[Line]) -> Iterator[Origin]:
    """The origins of all food distributed; what cannot be traced gives none."""
    lots: dict[tuple[str, str], Line] = {}
    by_product: dict[tuple[str, date], Mix] = defaultdict(Mix)
    by_family: dict[tuple[str, date], Mix] = defaultdict(Mix)
    for line in lines:
        if line.kind != "received":
            continue
        if line.row["lot_id"]:
            # Of a lot received more than once, the first receipt says where it comes from.
            lot = (line.product.code, line.row["lot_id"])
            lots[lot] = min(lots.get(lot, line), line, key=_order)
        if line.row["channel"] == "inter_bank":
            continue
        for ahead in range(3):
            month = add_months(month_of(line.day), ahead)
            by_product[line.product.code, month].add(line)
            by_family[line.product.family, month].add(line)
    known: dict[tuple[str, str], list[tuple[Source, Decimal]]] = {
        lot: [((line.row["channel"], line.commune), Decimal(1))] for lot, line in lots.items()
    }
    mixes = {key: mix.shares() for key, mix in by_product.items()}
    families = {key: mix.shares() for key, mix in by_family.items()}
    for line in lines:
        if line.kind not in ("delivered", "parcels") or not line.product.is_food:
            continue
        month = month_of(line.day)
        is_known = line.product.family != UNMAPPED
        found = known.get((line.product.code, line.row["lot_id"] or ""), [])
        by_lot = bool(found)
        found = (
            found
            or mixes.get((line.product.code, month), [])
            # What no catalogue knows is of no family.
            or (families.get((line.product.family, month), []) if is_known else [])
        )
        for (channel, commune), share in found:
            yield Origin(line.day, channel, commune, line.grams * share, by_lot)
