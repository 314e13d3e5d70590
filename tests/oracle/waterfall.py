"""Where the change of fresh food comes from: the five effects of indicators.md section 3 (LMDI-I).

Written from that section, the definition of `fresh_change_tonnes` and decision 0009.
"""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date
from fractions import Fraction

from tests.oracle.flows import Line
from tests.oracle.periods import Coverage, Span, year_before

EFFECTS = (
    "total", "active_stores", "pickups_per_store", "kg_per_pickup", "channel_mix", "kept_share",
)  # fmt: skip
FACTORS = EFFECTS[1:]
STORES = "retail_pickup"


def explain_change(lines: list[Line], coverage: Coverage, span: Span) -> dict[str, Fraction] | None:
    """Tonnes of each effect; None where the data do not reach back a year before."""
    if coverage.first > year_before(span.start):
        return None
    now = _factor(lines, span.start, span.end)
    before = _factor(lines, year_before(span.start), year_before(span.end))
    effects = dict.fromkeys(FACTORS, 0.0)
    for channel in {*now, *before}:
        one, other = now.get(channel), before.get(channel)
        for name, amount in _split(one, other).items():
            effects[name] += amount
    kept_now = sum((math.prod(parts) for parts in now.values()), Fraction(0))
    kept_before = sum((math.prod(parts) for parts in before.values()), Fraction(0))
    tonnes = {name: Fraction(kg) / 1000 for name, kg in effects.items()}
    return {"total": (kept_now - kept_before) / 1000, **tonnes}


def _factor(lines: list[Line], start: date, end: date) -> dict[str, list[Fraction]]:
    """By channel with fresh food: S, P/S, M/P, M_c/M, K_c/M_c."""
    received: dict[str, int] = defaultdict(int)
    linked: dict[str, int] = defaultdict(int)
    loose = 0
    channel_of: dict[str, set[str]] = defaultdict(set)
    stores: dict[str, int] = defaultdict(int)
    pickups: dict[str, int] = defaultdict(int)
    for line in lines:
        if line.kind == "received":
            channel_of[line.row["receipt_id"]].add(line.row["channel"])
        if not (start <= line.day <= end) or not line.product.is_food or line.kind != "received":
            continue
        if line.row["channel"] == STORES:
            stores[line.row["supplier_id"]] += line.grams
            pickups[line.row["receipt_id"]] += line.grams
        if line.product.is_fresh("standard"):
            received[line.row["channel"]] += line.grams
    for line in lines:
        is_fresh_removal = (
            line.kind == "removed"
            and line.product.is_food
            and line.product.is_fresh("standard")
            and start <= line.day <= end
        )
        if not is_fresh_removal:
            continue
        channels = channel_of.get(line.row["receipt_id"] or "", set())
        if len(channels) == 1:
            linked[next(iter(channels))] += line.grams
        else:
            loose += line.grams
    whole = sum(received.values())
    s = sum(kg > 0 for kg in stores.values())
    p = sum(kg > 0 for kg in pickups.values())
    for channel, amount in linked.items():
        loose += max(amount - received.get(channel, 0), 0)
    factors = {}
    for channel, amount in received.items():
        if amount <= 0:
            continue
        out = Fraction(min(linked[channel], amount)) + Fraction(loose * amount, whole)
        kept = Fraction(amount) - out
        count, stops = (s, p) if channel == STORES else (1, 1)
        m = Fraction(whole, 1000)
        factors[channel] = [
            Fraction(count),
            Fraction(stops, count) if count else Fraction(0),
            m / stops if stops else Fraction(0),
            Fraction(amount, whole),
            kept / amount,
        ]
    return factors


def _split(one: list[Fraction] | None, other: list[Fraction] | None) -> dict[str, float]:
    """LMDI-I of one channel; a channel nil on one side goes whole to its first nil factor."""
    now = float(math.prod(one)) if one else 0.0
    before = float(math.prod(other)) if other else 0.0
    if now == before == 0:
        return {}
    if now <= 0 or before <= 0:
        gone = one if now <= 0 else other
        at = FACTORS.index("channel_mix")
        if gone is not None:
            at = next(n for n, part in enumerate(gone) if part <= 0)
        return {FACTORS[at]: now - before}
    weight = now if now == before else (now - before) / (math.log(now) - math.log(before))
    assert one is not None and other is not None
    return {
        name: weight * math.log(float(a) / float(b))
        for name, a, b in zip(FACTORS, one, other, strict=True)
    }
