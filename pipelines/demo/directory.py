"""Who and what the demonstration food bank works with: partners, suppliers, trucks.

Here live the reference records but products (`catalogue.py`), with the arrays that the
simulation reads. Every name is invented: no real store, charity or company. Events belong
elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from pipelines.demo.places import (
    COMMUNES,
    DIJON_METROPOLE,
    OTHER_COMMUNES,
    SITE_OF_DEPARTEMENT,
    SITES,
    Commune,
)
from pipelines.demo.working_days import (
    BoolArray,
    FloatArray,
    IntArray,
    count_days,
    open_stream,
    read_day,
)

FOOD_BANK_ID = "bourgogne"
FOOD_BANK_NAME = "Banque alimentaire de démonstration, profil Bourgogne"

# (kind, name, how many): 185 partners in all (annual figures published for 2023).
PARTNER_KINDS: tuple[tuple[str, str, int], ...] = (
    ("independent_charity", "Association d'entraide de démonstration", 62),
    ("large_network", "Réseau national de démonstration", 34),
    ("ccas", "CCAS de démonstration", 38),
    ("social_grocery", "Épicerie sociale de démonstration", 24),
    ("day_centre", "Accueil de jour de démonstration", 8),
    ("street_outreach", "Maraude de démonstration", 6),
    ("solidarity_restaurant", "Restaurant solidaire de démonstration", 4),
    ("shelter", "Hébergement de démonstration", 5),
    ("student_aid", "Aide étudiante de démonstration", 3),
    ("antenna", "Relais de démonstration", 1),
)
PARTNERS_PER_AREA = (("metropole", 60), ("21", 26), ("71", 50), ("58", 21), ("89", 28))
PARTNERS_ON_PLATFORM = 126
CORE_PARTNERS = 40
_KINDS_ORDERING_MOST = ("social_grocery", "large_network", "ccas")

# (kind, name, how many): 460 suppliers and donors listed (published on 25 June 2024).
SUPPLIER_KINDS: tuple[tuple[str, str, int], ...] = (
    ("retail", "Magasin de démonstration", 140),
    ("platform", "Plateforme logistique de démonstration", 25),
    ("industry", "Industriel de démonstration", 85),
    ("farm", "Ferme de démonstration", 80),
    ("wholesale", "Grossiste de démonstration", 30),
    ("catering", "Restauration collective de démonstration", 22),
    ("public_programme", "Programme public de démonstration", 4),
    ("citizens", "Collecte citoyenne de démonstration, secteur", 40),
    ("other", "Donateur de démonstration", 34),
)
STORES_IN_DAILY_PICKUP = 40
STORES_PER_SITE = (20, 9, 4, 7)
# (number of the store that stops, day it stops): another store of the site takes its place.
STORE_CHANGES: tuple[tuple[int, date], ...] = (
    (3, date(2023, 3, 17)),
    (11, date(2023, 10, 27)),
    (24, date(2023, 6, 30)),
    (36, date(2024, 1, 26)),
)
SUPPLIER_UPDATE_ON = date(2024, 2, 1)

_SIXTEEN_TRUCKS: tuple[tuple[int, str, str, str, int], ...] = (
    (0, "van", "electric", "R134a", 900),
    (0, "truck_3_5_7_5t", "diesel_b7", "R452A", 2800),
    (0, "truck_3_5_7_5t", "diesel_b7", "R404A", 2800),
    (0, "truck_3_5_7_5t", "diesel_b7", "R452A", 2900),
    (0, "truck_7_5_12t", "cng", "R452A", 5200),
    (0, "truck_7_5_12t", "diesel_b7", "R404A", 5400),
    (0, "truck_7_5_12t", "diesel_b7", "R452A", 5400),
    (0, "truck_12_20t", "diesel_b7", "R452A", 9000),
    (1, "truck_3_5_7_5t", "diesel_b7", "R452A", 2800),
    (1, "truck_3_5_7_5t", "diesel_b7", "R404A", 2800),
    (1, "truck_7_5_12t", "diesel_b7", "R452A", 5300),
    (2, "truck_3_5_7_5t", "diesel_b7", "R452A", 2800),
    (2, "truck_7_5_12t", "diesel_b7", "R404A", 5200),
    (3, "van", "diesel_b7", "R134a", 1100),
    (3, "truck_3_5_7_5t", "diesel_b7", "R452A", 2900),
    (3, "truck_7_5_12t", "diesel_b7", "R452A", 5300),
)


@dataclass(frozen=True)
class Partners:
    """Partners: `cadence` is the weeks between two visits, `size` a relative weight."""

    frame: pl.DataFrame
    ids: tuple[str, ...]
    site: IntArray
    size: FloatArray
    cadence: IntArray
    collects_on: tuple[tuple[int, ...], ...]
    active_from: IntArray
    stores_chilled: BoolArray
    stores_frozen: BoolArray
    is_on_platform: BoolArray
    is_core: BoolArray
    is_delivered: BoolArray
    latitude: FloatArray
    longitude: FloatArray
    insee: tuple[str, ...]


@dataclass(frozen=True)
class Suppliers:
    """Suppliers; the first ones are the stores of the daily pickup, with the days they gave."""

    frame: pl.DataFrame
    update: pl.DataFrame
    ids: tuple[str, ...]
    kind: tuple[str, ...]
    site: IntArray
    may_give: BoolArray
    active_from: IntArray
    active_to: IntArray
    latitude: FloatArray
    longitude: FloatArray
    departement: tuple[str, ...]
    stores: IntArray


@dataclass(frozen=True)
class Vehicles:
    """Trucks, by site from the smallest to the largest."""

    frame: pl.DataFrame
    ids: tuple[str, ...]
    site: IntArray
    kind: tuple[str, ...]
    energy: tuple[str, ...]
    payload_grams: IntArray


def write_bool(value: bool) -> str:
    """`true` or `false`."""
    return "true" if value else "false"


def _format_degrees(value: float) -> str:
    return f"{value:.4f}"


def _draw_communes(
    stream: np.random.Generator, communes: tuple[Commune, ...], size: int
) -> list[Commune]:
    population = np.array([c.population for c in communes], dtype=np.float64)
    drawn = stream.choice(len(communes), size=size, p=population / population.sum())
    return [communes[int(i)] for i in drawn]


def _select_area(area: str) -> tuple[Commune, ...]:
    if area == "metropole":
        return DIJON_METROPOLE
    return tuple(c for c in OTHER_COMMUNES if c.departement == area)


def _place_partners(stream: np.random.Generator) -> list[Commune]:
    placed: list[Commune] = []
    for area, size in PARTNERS_PER_AREA:
        placed.extend(_draw_communes(stream, _select_area(area), size))
    order = stream.permutation(len(placed))
    return [placed[int(i)] for i in order]


def _choose_platform(stream: np.random.Generator, kinds: list[str]) -> tuple[BoolArray, BoolArray]:
    """Who is on the platform, and the core of them that orders every week."""
    eager = np.array([kind in _KINDS_ORDERING_MOST for kind in kinds])
    rank = stream.random(len(kinds)) - eager * 0.6
    order = np.argsort(rank, kind="stable")
    on_platform = np.zeros(len(kinds), dtype=np.bool_)
    on_platform[order[:PARTNERS_ON_PLATFORM]] = True
    core = np.zeros(len(kinds), dtype=np.bool_)
    core[order[eager[order]][:CORE_PARTNERS]] = True
    return on_platform, core


def _choose_weekdays(stream: np.random.Generator, core: bool) -> tuple[int, ...]:
    count = int(stream.choice([1, 2, 2, 2])) if core else 1
    days = stream.choice(5, size=count, replace=False) + 1
    return tuple(sorted(int(day) for day in days))


def build_partners(seed: int) -> Partners:
    """The 185 partners."""
    stream = open_stream(seed, "directory")
    named = [(kind, name) for kind, name, count in PARTNER_KINDS for _ in range(count)]
    kinds = [kind for kind, _ in named]
    places = _place_partners(stream)
    on_platform, core = _choose_platform(stream, kinds)
    size = len(kinds)
    weekdays = tuple(_choose_weekdays(stream, bool(flag)) for flag in core)
    chilled = (stream.random(size) < 0.86) | core
    frozen = chilled & (stream.random(size) < 0.66)
    since = count_days(date(2004, 1, 1)) + stream.integers(0, 6600, size)
    since = np.where(np.arange(size) % 61 == 60, count_days(date(2023, 2, 6)), since)
    latitude = np.array([c.latitude for c in places]) + stream.normal(0, 0.006, size)
    longitude = np.array([c.longitude for c in places]) + stream.normal(0, 0.008, size)
    frame = _write_partners(
        stream, named, places, on_platform, weekdays, chilled, frozen, since, latitude, longitude
    )
    return Partners(
        frame=frame,
        ids=tuple(frame["partner_id"].to_list()),
        site=np.array([SITE_OF_DEPARTEMENT[c.departement] for c in places], dtype=np.int64),
        size=stream.lognormal(0.0, 0.45, size),
        cadence=np.where(core, 1, stream.choice([1, 2, 2, 3], size=size)).astype(np.int64),
        collects_on=weekdays,
        active_from=since.astype(np.int64),
        stores_chilled=chilled,
        stores_frozen=frozen,
        is_on_platform=on_platform,
        is_core=core,
        is_delivered=stream.random(size) < 0.38,
        latitude=latitude,
        longitude=longitude,
        insee=tuple(c.insee_code for c in places),
    )


def _write_partners(
    stream: np.random.Generator,
    named: list[tuple[str, str]],
    places: list[Commune],
    on_platform: BoolArray,
    weekdays: tuple[tuple[int, ...], ...],
    chilled: BoolArray,
    frozen: BoolArray,
    since: IntArray,
    latitude: FloatArray,
    longitude: FloatArray,
) -> pl.DataFrame:
    expires = count_days(date(2024, 7, 1)) + stream.integers(0, 1500, len(named))
    support = stream.random(len(named)) < 0.45
    rows = []
    for n, ((kind, name), place) in enumerate(zip(named, places, strict=True)):
        served = sorted(int(d) + 1 for d in stream.choice(6, size=1 + n % 3, replace=False))
        rows.append(
            {
                "partner_id": f"PA{n + 1:03d}",
                "name": f"{name} {n + 1:03d}",
                "kind": kind,
                "insee_code": place.insee_code,
                "qpv_code": "",
                "latitude": _format_degrees(latitude[n]),
                "longitude": _format_degrees(longitude[n]),
                "accreditation_expires_on": (
                    "" if kind == "ccas" else read_day(expires[n]).isoformat()
                ),
                "stores_chilled": write_bool(chilled[n]),
                "stores_frozen": write_bool(frozen[n]),
                "collects_on": "|".join(str(day) for day in weekdays[n]),
                "served_on": "|".join(str(day) for day in served),
                "offers_support": write_bool(support[n]),
                "uses_platform": write_bool(on_platform[n]),
                "active_from": read_day(since[n]).isoformat(),
                "active_to": "",
            }
        )
    return pl.DataFrame(rows)


def _place_suppliers(stream: np.random.Generator, kinds: list[str]) -> list[Commune]:
    """Stores of the daily pickup lie in the sites' départements, near the site when they can."""
    places: list[Commune] = []
    for site, count in enumerate(STORES_PER_SITE):
        places.extend(_draw_communes(stream, _list_near(site), count))
    for number, _ in STORE_CHANGES:
        places.append(_draw_communes(stream, _list_near(_find_store_site(number)), 1)[0])
    places.extend(_draw_communes(stream, COMMUNES, len(kinds) - len(places)))
    return places


def _list_near(site: int) -> tuple[Commune, ...]:
    if site == 0:
        return DIJON_METROPOLE + tuple(c for c in OTHER_COMMUNES if c.insee_code == "21054")
    here = SITES[site]
    near = [
        c
        for c in OTHER_COMMUNES
        if SITE_OF_DEPARTEMENT[c.departement] == site
        and abs(c.latitude - here.latitude) + abs(c.longitude - here.longitude) < 0.55
    ]
    return tuple(near)


def _find_store_site(number: int) -> int:
    bounds = np.cumsum(STORES_PER_SITE)
    return int(np.searchsorted(bounds, number, side="right"))


def _date_stores(size: int) -> tuple[IntArray, IntArray]:
    """From and to which day each supplier gives (a very late day when it still does)."""
    active_from = np.full(size, count_days(date(2018, 1, 1)), dtype=np.int64)
    active_to = np.full(size, count_days(date(2999, 1, 1)), dtype=np.int64)
    for rank, (number, stops) in enumerate(STORE_CHANGES):
        active_to[number] = count_days(stops)
        active_from[STORES_IN_DAILY_PICKUP + rank] = count_days(stops) + 1
    return active_from, active_to


def _draw_statuses(
    stream: np.random.Generator, kinds: list[str], active_to: IntArray
) -> tuple[list[str], IntArray]:
    """Status of each supplier today; inactive ones have stopped before the period or within it."""
    stores = STORES_IN_DAILY_PICKUP + len(STORE_CHANGES)
    statuses = []
    ends = active_to.copy()
    for n, kind in enumerate(kinds):
        drawn = stream.random()
        if n < stores:
            stopped = any(n == number for number, _ in STORE_CHANGES)
            statuses.append("inactive" if stopped else "active")
        elif kind in ("public_programme", "citizens") or drawn < 0.68:
            statuses.append("active")
        elif drawn < 0.84:
            statuses.append("prospect")
        else:
            statuses.append("inactive")
            ends[n] = count_days(date(2021, 1, 1)) + int(stream.integers(0, 500))
    return statuses, ends


def build_suppliers(seed: int) -> Suppliers:
    """The 460 suppliers and donors; statuses as first delivered, and the later update."""
    stream = open_stream(seed + 1, "directory")
    named = [(kind, name) for kind, name, count in SUPPLIER_KINDS for _ in range(count)]
    kinds = [kind for kind, _ in named]
    places = _place_suppliers(stream, kinds)
    active_from, still_to = _date_stores(len(kinds))
    statuses, active_to = _draw_statuses(stream, kinds, still_to)
    latitude = np.array([c.latitude for c in places]) + stream.normal(0, 0.007, len(kinds))
    longitude = np.array([c.longitude for c in places]) + stream.normal(0, 0.009, len(kinds))
    final = _write_suppliers(named, places, statuses, active_from, active_to, latitude, longitude)
    first, update = _split_update(final)
    site = [SITE_OF_DEPARTEMENT[c.departement] for c in places]
    return Suppliers(
        frame=first,
        update=update,
        ids=tuple(final["supplier_id"].to_list()),
        kind=tuple(kinds),
        site=np.array(site, dtype=np.int64),
        may_give=np.array([status == "active" for status in statuses]),
        active_from=active_from,
        active_to=active_to,
        latitude=latitude,
        longitude=longitude,
        departement=tuple(c.departement for c in places),
        stores=np.arange(STORES_IN_DAILY_PICKUP + len(STORE_CHANGES), dtype=np.int64),
    )


def _write_suppliers(
    named: list[tuple[str, str]],
    places: list[Commune],
    statuses: list[str],
    active_from: IntArray,
    active_to: IntArray,
    latitude: FloatArray,
    longitude: FloatArray,
) -> pl.DataFrame:
    never = count_days(date(2999, 1, 1))
    rows = []
    for n, ((kind, name), place) in enumerate(zip(named, places, strict=True)):
        has_place = kind != "public_programme"
        rows.append(
            {
                "supplier_id": f"SU{n + 1:03d}",
                "name": f"{name} {n + 1:03d}",
                "kind": kind,
                "insee_code": place.insee_code if has_place else "",
                "latitude": _format_degrees(latitude[n]) if has_place else "",
                "longitude": _format_degrees(longitude[n]) if has_place else "",
                "status": statuses[n],
                "active_from": (
                    "" if statuses[n] == "prospect" else read_day(active_from[n]).isoformat()
                ),
                "active_to": "" if active_to[n] == never else read_day(active_to[n]).isoformat(),
            }
        )
    return pl.DataFrame(rows)


def _split_update(final: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first delivery, and the rows that the update of February 2024 changes.

    Stores that stopped were active at first; those that took their place were prospects.
    """
    ids = final["supplier_id"].to_list()
    stopped = [ids[number] for number, _ in STORE_CHANGES]
    started = [ids[STORES_IN_DAILY_PICKUP + rank] for rank in range(len(STORE_CHANGES))]
    is_stopped, is_started = (
        pl.col("supplier_id").is_in(stopped),
        pl.col("supplier_id").is_in(started),
    )
    first = final.with_columns(
        status=pl.when(is_stopped)
        .then(pl.lit("active"))
        .when(is_started)
        .then(pl.lit("prospect"))
        .otherwise(pl.col("status")),
        active_from=pl.when(is_started).then(pl.lit("")).otherwise(pl.col("active_from")),
        active_to=pl.when(is_stopped).then(pl.lit("")).otherwise(pl.col("active_to")),
    )
    return first, final.filter(is_stopped | is_started)


def build_vehicles() -> Vehicles:
    """The sixteen refrigerated trucks."""
    rows = [
        {
            "vehicle_id": f"V{n:02d}",
            "kind": kind,
            "energy": energy,
            "is_refrigerated": "true",
            "refrigerant": refrigerant,
            "payload_kg": f"{payload}.0",
            "active_from": "2022-01-03" if energy in ("electric", "cng") else "2017-09-01",
            "active_to": "",
        }
        for n, (_, kind, energy, refrigerant, payload) in enumerate(_SIXTEEN_TRUCKS, start=1)
    ]
    return Vehicles(
        frame=pl.DataFrame(rows),
        ids=tuple(f"V{n:02d}" for n in range(1, len(rows) + 1)),
        site=np.array([truck[0] for truck in _SIXTEEN_TRUCKS], dtype=np.int64),
        kind=tuple(truck[1] for truck in _SIXTEEN_TRUCKS),
        energy=tuple(truck[2] for truck in _SIXTEEN_TRUCKS),
        payload_grams=np.array([truck[4] * 1000 for truck in _SIXTEEN_TRUCKS], dtype=np.int64),
    )


def write_food_bank() -> pl.DataFrame:
    """The food bank itself, marked as a demonstration."""
    return pl.DataFrame(
        {
            "name": [FOOD_BANK_NAME],
            "timezone": ["Europe/Paris"],
            "territory_codes": ["242100410"],
            "meal_convention": ["ffba"],
            "opens_on": ["1|2|3|4|5"],
            "is_demonstration": ["true"],
        }
    )


def write_sites() -> pl.DataFrame:
    """The four sites."""
    rows = [
        {
            "site_id": site.site_id,
            "name": site.name,
            "kind": site.kind,
            "insee_code": site.insee_code,
            "latitude": _format_degrees(site.latitude),
            "longitude": _format_degrees(site.longitude),
            "closed_days": "6|7",
            "cold_power_kw": site.cold_power_kw,
            "refrigerant": "R404A" if site.kind == "antenna" else "R452A",
        }
        for site in SITES
    ]
    return pl.DataFrame(rows)
