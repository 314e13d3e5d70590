"""What the two smaller demonstration food banks have in common.

Here live their calendar, the places that they work with, and what they send each other. Their
own ways of working belong in `cross_dock.py` (Hérault) and `kitchen.py` (Isère). Every name is
invented; communes are real.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_contracts.loader import load_profiles
from pipelines.demo.places import Commune
from pipelines.demo.working_days import is_worked_day

# A month before the year that is compared with.
OPENED_ON = date(2022, 12, 1)
# What one sends the other in these weeks of these months, alternately out and in.
_EXCHANGE_WEDNESDAYS = (2, 4)
_EXCHANGE_MONTHS = (2, 4, 6, 9, 11)
# Hérault's codes and Isère's codes of the food that they exchange.
_EXCHANGED = {
    "herault": (("EP03", "PA01"), ("EP02", "ES01"), ("BO01", "ES01"), ("FL01", "FR01")),
    "isere": (("EP03", "PA01"), ("EP04", "CL01"), ("LA03", "LT01")),
}
_COMMUNES = Path(__file__).parents[2] / "dbt_project" / "seeds" / "communes.csv"


@dataclass(frozen=True)
class FoodBankFiles:
    """What was written for a food bank: its files, and the rows of each kind of file."""

    food_bank_id: str
    period: tuple[date, date]
    files: tuple[Path, ...]
    rows: dict[str, int]


class Place(NamedTuple):
    """A donor or a partner; coordinates are WGS 84 degrees."""

    code: str
    name: str
    kind: str
    insee_code: str
    latitude: float
    longitude: float


class Exchange(NamedTuple):
    """One product sent from one of the two food banks to the other, in grams."""

    number: str
    line: int
    day: date
    sender: str
    codes: dict[str, str]
    shipped: int
    received: int


@cache
def read_communes(epci_code: str) -> tuple[Commune, ...]:
    """Communes of a metropole, from the project's reference data."""
    with _COMMUNES.open(encoding="utf-8", newline="") as file:
        return tuple(
            Commune(
                row["commune_code"],
                row["name"],
                int(row["population"]),
                float(row["latitude"]),
                float(row["longitude"]),
            )
            for row in csv.DictReader(file)
            if row["epci_code"] == epci_code
        )


def read_products(food_bank_id: str) -> dict[str, dict[str, str]]:
    """The products that the food bank's source profile declares, by code."""
    rows = load_profiles()[food_bank_id].reference["products"]
    return {row["product_code"]: row for row in rows}


def list_worked_days(until: date) -> list[date]:
    """Days on which both are open: Monday to Friday but public holidays."""
    span = range((until - OPENED_ON).days + 1)
    return [day for n in span if is_worked_day(day := OPENED_ON + timedelta(days=n))]


def draw_places(
    stream: np.random.Generator, epci_code: str, prefix: str, named: list[tuple[str, str, int]]
) -> list[Place]:
    """Places in the metropole's communes, by population, within about a kilometre of centres.

    named: (kind, name, how many).
    """
    communes = read_communes(epci_code)
    population = np.array([commune.population for commune in communes], dtype=np.float64)
    places: list[Place] = []
    for kind, name, count in named:
        drawn = stream.choice(len(communes), size=count, p=population / population.sum())
        for number, index in enumerate(drawn, start=1):
            commune = communes[int(index)]
            north, east = stream.normal(0, 0.008, 2)
            places.append(
                Place(
                    f"{prefix}{len(places) + 1:03d}",
                    f"{name} {number}",
                    kind,
                    commune.insee_code,
                    round(commune.latitude + float(north), 4),
                    round(commune.longitude + float(east), 4),
                )
            )
    return places


def round_hectograms(kilograms: float) -> int:
    """Grams, to a tenth of a kilogram, at least one tenth."""
    return max(round(kilograms * 10), 1) * 100


def share_out(stream: np.random.Generator, grams: int, parts: int) -> list[int]:
    """Split a weight into at most `parts` of at least a tenth of a kilogram, adding up exactly."""
    tenths, rest = divmod(grams, 100)
    parts = min(parts, max(tenths, 1))
    cuts = np.floor(np.cumsum(stream.dirichlet(np.full(parts, 2.0)))[:-1] * tenths).astype(int)
    edges = [0, *sorted(int(cut) for cut in cuts), tenths]
    shares = [(after - before) * 100 for before, after in pairwise(edges)]
    shares[-1] += rest
    return [share for share in shares if share > 0]


def at(day: date, seconds: int) -> datetime:
    """The moment of a day, to the minute."""
    return datetime.combine(day, time()) + timedelta(seconds=seconds // 60 * 60)


def plan_exchanges(stream: np.random.Generator, until: date) -> list[Exchange]:
    """What the two food banks send each other: out on the second Wednesday, in on the fourth.

    One consignment arrives 25 kg lighter than it left, which both report as they weighed it.
    """
    exchanges: list[Exchange] = []
    for day in _list_exchange_days():
        sender = "herault" if day.day < 15 else "isere"
        chosen = stream.choice(len(_EXCHANGED[sender]), size=2, replace=False)
        for line, index in enumerate(sorted(int(i) for i in chosen), start=1):
            herault, isere = _EXCHANGED[sender][index]
            shipped = round_hectograms(float(stream.uniform(600, 2400)))
            lost = 25_000 if (sender, day.month, line) == ("herault", 9, 1) else 0
            number = f"{'HI' if sender == 'herault' else 'IH'}{day:%y%m}"
            codes = {"herault": herault, "isere": isere}
            exchanges.append(Exchange(number, line, day, sender, codes, shipped, shipped - lost))
    return [exchange for exchange in exchanges if exchange.day <= until]


def _list_exchange_days() -> Iterator[date]:
    for year in (2023, 2024):
        for month in _EXCHANGE_MONTHS:
            first = date(year, month, 1)
            for week in _EXCHANGE_WEDNESDAYS:
                day = first + timedelta(days=(2 - first.weekday()) % 7 + 7 * (week - 1))
                if is_worked_day(day):
                    yield day
