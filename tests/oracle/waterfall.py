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


def explain_change(
    lines: list[Line], own_lines: list[Line], coverage: Coverage, span: Span
) -> dict[str, Fraction] | None:
    """Tonnes of each effect. `own_lines`: with those that the network does not count.

    None where the data do not reach back a year before, and where nothing fresh came in either
    period: there is no change to explain.
    """
    if coverage.first > year_before(span.start):
        return None
    channels = {line.row["channel"] for line in lines if line.kind == "received"}
    channel_of: dict[str, set[str]] = defaultdict(set)
    for line in own_lines:
        if line.kind == "received":
            channel_of[line.row["receipt_id"]].add(line.row["channel"])
    now = _factor(lines, channel_of, span.start, span.end, channels)
    before = _factor(lines, channel_of, year_before(span.start), year_before(span.end), channels)
    if not any(part[3] for factors in (now, before) for part in factors.values()):
        return None
    effects = dict.fromkeys(FACTORS, 0.0)
    for channel in channels:
        for name, amount in _split(now[channel], before[channel]).items():
            effects[name] += amount
    kept_now = sum((math.prod(parts) for parts in now.values()), Fraction(0))
    kept_before = sum((math.prod(parts) for parts in before.values()), Fraction(0))
    tonnes = {name: Fraction(kg) / 1000 for name, kg in effects.items()}
    return {"total": (kept_now - kept_before) / 1000, **tonnes}


def _factor(
    lines: list[Line],
    channel_of: dict[str, set[str]],
    start: date,
    end: date,
    channels: set[str],
) -> dict[str, list[Fraction]]:
    """By channel: S, P/S, M/P, M_c/M, K_c/M_c; nil from the first one that is."""
    received: dict[str, int] = defaultdict(int)
    linked: dict[str, int] = defaultdict(int)
    loose = 0
    stores: dict[str, int] = defaultdict(int)
    pickups: dict[str, int] = defaultdict(int)
    for line in lines:
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
        # A receipt is of one channel; of a document that names more, the first by name.
        found = channel_of.get(line.row["receipt_id"] or "", set())
        if found:
            linked[min(found)] += line.grams
        else:
            loose += line.grams
    whole = sum(received.values())
    s = sum(kg > 0 for kg in stores.values())
    p = sum(kg > 0 for kg in pickups.values())
    for channel, amount in linked.items():
        loose += max(amount - received.get(channel, 0), 0)
    factors = {}
    for channel in channels:
        amount = received[channel]
        out = Fraction(min(linked[channel], amount))
        out += Fraction(loose * amount, whole) if whole else 0
        # Of more removed than came in, nothing is kept.
        kept = max(Fraction(amount) - out, Fraction(0))
        count, stops = (s, p) if channel == STORES else (1, 1)
        m = Fraction(whole, 1000)
        factors[channel] = [
            Fraction(count),
            Fraction(stops, count) if count else Fraction(0),
            m / stops if stops else Fraction(0),
            Fraction(amount, whole) if whole else Fraction(0),
            kept / amount if amount else Fraction(0),
        ]
    return factors


def _split(one: list[Fraction], other: list[Fraction]) -> dict[str, float]:
    """LMDI-I of one channel; a channel nil on one side goes whole to its first nil factor."""
    now, before = float(math.prod(one)), float(math.prod(other))
    if now == before == 0:
        return {}
    if now <= 0 or before <= 0:
        gone = one if now <= 0 else other
        at = next(n for n, part in enumerate(gone) if part <= 0)
        return {FACTORS[at]: now - before}
    weight = now if now == before else (now - before) / (math.log(now) - math.log(before))
    return {
        name: weight * math.log(float(a) / float(b))
        for name, a, b in zip(FACTORS, one, other, strict=True)
    }
