"""The partners' visits and their orders on the operational platform, open since September 2023.

Here live the calendar of visits, which of them answer an order, the orders' statuses and the
sessions of users. How much each visit receives belongs in `outflows.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from pipelines.demo.directory import Partners
from pipelines.demo.working_days import (
    PLATFORM_OPENS_ON,
    PUBLISHED_ON,
    BoolArray,
    FloatArray,
    IntArray,
    Period,
    count_days,
    is_worked_day,
    open_stream,
    read_day,
)

# (from, to, orders placed): published on 25 June 2024.
ORDER_TARGETS: tuple[tuple[date, date, int], ...] = (
    (PLATFORM_OPENS_ON, date(2023, 12, 31), 142),
    (date(2024, 1, 1), PUBLISHED_ON, 1273),
)
ORDERS_PER_DAY_AFTERWARDS = 11
STAFF_USERS = 7
OCCASIONAL_PARTNERS = 14
OCCASIONAL_UNTIL = date(2024, 3, 31)
# When the n-th of the core partners started to order (interpolated between these points).
_ADOPTION = (
    (0, date(2023, 9, 4)),
    (15, date(2023, 12, 18)),
    (30, date(2024, 2, 26)),
    (39, date(2024, 6, 3)),
)
ORDER_STATUSES = ("open", "prepared", "delivered", "cancelled")
DAYS_AHEAD = 8


@dataclass(frozen=True)
class Visits:
    """Partners' visits, sorted by day and site; some lie after the period (their orders do not).

    `order` is the number of the order that a visit answers, -1 without one.
    """

    day: IntArray
    site: IntArray
    partner: IntArray
    lines: IntArray
    is_delivered: BoolArray
    order: IntArray


@dataclass(frozen=True)
class Orders:
    """Orders placed: day and second of the day, the visit wanted, the status today."""

    day: IntArray
    second: IntArray
    visit: IntArray
    status: IntArray


@dataclass(frozen=True)
class Adoption:
    """The first day of each partner on the platform (a very late day when never)."""

    starts: IntArray
    ends: IntArray


def _list_days_with_margin(period: Period) -> IntArray:
    ahead = range(period.last + 1, period.last + 1 + DAYS_AHEAD)
    after = [day for day in ahead if is_worked_day(read_day(day))]
    return np.concatenate([period.worked_days, np.array(after, dtype=np.int64)])


def plan_visits(seed: int, period: Period, partners: Partners) -> Visits:
    """Who comes, or is delivered, on which day."""
    stream = open_stream(seed, "visits")
    days = _list_days_with_margin(period)
    size = len(partners.ids)
    wanted = np.zeros((7, size), dtype=np.bool_)
    for n, weekdays in enumerate(partners.collects_on):
        wanted[np.array(weekdays) - 1, n] = True
    weekday = (days + 3) % 7
    week = (days + 3) // 7
    due = (week[:, None] + np.arange(size)[None, :]) % partners.cadence[None, :] == 0
    august = np.array([read_day(day).month == 8 for day in days])
    presence = np.where(august, 0.70, 0.96)[:, None]
    comes = wanted[weekday] & due & (stream.random((len(days), size)) < presence)
    comes &= days[:, None] >= partners.active_from[None, :]
    at, partner = np.nonzero(comes)
    order = np.lexsort((partner, partners.site[partner], at))
    at, partner = at[order], partner[order]
    lines = np.where(
        partners.is_core[partner],
        stream.choice([4, 5, 5, 6], size=len(at)),
        stream.choice([2, 2, 3, 3, 3], size=len(at)),
    )
    return Visits(
        day=days[at],
        site=partners.site[partner],
        partner=partner.astype(np.int64),
        lines=lines.astype(np.int64),
        is_delivered=partners.is_delivered[partner] ^ (stream.random(len(at)) < 0.06),
        order=np.full(len(at), -1, dtype=np.int64),
    )


def plan_adoption(seed: int, partners: Partners) -> Adoption:
    """Who orders on the platform, and from when."""
    stream = open_stream(seed + 1, "visits")
    never = count_days(date(2999, 1, 1))
    starts = np.full(len(partners.ids), never, dtype=np.int64)
    ends = starts.copy()
    core = stream.permutation(np.flatnonzero(partners.is_core))
    at = [n for n, _ in _ADOPTION]
    on = [count_days(day) for _, day in _ADOPTION]
    starts[core] = np.interp(np.arange(len(core)), at, on).astype(np.int64)
    others = stream.permutation(np.flatnonzero(partners.is_on_platform & ~partners.is_core))
    occasional = others[:OCCASIONAL_PARTNERS]
    starts[occasional] = count_days(date(2023, 10, 2)) + stream.integers(0, 90, len(occasional))
    ends[occasional] = count_days(OCCASIONAL_UNTIL)
    return Adoption(starts, ends)


def _shift_to_worked(day: int) -> int:
    while not is_worked_day(read_day(day)):
        day -= 1
    return day


def _list_quotas(period: Period) -> list[tuple[int, int, int]]:
    """(from, to, orders) within the period: an unfinished window counts pro rata of its days."""
    quotas = []
    for start, end, orders in ORDER_TARGETS:
        first, last = count_days(start), count_days(end)
        done = min(max(period.last - first + 1, 0), last - first + 1)
        quotas.append((first, min(last, period.last), round(orders * done / (last - first + 1))))
    after = count_days(PUBLISHED_ON) + 1
    worked = int((period.worked_days >= after).sum())
    quotas.append((after, period.last, worked * ORDERS_PER_DAY_AFTERWARDS))
    return quotas


def _weigh_candidates(
    visits: Visits, placed: IntArray, partners: Partners, adoption: Adoption
) -> FloatArray:
    starts, ends = adoption.starts[visits.partner], adoption.ends[visits.partner]
    able = (placed >= starts) & (placed <= ends)
    eager = np.where(partners.is_core[visits.partner], 1.0, 0.14)
    growth = np.exp((placed - count_days(PLATFORM_OPENS_ON)) / 75.0).clip(0, 20)
    return np.where(able, eager * growth, 0.0)


def place_orders(
    seed: int, period: Period, partners: Partners, visits: Visits, adoption: Adoption
) -> tuple[Visits, Orders]:
    """Choose the visits that were ordered, as many in each window as was published."""
    stream = open_stream(seed, "orders")
    wish = visits.day - stream.integers(1, 4, len(visits.day))
    shifted = {int(day): _shift_to_worked(int(day)) for day in np.unique(wish)}
    placed = np.array([shifted[int(day)] for day in wish], dtype=np.int64)
    weight = _weigh_candidates(visits, placed, partners, adoption)
    rank = stream.exponential(1.0, len(placed)) / np.maximum(weight, 1e-12)
    chosen: list[IntArray] = []
    for first, last, wanted in _list_quotas(period):
        inside = np.flatnonzero((placed >= first) & (placed <= last) & (weight > 0))
        chosen.append(inside[np.argsort(rank[inside], kind="stable")[:wanted]])
    visit = np.sort(np.concatenate(chosen))
    second = stream.integers(8 * 3600, 18 * 3600, len(visit))
    order = np.lexsort((second, placed[visit]))
    visit, second = visit[order], second[order]
    status = _draw_statuses(stream, period, visits.day[visit])
    return _link_visits(visits, visit, status), Orders(placed[visit], second, visit, status)


def _draw_statuses(stream: np.random.Generator, period: Period, wanted: IntArray) -> IntArray:
    later = wanted > period.last
    status = np.full(len(wanted), ORDER_STATUSES.index("delivered"), dtype=np.int64)
    status[(stream.random(len(wanted)) < 0.012) & ~later] = ORDER_STATUSES.index("cancelled")
    tomorrow = later & (wanted <= period.last + 1)
    status[later] = ORDER_STATUSES.index("open")
    status[tomorrow] = ORDER_STATUSES.index("prepared")
    return status


def _link_visits(visits: Visits, visit: IntArray, status: IntArray) -> Visits:
    linked = visits.order.copy()
    kept = status == ORDER_STATUSES.index("delivered")
    linked[visit[kept]] = np.flatnonzero(kept)
    return replace(visits, order=linked)


def draw_sessions(
    seed: int,
    period: Period,
    partners: Partners,
    visits: Visits,
    orders: Orders,
    adoption: Adoption,
) -> pl.DataFrame:
    """Sessions of users: user, partner (-1 for the staff), day, second; sorted by time.

    One user a partner: a session before each order, and others to look at what is available.
    """
    stream = open_stream(seed, "sessions")
    ordering = visits.partner[orders.visit]
    before = orders.second - stream.integers(90, 1200, len(orders.second))
    parts = [_list_sessions(STAFF_USERS + 1 + ordering, ordering, orders.day, before)]
    days = period.worked_days[period.worked_days >= count_days(PLATFORM_OPENS_ON)]
    core = np.flatnonzero(partners.is_core)
    browsing = _browse(stream, days, adoption.starts[core], 0.24, period.last - 7)
    parts.append(_time_sessions(stream, STAFF_USERS + 1 + core, core, days, browsing))
    staff = np.arange(STAFF_USERS)
    staff_starts = count_days(PLATFORM_OPENS_ON) + 21 * staff
    working = _browse(stream, days, staff_starts, 0.72, period.last - 6)
    nobody = np.full(STAFF_USERS, -1, dtype=np.int64)
    parts.append(_time_sessions(stream, staff + 1, nobody, days, working))
    return pl.concat(parts).sort(["day", "second", "user"])


def _browse(
    stream: np.random.Generator, days: IntArray, starts: IntArray, chance: float, at_least: int
) -> BoolArray:
    """Days x users; all who have started come once about `at_least`, a week before the end."""
    drawn = stream.random((len(days), len(starts))) < chance
    if len(days):
        drawn[np.searchsorted(days, at_least, side="left").clip(0, len(days) - 1)] = True
    return drawn & (days[:, None] >= starts[None, :])


def _time_sessions(
    stream: np.random.Generator,
    user: IntArray,
    partner: IntArray,
    days: IntArray,
    comes: BoolArray,
) -> pl.DataFrame:
    at, who = np.nonzero(comes)
    second = stream.integers(27_000, 68_000, len(at))
    return _list_sessions(user[who], partner[who], days[at], second)


def _list_sessions(
    user: IntArray, partner: IntArray, day: IntArray, second: IntArray
) -> pl.DataFrame:
    columns = {"user": user, "partner": partner, "day": day, "second": second}
    return pl.DataFrame({name: values.astype(np.int64) for name, values in columns.items()})
