"""What is in stock at the data date by use-by date: first expired, first out (decision 0008)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from tests.oracle.accepted import Bank, grams
from tests.oracle.flows import Line, list_full_counts

SIGNS = {"received": 1, "transformation_output": 1}
Place = tuple[str, str]
"""Site and product."""


def list_expiring(bank: Bank, lines: list[Line], data_date: date) -> list[tuple[date, int]]:
    """Use-by dates and the grams of food in stock that they are of."""
    stock = _sum_stock(bank, lines, data_date)
    lots: dict[tuple[Place, str], int] = defaultdict(int)
    dates: dict[tuple[str, str], tuple[str | None, date]] = {}
    loose: dict[tuple[Place, str | None, date | None], int] = defaultdict(int)
    is_food: dict[str, bool] = {}
    for line in sorted(lines, key=lambda line: line.day):
        if line.day > data_date:
            continue
        is_food[line.product.code] = line.product.is_food
        place, lot = (line.row["site_id"], line.product.code), line.row["lot_id"]
        if lot:
            lots[place, lot] += SIGNS.get(line.kind, -1) * line.grams
            if line.kind == "received" and line.row["expires_on"]:
                # A lot keeps its date wherever it is taken: the earliest that a receipt gave it.
                known = dates.get((line.product.code, lot))
                if known is None or line.row["expires_on"] < known[1]:
                    dates[line.product.code, lot] = (
                        line.row["date_kind"],
                        line.row["expires_on"],
                    )
        elif line.kind == "received":
            loose[place, line.row["date_kind"], line.row["expires_on"]] += line.grams
    for row in bank.rows["transfers"]:
        if not row["lot_id"]:
            continue
        if row["shipped_date"] <= data_date:
            lots[(row["from_site_id"], row["product_code"]), row["lot_id"]] -= grams(
                row["shipped_kg"]
            )
        if row["to_site_id"] and row["received_date"] and row["received_date"] <= data_date:
            kg = row["shipped_kg"] if row["received_kg"] is None else row["received_kg"]
            lots[(row["to_site_id"], row["product_code"]), row["lot_id"]] += grams(kg)
    came: dict[Place, list[tuple[date | None, str, str | None, int]]] = defaultdict(list)
    for (place, lot), amount in lots.items():
        if amount > 0:
            kind, expires_on = dates.get((place[1], lot)) or (None, None)
            came[place].append((expires_on, lot, kind, amount))
    for (place, kind, expires_on), amount in loose.items():
        came[place].append((expires_on, "", kind, amount))
    found = []
    for place, amounts in came.items():
        left = stock.get(place, 0)
        # What is left is what expires last; what has no date outlasts everything.
        amounts.sort(
            key=lambda one: (one[0] is None, one[0] or date.min, one[1], one[2] or ""),
            reverse=True,
        )
        for expires_on, _, kind, amount in amounts:
            kept = max(min(amount, left), 0)
            left -= amount
            if kept and kind == "use_by" and expires_on and is_food.get(place[1], True):
                found.append((expires_on, kept))
    return found


def _sum_stock(bank: Bank, lines: list[Line], data_date: date) -> dict[Place, int]:
    """Grams of each site and product at the data date, corrected at full counts."""
    moves: dict[date, list[tuple[Place, int]]] = defaultdict(list)
    for line in lines:
        place = (line.row["site_id"], line.product.code)
        moves[line.day].append((place, SIGNS.get(line.kind, -1) * line.grams))
    for row in bank.rows["transfers"]:
        shipped = grams(row["shipped_kg"])
        moves[row["shipped_date"]].append(((row["from_site_id"], row["product_code"]), -shipped))
        if row["received_date"] and row["to_site_id"]:
            kg = row["received_kg"]
            arrived = shipped if kg is None else grams(kg)
            place = (row["to_site_id"], row["product_code"])
            moves[row["received_date"]].append((place, arrived))
    counts: dict[date, dict[str, dict[str, int]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(int))
    )
    for (day, site), counted in list_full_counts(bank).items():
        counts[day][site] = counted
    stock: dict[Place, int] = defaultdict(int)
    for day in sorted({*moves, *counts}):
        if day > data_date:
            break
        for place, amount in moves[day]:
            stock[place] += amount
        for site, counted in counts.get(day, {}).items():
            for place in [place for place in stock if place[0] == site]:
                stock[place] = 0
            for code, amount in counted.items():
                stock[site, code] = amount
    return stock
