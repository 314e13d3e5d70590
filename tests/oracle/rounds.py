"""Emissions of the rounds, and how they are shared over their stops.

Written from indicators.md section 5, "Transport of a round" (ISO 14083: weight times shortest
distance from the depot).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tests.oracle.accepted import Bank, Row, grams
from tests.oracle.reference import Communes, Emission, Factors

Point = tuple[float, float]


@dataclass(frozen=True)
class Round:
    """A round with its emission, as far as known, and the part of each commune."""

    day: date
    row: Row
    vehicle: Row | None
    stops: list[Row]
    emission: Emission | None
    by_commune: dict[str | None, Decimal]
    """Shares of the communes of its stops; they sum to 1, or to 0 where nothing was carried."""


def list_rounds(bank: Bank, communes: Communes, factors: Factors) -> Iterator[Round]:
    vehicles = bank.by_id("vehicles")
    stops: dict[str, list[Row]] = defaultdict(list)
    for row in bank.rows["round_stops"]:
        stops[row["round_id"]].append(row)
    places = {
        "supplier": bank.by_id("suppliers"),
        "partner": bank.by_id("partners"),
        "site": bank.by_id("sites"),
    }
    for row in bank.rows["rounds"]:
        day = row["started_date"] or row["planned_on"] or row["ended_date"] or date(1900, 1, 1)
        vehicle = vehicles.get(row["vehicle_id"])
        own = sorted(stops[row["round_id"]], key=lambda stop: stop["stop_no"])
        shares = _share(row, own, places, communes)
        yield Round(day, row, vehicle, own, _emit(row, vehicle, day, factors), shares)


def _emit(row: Row, vehicle: Row | None, day: date, factors: Factors) -> Emission | None:
    """Energy used where it is measured, else distance by kind, energy and refrigeration."""
    if vehicle is None:
        return None
    if row["energy_used"] is not None:
        measured = factors.of_energy(vehicle["energy"], row["energy_unit"], row["energy_used"], day)
        if measured:
            return measured
    if row["distance_km"] is None:
        return None
    return factors.of_distance(
        vehicle["kind"], vehicle["energy"], vehicle["is_refrigerated"], row["distance_km"]
    )


def _share(
    row: Row, stops: list[Row], places: dict[str, dict[str, Row]], communes: Communes
) -> dict[str | None, Decimal]:
    depot = places["site"].get(row["site_id"])
    # From the depot to itself nothing is carried, whatever a record says.
    away = [
        stop for stop in stops if (stop["place_kind"], stop["place_id"]) != ("site", row["site_id"])
    ]
    has_roads = all(stop["road_distance_km"] is not None for stop in away)
    loads: dict[str | None, Decimal] = defaultdict(Decimal)
    for stop in away:
        place = places[stop["place_kind"]].get(stop["place_id"])
        commune = place["insee_code"] if place else None
        if has_roads:
            distance = stop["road_distance_km"]
        else:
            # Distances are whole metres, computed ones as those of the records.
            kilometres = _great_circle(_locate(depot, communes), _locate(place, communes))
            distance = round(Decimal(kilometres), 3)
        load = grams(stop["loaded_kg"]) + grams(stop["unloaded_kg"])
        loads[commune] += load * distance
    total = sum(loads.values(), Decimal(0))
    return {commune: load / total for commune, load in loads.items()} if total else {}


def _locate(place: Row | None, communes: Communes) -> Point | None:
    if place is None:
        return None
    if place["latitude"] is not None and place["longitude"] is not None:
        return float(place["latitude"]), float(place["longitude"])
    return communes.point(place["insee_code"])


def _great_circle(one: Point | None, other: Point | None) -> float:
    """Kilometres over the sphere; zero where an end is unknown."""
    if one is None or other is None:
        return 0.0
    latitude, longitude = (math.radians(b - a) for a, b in zip(one, other, strict=True))
    half = (
        math.sin(latitude / 2) ** 2
        + math.cos(math.radians(one[0]))
        * math.cos(math.radians(other[0]))
        * math.sin(longitude / 2) ** 2
    )
    return 2 * 6371.0088 * math.asin(math.sqrt(half))
