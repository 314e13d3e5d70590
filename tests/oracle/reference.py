"""Reference rows of the project (seeds), which are data: communes, factors, waste routes."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"
Row = dict[str, str]


@cache
def read_seed(name: str) -> list[Row]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def is_valid_on(row: Row, day: date) -> bool:
    """Whether this project applies a reference row on a day."""
    return (not row["valid_from"] or date.fromisoformat(row["valid_from"]) <= day) and (
        not row["valid_to"] or day <= date.fromisoformat(row["valid_to"])
    )


@dataclass(frozen=True)
class Communes:
    """Where communes lie: their EPCI, département, population and centroid."""

    rows: dict[str, Row]

    def epci(self, commune: str | None) -> str | None:
        row = self.rows.get(commune or "")
        return row["epci_code"] or None if row else None

    def population(self, commune: str | None) -> int | None:
        row = self.rows.get(commune or "")
        return int(row["population"]) if row and row["population"] else None

    def point(self, commune: str | None) -> tuple[float, float] | None:
        row = self.rows.get(commune or "")
        if row is None or not row["latitude"]:
            return None
        return float(row["latitude"]), float(row["longitude"])

    def members(self, territory: str) -> frozenset[str]:
        """Communes of an EPCI or of a département."""
        return frozenset(
            code
            for code, row in self.rows.items()
            if territory in (row["epci_code"], row["departement_code"])
        )


@cache
def read_communes() -> Communes:
    return Communes({row["commune_code"]: row for row in read_seed("communes")})


def nearest_year(rows: list[Row], year: int) -> Row | None:
    """The row in force in a year, else that of the nearest year."""

    def distance(row: Row) -> tuple[int, int]:
        first = int(row["valid_from"][:4])
        last = int(row["valid_to"][:4]) if row["valid_to"] else 9999
        return max(first - year, year - last, 0), -first

    return min(rows, key=distance) if rows else None


@dataclass(frozen=True)
class Emission:
    """Emissions of one activity by one factor."""

    factor_id: str
    kg_co2e: Decimal
    data_level: str


class Factors:
    """Emission factors with their uncertainties, and which factor applies to what."""

    def __init__(self) -> None:
        rows = [*read_seed("emission_factors"), *read_seed("carbon_groups")]
        self.value = {row["factor_id"]: Decimal(row["value"]) for row in rows}
        self.uncertainty = {
            row["factor_id"]: Decimal(row["uncertainty_share"] or 0) for row in rows
        }
        self.rows = {row["factor_id"]: row for row in rows}
        self._per_km = {
            (row["vehicle_kind"], row["energy"], row["is_refrigerated"] == "true"): row
            for row in read_seed("vehicle_factors")
        }
        self._routes: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in read_seed("waste_routes"):
            self._routes[row["territory_code"], row["channel"]].append(row)

    def of_energy(self, energy: str, unit: str, used: Decimal, day: date) -> Emission | None:
        rows = [
            row
            for row in read_seed("energy_factors")
            if row["energy"] == energy and row["energy_unit"] == unit
        ]
        row = nearest_year(rows, day.year)
        if row is None or used <= 0:
            return None
        return Emission(row["factor_id"], used * self.value[row["factor_id"]], "measured")

    def of_distance(
        self, kind: str, energy: str, is_refrigerated: bool, km: Decimal
    ) -> Emission | None:
        row = self._per_km.get((kind, energy, is_refrigerated))
        if row is None:
            return None
        uplift = Decimal(row["cold_uplift"] or 1)
        kg = km * self.value[row["factor_id"]] * uplift
        return Emission(row["factor_id"], kg, row["data_level"])

    def of_waste_avoided(
        self, territory: str | None, channel: str, day: date
    ) -> list[tuple[str, Decimal]]:
        """By factor, kgCO2e of one kilogram that would have been wasted."""
        known = self._routes.get((territory or "", channel)) or self._routes.get(("*", channel), [])
        return [
            (
                row["factor_id"],
                Decimal(row["route_share"]) * self.value[row["factor_id"]] / 1000,
            )
            for row in known
            if is_valid_on(row, day)
        ]
