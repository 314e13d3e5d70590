"""What comes in: pickups in stores, gifts, drives, programmes and purchases, two years of them.

Here live the receipts, the pickup stops that they come from and the sorting that follows them,
as whole grams. What leaves the stock belongs in `outflows.py`; times of the day, which depend
on the rounds, in `logistics.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from pipelines.demo.catalogue import Catalogue
from pipelines.demo.directory import Suppliers
from pipelines.demo.places import SITES
from pipelines.demo.working_days import (
    PICKUP_SEASON,
    BoolArray,
    FloatArray,
    IntArray,
    Period,
    count_days,
    find_national_drive,
    open_stream,
    read_day,
)

ANNUAL_KILOGRAMS = 3_000_000
RETAIL_SHARE = 0.355
# Growth of fresh tonnes published on 25 June 2024: 2024 to that day on the same days of 2023.
FRESH_GROWTH_PER_MILLE = 36
FRESH_FROM_TO = (date(2024, 1, 1), date(2024, 6, 25))
FRESH_FROM_TO_BEFORE = (date(2023, 1, 1), date(2023, 6, 25))
NEIGHBOUR_FOOD_BANK = "voisine_hors_reseau"
OUTCOMES = ("done", "nothing_to_collect", "missed", "refused")
UNITS = ("kg", "g", "t", "unit", "case")
DATE_KINDS = ("none", "use_by", "best_before")
REFUSALS = ("", "cold_chain", "date_passed", "damaged")

_FLAT = (1.0,) * 12
_FARM_SEASON = (0.5, 0.4, 0.4, 0.5, 0.8, 1.2, 1.7, 1.6, 1.8, 1.6, 0.9, 0.6)


class Channel(NamedTuple):
    """A way that food comes in, other than stores: share of a year's kilograms and its habits."""

    code: str
    share: float
    mix: str
    supplier_kinds: tuple[str, ...]
    receipts_per_year: int
    lines: tuple[int, int]
    season: tuple[float, ...]
    lot_share: float
    cents_per_kg: int


CHANNELS: tuple[Channel, ...] = (
    Channel("industry", 0.150, "industry", ("industry",), 300, (1, 3), _FLAT, 0.85, 0),
    Channel("platform", 0.118, "platform", ("platform",), 330, (2, 5), _FLAT, 0.70, 0),
    Channel("farm", 0.068, "farm", ("farm",), 420, (1, 3), _FARM_SEASON, 0.55, 0),
    Channel(
        "eu_programme",
        0.090,
        "eu",
        ("public_programme",),
        40,
        (2, 4),
        (0.4, 0.6, 1.4, 1.6, 1.4, 1.0, 0.6, 0.2, 0.9, 1.5, 1.4, 1.0),
        1.0,
        0,
    ),
    Channel(
        "state_grocery_credit", 0.028, "bought", ("public_programme",), 26, (2, 4), _FLAT, 0.9, 118
    ),
    Channel(
        "better_food_programme",
        0.024,
        "better_food",
        ("farm", "wholesale"),
        60,
        (1, 3),
        _FLAT,
        0.8,
        176,
    ),
    Channel("purchase", 0.040, "bought", ("wholesale",), 62, (1, 4), _FLAT, 0.9, 109),
    Channel("inter_bank", 0.009, "industry", ("other",), 12, (1, 3), _FLAT, 0.8, 0),
    Channel("other_gift", 0.012, "platform", ("catering", "other"), 120, (1, 2), _FLAT, 0.3, 0),
)
NATIONAL_DRIVE_KILOGRAMS = 0.092 * ANNUAL_KILOGRAMS
LOCAL_DRIVE_KILOGRAMS = 0.014 * ANNUAL_KILOGRAMS
CHANNEL_CODES = (
    "retail_pickup",
    *(channel.code for channel in CHANNELS),
    "national_drive",
    "local_drive",
)
BULK_SITE_SHARES = (0.82, 0.08, 0.04, 0.06)
DRIVE_SITE_SHARES = (0.50, 0.22, 0.12, 0.16)


@dataclass(frozen=True)
class Pickups:
    """Planned stops at the stores of the daily pickup: arrays of one entry a stop."""

    day: IntArray
    store: IntArray
    outcome: IntArray


@dataclass(frozen=True)
class Supply:
    """Receipt lines (`receipts`), pickup stops and sorted-out weights (`sorting`).

    receipts: receipt, line, day, site, supplier, channel, product, lot (-1 unknown), date_kind,
    expires (-1 none), unit, quantity_milli, gross, refused, refusal, cents (-1 none), label,
    departement_known, stop (-1 unless a pickup); grams. sorting: line of receipts, grams.
    """

    receipts: pl.DataFrame
    pickups: Pickups
    sorting: pl.DataFrame


def _normalise(weights: FloatArray, total: float) -> FloatArray:
    return np.asarray(weights * (total / weights.sum()), dtype=np.float64)


def _round_hectograms(kilograms: FloatArray) -> IntArray:
    """Grams, rounded to a tenth of a kilogram, at least one tenth."""
    return np.maximum(np.rint(kilograms * 10), 1).astype(np.int64) * 100


def plan_pickups(stream: np.random.Generator, period: Period, suppliers: Suppliers) -> Pickups:
    """Which store is visited on which day, and how it ends."""
    days = period.worked_days
    day, store = (a.ravel() for a in np.meshgrid(days, suppliers.stores, indexing="ij"))
    gives = (day >= suppliers.active_from[store]) & (day <= suppliers.active_to[store])
    busy = np.minimum(0.73 * period.weigh_days(PICKUP_SEASON, day), 0.95)
    forced = day == period.last
    chosen = gives & ((stream.random(len(day)) < busy) | forced)
    day, store = day[chosen], store[chosen]
    outcome = stream.choice(4, size=len(day), p=[0.952, 0.026, 0.014, 0.008])
    return Pickups(day, store, outcome.astype(np.int64))


def _draw_pickup_lines(
    stream: np.random.Generator,
    period: Period,
    suppliers: Suppliers,
    catalogue: Catalogue,
    pickups: Pickups,
) -> pl.DataFrame:
    done = np.flatnonzero(pickups.outcome == 0)
    size = stream.lognormal(0.0, 0.45, len(suppliers.stores))
    lines = 1 + stream.binomial(2, 0.22, len(done))
    stop = np.repeat(done, lines)
    day, store = pickups.day[stop], pickups.store[stop]
    # Stores give less year after year: about 6 % here, offset in fresh by what is calibrated.
    trend = 1.0 - 0.06 * (day - period.first) / 365.25
    monday = np.where((day + 3) % 7 == 0, 1.3, 1.0)
    kilograms = size[store] * trend * monday * stream.lognormal(0.0, 0.5, len(stop))
    kilograms = _normalise(kilograms, RETAIL_SHARE * ANNUAL_KILOGRAMS * period.years)
    products = stream.choice(
        catalogue.size, size=len(stop), p=catalogue.weigh_products("retail_pickup")
    )
    return pl.DataFrame(
        {
            "document": stop,
            "day": day,
            "site": suppliers.site[store],
            "supplier": store,
            "channel": np.zeros(len(stop), dtype=np.int64),
            "product": products.astype(np.int64),
            "gross": _round_hectograms(kilograms),
            "stop": stop,
        }
    )


def _draw_channel_lines(
    stream: np.random.Generator,
    period: Period,
    suppliers: Suppliers,
    catalogue: Catalogue,
    channel: Channel,
) -> pl.DataFrame:
    days = period.worked_days
    weights = period.weigh_days(channel.season, days)
    count = max(1, round(channel.receipts_per_year * period.years))
    drawn = np.sort(stream.choice(days, size=count, p=weights / weights.sum()))
    site = stream.choice(len(SITES), size=count, p=BULK_SITE_SHARES)
    supplier = _draw_suppliers(stream, suppliers, channel.supplier_kinds, count)
    lines = stream.integers(channel.lines[0], channel.lines[1] + 1, count)
    document = np.repeat(np.arange(count), lines)
    kilograms = _normalise(
        stream.lognormal(0.0, 0.6, len(document)), channel.share * ANNUAL_KILOGRAMS * period.years
    )
    products = stream.choice(
        catalogue.size, size=len(document), p=catalogue.weigh_products(channel.mix)
    )
    return _gather(document, drawn, site, supplier, channel.code, products, kilograms)


def _gather(
    document: IntArray,
    day: IntArray,
    site: IntArray,
    supplier: IntArray,
    channel: str,
    products: IntArray,
    kilograms: FloatArray,
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "document": document.astype(np.int64),
            "day": day[document].astype(np.int64),
            "site": site[document].astype(np.int64),
            "supplier": supplier[document].astype(np.int64),
            "channel": np.full(len(document), CHANNEL_CODES.index(channel), dtype=np.int64),
            "product": products.astype(np.int64),
            "gross": _round_hectograms(kilograms),
            "stop": np.full(len(document), -1, dtype=np.int64),
        }
    )


def _draw_suppliers(
    stream: np.random.Generator, suppliers: Suppliers, kinds: tuple[str, ...], size: int
) -> IntArray:
    able = [n for n, kind in enumerate(suppliers.kind) if kind in kinds and suppliers.may_give[n]]
    habit = stream.lognormal(0.0, 0.9, len(able))
    return stream.choice(np.array(able), size=size, p=habit / habit.sum()).astype(np.int64)


def _list_drive_days(period: Period, saturday: date, working_days: int) -> list[int]:
    """The Saturday itself, then the working days on which the rest is weighed and booked."""
    start = count_days(saturday)
    after = [int(day) for day in period.worked_days if day > start][:working_days]
    booked = [start, *after] if period.first <= start <= period.last else after
    return booked if start >= period.first else []


def _draw_drive_lines(
    stream: np.random.Generator,
    period: Period,
    suppliers: Suppliers,
    catalogue: Catalogue,
    code: str,
    booked: list[int],
    kilograms: float,
) -> pl.DataFrame | None:
    if not booked or booked[0] > period.last:
        return None
    fade = np.exp(-np.arange(len(booked)) / 5.0)
    per_day = 34 if code == "national_drive" else 6
    count = per_day * len(booked)
    day = np.sort(stream.choice(np.array(booked), size=count, p=fade / fade.sum()))
    site = stream.choice(len(SITES), size=count, p=DRIVE_SITE_SHARES)
    supplier = _draw_suppliers(stream, suppliers, ("citizens",), count)
    document = np.repeat(np.arange(count), 3)
    weights = _normalise(stream.lognormal(0.0, 0.5, len(document)), kilograms)
    products = stream.choice(
        catalogue.size, size=len(document), p=catalogue.weigh_products("drive")
    )
    return _gather(document, day, site, supplier, code, products, weights)


def _draw_drives(
    stream: np.random.Generator, period: Period, suppliers: Suppliers, catalogue: Catalogue
) -> list[pl.DataFrame]:
    years = range(read_day(period.first).year, read_day(period.last).year + 1)
    plans = []
    for year in years:
        national = _list_drive_days(period, find_national_drive(year), 14)
        plans.append(("national_drive", national, NATIONAL_DRIVE_KILOGRAMS))
        local = _list_drive_days(period, _find_spring_saturday(year), 6)
        plans.append(("local_drive", local, LOCAL_DRIVE_KILOGRAMS))
    drawn = [
        _draw_drive_lines(stream, period, suppliers, catalogue, code, booked, kilograms)
        for code, booked, kilograms in plans
    ]
    return [frame for frame in drawn if frame is not None]


def _find_spring_saturday(year: int) -> date:
    first = date(year, 4, 8)
    return date(year, 4, 8 + (5 - first.weekday()) % 7)


def _merge_lines(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """One line a product in a receipt; receipts numbered by day, lines within them."""
    numbered = [frame.with_columns(part=pl.lit(n)) for n, frame in enumerate(frames)]
    keys = ["part", "document", "day", "site", "supplier", "channel", "product", "stop"]
    merged = (
        pl.concat(numbered)
        .group_by(keys, maintain_order=True)
        .agg(pl.col("gross").sum())
        .sort(["day", "part", "document", "product"])
    )
    return merged.with_columns(
        receipt=pl.struct("day", "part", "document").rle_id().cast(pl.Int64) + 1,
    ).with_columns(line=(pl.int_range(pl.len()).over("receipt") + 1).cast(pl.Int64))


def _add_units(
    stream: np.random.Generator, lines: pl.DataFrame, catalogue: Catalogue
) -> pl.DataFrame:
    """Some bulk goods are counted, not weighed; one line is in tonnes and a few in grams."""
    product = lines["product"].to_numpy()
    gross = lines["gross"].to_numpy().copy()
    channel = lines["channel"].to_numpy()
    drawn = stream.random(len(lines))
    counted = np.isin(
        channel, [CHANNEL_CODES.index(c) for c in ("industry", "purchase", "platform")]
    )
    counted &= (catalogue.unit_grams[product] > 0) & (drawn < 0.16)
    unit = np.where(counted, np.where(drawn < 0.10, 4, 3), 0).astype(np.int64)
    factor = np.where(unit == 4, catalogue.case_grams[product], catalogue.unit_grams[product])
    number = np.maximum(gross // np.maximum(factor, 1), 1)
    gross = np.where(unit >= 3, number * factor, gross)
    eu = np.flatnonzero(channel == CHANNEL_CODES.index("eu_programme"))
    gifts = np.flatnonzero(channel == CHANNEL_CODES.index("other_gift"))
    if len(eu):
        unit[eu[len(eu) // 2]] = 2
    unit[gifts[5::60]] = 1
    milli = np.choose(unit, [gross, gross * 1000, gross // 1000, number * 1000, number * 1000])
    tonnes = unit == 2
    gross[tonnes] = milli[tonnes] * 1000
    return lines.with_columns(gross=gross, unit=unit, quantity_milli=milli)


def _add_refusals(stream: np.random.Generator, lines: pl.DataFrame) -> pl.DataFrame:
    gross = lines["gross"].to_numpy()
    checked = np.isin(lines["channel"].to_numpy(), [0, 1, 2])
    is_refused = checked & (stream.random(len(lines)) < 0.012)
    part = (gross * stream.uniform(0.1, 0.7, len(lines))).astype(np.int64) // 100 * 100
    refused = np.where(is_refused, part, 0)
    reason = np.where(refused > 0, stream.integers(1, 4, len(lines)), 0)
    return lines.with_columns(refused=refused, refusal=reason.astype(np.int64))


def _sum_fresh(lines: pl.DataFrame, is_fresh: BoolArray, span: tuple[date, date]) -> int:
    return int((lines["gross"] - lines["refused"]).filter(_within(lines, is_fresh, span)).sum())


def _within(lines: pl.DataFrame, is_fresh: BoolArray, span: tuple[date, date]) -> pl.Series:
    first, last = (count_days(day) for day in span)
    fresh = pl.Series(is_fresh[lines["product"].to_numpy()])
    return fresh & (lines["day"] >= first) & (lines["day"] <= last)


def calibrate_fresh(lines: pl.DataFrame, is_fresh: BoolArray) -> pl.DataFrame:
    """Bring the fresh kilograms of early 2024 to the published growth, tenths of kilogram.

    Only lines weighed in kilograms move; the rounding left over goes to the heaviest one.
    """
    target = _sum_fresh(lines, is_fresh, FRESH_FROM_TO_BEFORE) * (1000 + FRESH_GROWTH_PER_MILLE)
    target = target // 1000 // 100 * 100
    inside = _within(lines, is_fresh, FRESH_FROM_TO).to_numpy()
    movable = inside & (lines["unit"].to_numpy() == 0)
    net = (lines["gross"] - lines["refused"]).to_numpy().copy()
    fixed = int(net[inside & ~movable].sum())
    factor = (target - fixed) / int(net[movable].sum())
    moved = np.where(movable, np.rint(net * factor / 100).astype(np.int64) * 100, net)
    heaviest = int(np.argmax(np.where(movable, moved, -1)))
    moved[heaviest] += (target - int(moved[inside].sum())) // 100 * 100
    gross = lines["gross"].to_numpy() + moved - net
    milli = np.where(movable, gross, lines["quantity_milli"].to_numpy())
    return lines.with_columns(gross=gross, quantity_milli=milli)


def _add_lots_and_dates(
    stream: np.random.Generator, lines: pl.DataFrame, catalogue: Catalogue
) -> pl.DataFrame:
    channel, product = lines["channel"].to_numpy(), lines["product"].to_numpy()
    share = np.array([0.46, *(c.lot_share for c in CHANNELS), 0.0, 0.0])
    known = (stream.random(len(lines)) < share[channel]) & (catalogue.life_to[product] > 0)
    lot = np.where(known, np.cumsum(known) - 1, -1)
    life = stream.integers(catalogue.life_from[product], catalogue.life_to[product] + 1)
    life = np.where(channel == 0, np.maximum(life // 2, 1), life)
    strict = np.array(
        [
            f in ("meat", "fish", "ready_meals", "cured_meat", "dairy_fresh")
            for f in catalogue.family
        ]
    )
    loose = np.array(
        [
            f in ("fruit_vegetables_fresh", "bread_pastries", "hygiene", "unmapped")
            for f in catalogue.family
        ]
    )
    kind = np.where(
        loose[product], 0, np.where(strict[product] & catalogue.is_chilled[product], 1, 2)
    )
    expires = np.where(kind > 0, lines["day"].to_numpy() + life, -1)
    return lines.with_columns(lot=lot, date_kind=kind.astype(np.int64), expires=expires)


def _add_costs(stream: np.random.Generator, lines: pl.DataFrame) -> pl.DataFrame:
    price = np.array([0, *(c.cents_per_kg for c in CHANNELS), 0, 0])[lines["channel"].to_numpy()]
    noise = stream.normal(1.0, 0.12, len(lines)).clip(0.6, 1.5)
    cents = np.rint(lines["gross"].to_numpy() / 1000 * price * noise).astype(np.int64)
    local = np.isin(
        lines["channel"].to_numpy(),
        [CHANNEL_CODES.index("farm"), CHANNEL_CODES.index("better_food_programme")],
    )
    label = np.where(
        local & (stream.random(len(lines)) < 0.5), stream.integers(1, 4, len(lines)), 0
    )
    return lines.with_columns(
        cents=np.where(price > 0, cents, -1), label=label.astype(np.int64), is_local=local
    )


def _draw_sorting(stream: np.random.Generator, lines: pl.DataFrame) -> pl.DataFrame:
    """What sorting takes out of what came in the same day: stores' food above all."""
    channel = lines["channel"].to_numpy()
    chance = np.array([0.32, *(_SORTED_SHARE.get(c, 0.0) for c in CHANNEL_CODES[1:])])[channel]
    is_sorted = stream.random(len(lines)) < chance
    part = np.where(
        channel == 0, stream.beta(2.8, 2.9, len(lines)), stream.beta(1.4, 14, len(lines))
    )
    net = (lines["gross"] - lines["refused"]).to_numpy()
    grams = np.where(is_sorted, (net * part).astype(np.int64) // 100 * 100, 0)
    row = np.flatnonzero(grams > 0)
    return pl.DataFrame({"row": row, "grams": grams[row]})


_SORTED_SHARE = {
    "platform": 0.45,
    "farm": 0.40,
    "industry": 0.2,
    "national_drive": 0.10,
    "local_drive": 0.10,
    "other_gift": 0.4,
}


def build_supply(seed: int, period: Period, suppliers: Suppliers, catalogue: Catalogue) -> Supply:
    """Two years of receipts, their pickups and their sorting."""
    stream = open_stream(seed, "supply")
    pickups = plan_pickups(stream, period, suppliers)
    frames = [_draw_pickup_lines(stream, period, suppliers, catalogue, pickups)]
    frames += [_draw_channel_lines(stream, period, suppliers, catalogue, c) for c in CHANNELS]
    frames += _draw_drives(stream, period, suppliers, catalogue)
    lines = _add_units(stream, _merge_lines(frames), catalogue)
    lines = _add_refusals(stream, lines)
    if period.last >= count_days(FRESH_FROM_TO[1]):
        lines = calibrate_fresh(lines, catalogue.is_fresh)
    lines = _add_costs(stream, _add_lots_and_dates(stream, lines, catalogue))
    return Supply(lines, pickups, _draw_sorting(open_stream(seed, "sorting"), lines))
