"""Rounds of the sixteen trucks: stops, times, distances and energy.

Here live pickup, delivery and transfer rounds, built from what was received and delivered, and
the hours at which their food arrives. Weights are decided in `supply.py` and `outflows.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.demo.directory import Partners, Suppliers, Vehicles
from pipelines.demo.outflows import Outflows
from pipelines.demo.places import MAIN_SITE, ROAD_FACTOR, SITES
from pipelines.demo.platform import Visits
from pipelines.demo.supply import Supply
from pipelines.demo.working_days import FloatArray, IntArray, open_stream

PICKUP, DELIVERY, TRANSFER = 0, 1, 2
ROUND_KINDS = ("pickup", "delivery", "transfer", "mixed")
PLACE_KINDS = ("supplier", "partner", "site")
# A round is full at so many grams, or six stops.
_FULL_GRAMS = (900_000, 2_400_000, 10**9)
_STOPS_PER_ROUND = 6
_METRES_PER_SECOND = 50 / 3.6
EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG
MISSING_ROAD_DISTANCE_SHARE = 0.12
MEASURED_ENERGY_SHARE = 0.60
SECOND_TRIP_SECONDS = 6 * 3600
# Usual consumption of refrigerated vehicles in urban and regional rounds, per 100 km.
CONSUMPTION = {
    ("van", "diesel_b7"): (10.5, "l"),
    ("van", "electric"): (33.0, "kwh"),
    ("truck_3_5_7_5t", "diesel_b7"): (16.0, "l"),
    ("truck_7_5_12t", "diesel_b7"): (22.0, "l"),
    ("truck_7_5_12t", "cng"): (18.5, "kg"),
    ("truck_12_20t", "diesel_b7"): (27.5, "l"),
}


@dataclass(frozen=True)
class Logistics:
    """Rounds and stops, and the round and hour of pickups, visits and transfers.

    rounds: round, kind, vehicle, site, day, start, end (seconds of the day), metres, energy
    (thousandths, -1 unknown), people. stops: round, stop, day, planned, arrived, left, kind,
    place, road_metres (-1 unknown), load, unload, outcome. Links: arrays by pickup stop, by visit
    and by transfer line; round -1 when none.
    """

    rounds: pl.DataFrame
    stops: pl.DataFrame
    pickup_round: IntArray
    pickup_second: IntArray
    visit_round: IntArray
    visit_second: IntArray
    transfer_round: IntArray
    shipped_second: IntArray
    arrived_second: IntArray


def measure_kilometres(
    latitude: FloatArray, longitude: FloatArray, to_latitude: FloatArray, to_longitude: FloatArray
) -> FloatArray:
    """Great-circle distance (haversine), kilometres between degrees."""
    a, b = np.radians(latitude), np.radians(to_latitude)
    half = np.sin((b - a) / 2) ** 2
    half = half + np.cos(a) * np.cos(b) * np.sin(np.radians(to_longitude - longitude) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half)), dtype=np.float64)


def _sum_by(keys: IntArray, grams: IntArray, size: int) -> IntArray:
    summed = np.zeros(size, dtype=np.int64)
    np.add.at(summed, keys, grams)
    return summed


def _list_pickups(supply: Supply, suppliers: Suppliers) -> pl.DataFrame:
    pickups, lines = supply.pickups, supply.receipts.filter(pl.col("stop") >= 0)
    load = _sum_by(lines["stop"].to_numpy(), lines["gross"].to_numpy(), len(pickups.day))
    return _list_stops(
        PICKUP,
        pickups.day,
        suppliers.site[pickups.store],
        0,
        pickups.store,
        load,
        np.zeros_like(load),
        pickups.outcome,
        np.arange(len(load)),
        suppliers.latitude[pickups.store],
        suppliers.longitude[pickups.store],
    )


def _list_visits(
    stream: np.random.Generator, visits: Visits, outflows: Outflows, partners: Partners
) -> pl.DataFrame:
    """Delivered visits, and some doors that stayed closed (missed) or refused everything."""
    lines = outflows.deliveries
    number = lines["visit"].to_numpy()
    out = _sum_by(number, lines["grams"].to_numpy(), len(visits.day))
    back = _sum_by(number, lines["refused"].to_numpy(), len(visits.day))
    row = np.flatnonzero(visits.is_delivered & (out > 0))
    partner = visits.partner[row]
    done = _list_stops(
        DELIVERY,
        visits.day[row],
        visits.site[row],
        1,
        partner,
        back[row],
        out[row],
        np.zeros(len(row), dtype=np.int64),
        row,
        partners.latitude[partner],
        partners.longitude[partner],
    )
    failed = row[stream.random(len(row)) < 0.012]
    door = (visits.partner[failed] + 1) % len(partners.ids)
    door = np.where(partners.site[door] == visits.site[failed], door, visits.partner[failed])
    other = door != visits.partner[failed]
    failed, door = failed[other], door[other]
    nothing = np.zeros(len(door), dtype=np.int64)
    closed = _list_stops(
        DELIVERY,
        visits.day[failed],
        visits.site[failed],
        1,
        door,
        nothing,
        nothing,
        stream.choice([2, 2, 3], size=len(door)),
        nothing - 1,
        partners.latitude[door],
        partners.longitude[door],
    )
    return pl.concat([done, closed])


def _list_shipments(outflows: Outflows) -> pl.DataFrame:
    sent = outflows.transfers.group_by(["day", "to"], maintain_order=True).agg(
        pl.col("shipped").sum()
    )
    to, load = sent["to"].to_numpy(), sent["shipped"].to_numpy()
    latitude = np.array([site.latitude for site in SITES])[to]
    longitude = np.array([site.longitude for site in SITES])[to]
    nothing = np.zeros(len(to), dtype=np.int64)
    return _list_stops(
        TRANSFER,
        sent["day"].to_numpy(),
        nothing + MAIN_SITE,
        2,
        to,
        nothing,
        load,
        nothing,
        to,
        latitude,
        longitude,
    )


def _list_fruitless(
    stream: np.random.Generator, supply: Supply, suppliers: Suppliers
) -> pl.DataFrame:
    """A few rounds that bring nothing back: stores that had called, then had nothing left."""
    days = np.unique(supply.pickups.day)[17::37]
    stores = np.flatnonzero(
        np.isin(np.array(suppliers.kind), ["retail"]) & suppliers.may_give & (suppliers.site == 0)
    )[-8:]
    day = np.repeat(days, 2)
    store = stream.choice(stores, size=len(day))
    nothing = np.zeros(len(day), dtype=np.int64)
    return _list_stops(
        PICKUP,
        day,
        nothing,
        0,
        store,
        nothing,
        nothing,
        nothing + 1,
        nothing - 1,
        suppliers.latitude[store],
        suppliers.longitude[store],
    ).unique(["day", "place"], keep="first", maintain_order=True)


def _list_stops(
    part: int,
    day: IntArray,
    site: IntArray,
    kind: int,
    place: IntArray,
    load: IntArray,
    unload: IntArray,
    outcome: IntArray,
    ref: IntArray,
    latitude: FloatArray,
    longitude: FloatArray,
) -> pl.DataFrame:
    size = len(day)
    whole = {
        "part": np.full(size, part),
        "day": day,
        "site": site,
        "kind": np.full(size, kind),
        "place": place,
        "load": load,
        "unload": unload,
        "outcome": outcome,
        "ref": ref,
    }
    columns: dict[str, IntArray | FloatArray] = {
        name: np.asarray(values, dtype=np.int64) for name, values in whole.items()
    }
    return pl.DataFrame({**columns, "latitude": latitude, "longitude": longitude})


def _group_rounds(stops: pl.DataFrame, fruitless: pl.DataFrame) -> pl.DataFrame:
    """Give each stop its round: neighbours by direction, until the truck is full."""
    depot_lat = np.array([s.latitude for s in SITES])[stops["site"].to_numpy()]
    depot_lon = np.array([s.longitude for s in SITES])[stops["site"].to_numpy()]
    angle = np.arctan2(
        stops["latitude"].to_numpy() - depot_lat, stops["longitude"].to_numpy() - depot_lon
    )
    ordered = stops.with_columns(angle=angle).sort(["day", "site", "part", "angle", "place", "ref"])
    part = ordered["part"].to_numpy()
    full = np.array(_FULL_GRAMS)[part]
    grams = (ordered["load"] + ordered["unload"]).to_numpy()
    cost = np.maximum(grams, full // _STOPS_PER_ROUND)
    group = ordered.select(pl.struct("day", "site", "part").rle_id()).to_series().to_numpy()
    first = np.flatnonzero(np.diff(group.astype(np.int64), prepend=-1))
    total = np.cumsum(cost)
    base = np.repeat(total[first] - cost[first], np.diff(np.append(first, len(cost))))
    slot = (total - base - 1) // full
    day, site = ordered["day"].to_numpy(), ordered["site"].to_numpy()
    shares_truck = ((site == 2) & (day % 2 == 0)) | ((site == 3) & (day % 3 == 0))
    code = np.where(shares_truck & (part == DELIVERY), slot, part * 100 + slot)
    grouped = ordered.with_columns(code=code)
    alone = fruitless.with_columns(angle=pl.lit(0.0), code=pl.lit(90, dtype=pl.Int64)).select(
        grouped.columns
    )
    return (
        pl.concat([grouped, alone])
        .sort(["day", "site", "code", "part", "angle", "place"], maintain_order=True)
        .with_columns(round=pl.struct("day", "site", "code").rle_id().cast(pl.Int64))
    )


def _add_depots(stops: pl.DataFrame) -> pl.DataFrame:
    """Each round starts and ends at its site: it loads there what it hands out."""
    rounds = stops.group_by("round", maintain_order=True).agg(
        pl.col("day", "site").first(),
        pl.col("part").min(),
        total_load=pl.col("load").sum(),
        total_unload=pl.col("unload").sum(),
    )
    site = rounds["site"].to_numpy()
    zero = pl.lit(0, dtype=pl.Int64)
    depot = rounds.with_columns(
        kind=pl.lit(2, dtype=pl.Int64),
        place=pl.col("site"),
        outcome=zero,
        ref=pl.lit(-1, dtype=pl.Int64),
        latitude=np.array([s.latitude for s in SITES])[site],
        longitude=np.array([s.longitude for s in SITES])[site],
    )
    names = [
        "round",
        "part",
        "day",
        "site",
        "kind",
        "place",
        "load",
        "unload",
        "outcome",
        "ref",
        "latitude",
        "longitude",
    ]
    start = depot.with_columns(load=pl.col("total_unload"), unload=zero).select(names)
    end = depot.with_columns(load=zero, unload=pl.col("total_load")).select(names)
    return pl.concat(
        [
            start.with_columns(place_in_round=pl.lit(0)),
            stops.select(names).with_columns(place_in_round=pl.lit(1)),
            end.with_columns(place_in_round=pl.lit(2)),
        ]
    ).sort(["round", "place_in_round"], maintain_order=True)


def _time_stops(stream: np.random.Generator, stops: pl.DataFrame) -> pl.DataFrame:
    """Metres and seconds along each round: `planned`, `arrived`, `left` (seconds of the day)."""
    number = stops["round"].to_numpy()
    latitude, longitude = stops["latitude"].to_numpy(), stops["longitude"].to_numpy()
    starts = np.diff(number, prepend=-1) != 0
    leg = measure_kilometres(np.roll(latitude, 1), np.roll(longitude, 1), latitude, longitude)
    leg_metres = np.where(starts, 0, np.rint(leg * ROAD_FACTOR * 1000)).astype(np.int64)
    size = len(stops)
    nominal = (leg_metres / _METRES_PER_SECOND).astype(np.int64)
    travel = (nominal * stream.uniform(0.85, 1.2, size)).astype(np.int64)
    grams = (stops["load"] + stops["unload"]).to_numpy()
    pace = np.where(stops["part"].to_numpy() == PICKUP, 0.00110, 0.00042)
    service = (360 + grams * pace + stream.exponential(180, size)).astype(np.int64)
    service = np.where(stops["outcome"].to_numpy() > 0, 240, np.minimum(service, 3600))
    part = stops["part"].to_numpy()
    leaves = np.where(part == PICKUP, 7 * 3600 + 900, np.where(part == DELIVERY, 30_600, 28_800))
    leaves = leaves + stops["trip"].to_numpy() * SECOND_TRIP_SECONDS
    first = np.flatnonzero(starts)
    late = np.repeat(stream.integers(0, 1500, len(first)), np.diff(np.append(first, size)))
    arrived = leaves + late + _run_within(travel + np.roll(service, 1), first, travel)
    planned = leaves + 600 + _run_within(nominal + 720, first, nominal)
    return stops.with_columns(
        leg_metres=leg_metres, planned=planned, arrived=arrived, left=arrived + service
    )


def _run_within(steps: IntArray, first: IntArray, alone: IntArray) -> IntArray:
    """Running total of steps within each round; the first step of a round is `alone`."""
    own = steps.copy()
    own[first] = alone[first]
    total = np.cumsum(own)
    base = np.repeat(total[first] - own[first], np.diff(np.append(first, len(own))))
    return np.asarray(total - base, dtype=np.int64)


def _measure_roads(stream: np.random.Generator, stops: pl.DataFrame, rounds: int) -> IntArray:
    """Road metres from depot to stop, the same every day for a place; none in some rounds."""
    site = stops["site"].to_numpy()
    direct = measure_kilometres(
        np.array([s.latitude for s in SITES])[site],
        np.array([s.longitude for s in SITES])[site],
        stops["latitude"].to_numpy(),
        stops["longitude"].to_numpy(),
    )
    detour = stream.uniform(1.2, 1.42, (len(PLACE_KINDS), 1000))
    metres = direct * detour[stops["kind"].to_numpy(), stops["place"].to_numpy()] * 1000
    unknown = stream.random(rounds) < MISSING_ROAD_DISTANCE_SHARE
    return np.where(unknown[stops["round"].to_numpy()], -1, np.rint(metres)).astype(np.int64)


def _assign_trucks(stops: pl.DataFrame, vehicles: Vehicles) -> pl.DataFrame:
    """The truck of each round and its trip of the day (0, then 1 when trucks are short).

    The heaviest round of a day takes the largest truck; trucks change from day to day when
    every round still fits. Transfers have the largest truck of the main site to themselves.
    """
    on = ["day", "site", "is_transfer"]
    rounds = stops.group_by("round", maintain_order=True).agg(
        pl.col("day", "site").first(),
        is_transfer=pl.col("part").max() == TRANSFER,
        carried=pl.when(pl.col("place_in_round") != 1)
        .then(pl.col("load") + pl.col("unload"))
        .otherwise(0)
        .sum(),
    )
    rounds = rounds.with_columns(
        rank=pl.col("carried").rank("ordinal", descending=True).over(on).cast(pl.Int64) - 1,
        others=pl.len().over(on).cast(pl.Int64),
    )
    day, site, is_transfer = (rounds[name].to_numpy() for name in on)
    rank, others = rounds["rank"].to_numpy(), rounds["others"].to_numpy()
    heavy, varied, trip = (np.zeros(len(rounds), dtype=np.int64) for _ in range(3))
    for number in range(len(SITES)):
        trucks = np.flatnonzero(vehicles.site == number)[::-1]
        fleet = trucks[1:] if number == MAIN_SITE else trucks
        shift = day % np.maximum(len(fleet) - others + 1, 1)
        mine = site == number
        heavy[mine] = np.where(is_transfer, trucks[0], fleet[rank % len(fleet)])[mine]
        varied[mine] = np.where(is_transfer, trucks[0], fleet[(rank + shift) % len(fleet)])[mine]
        trip[mine] = (rank // len(fleet))[mine]
    fits = rounds["carried"].to_numpy() <= vehicles.payload_grams[varied]
    all_fit = rounds.select(pl.lit(pl.Series(fits)).all().over(on)).to_series().to_numpy()
    return rounds.select("round").with_columns(vehicle=np.where(all_fit, varied, heavy), trip=trip)


def _summarise_rounds(
    stream: np.random.Generator, stops: pl.DataFrame, vehicles: Vehicles
) -> pl.DataFrame:
    """One row a round: its kind, truck, times, kilometres, energy and people."""
    rounds = stops.group_by("round", maintain_order=True).agg(
        pl.col("day", "site").first(),
        part_to=pl.col("part").max(),
        has_supplier=(pl.col("kind") == 0).any(),
        has_partner=(pl.col("kind") == 1).any(),
        start=pl.col("arrived").min(),
        end=pl.col("left").max(),
        metres=pl.col("leg_metres").sum(),
        vehicle=pl.col("vehicle").first(),
    )
    rounds = rounds.with_columns(is_transfer=pl.col("part_to") == TRANSFER)
    kind = np.where(
        rounds["is_transfer"].to_numpy(),
        2,
        np.where(
            (rounds["has_supplier"] & rounds["has_partner"]).to_numpy(),
            3,
            np.where(rounds["has_supplier"].to_numpy(), 0, 1),
        ),
    )
    vehicle = rounds["vehicle"].to_numpy()
    size = len(rounds)
    metres = (rounds["metres"].to_numpy() * stream.uniform(1.0, 1.09, size)).astype(np.int64)
    use = np.array(
        [CONSUMPTION[(k, e)][0] for k, e in zip(vehicles.kind, vehicles.energy, strict=True)]
    )
    energy = np.rint(metres * use[vehicle] / 100 * stream.normal(1.0, 0.07, size)).astype(np.int64)
    energy = np.where(stream.random(size) < MEASURED_ENERGY_SHARE, energy, -1)
    return rounds.select("round", "day", "site", "start", "end").with_columns(
        kind=kind.astype(np.int64),
        vehicle=vehicle,
        metres=metres // 100 * 100,
        energy=energy,
        people=stream.choice([2, 2, 3], size=size).astype(np.int64),
    )


def run_rounds(
    seed: int,
    supply: Supply,
    suppliers: Suppliers,
    partners: Partners,
    vehicles: Vehicles,
    visits: Visits,
    outflows: Outflows,
) -> Logistics:
    """Rounds of the whole period, and the hours that follow from them."""
    stream = open_stream(seed, "logistics")
    listed = [
        _list_pickups(supply, suppliers),
        _list_visits(stream, visits, outflows, partners),
        _list_shipments(outflows),
    ]
    fruitless = _list_fruitless(stream, supply, suppliers)
    stops = _add_depots(_group_rounds(pl.concat(listed), fruitless))
    trucks = _assign_trucks(stops, vehicles)
    stops = stops.join(trucks, on="round", how="left", maintain_order="left")
    stops = _time_stops(stream, stops)
    stops = stops.with_columns(
        road_metres=_measure_roads(stream, stops, int(stops["round"].n_unique()))
    )
    rounds = _summarise_rounds(stream, stops, vehicles)
    return _link(rounds, stops, supply, visits, outflows)


def _link(
    rounds: pl.DataFrame, stops: pl.DataFrame, supply: Supply, visits: Visits, outflows: Outflows
) -> Logistics:
    home = stops.filter(pl.col("place_in_round") == 2).sort("round")["arrived"].to_numpy()
    pickup = stops.filter((pl.col("kind") == 0) & (pl.col("ref") >= 0))
    visit = stops.filter((pl.col("kind") == 1) & (pl.col("ref") >= 0))
    pickup_round = _spread(pickup["ref"], pickup["round"].to_numpy(), len(supply.pickups.day))
    visit_round = _spread(visit["ref"], visit["round"].to_numpy(), len(visits.day))
    sent = stops.filter((pl.col("part") == TRANSFER) & (pl.col("place_in_round") == 1))
    shipped = outflows.transfers.select("day", "to").join(
        sent.select("day", to="place", round="round", arrived="left"),
        on=["day", "to"],
        how="left",
        maintain_order="left",
    )
    start = rounds.sort("round")["start"].to_numpy()
    transfer_round = shipped["round"].to_numpy()
    carried = stops.filter(
        (pl.col("place_in_round") == 1) | (pl.col("load") + pl.col("unload") > 0)
    )
    return Logistics(
        rounds=rounds,
        stops=carried.with_columns(stop=(pl.int_range(pl.len()).over("round") + 1).cast(pl.Int64)),
        pickup_round=pickup_round,
        pickup_second=np.where(pickup_round >= 0, home[pickup_round], -1),
        visit_round=visit_round,
        visit_second=_spread(visit["ref"], visit["left"].to_numpy(), len(visits.day)),
        transfer_round=transfer_round,
        shipped_second=start[transfer_round],
        arrived_second=shipped["arrived"].to_numpy(),
    )


def _spread(at: pl.Series, values: IntArray, size: int) -> IntArray:
    spread = np.full(size, -1, dtype=np.int64)
    spread[at.to_numpy()] = values
    return spread
