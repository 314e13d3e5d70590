"""Ledgers of public programmes and groups of nutrition of one food bank, month by month.

Written from indicators.md sections 2 and 7 and decision 0016: what leaves a programme is known by
its lot or receipt, else shared out by the mix, which takes no more than is left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from tests.oracle.accepted import Bank, grams, month_of
from tests.oracle.flows import UNMAPPED, Catalogue, Line
from tests.oracle.origins import Mixes
from tests.oracle.periods import Coverage, next_month
from tests.oracle.reference import read_seed

PROGRAMMES = ("eu_programme", "state_grocery_credit", "better_food_programme")
LEAVING = ("delivered", "parcels", "removed", "transformation_input")


@dataclass(frozen=True)
class LedgerMonth:
    """Grams and euros of a programme in a month; `lines`: quantities rounded until its end."""

    opening: Fraction
    received: int
    used: Fraction
    closing: Fraction
    by_lot: Fraction
    beyond: Fraction
    closing_eur: Fraction
    lines: int


def list_uses(bank: Bank, lines: list[Line]) -> Iterator[tuple[date, str, Fraction, bool]]:
    """(day, programme, grams, whether lot or receipt is known) of all that leaves."""
    mixes = Mixes(lines)
    receipts: dict[str, str] = {}
    for row in bank.rows["receipts"]:
        known = receipts.get(row["receipt_id"], row["channel"])
        receipts[row["receipt_id"]] = min(known, row["channel"])
    catalogue = Catalogue(bank)
    leaving = [
        (line.day, line.product, line.row["lot_id"], line.row.get("receipt_id"), line.grams)
        for line in lines
        if line.kind in LEAVING
    ]
    for row in bank.rows["transfers"]:
        if row["received_date"] and not row["to_site_id"]:
            kg = row["shipped_kg"] if row["received_kg"] is None else row["received_kg"]
            product = catalogue.find(row["product_code"])
            leaving.append((row["received_date"], product, row["lot_id"], None, grams(kg)))
    for day, product, lot, receipt, weight in leaving:
        channel = mixes.lot_channel(product.code, lot) or receipts.get(receipt or "")
        if channel:
            if channel in PROGRAMMES:
                yield day, channel, Fraction(weight), True
            continue
        family = None if product.family == UNMAPPED else product.family
        for name, share in mixes.shares(product.code, family, month_of(day)).items():
            if name in PROGRAMMES:
                yield day, name, weight * share, False


def keep_ledgers(
    bank: Bank, lines: list[Line], coverage: Coverage
) -> dict[tuple[str, date], LedgerMonth]:
    """The ledger of each programme from the month of its first receipt to the data date."""
    received: dict[tuple[str, date], int] = defaultdict(int)
    cost: dict[tuple[str, date], Fraction] = defaultdict(Fraction)
    for line in lines:
        is_received = line.kind == "received" and line.day <= coverage.data_date
        if is_received and line.row["channel"] in PROGRAMMES:
            key = (line.row["channel"], month_of(line.day))
            received[key] += line.grams
            cost[key] += Fraction(line.row["cost_eur"] or 0)
    used: dict[tuple[str, date, bool], Fraction] = defaultdict(Fraction)
    count: dict[tuple[str, date], int] = defaultdict(int)
    for day, programme, weight, is_known in list_uses(bank, lines):
        if day <= coverage.data_date:
            used[programme, month_of(day), is_known] += weight
            count[programme, month_of(day)] += not is_known
    ledgers = {}
    for programme in PROGRAMMES:
        months = [month for name, month in received if name == programme]
        if not months:
            continue
        month, stock, euros, rounded = min(months), Fraction(0), Fraction(0), 0
        while month <= coverage.data_date:
            came = received[programme, month]
            traced, mixed = (used[programme, month, is_known] for is_known in (True, False))
            kept_traced = min(traced, stock + came)
            kept_mixed = min(mixed, max(stock + came - traced, Fraction(0)))
            kept = kept_traced + kept_mixed
            whole = euros + cost[programme, month]
            spent = whole * kept / (stock + came) if stock + came > 0 else Fraction(0)
            rounded += count[programme, month]
            ledgers[programme, month] = LedgerMonth(
                stock, came, kept, stock + came - kept, kept_traced, traced + mixed - kept,
                whole - spent, rounded,
            )  # fmt: skip
            stock, euros, month = stock + came - kept, whole - spent, next_month(month)
    return ledgers


def group_nutrition(bank: Bank, lines: list[Line], last: date) -> dict[tuple[date, str], int]:
    """Grams distributed by month and nutrition group: the catalogue's, else that of the family."""
    groups = {row["nutrition_group"] for row in read_seed("nutrition_reference")}
    of_family = {
        row["network_family"]: row["default_nutrition_group"]
        for row in read_seed("network_families")
    }
    own = {row["product_code"]: row["nutrition_group"] for row in bank.rows["products"]}
    sums: dict[tuple[date, str], int] = defaultdict(int)
    for line in lines:
        if line.kind in ("delivered", "parcels") and line.product.is_food and line.day <= last:
            named = own.get(line.product.code)
            group = named if named in groups else of_family[line.product.family]
            sums[month_of(line.day), group] += line.grams
    return sums
