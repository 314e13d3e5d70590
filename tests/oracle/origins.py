"""Where what is distributed came from: the lot's receipt, else the mix of the receipts.

Written from indicators.md section 2, "Origin of what is distributed".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

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


class Mixes:
    """The lots of a food bank and the mixes of its receipts, of each month and the two before."""

    def __init__(self, lines: list[Line]) -> None:
        self.lots: dict[tuple[str, str], Line] = {}
        self._products: dict[tuple[str, date], Mix] = defaultdict(Mix)
        self._families: dict[tuple[str, date], Mix] = defaultdict(Mix)
        for line in lines:
            if line.kind != "received":
                continue
            if line.row["lot_id"]:
                # Of a lot received more than once, the first receipt says where it comes from.
                lot = (line.product.code, line.row["lot_id"])
                self.lots[lot] = min(self.lots.get(lot, line), line, key=_order)
            if line.row["channel"] == "inter_bank":
                continue
            for ahead in range(3):
                month = add_months(month_of(line.day), ahead)
                self._products[line.product.code, month].add(line)
                self._families[line.product.family, month].add(line)
        self._shares = {key: mix.shares() for key, mix in self._products.items()}
        self._family_shares = {key: mix.shares() for key, mix in self._families.items()}

    def lot_channel(self, product: str, lot: str | None) -> str | None:
        found = self.lots.get((product, lot or ""))
        return str(found.row["channel"]) if found else None

    def find(self, product: str, family: str | None, month: date) -> list[tuple[Source, Decimal]]:
        """The shares of sources; what no catalogue knows is of no family."""
        found = self._shares.get((product, month), [])
        return found or ([] if family is None else self._family_shares.get((family, month), []))

    def shares(self, product: str, family: str | None, month: date) -> dict[str, Fraction]:
        """The shares of channels."""
        found: dict[str, Fraction] = defaultdict(Fraction)
        for (channel, _), share in self.find(product, family, month):
            found[channel] += Fraction(share)
        return found


def trace_origins(lines: list[Line]) -> Iterator[Origin]:
    """The origins of all food distributed; what cannot be traced gives none."""
    mixes = Mixes(lines)
    known: dict[tuple[str, str], list[tuple[Source, Decimal]]] = {
        lot: [((line.row["channel"], line.commune), Decimal(1))] for lot, line in mixes.lots.items()
    }
    for line in lines:
        if line.kind not in ("delivered", "parcels") or not line.product.is_food:
            continue
        family = None if line.product.family == UNMAPPED else line.product.family
        found = known.get((line.product.code, line.row["lot_id"] or ""), [])
        by_lot = bool(found)
        found = found or mixes.find(line.product.code, family, month_of(line.day))
        for (channel, commune), share in found:
            yield Origin(line.day, channel, commune, line.grams * share, by_lot)
