"""The calendar of the demonstration: days, holidays, seasons and the random streams.

Here live what every other module asks of time and chance: which days are worked, how busy a
month is, the generator of a topic. What happens on those days belongs in the module of the
activity. A day is an integer: days since 1970-01-01, as Arrow and polars store dates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

EPOCH = date(1970, 1, 1)
STARTS_ON = date(2022, 7, 1)
OPENING_COUNT_ON = date(2022, 6, 30)
PLATFORM_OPENS_ON = date(2023, 9, 1)
PUBLISHED_ON = date(2024, 6, 25)

# Activity by month against the mean: August is when stores' staff and volunteers are away.
PICKUP_SEASON = (1.04, 1.04, 1.03, 1.02, 1.00, 1.01, 0.92, 0.58, 1.03, 1.07, 1.09, 1.12)
HANDOUT_SEASON = (1.08, 1.08, 1.05, 1.00, 0.98, 0.96, 0.88, 0.62, 0.98, 1.03, 1.08, 1.12)

_TOPICS = (
    "directory",
    "catalogue",
    "supply",
    "sorting",
    "visits",
    "orders",
    "sessions",
    "households",
    "handing_out",
    "lots",
    "logistics",
    "imperfections",
    "reports",
    "vouchers",
    "energy",
    "top_ups",
    "sorting_sessions",
    "transformations",
    "exchanges",
    "herault",
    "isere",
    "expenses",
    "support",
    "shifts",
    "shared_resources",
    "temperatures",
    "history",
    "offers",
)


def open_stream(seed: int, topic: str) -> np.random.Generator:
    """The random numbers of one topic: a change in one topic leaves the others as they were."""
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence([seed, _TOPICS.index(topic)]))
    )


def count_days(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def read_day(number: int) -> date:
    """The date of a number of days since 1970-01-01."""
    return EPOCH + timedelta(days=int(number))


def find_easter(year: int) -> date:
    """Easter Sunday (Gregorian, Meeus/Jones/Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    month, day = divmod(h + weekday - 7 * m + 114, 31)
    return date(year, month, day + 1)


def list_holidays(year: int) -> tuple[date, ...]:
    """Public holidays of metropolitan France (Code du travail, L3133-1)."""
    easter = find_easter(year)
    fixed = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
    moving = (easter + timedelta(days=n) for n in (1, 39, 50))
    return tuple(sorted((*(date(year, m, d) for m, d in fixed), *moving)))


def find_national_drive(year: int) -> date:
    """The Saturday of the last weekend of November."""
    last = date(year, 11, 30)
    sunday = last - timedelta(days=(last.weekday() + 1) % 7)
    return sunday - timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """The days generated, and which of them are worked; arrays are indexed from `first`."""

    first: int
    last: int
    is_worked: BoolArray
    weekday: IntArray
    month: IntArray
    year: IntArray

    @property
    def days(self) -> IntArray:
        """Every day of the period."""
        return np.arange(self.first, self.last + 1, dtype=np.int64)

    @property
    def worked_days(self) -> IntArray:
        """Days on which the food bank is open."""
        return self.days[self.is_worked]

    @property
    def years(self) -> float:
        """Length of the period in years."""
        return (self.last - self.first + 1) / 365.25

    def weigh_days(self, season: tuple[float, ...], days: IntArray) -> FloatArray:
        """The season's factor on each of the days."""
        return np.asarray(season)[self.month[days - self.first] - 1]

    def list_count_days(self) -> list[int]:
        """The last worked day of each month that is complete within the period."""
        closing: list[int] = []
        for year, month in sorted(
            {(int(y), int(m)) for y, m in zip(self.year, self.month, strict=True)}
        ):
            after = date(year + month // 12, month % 12 + 1, 1)
            if count_days(after) - 1 > self.last and not _is_last_worked(self.last, after):
                continue
            inside = (self.year == year) & (self.month == month) & self.is_worked
            if inside.any():
                closing.append(int(self.days[inside][-1]))
        return closing


def is_worked_day(day: date) -> bool:
    """Monday to Friday but public holidays."""
    return day.weekday() < 5 and day not in list_holidays(day.year)


def _is_last_worked(last: int, after: date) -> bool:
    rest = range(last + 1, count_days(after))
    return not any(is_worked_day(read_day(number)) for number in rest)


def build_period(until: date) -> Period:
    """The period from 2022-07-01 to `until`, both included."""
    if until < STARTS_ON:
        raise ValueError(f"until is {until}: choose a date from {STARTS_ON} on")
    first, last = count_days(STARTS_ON), count_days(until)
    dates = [read_day(number) for number in range(first, last + 1)]
    return Period(
        first=first,
        last=last,
        is_worked=np.array([is_worked_day(day) for day in dates]),
        weekday=np.array([day.isoweekday() for day in dates], dtype=np.int64),
        month=np.array([day.month for day in dates], dtype=np.int64),
        year=np.array([day.year for day in dates], dtype=np.int64),
    )
