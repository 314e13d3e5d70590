"""The stock of each site, day by day: what goes out, what moves, what is counted.

Here lives the simulation in whole grams. On a day, only what lay in stock the evening before
goes out; what arrives is sorted, then stored: no outflow ever exceeds what was there. Times of
the day and vehicles belong in `logistics.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from pipelines.demo.catalogue import Catalogue
from pipelines.demo.directory import Partners
from pipelines.demo.households import Parcels
from pipelines.demo.places import MAIN_SITE, SITES
from pipelines.demo.platform import Visits
from pipelines.demo.supply import Supply
from pipelines.demo.working_days import (
    HANDOUT_SEASON,
    PUBLISHED_ON,
    FloatArray,
    IntArray,
    Period,
    count_days,
    is_worked_day,
    open_stream,
    read_day,
)

# Delivered on orders from 1 January to 25 June 2024, net of refusals: published on that day.
ORDERED_GRAMS = 493_000_000
ORDERED_FROM_TO = (date(2024, 1, 1), PUBLISHED_ON)
USUAL_ORDER_GRAMS = 387_000
LARGEST_VISIT_GRAMS = 2_600_000
# ISO weekdays on which the main site ships to each antenna.
TRANSFER_WEEKDAYS: dict[int, tuple[int, ...]] = {1: (2, 4), 2: (3,), 3: (1, 5)}
REMOVAL_REASONS = (
    "sorting",
    "expired",
    "damaged",
    "cold_chain_break",
    "packaging",
    "recall",
    "other",
)
_STOCK_REASON_SHARES = (0.0, 0.70, 0.17, 0.04, 0.06, 0.01, 0.02)
REFUSED_LINE_SHARE = 0.035


@dataclass(frozen=True)
class Outflows:
    """What left, moved and was counted: frames of integer columns (days, grams, positions).

    deliveries: visit, order, day, site, product, grams, refused. parcels: parcel, product, grams.
    removals: day, site, product, grams, reason. transfers: day, to, product, shipped, received,
    arrives. counts: day, site, product, theoretical, counted. opening: site, product, grams.
    """

    opening: pl.DataFrame
    deliveries: pl.DataFrame
    parcels: pl.DataFrame
    removals: pl.DataFrame
    transfers: pl.DataFrame
    counts: pl.DataFrame


@dataclass
class _Ledger:
    """Columns that the days append to; closed once into a frame."""

    names: tuple[str, ...]
    parts: list[tuple[IntArray, ...]] = field(default_factory=list)

    def add(self, *columns: IntArray | int) -> None:
        size = max(np.size(column) for column in columns)
        full = tuple(np.broadcast_to(np.asarray(c, dtype=np.int64), (size,)) for c in columns)
        self.parts.append(full)

    def close(self) -> pl.DataFrame:
        empty = np.empty(0, dtype=np.int64)
        return pl.DataFrame(
            {
                name: np.concatenate([empty, *(part[n] for part in self.parts)])
                for n, name in enumerate(self.names)
            }
        )


@dataclass
class _Controller:
    """Shares out what remains of the ordered target over the ordered visits that remain."""

    first: int
    last: int
    grams_left: int
    visits_left: int
    planned: float = 1.0
    realised: float = 1.0

    def plan_visit(self, day: int) -> float:
        if self.first <= day <= self.last and self.visits_left > 0:
            shortfall = max(self.realised / self.planned, 0.5)
            return max(self.grams_left / self.visits_left / shortfall, 60_000.0)
        return float(USUAL_ORDER_GRAMS)

    def record(self, day: int, grams: int, visits: int) -> None:
        if self.first <= day <= self.last:
            self.planned += self.plan_visit(day) * visits
            self.realised += grams
            self.grams_left -= grams
            self.visits_left -= visits


@dataclass(frozen=True)
class _World:
    period: Period
    partners: Partners
    catalogue: Catalogue
    visits: Visits
    parcels: Parcels
    relative_size: FloatArray
    storable: FloatArray
    partner_class: IntArray


def _sum_by_day(supply: Supply, period: Period, products: int) -> IntArray:
    """Grams stored of each day, site and product: received, less refused, less sorted out."""
    lines = supply.receipts
    net = (lines["gross"] - lines["refused"]).to_numpy().copy()
    np.subtract.at(net, supply.sorting["row"].to_numpy(), supply.sorting["grams"].to_numpy())
    days = period.last - period.first + 1
    cell = (lines["day"].to_numpy() - period.first) * len(SITES) + lines["site"].to_numpy()
    cell = cell * products + lines["product"].to_numpy()
    summed = np.zeros(days * len(SITES) * products, dtype=np.int64)
    np.add.at(summed, cell, net)
    return summed.reshape(days, len(SITES), products)


def _draw_opening(stream: np.random.Generator, inflow: IntArray, catalogue: Catalogue) -> IntArray:
    """Stock of the first evening: what the flows would settle at, product by product."""
    daily = inflow.sum(axis=(0, 1)) / inflow.shape[0] * 365.25 / 250
    share = np.array([site.share for site in SITES])[:, None]
    level = daily / catalogue.daily_rate * 0.95
    noise = stream.lognormal(0.0, 0.25, (len(SITES), catalogue.size))
    hectograms = (share * level[None, :] * noise / 100).astype(np.int64)
    return np.asarray(hectograms * 100, dtype=np.int64)


def _fill_parcels(
    stream: np.random.Generator,
    world: _World,
    levels: IntArray,
    day: int,
    bounds: tuple[int, int],
    starts: IntArray,
    ledger: _Ledger,
) -> None:
    """Take each parcel's lines from products of which the site has enough."""
    catalogue, parcels = world.catalogue, world.parcels
    wanted = catalogue.is_food & ~catalogue.is_eu & ~catalogue.is_frozen
    for n in range(*bounds):
        site = int(parcels.site[n])
        able = np.flatnonzero(wanted & (levels[site] > 8_000))
        grams = parcels.line_grams[starts[n] : starts[n] + parcels.lines[n]]
        product = np.sort(stream.choice(able, size=len(grams), replace=False))
        levels[site, product] -= grams
        ledger.add(n, product, grams)


def _plan_visit_grams(
    world: _World, controller: _Controller, rows: IntArray, day: int, offered: float
) -> FloatArray:
    visits = world.visits
    ordered = visits.order[rows] >= 0
    size = world.relative_size[rows]
    grams = np.where(ordered, controller.plan_visit(day) * size, 0.0)
    total = float(grams.sum())
    if total > 0.8 * offered:
        grams *= 0.8 * offered / total
    weights = np.where(ordered, 0.0, world.partners.size[visits.partner[rows]])
    if weights.sum() > 0:
        grams += weights / weights.sum() * max(offered - grams.sum(), 0.0)
    return np.minimum(grams, LARGEST_VISIT_GRAMS)


def _draw_products(
    stream: np.random.Generator, world: _World, leaving: FloatArray, partner: IntArray
) -> IntArray:
    """A product for each line, in proportion to what leaves, that its partner can store."""
    chosen = np.zeros(len(partner), dtype=np.int64)
    classes = world.partner_class[partner]
    drawn = stream.random(len(partner))
    for number in range(len(world.storable)):
        cumulated = np.cumsum(leaving * world.storable[number])
        mine = classes == number
        found = np.searchsorted(cumulated, drawn[mine] * cumulated[-1], side="right")
        chosen[mine] = np.minimum(found, len(leaving) - 1)
    return chosen


def _hand_out(
    stream: np.random.Generator,
    world: _World,
    levels: IntArray,
    site: int,
    day: int,
    rows: IntArray,
    controller: _Controller,
    ledger: _Ledger,
) -> tuple[IntArray, IntArray]:
    """Deliver to the visits of a site and day; returns (product, grams) that were refused."""
    catalogue, visits = world.catalogue, world.visits
    season = float(world.period.weigh_days(HANDOUT_SEASON, np.array([day]))[0])
    leaving = levels[site] * catalogue.daily_rate * season
    planned = _plan_visit_grams(world, controller, rows, day, float(leaving.sum()))
    count = visits.lines[rows]
    at = np.repeat(np.arange(len(rows)), count)
    product = _draw_products(stream, world, leaving, visits.partner[rows][at])
    weight = (planned / count)[at] * stream.lognormal(-0.06, 0.35, len(at))
    cell, inverse = np.unique(at * catalogue.size + product, return_inverse=True)
    weight = np.bincount(inverse, weights=weight).astype(np.float64)
    at, product = cell // catalogue.size, cell % catalogue.size
    asked = np.bincount(product, weights=weight, minlength=catalogue.size)
    held = np.minimum(1.0, 0.92 * levels[site] / np.maximum(asked, 1.0))
    grams = (weight * held[product] / 100).astype(np.int64) * 100
    is_refused = (stream.random(len(grams)) < REFUSED_LINE_SHARE) & ~catalogue.is_eu[product]
    part = stream.uniform(0.1, 0.6, len(grams))
    refused = np.where(is_refused, (grams * part / 100).astype(np.int64) * 100, 0)
    kept = grams >= 300
    at, product, grams, refused = at[kept], product[kept], grams[kept], refused[kept]
    np.subtract.at(levels[site], product, grams)
    order = visits.order[rows[at]]
    ledger.add(rows[at], order, day, site, product, grams, refused)
    counted = (order >= 0) & catalogue.is_food[product]
    controller.record(
        day, int((grams - refused)[counted].sum()), int((visits.order[rows] >= 0).sum())
    )
    return product, refused


def _remove_spoilt(
    stream: np.random.Generator,
    world: _World,
    levels: IntArray,
    site: int,
    day: int,
    ledger: _Ledger,
) -> None:
    """What expires or is damaged in stock: often in fresh goods, seldom in the rest."""
    fast = world.catalogue.daily_rate > 0.2
    drawn = stream.random(len(fast))
    chosen = np.flatnonzero((drawn < np.where(fast, 0.055, 0.006)) & (levels[site] > 15_000))
    part = np.where(
        fast[chosen],
        stream.uniform(0.16, 0.46, len(chosen)),
        stream.uniform(0.02, 0.12, len(chosen)),
    )
    grams = (levels[site, chosen] * part / 100).astype(np.int64) * 100
    reason = stream.choice(len(REMOVAL_REASONS), size=len(chosen), p=_STOCK_REASON_SHARES)
    product, reason, grams = chosen[grams > 0], reason[grams > 0], grams[grams > 0]
    levels[site, product] -= grams
    if len(product):
        ledger.add(day, site, product, grams, reason)


def _ship(
    stream: np.random.Generator, world: _World, levels: IntArray, to: int, day: int, ledger: _Ledger
) -> tuple[int, IntArray, IntArray]:
    """Send to an antenna what it lacks most; returns the day of arrival and what arrives."""
    lacking = SITES[to].share * levels.sum(axis=0) - levels[to]
    held = levels[MAIN_SITE]
    amount = np.minimum(0.85 * lacking, 0.5 * held) * stream.uniform(0.6, 1.0, len(held))
    amount = np.where(amount > 20_000, amount, 0.0)
    chosen = np.sort(np.argsort(-amount, kind="stable")[:16])
    shipped = (amount[chosen] / 1000).astype(np.int64) * 1000
    shipped = _limit_load(shipped, 7_500_000)
    product, shipped = chosen[shipped > 0], shipped[shipped > 0]
    lost = np.where(
        (stream.random(len(shipped)) < 0.004) & ~world.catalogue.is_eu[product],
        stream.integers(2, 60, len(shipped)) * 100,
        0,
    )
    received = np.maximum(shipped - lost, 0)
    arrives = day
    if day < world.period.last and stream.random() < 0.35 and is_worked_day(read_day(day + 1)):
        arrives = day + 1
    levels[MAIN_SITE, product] -= shipped
    if len(product):
        ledger.add(day, to, product, shipped, received, arrives)
    return arrives, product, received


def _limit_load(grams: IntArray, most: int) -> IntArray:
    total = int(grams.sum())
    return grams if total <= most else (grams * (most / total) / 1000).astype(np.int64) * 1000


def _count_site(
    stream: np.random.Generator,
    world: _World,
    levels: IntArray,
    site: int,
    day: int,
    ledger: _Ledger,
) -> None:
    """Count everything; a few products differ from the books, now and then by a lot."""
    theoretical = levels[site].copy()
    able = np.flatnonzero((theoretical > 10_000) & ~world.catalogue.is_eu)
    chosen = stream.choice(able, size=min(int(stream.integers(4, 10)), len(able)), replace=False)
    found = np.rint(stream.normal(-0.3, 1.8, len(chosen)) * 10).astype(np.int64) * 100
    levels[site, chosen] += np.maximum(found, -(theoretical[chosen] // 200) * 100)
    heavy = np.flatnonzero((theoretical > 400_000) & ~world.catalogue.is_eu)
    if stream.random() < 0.07 and len(heavy):
        levels[site, int(stream.choice(heavy))] -= int(stream.integers(58, 140)) * 1000
    product = np.flatnonzero((theoretical > 0) | (levels[site] > 0))
    ledger.add(day, site, product, theoretical[product], levels[site, product])


def _bound(values: IntArray, period: Period) -> IntArray:
    """Positions at which each day of the period starts in sorted days, and the end."""
    edges = np.arange(period.first, period.last + 2)
    return np.searchsorted(values, edges).astype(np.int64)


def _build_world(
    period: Period, partners: Partners, catalogue: Catalogue, visits: Visits, parcels: Parcels
) -> _World:
    ordered = visits.order >= 0
    size = partners.size[visits.partner] ** 0.5
    mean = float(size[ordered].mean()) if ordered.any() else 1.0
    ambient = ~catalogue.is_chilled & ~catalogue.is_frozen
    storable = np.array([ambient, ~catalogue.is_frozen, np.ones(catalogue.size)], dtype=np.float64)
    classes = partners.stores_chilled.astype(np.int64) + partners.stores_frozen
    return _World(period, partners, catalogue, visits, parcels, size / mean, storable, classes)


def _start_controller(period: Period, visits: Visits) -> _Controller:
    first, last = (count_days(day) for day in ORDERED_FROM_TO)
    inside = (visits.order >= 0) & (visits.day >= first) & (visits.day <= min(last, period.last))
    part = (min(period.last, last) - first + 1) / (last - first + 1)
    return _Controller(first, last, int(ORDERED_GRAMS * max(part, 0)), int(inside.sum()))


def simulate_outflows(
    seed: int,
    period: Period,
    partners: Partners,
    catalogue: Catalogue,
    supply: Supply,
    visits: Visits,
    parcels: Parcels,
) -> Outflows:
    """Run the stock of the four sites over the period."""
    stream = open_stream(seed, "handing_out")
    world = _build_world(period, partners, catalogue, visits, parcels)
    inflow = _sum_by_day(supply, period, catalogue.size)
    opening = _draw_opening(stream, inflow, catalogue)
    ledgers = _open_ledgers()
    _run_days(stream, world, inflow, opening.copy(), ledgers, _start_controller(period, visits))
    deliveries = ledgers["deliveries"].close()
    if period.last >= count_days(ORDERED_FROM_TO[1]):
        deliveries = calibrate_ordered(deliveries, catalogue)
    site, product = np.nonzero(opening)
    return Outflows(
        opening=pl.DataFrame({"site": site, "product": product, "grams": opening[site, product]}),
        deliveries=deliveries,
        parcels=ledgers["parcels"].close(),
        removals=ledgers["removals"].close(),
        transfers=ledgers["transfers"].close(),
        counts=ledgers["counts"].close(),
    )


def _open_ledgers() -> dict[str, _Ledger]:
    return {
        "deliveries": _Ledger(("visit", "order", "day", "site", "product", "grams", "refused")),
        "parcels": _Ledger(("parcel", "product", "grams")),
        "removals": _Ledger(("day", "site", "product", "grams", "reason")),
        "transfers": _Ledger(("day", "to", "product", "shipped", "received", "arrives")),
        "counts": _Ledger(("day", "site", "product", "theoretical", "counted")),
    }


def _run_days(
    stream: np.random.Generator,
    world: _World,
    inflow: IntArray,
    levels: IntArray,
    ledgers: dict[str, _Ledger],
    controller: _Controller,
) -> None:
    period = world.period
    visit_bounds, parcel_bounds = (
        _bound(world.visits.day, period),
        _bound(world.parcels.day, period),
    )
    starts = np.concatenate([[0], np.cumsum(world.parcels.lines)]).astype(np.int64)
    closing = set(period.list_count_days())
    road: dict[int, list[tuple[int, IntArray, IntArray]]] = {}
    for n, day in enumerate(period.days.tolist()):
        back: list[tuple[int, IntArray, IntArray]] = road.pop(day, [])
        if period.is_worked[n]:
            span = (int(parcel_bounds[n]), int(parcel_bounds[n + 1]))
            _fill_parcels(stream, world, levels, day, span, starts, ledgers["parcels"])
            rows = np.arange(visit_bounds[n], visit_bounds[n + 1])
            back += _serve_sites(stream, world, levels, day, rows, controller, ledgers)
            back += _send_transfers(
                stream, world, levels, day, int(period.weekday[n]), ledgers, road
            )
        for site, product, grams in back:
            np.add.at(levels[site], product, grams)
        levels += inflow[n]
        if day in closing:
            for site in range(len(SITES)):
                _count_site(stream, world, levels, site, day, ledgers["counts"])


def _serve_sites(
    stream: np.random.Generator,
    world: _World,
    levels: IntArray,
    day: int,
    rows: IntArray,
    controller: _Controller,
    ledgers: dict[str, _Ledger],
) -> Sequence[tuple[int, IntArray, IntArray]]:
    back = []
    for site in range(len(SITES)):
        mine = rows[world.visits.site[rows] == site]
        if len(mine):
            product, refused = _hand_out(
                stream, world, levels, site, day, mine, controller, ledgers["deliveries"]
            )
            back.append((site, product, refused))
        _remove_spoilt(stream, world, levels, site, day, ledgers["removals"])
    return back


def _send_transfers(
    stream: np.random.Generator,
    world: _World,
    levels: IntArray,
    day: int,
    weekday: int,
    ledgers: dict[str, _Ledger],
    road: dict[int, list[tuple[int, IntArray, IntArray]]],
) -> Sequence[tuple[int, IntArray, IntArray]]:
    """Ship to the antennas of that weekday; what arrives today is returned, the rest waits."""
    today = []
    for to, weekdays in TRANSFER_WEEKDAYS.items():
        if weekday in weekdays:
            arrives, product, received = _ship(stream, world, levels, to, day, ledgers["transfers"])
            if arrives == day:
                today.append((to, product, received))
            else:
                road.setdefault(arrives, []).append((to, product, received))
    return today


def calibrate_ordered(deliveries: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Bring what was delivered on orders to the published tonnes.

    Grams pass between an ordered and another line of the same day, site and product: the stock
    stays as it was.
    """
    first, last = (count_days(day) for day in ORDERED_FROM_TO)
    day, product = deliveries["day"].to_numpy(), deliveries["product"].to_numpy()
    grams, refused = deliveries["grams"].to_numpy().copy(), deliveries["refused"].to_numpy()
    inside = (day >= first) & (day <= last) & catalogue.is_food[product]
    ordered = inside & (deliveries["order"].to_numpy() >= 0)
    missing = ORDERED_GRAMS - int((grams - refused)[ordered].sum())
    cell = (day * len(SITES) + deliveries["site"].to_numpy()) * catalogue.size + product
    free = inside & (refused == 0)
    others = {int(cell[n]): int(n) for n in np.flatnonzero(free & ~ordered)}
    for n in np.flatnonzero(free & ordered)[::-1]:
        other = others.get(int(cell[n]))
        if missing == 0 or other is None:
            continue
        giver, taker = (other, n) if missing > 0 else (n, other)
        moved = min(abs(missing), int(grams[giver]) // 200 * 100)
        grams[giver] -= moved
        grams[taker] += moved
        missing -= moved if missing > 0 else -moved
    if missing:
        raise RuntimeError(f"ordered deliveries: {missing} grams could not be placed")
    return deliveries.with_columns(grams=grams)
