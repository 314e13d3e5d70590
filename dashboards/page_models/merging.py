"""What merging two recorded rounds of one day and depot would save.

Stops of both are put in one order from the depot and back (nearest next, then crossings undone);
its great-circle length times the detour ratio of the two recorded rounds gives kilometres of road.
Emissions and driving time follow the kilometres of the recorded rounds; the minutes at the stops
stay. A pair that no vehicle of the two could carry is not proposed.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import combinations, islice, pairwise

import numpy as np
import polars as pl

from data_contracts.publications import Publication

EARTH_RADIUS_KM = 6371.0088
# Up to so many others a round is tried with; a depot sends fewer out on most days.
NEAREST = 12
Point = tuple[float, float]


@dataclass(frozen=True)
class RecordedRound:
    """A round as it was driven: the depot, then its stops in order."""

    round_id: str
    site_id: str
    kind: str
    depot: Point
    stops: tuple[Point, ...]
    distance_km: Decimal
    kg_co2e: Decimal
    minutes: int
    stop_minutes: int
    carried_kg: Decimal
    payload_kg: Decimal

    @cached_property
    def great_circle_km(self) -> float:
        """Length of the recorded order as the crow flies, from the depot and back."""
        return tour_length(self.depot, self.stops)

    @cached_property
    def reach_km(self) -> float:
        """From the depot to the farthest stop, as the crow flies."""
        return max(great_circle_km(self.depot, stop) for stop in self.stops)

    @cached_property
    def middle(self) -> Point:
        """Mean place of the stops."""
        latitudes, longitudes = zip(*self.stops, strict=True)
        return sum(latitudes) / len(self.stops), sum(longitudes) / len(self.stops)


@dataclass(frozen=True)
class Merge:
    """Two rounds driven as one."""

    first_id: str
    second_id: str
    site_id: str
    stops: int
    carried_kg: Decimal
    payload_kg: Decimal
    recorded_km: Decimal
    merged_km: Decimal
    saved_kg_co2e: Decimal
    saved_hours: Decimal

    @property
    def saved_km(self) -> Decimal:
        """Kilometres that would not be driven."""
        return self.recorded_km - self.merged_km


def propose_merges(
    publication: Publication, food_bank_id: str, day: date, most: int
) -> list[Merge]:
    """The `most` pairs of recorded rounds of a day that save kilometres, the largest first."""
    return choose_merges(read_rounds(publication, food_bank_id, day), most)


def choose_merges(recorded: Sequence[RecordedRound], most: int) -> list[Merge]:
    """The `most` pairs of rounds of one depot and kind that save kilometres, the largest first.

    Of many rounds each is tried with its nearest ones only: far ones save nothing. Pairs are worked
    out in the order of what they may save at most, until none that is left could be among the best.
    """
    groups: dict[tuple[str, str], list[RecordedRound]] = {}
    for each in recorded:
        groups.setdefault((each.site_id, each.kind), []).append(each)
    pairs = sorted(
        ((bound_saving(first, second), first, second)
         for rounds in groups.values() for first, second in pair_rounds(rounds)),
        key=lambda pair: -pair[0],
    )  # fmt: skip
    merges: list[Merge] = []
    best: list[Decimal] = []
    for bound, first, second in pairs:
        if len(best) == most and bound < best[0]:
            break
        merge = merge_rounds(first, second)
        if merge is None or merge.saved_km <= 0:
            continue
        merges.append(merge)
        (heapq.heappush if len(best) < most else heapq.heappushpop)(best, merge.saved_km)
    merges.sort(key=lambda merge: (-merge.saved_km, merge.first_id, merge.second_id))
    return merges[:most]


def bound_saving(first: RecordedRound, second: RecordedRound) -> Decimal:
    """Kilometres of road that merging two rounds saves at most.

    Whatever its order, a round goes to the farthest stop and back.
    """
    crow_km = first.great_circle_km + second.great_circle_km
    if crow_km <= 0:
        return Decimal(0)
    share = 1 - 2 * max(first.reach_km, second.reach_km) / crow_km
    # what is rounded to metres may round up
    return (first.distance_km + second.distance_km) * Decimal(str(share)) + Decimal("0.001")


def pair_rounds(rounds: Sequence[RecordedRound]) -> list[tuple[RecordedRound, RecordedRound]]:
    """Pairs that one recorded vehicle carries, each round with at most NEAREST others."""
    middles = np.radians([each.middle for each in rounds])
    nearest: set[tuple[int, int]] = set()
    for one in range(len(rounds)):
        feasible = (
            other
            for other in np.argsort(_chords(middles[one], middles), kind="stable").tolist()
            if other != one and can_carry(rounds[one], rounds[other])
        )
        nearest |= {(min(one, other), max(one, other)) for other in islice(feasible, NEAREST)}
    return [(rounds[one], rounds[other]) for one, other in sorted(nearest)]


def _chords(place: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Haversines between a place and others, in radians: they grow with the distance."""
    half = (places - place) / 2
    crossed = np.cos(place[0]) * np.cos(places[:, 0]) * np.sin(half[:, 1]) ** 2
    chords: np.ndarray = np.sin(half[:, 0]) ** 2 + crossed
    return chords


def can_carry(first: RecordedRound, second: RecordedRound) -> bool:
    """Whether one of the two recorded vehicles carries both loads."""
    return first.carried_kg + second.carried_kg <= max(first.payload_kg, second.payload_kg)


def merge_rounds(first: RecordedRound, second: RecordedRound) -> Merge | None:
    """Both rounds as one; None where no recorded vehicle carries both loads."""
    crow_km = first.great_circle_km + second.great_circle_km
    if not can_carry(first, second) or crow_km <= 0:
        return None
    recorded = first.distance_km + second.distance_km
    stops = order_stops(first.depot, (*first.stops, *second.stops))
    # Roads are longer than the crow's way by the same ratio as in the recorded rounds.
    share = Decimal(str(round(tour_length(first.depot, stops) / crow_km, 9)))
    merged = (recorded * share).quantize(Decimal("0.001"))
    driving = max(first.minutes + second.minutes - first.stop_minutes - second.stop_minutes, 0)
    saved_share = 1 - share
    return Merge(
        first_id=first.round_id,
        second_id=second.round_id,
        site_id=first.site_id,
        stops=len(stops),
        carried_kg=first.carried_kg + second.carried_kg,
        payload_kg=max(first.payload_kg, second.payload_kg),
        recorded_km=recorded,
        merged_km=merged,
        saved_kg_co2e=((first.kg_co2e + second.kg_co2e) * saved_share).quantize(Decimal("0.001")),
        saved_hours=(Decimal(driving) * saved_share / 60).quantize(Decimal("0.01")),
    )


def read_rounds(publication: Publication, food_bank_id: str, day: date) -> list[RecordedRound]:
    """Rounds of a day whose depot, stops, kilometres and payload are all known."""
    places = publication.read("mart_places").filter(
        pl.col("food_bank_id") == food_bank_id, pl.col("latitude").is_not_null()
    )
    points = {
        (kind, place): (float(latitude), float(longitude))
        for kind, place, latitude, longitude in places.select(
            "place_kind", "place_id", "latitude", "longitude"
        ).iter_rows()
    }
    is_that_day = (pl.col("food_bank_id") == food_bank_id) & (pl.col("round_date") == day)
    stops = (
        publication.scan("mart_round_stops")
        .filter(is_that_day, ~pl.col("is_own_depot"))
        .sort("stop_no")
        .select("round_id", "place_kind", "place_id", "minutes")
        .collect()
        .rows_by_key("round_id")
    )
    found = []
    for row in (
        publication.scan("mart_rounds").filter(is_that_day).sort("round_id").collect()
    ).iter_rows(named=True):
        own = stops.get(row["round_id"], [])
        at = [points.get((kind, place)) for kind, place, _ in own]
        depot = points.get(("site", row["site_id"]))
        needed = (row["distance_km"], row["payload_kg"], row["carried_kg"], row["kg_co2e"], depot)
        if not at or None in at or None in needed:
            continue
        found.append(
            RecordedRound(
                round_id=row["round_id"],
                site_id=row["site_id"],
                kind=row["kind"],
                depot=points["site", row["site_id"]],
                stops=tuple(point for point in at if point is not None),
                distance_km=row["distance_km"],
                kg_co2e=row["kg_co2e"],
                minutes=row["minutes"] or 0,
                stop_minutes=sum(minutes or 0 for _, _, minutes in own),
                carried_kg=row["carried_kg"],
                payload_kg=row["payload_kg"],
            )
        )
    return found


def great_circle_km(first: Point, second: Point) -> float:
    """Distance of two places by the haversine formula, in km."""
    latitudes = [math.radians(point[0]) for point in (first, second)]
    half_lat = (latitudes[1] - latitudes[0]) / 2
    half_lon = math.radians(second[1] - first[1]) / 2
    chord = math.sin(half_lat) ** 2 + (
        math.cos(latitudes[0]) * math.cos(latitudes[1]) * math.sin(half_lon) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))


def tour_length(depot: Point, stops: Sequence[Point]) -> float:
    """Great-circle length from the depot through the stops and back, in km."""
    way = [depot, *stops, depot]
    return sum(great_circle_km(a, b) for a, b in pairwise(way))


def order_stops(depot: Point, stops: Sequence[Point]) -> tuple[Point, ...]:
    """A short order: the nearest next from the depot, then reversals while they shorten it."""
    apart = lru_cache(maxsize=None)(great_circle_km)
    left, way, at = list(stops), [], depot
    while left:
        at = min(left, key=lambda point: (apart(at, point), point))
        left.remove(at)
        way.append(at)
    has_improved = True
    while has_improved:
        has_improved = False
        for start, end in combinations(range(len(way)), 2):
            before = way[start - 1] if start else depot
            after = way[end + 1] if end + 1 < len(way) else depot
            # Turning a part changes its two ends only.
            gain = (
                apart(before, way[start])
                + apart(way[end], after)
                - (apart(before, way[end]) + apart(way[start], after))
            )
            if gain > 1e-9:
                way[start : end + 1] = reversed(way[start : end + 1])
                has_improved = True
    return tuple(way)
