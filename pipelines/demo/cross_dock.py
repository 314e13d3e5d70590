"""The demonstration food bank `herault`: what comes in is sorted and handed out the same day.

Here live its donors, partners, days and workbooks. How they become records is its source profile's
matter (`data_contracts/sources/herault.yaml`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from pipelines.demo.exports import Cell, Mass, place_file, write_workbook
from pipelines.demo.logistics import CONSUMPTION, measure_kilometres
from pipelines.demo.neighbours import (
    OPENED_ON,
    Exchange,
    FoodBankFiles,
    Place,
    at,
    draw_places,
    list_worked_days,
    round_hectograms,
    share_out,
)
from pipelines.demo.places import ROAD_FACTOR
from pipelines.demo.working_days import (
    PICKUP_SEASON,
    find_national_drive,
    open_stream,
)

FOOD_BANK_ID = "herault"
_EPCI = "243400017"
_NAME = "Banque alimentaire de démonstration, profil Hérault"
_DOCK = (43.5720, 3.8323)
DONOR_KINDS = [
    ("Magasin", "Magasin de démonstration", 26),
    ("Plateforme", "Plateforme logistique de démonstration", 3),
    ("Industriel", "Industriel de démonstration", 6),
    ("Exploitation agricole", "Exploitation de démonstration", 8),
    ("Grand public", "Collecte citoyenne de démonstration, secteur", 3),
    ("Autre banque alimentaire", "Banque alimentaire de démonstration, profil Isère", 1),
]
# Half of the 60 partners are municipal social centres.
PARTNER_KINDS = [
    ("CCAS", "CCAS de démonstration", 30),
    ("Association", "Association d'entraide de démonstration", 15),
    ("Antenne d'un réseau national", "Réseau national de démonstration", 8),
    ("Épicerie sociale", "Épicerie sociale de démonstration", 4),
    ("Maraude", "Maraude de démonstration", 2),
    ("Aide étudiante", "Aide étudiante de démonstration", 1),
]
# (code, share of a store's lines), and what the other donors bring.
_STORE_MIX = {
    "FL05": 18, "FL02": 8, "FL01": 7, "FL03": 7, "FL04": 4, "PA01": 12, "PA02": 6, "LA01": 12,
    "LA02": 4, "VI01": 8, "VI02": 4, "PO01": 2, "PL01": 6, "EP01": 2,
}  # fmt: skip
_BULK_MIX = {
    "Plateforme": {
        "LA01": 20, "FL05": 20, "PL01": 14, "LA03": 12, "EP02": 10, "BO01": 12, "OE01": 6,
    },
    "Industrie": {"EP01": 16, "EP02": 16, "BO01": 16, "EP04": 14, "EP03": 14, "LA02": 8, "HY01": 6},
    "Agriculture": {"FL01": 24, "FL02": 24, "FL04": 20, "FL03": 14, "FL05": 14, "OE01": 4},
    "Collecte nationale": {"EP03": 34, "EP04": 22, "LA03": 12, "EP01": 14, "EP02": 12, "HY01": 6},
}  # fmt: skip
_DONORS_OF = {
    "Plateforme": "Plateforme",
    "Industrie": "Industriel",
    "Agriculture": "Exploitation agricole",
    "Collecte nationale": "Grand public",
}
_STORES_A_DAY = 9
_FARM_CHANCE = (0.12, 0.12, 0.16, 0.24, 0.4, 0.6, 0.72, 0.72, 0.64, 0.48, 0.32, 0.2)
_COLD_CHAIN = "Rupture de la chaîne du froid"
_SORTING_REASONS = ("Tri", "Tri", "Tri", "Abîmé", "Date dépassée")
_SORTING_ROUTES = ("Compost", "Méthanisation", "Méthanisation", "Alimentation animale")
# (vehicle, kind and energy as its usual consumption is known; HVO burns like diesel).
_TRUCKS = (
    ("H1", "truck_7_5_12t", "diesel_b7"),
    ("H2", "truck_3_5_7_5t", "diesel_b7"),
    ("H3", "truck_3_5_7_5t", "diesel_b7"),
    ("H4", "truck_3_5_7_5t", "diesel_b7"),
)
_METRES_PER_SECOND = 45 / 3.6

HEADERS = {
    "donateurs": ("Code", "Donateur", "Type", "INSEE", "Latitude", "Longitude", "Depuis"),
    "partenaires": (
        "Code", "Partenaire", "Type", "INSEE", "Latitude", "Longitude", "Habilitation jusqu'au",
        "Froid positif", "Froid négatif", "Jours de retrait", "Depuis",
    ),
    "ramasse": (
        "Bon", "Ligne", "Arrivée", "Origine", "Code donateur", "Tournée", "Article", "Poids (kg)",
        "Refusé au quai (kg)", "Motif du refus",
    ),
    "tri": (
        "Fiche", "Ligne", "Heure", "Bon d'entrée", "Code donateur", "Article", "Écarté (kg)",
        "Motif", "Devenir",
    ),
    "distribution": (
        "Bon", "Ligne", "Heure", "Code partenaire", "Mode", "Tournée", "Article", "Poids (kg)",
    ),
    "tournees": (
        "Tournée", "Arrêt", "Nature", "Véhicule", "Départ", "Retour", "Kilomètres", "Litres",
        "Équipage", "Lieu", "Prévu", "Arrivée", "Fin d'arrêt", "Route directe (km)", "Chargé (kg)",
        "Déchargé (kg)", "Résultat",
    ),
    "echanges": (
        "N° échange", "Ligne", "Sens", "Banque alimentaire", "Code donateur", "Article", "Départ",
        "Arrivée", "Expédié (kg)", "Reçu (kg)",
    ),
}  # fmt: skip
_TITLES = {
    "donateurs": "Donateurs",
    "partenaires": "Partenaires",
    "ramasse": "Entrées",
    "tri": "Tri",
    "distribution": "Distribution",
    "tournees": "Tournées",
    "echanges": "Échanges avec d'autres banques alimentaires",
}
_SHEETS = {"ramasse": "Entrées"}
# Where a line of totals stands below: the columns of weights.
_TOTALLED = {"ramasse": (7, 8), "tri": (6,), "distribution": (7,)}

Row: TypeAlias = list[Cell | Mass]


class _Day:
    """One day at the dock; `stock` is what lies there in grams by article, empty by evening."""

    def __init__(self, bank: CrossDock, day: date) -> None:
        self.bank, self.day = bank, day
        self.stream = bank.stream
        self.stock: dict[str, int] = defaultdict(int)

    def run(self, exchanges: list[Exchange]) -> None:
        self._pick_up()
        self._receive_bulk()
        for exchange in exchanges:
            self._exchange(exchange)
        self._hand_out()

    def _pick_up(self) -> None:
        stores = self.bank.donors_of("Magasin")
        busy = PICKUP_SEASON[self.day.month - 1]
        count = min(max(round(_STORES_A_DAY * busy), 3), len(stores))
        chosen = [stores[int(i)] for i in self.stream.choice(len(stores), count, replace=False)]
        for first, truck in zip(range(0, count, 4), _TRUCKS, strict=False):
            visited = chosen[first : first + 4]
            number = self.bank.next_number("T")
            outcomes = self.stream.choice(3, size=len(visited), p=[0.95, 0.03, 0.02])
            loads = [
                self._receive(store, "Ramasse", number, self._draw_store_lines(), 9 * 3600)
                if outcome == 0
                else 0
                for store, outcome in zip(visited, outcomes, strict=True)
            ]
            results = [("Fait", "Rien à prendre", "Fermé")[int(o)] for o in outcomes]
            self._drive(number, truck, 6 * 3600 + 1800, visited, loads, [0] * len(loads), results)

    def _draw_store_lines(self) -> list[tuple[str, int]]:
        codes, weights = list(_STORE_MIX), np.array(list(_STORE_MIX.values()), dtype=np.float64)
        chosen = self.stream.choice(
            len(codes),
            size=int(self.stream.integers(2, 5)),
            replace=False,
            p=weights / weights.sum(),
        )
        return [
            (codes[int(i)], round_hectograms(float(self.stream.lognormal(5.1, 0.6))))
            for i in sorted(chosen)
        ]

    def _receive_bulk(self) -> None:
        farms = _FARM_CHANCE[self.day.month - 1]
        for origin, chance in (("Plateforme", 0.95), ("Industrie", 0.6), ("Agriculture", farms)):
            if self.stream.random() < chance:
                self._receive_mix(origin, 3, 1080.0)
        since = (self.day - find_national_drive(self.day.year)).days
        if 0 < since <= 14:
            self._receive_mix("Collecte nationale", 5, 3200.0 * math.exp(-since / 8))
        if not self.stock:
            self._receive_mix("Plateforme", 3, 1080.0)

    def _receive_mix(self, origin: str, count: int, kilograms: float) -> None:
        mix = _BULK_MIX[origin]
        weights = np.array(list(mix.values()), dtype=np.float64)
        chosen = self.stream.choice(len(mix), count, replace=False, p=weights / weights.sum())
        lines = [
            (list(mix)[int(i)], round_hectograms(kilograms * float(self.stream.lognormal(0, 0.4))))
            for i in sorted(chosen)
        ]
        donors = self.bank.donors_of(_DONORS_OF[origin])
        donor = donors[int(self.stream.integers(len(donors)))]
        self._receive(donor, origin, None, lines, 10 * 3600)

    def _receive(
        self,
        donor: Place,
        origin: str,
        trip: str | None,
        lines: Iterable[tuple[str, int]],
        second: int,
    ) -> int:
        """Book a delivery note and what sorting takes out of it; give the grams that came."""
        note, loaded = self.bank.next_number("E"), 0
        arrived = at(self.day, second + int(self.stream.integers(3600)))
        sheet = None
        for number, (article, grams) in enumerate(lines, start=1):
            refused = 0
            if self.stream.random() < 0.012:
                refused = round_hectograms(grams / 1000 * float(self.stream.uniform(0.1, 0.6)))
            self.bank.add("ramasse", self.day, [
                note, number, arrived, origin, donor.code, trip, article, Mass(grams),
                Mass(refused) if refused else None, _COLD_CHAIN if refused else None,
            ])  # fmt: skip
            loaded += grams
            self.stock[article] += grams - refused
            taken = self._sort(origin, grams - refused)
            if taken:
                sheet = sheet or (self.bank.next_number("S"), 0)
                sheet = (sheet[0], sheet[1] + 1)
                self.stock[article] -= taken
                self.bank.add("tri", self.day, [
                    sheet[0], sheet[1], arrived + timedelta(minutes=50), note, donor.code, article,
                    Mass(taken), self._choose(_SORTING_REASONS), self._choose(_SORTING_ROUTES),
                ])  # fmt: skip
        return loaded

    def _sort(self, origin: str, grams: int) -> int:
        chance, worst = (0.35, 0.5) if origin == "Ramasse" else (0.10, 0.15)
        if self.stream.random() >= chance:
            return 0
        return int(grams * self.stream.uniform(0.02, worst)) // 100 * 100

    def _choose(self, among: Sequence[str]) -> str:
        return among[int(self.stream.integers(len(among)))]

    def _exchange(self, exchange: Exchange) -> None:
        article, departs = exchange.codes[FOOD_BANK_ID], at(self.day, 11 * 3600 + 1800)
        arrives = departs + timedelta(hours=4)
        if exchange.sender == FOOD_BANK_ID:
            # A gift too large for one day is shared with the other food bank.
            donors = self.bank.donors_of("Industriel")
            self._receive(donors[0], "Industrie", None, [(article, exchange.shipped * 2)], 8 * 3600)
            self.stock[article] -= exchange.shipped
            row: Row = ["Sortie", "Isère", None]
        else:
            self.stock[article] += exchange.received
            row = ["Entrée", "Isère", self.bank.donors_of("Autre banque alimentaire")[0].code]
            departs, arrives = at(self.day, 7 * 3600), at(self.day, 11 * 3600)
        self.bank.add("echanges", self.day, [
            exchange.number, exchange.line, *row, article, departs, arrives,
            Mass(exchange.shipped), Mass(exchange.received),
        ])  # fmt: skip

    def _hand_out(self) -> None:
        weekday = str(self.day.isoweekday())
        present = [p for p in self.bank.partners if weekday in self.bank.days_of[p.code]]
        lines: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for article, grams in sorted(self.stock.items()):
            wanted = min(int(self.stream.integers(2, 6)), len(present))
            parts = share_out(self.stream, grams, wanted)
            takers = self.stream.choice(len(present), size=len(parts), replace=False)
            for taker, part in zip(takers, parts, strict=True):
                lines[present[int(taker)].code].append((article, part))
        self.stock.clear()
        served = [partner for partner in present if partner.code in lines]
        doors = [partner for partner in served if partner.code in self.bank.is_delivered][:4]
        trip = self.bank.next_number("T") if doors else None
        loads = []
        for partner in served:
            at_door = partner in doors
            note = self.bank.next_number("D")
            second = int(self.stream.integers(13 * 3600, 17 * 3600))
            for number, (article, grams) in enumerate(lines[partner.code], start=1):
                self.bank.add("distribution", self.day, [
                    note, number, at(self.day, second), partner.code,
                    "Livraison" if at_door else "Retrait", trip if at_door else None, article,
                    Mass(grams),
                ])  # fmt: skip
            if at_door:
                loads.append(sum(grams for _, grams in lines[partner.code]))
        if trip:
            results, nothing = ["Fait"] * len(doors), [0] * len(doors)
            self._drive(trip, _TRUCKS[3], 13 * 3600, doors, nothing, loads, results)

    def _drive(
        self,
        number: str,
        truck: tuple[str, str, str],
        second: int,
        places: Sequence[Place],
        loaded: Sequence[int],
        unloaded: Sequence[int],
        results: Sequence[str],
    ) -> None:
        """A trip from the dock along the places and back, one line a stop."""
        points = [_DOCK, *((p.latitude, p.longitude) for p in places), _DOCK]
        legs = measure_metres(points)
        clock, starts, stops = second, at(self.day, second), []
        for leg in legs[:-1]:
            clock += int(leg / _METRES_PER_SECOND)
            arrived = at(self.day, clock + int(self.stream.integers(-300, 900)))
            clock += 900
            stops.append((at(self.day, clock - 900), arrived, arrived + timedelta(minutes=15)))
        ends = max(
            at(self.day, clock + int(legs[-1] / _METRES_PER_SECOND)),
            stops[-1][2] + timedelta(minutes=5),
        )
        liters = CONSUMPTION[truck[1:]][0] * sum(legs) / 100_000
        is_measured = self.stream.random() < 0.7
        for stop, place in enumerate(places, start=1):
            planned, arrived, left = stops[stop - 1]
            is_pickup = unloaded[stop - 1] == 0
            is_closed = results[stop - 1] == "Fermé"
            (direct,) = measure_metres([_DOCK, (place.latitude, place.longitude)])
            # The trip's own figures stand on the line of its first stop.
            trip: Row = [starts, ends, Mass(sum(legs)), Mass(round(liters * 1000)), 2]
            if not is_measured:
                trip[3] = None
            self.bank.add("tournees", self.day, [
                number, stop, "Ramasse" if is_pickup else "Livraison", truck[0],
                *(trip if stop == 1 else [None] * len(trip)), place.code, planned,
                None if is_closed else arrived, None if is_closed else left, Mass(direct),
                Mass(loaded[stop - 1]), Mass(unloaded[stop - 1]),
                results[stop - 1],
            ])  # fmt: skip


def measure_metres(points: list[tuple[float, float]]) -> list[int]:
    """Road metres from each point to the next one."""
    latitude, longitude = np.array(points, dtype=np.float64).T
    legs = measure_kilometres(latitude[:-1], longitude[:-1], latitude[1:], longitude[1:])
    return [int(metres) for metres in np.rint(legs * ROAD_FACTOR * 1000)]


class CrossDock:
    """The food bank's books: rows of each kind of workbook by month, numbers in sequence."""

    def __init__(self, seed: int) -> None:
        self.stream = open_stream(seed, FOOD_BANK_ID)
        self.donors = draw_places(self.stream, _EPCI, "M", DONOR_KINDS)
        self.partners = draw_places(self.stream, _EPCI, "P", PARTNER_KINDS)
        self.days_of = {partner.code: self._draw_days() for partner in self.partners}
        delivered = self.stream.random(len(self.partners)) < 0.25
        self.is_delivered = {p.code for p, d in zip(self.partners, delivered, strict=True) if d}
        self.books: dict[tuple[str, str], list[Row]] = defaultdict(list)
        self._last: dict[str, int] = defaultdict(int)

    def _draw_days(self) -> str:
        count = int(self.stream.choice([1, 2, 2, 3]))
        days = sorted(int(d) + 1 for d in self.stream.choice(5, size=count, replace=False))
        return "|".join(str(day) for day in days)

    def donors_of(self, kind: str) -> list[Place]:
        return [donor for donor in self.donors if donor.kind == kind]

    def next_number(self, prefix: str) -> str:
        self._last[prefix] += 1
        return f"{prefix}{self._last[prefix]:06d}"

    def add(self, book: str, day: date, row: Row) -> None:
        self.books[(book, f"{day:%Y-%m}")].append(row)

    def list_donors(self) -> list[Row]:
        since = date(2019, 1, 1)
        return [[*donor, since] for donor in self.donors]

    def list_partners(self) -> list[Row]:
        rows: list[Row] = []
        for number, partner in enumerate(self.partners):
            expires = date(2024, 3, 31) + timedelta(days=31 * (number % 14))
            cold = ["oui", "oui" if number % 3 else "non"]
            rows.append([*partner, expires, *cold, self.days_of[partner.code], date(2019, 1, 1)])
        return rows


def write_cross_dock(
    landing: Path, seed: int, until: date, exchanges: list[Exchange]
) -> FoodBankFiles:
    """Write the food bank's workbooks from its first working day to `until`."""
    bank = CrossDock(seed)
    for day in list_worked_days(until):
        _Day(bank, day).run([exchange for exchange in exchanges if exchange.day == day])
    files: list[Path] = []
    rows: dict[str, int] = defaultdict(int)
    books: list[tuple[str, str, list[Row]]] = [
        ("donateurs", "", bank.list_donors()),
        ("partenaires", "", bank.list_partners()),
        *((book, f"-{month}", found) for (book, month), found in sorted(bank.books.items())),
    ]
    for book, suffix, found in books:
        titles = (_NAME, _TITLES[book], f"Mois {suffix[1:]}" if suffix else "Liste à jour")
        total = _add_up(book, found)
        sheet = _SHEETS.get(book, "Feuille 1")
        content = write_workbook(sheet, titles, HEADERS[book], found, total)
        files.append(place_file(landing / FOOD_BANK_ID / f"{book}{suffix}.xlsx", content))
        rows[book] += len(found)
    return FoodBankFiles(FOOD_BANK_ID, (OPENED_ON, until), tuple(files), dict(rows))


def _add_up(book: str, rows: list[Row]) -> Row | None:
    if book not in _TOTALLED:
        return None
    total: Row = ["TOTAL", *[None] * (len(HEADERS[book]) - 1)]
    for column in _TOTALLED[book]:
        weights: list[Any] = [row[column] for row in rows if row[column] is not None]
        total[column] = Mass(sum(weight.grams for weight in weights))
    return total
