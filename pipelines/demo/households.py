"""Emergency parcels: which household, when, where and how much.

Here live the households (invented numbers, never a name) and the plan of their parcels, whose
weights add up to what was published. Which products fill a parcel depends on the stock and
belongs in `outflows.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from pipelines.demo.directory import Partners
from pipelines.demo.places import COMMUNES, DIJON_METROPOLE, SITE_OF_DEPARTEMENT
from pipelines.demo.working_days import (
    PUBLISHED_ON,
    BoolArray,
    IntArray,
    Period,
    count_days,
    open_stream,
)

# (from, to, distinct households, of which known from before, grams of all parcels or 0).
# 660 households in 2023, 847 and 2.4 t in 2024 to 25 June: published on that day.
WINDOWS: tuple[tuple[date, date, int, int, int], ...] = (
    (date(2022, 7, 1), date(2022, 12, 31), 250, 0, 0),
    (date(2023, 1, 1), date(2023, 12, 31), 660, 45, 0),
    (date(2024, 1, 1), PUBLISHED_ON, 847, 190, 2_400_000),
)
HOUSEHOLDS_PER_DAY_AFTERWARDS = 7
MEAN_PARCEL_GRAMS = 2640
SECOND_PARCEL_SHARE = 0.05
ANONYMOUS_SHARE = 0.03
_SIZES = (1, 2, 3, 4, 5, 6, 7)
_SIZE_SHARES = (0.36, 0.21, 0.17, 0.13, 0.08, 0.035, 0.015)


@dataclass(frozen=True)
class Households:
    """Households by number: size, children, commune (index in COMMUNES), site."""

    size: IntArray
    children: IntArray
    commune: IntArray
    site: IntArray


@dataclass(frozen=True)
class Parcels:
    """Parcels sorted by day (`household` is -1 when anonymous) and the grams of their lines."""

    day: IntArray
    second: IntArray
    requested_before: IntArray
    site: IntArray
    household: IntArray
    referrer: IntArray
    lines: IntArray
    line_grams: IntArray


@dataclass(frozen=True)
class _Window:
    first: int
    last: int
    households: int
    returning: int
    grams: int


def _list_windows(period: Period) -> list[_Window]:
    windows = []
    for start, end, households, returning, grams in WINDOWS:
        first, last = count_days(start), count_days(end)
        done = min(max(period.last - first + 1, 0), last - first + 1)
        part = done / (last - first + 1)
        if done:
            windows.append(
                _Window(
                    first,
                    min(last, period.last),
                    round(households * part),
                    round(returning * part),
                    grams if part == 1 else 0,
                )
            )
    after = count_days(PUBLISHED_ON) + 1
    worked = int((period.worked_days >= after).sum())
    if worked:
        households = worked * HOUSEHOLDS_PER_DAY_AFTERWARDS
        windows.append(_Window(after, period.last, households, households // 5, 0))
    return windows


def _draw_households(stream: np.random.Generator, count: int) -> Households:
    inside = len(DIJON_METROPOLE)
    population = np.array([c.population for c in COMMUNES], dtype=np.float64)
    share = np.where(np.arange(len(COMMUNES)) < inside, 0.86, 0.14)
    share[:inside] *= population[:inside] / population[:inside].sum()
    share[inside:] *= population[inside:] / population[inside:].sum()
    size = stream.choice(_SIZES, size=count, p=_SIZE_SHARES)
    commune = stream.choice(len(COMMUNES), size=count, p=share / share.sum())
    site = np.array([SITE_OF_DEPARTEMENT[COMMUNES[int(n)].departement] for n in commune])
    return Households(
        size=size.astype(np.int64),
        children=stream.binomial(size - 1, 0.6).astype(np.int64),
        commune=commune.astype(np.int64),
        site=site.astype(np.int64),
    )


def _choose_households(
    stream: np.random.Generator, windows: list[_Window]
) -> tuple[list[IntArray], int]:
    """Numbers of the households of each window; new ones come after those known before."""
    chosen: list[IntArray] = []
    known = 0
    for window in windows:
        returning = min(window.returning, known)
        old = stream.choice(known, size=returning, replace=False) if returning else np.empty(0)
        new = np.arange(known, known + window.households - returning)
        chosen.append(np.concatenate([old.astype(np.int64), new.astype(np.int64)]))
        known += window.households - returning
    return chosen, known


def _date_parcels(
    stream: np.random.Generator, period: Period, window: _Window, households: IntArray
) -> tuple[IntArray, IntArray]:
    """(day, household) of each parcel of a window; the last day of the period has some."""
    worked = period.worked_days
    days = worked[(worked >= window.first) & (worked <= window.last)]
    if not len(days):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    rise = np.linspace(0.8, 1.2, len(days))
    first = stream.choice(days, size=len(households), p=rise / rise.sum())
    if window.last == period.last:
        first[:6] = days[-1]
    again = np.flatnonzero(stream.random(len(households)) < SECOND_PARCEL_SHARE)
    later = np.searchsorted(days, first[again] + stream.integers(14, 70, len(again)))
    fits = later < len(days)
    anonymous = stream.choice(days, size=round(len(households) * ANONYMOUS_SHARE))
    day = np.concatenate([first, days[later[fits]], anonymous])
    nobody = np.full(len(anonymous), -1, dtype=np.int64)
    return day.astype(np.int64), np.concatenate([households, households[again][fits], nobody])


def _weigh_lines(stream: np.random.Generator, lines: int, parcels: int, grams: int) -> IntArray:
    """Grams of each line, tens of grams, adding up to `grams` (or to the usual mean)."""
    total = grams or parcels * MEAN_PARCEL_GRAMS
    raw = stream.lognormal(0.0, 0.3, lines)
    rounded = np.rint(raw * (total / raw.sum()) / 10).astype(np.int64) * 10
    rounded = np.maximum(rounded, 100)
    heavy = int(np.argmax(rounded))
    if grams:
        step = 10 if grams > rounded.sum() else -10
        short = abs(int(grams - rounded.sum())) // 10
        order = np.argsort(-rounded, kind="stable")
        rounded[order[:short]] += step
        rounded[heavy] += grams - int(rounded.sum())
    return np.asarray(rounded, dtype=np.int64)


def plan_parcels(seed: int, period: Period, partners: Partners) -> tuple[Households, Parcels]:
    """Households and the parcels that they are handed."""
    stream = open_stream(seed, "households")
    windows = _list_windows(period)
    chosen, known = _choose_households(stream, windows)
    households = _draw_households(stream, max(known, 1))
    parts = []
    for window, numbers in zip(windows, chosen, strict=True):
        day, household = _date_parcels(stream, period, window, numbers)
        order = np.argsort(day, kind="stable")
        lines = stream.choice([3, 4, 4, 5, 6], size=len(day)).astype(np.int64)
        weights = (
            _weigh_lines(stream, int(lines.sum()), len(day), window.grams)
            if len(day)
            else np.empty(0, dtype=np.int64)
        )
        parts.append((day[order], household[order], lines, weights))
    day, household, lines, weights = (np.concatenate([p[n] for p in parts]) for n in range(4))
    return households, _complete_parcels(
        stream, partners, households, day, household, lines, weights
    )


def _complete_parcels(
    stream: np.random.Generator,
    partners: Partners,
    households: Households,
    day: IntArray,
    household: IntArray,
    lines: IntArray,
    weights: IntArray,
) -> Parcels:
    is_known: BoolArray = household >= 0
    site = np.where(is_known, households.site[household], 0)
    referrer = np.full(len(day), -1, dtype=np.int64)
    for number in range(4):
        able = np.flatnonzero(partners.site == number)
        referrer = np.where(site == number, stream.choice(able, size=len(day)), referrer)
    referrer = np.where(stream.random(len(day)) < 0.68, referrer, -1)
    return Parcels(
        day=day,
        second=stream.integers(9 * 3600, 17 * 3600, len(day)),
        requested_before=stream.integers(2 * 3600, 46 * 3600, len(day)),
        site=site.astype(np.int64),
        household=household,
        referrer=referrer.astype(np.int64),
        lines=lines,
        line_grams=weights,
    )
