"""Food that moves: lines received, delivered, in parcels, removed, transformed; stock of sites.

Written from indicators.md section 2. All amounts are whole grams. A product that the catalogue does
not know counts as food of no known family and storage.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from tests.oracle.accepted import Bank, Row, grams

FRESH = ("standard", "strict", "broad")
RESCUED = frozenset({"retail_pickup", "platform", "industry", "farm"})
LOSSES = frozenset({"sorting", "expired", "damaged", "cold_chain_break", "packaging"})
UNITS_OF_MASS = frozenset({"kg", "g", "t", "lb"})
UNMAPPED = "unmapped"


@dataclass(frozen=True)
class Product:
    """What the food bank's catalogue says of a local code."""

    code: str
    family: str
    storage: str
    is_food: bool
    carbon_group: str | None

    def is_fresh(self, definition: str) -> bool:
        if definition == "strict":
            return self.storage == "chilled"
        is_standard = self.storage == "chilled" or self.family == "fruit_vegetables_fresh"
        if definition == "standard":
            return is_standard
        return is_standard or self.family in ("bread_pastries", "eggs")


@dataclass(frozen=True)
class Line:
    """One line of a record, as grams of a product on a day, with the commune that it counts for."""

    kind: str
    day: date
    product: Product
    grams: int
    commune: str | None
    row: Row


class Catalogue:
    """Products of one food bank by local code."""

    def __init__(self, bank: Bank) -> None:
        self._known = {
            row["product_code"]: Product(
                row["product_code"],
                row["network_family"],
                row["storage"],
                row["is_food"],
                row["carbon_group"],
            )
            for row in bank.rows["products"]
        }

    def find(self, code: str) -> Product:
        return self._known.get(code) or Product(code, UNMAPPED, UNMAPPED, True, None)


def list_lines(bank: Bank) -> Iterator[Line]:
    """Every line of the flows of a food bank, hygiene included."""
    catalogue = Catalogue(bank)
    suppliers, partners = bank.by_id("suppliers"), bank.by_id("partners")

    def commune_of(places: dict[str, Row], place_id: str) -> str | None:
        place = places.get(place_id)
        return place["insee_code"] if place else None

    for row in bank.rows["receipts"]:
        weight = grams(row["weight_kg"]) - grams(row["refused_at_dock_kg"])
        commune = commune_of(suppliers, row["supplier_id"])
        product = catalogue.find(row["product_code"])
        yield Line("received", row["received_date"], product, weight, commune, row)
    for row in bank.rows["deliveries"]:
        weight = grams(row["weight_kg"]) - grams(row["refused_kg"])
        commune = commune_of(partners, row["partner_id"])
        product = catalogue.find(row["product_code"])
        yield Line("delivered", row["delivered_date"], product, weight, commune, row)
    for row in bank.rows["parcels"]:
        product = catalogue.find(row["product_code"])
        yield Line(
            "parcels",
            row["handed_over_date"],
            product,
            grams(row["weight_kg"]),
            row["insee_code"],
            row,
        )
    for row in bank.rows["removals"]:
        product = catalogue.find(row["product_code"])
        yield Line("removed", row["removed_date"], product, grams(row["weight_kg"]), None, row)
    for row in bank.rows["transformations"]:
        product = catalogue.find(row["product_code"])
        kind = f"transformation_{row['direction']}"
        yield Line(kind, row["made_date"], product, grams(row["weight_kg"]), None, row)


def list_full_counts(bank: Bank) -> dict[tuple[date, str], dict[str, int]]:
    """Grams by product of each full count, by day and site.

    A count is one document: a line corrected to another day moves the whole of it there. Of two on
    one day of one site the later one counts.
    """
    documents: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in bank.rows["stock_counts"]:
        if row["is_full_count"]:
            documents[row["count_id"], row["site_id"]].append(row)
    latest: dict[tuple[date, str], tuple[datetime, str]] = {}
    counts: dict[tuple[date, str], dict[str, int]] = {}
    for (count_id, site), rows in documents.items():
        place = (max(row["counted_date"] for row in rows), site)
        rank = (max(row["counted_at"] for row in rows), count_id)
        if place in latest and latest[place] > rank:
            continue
        latest[place] = rank
        counts[place] = defaultdict(int)
        for row in rows:
            counts[place][row["product_code"]] += grams(row["weight_kg"])
    return counts


class Stock:
    """Food stock of all sites at the end of each day, corrected at full counts."""

    def __init__(self, bank: Bank, lines: list[Line]) -> None:
        self.days: list[date] = []
        self._closing: list[int] = []
        self.unexplained: dict[date, int] = defaultdict(int)
        moves: dict[date, list[tuple[str, str, int]]] = defaultdict(list)
        catalogue = Catalogue(bank)
        opened: set[str] = set()
        sign = {"received": 1, "transformation_output": 1}
        for line in lines:
            amount = sign.get(line.kind, -1) * line.grams
            moves[line.day].append((line.row["site_id"], line.product.code, amount))
        for row in bank.rows["transfers"]:
            code = row["product_code"]
            shipped = grams(row["shipped_kg"])
            moves[row["shipped_date"]].append((row["from_site_id"], code, -shipped))
            if row["received_date"] and row["to_site_id"]:
                kg = row["received_kg"]
                arrived = shipped if kg is None else grams(kg)
                moves[row["received_date"]].append((row["to_site_id"], code, arrived))
        counts: dict[date, dict[str, dict[str, int]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(int))
        )
        for (day, site), counted in list_full_counts(bank).items():
            counts[day][site] = counted
        stock: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        food = 0
        for day in sorted({*moves, *counts}):
            for site, code, amount in moves[day]:
                stock[site][code] += amount
                food += amount if catalogue.find(code).is_food else 0
            for site, counted in counts.get(day, {}).items():
                # The first full count of a site opens its books: nothing is unexplained by it.
                is_opening = site not in opened
                opened.add(site)
                if not is_opening:
                    self.unexplained[day] += 0
                for code in {*stock[site], *counted}:
                    gap = counted.get(code, 0) - stock[site][code]
                    stock[site][code] += gap
                    if catalogue.find(code).is_food:
                        food += gap
                        if not is_opening:
                            self.unexplained[day] += gap
            self.days.append(day)
            self._closing.append(food)

    def closing(self, day: date) -> int:
        """Grams of food at the end of a day."""
        index = bisect_right(self.days, day)
        return self._closing[index - 1] if index else 0

    def gap(self, start: date, end: date) -> int | None:
        """Counted less theoretical at the full counts of a period; None without a count."""
        found = [gap for day, gap in self.unexplained.items() if start <= day <= end]
        return sum(found) if found else None
