"""The demonstration food bank `isere`: it buys, takes part in EU campaigns and cooks.

Here live its donors, partners, days, stock and text tables. How they become records is its source
profile's matter (`data_contracts/sources/isere.yaml`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import polars as pl

from pipelines.demo.exports import Mass, place_file, write_text_table
from pipelines.demo.neighbours import (
    OPENED_ON,
    Exchange,
    FoodBankFiles,
    Place,
    at,
    draw_places,
    list_worked_days,
    read_products,
    round_hectograms,
    share_out,
)
from pipelines.demo.working_days import (
    HANDOUT_SEASON,
    PICKUP_SEASON,
    find_national_drive,
    open_stream,
)

FOOD_BANK_ID = "isere"
_EPCI = "200040715"
WAREHOUSE, KITCHEN = "Entrepôt", "Cuisine"
_DISH = "PC01"
SUPPLIER_KINDS = [
    ("retail", "Magasin de démonstration", 14),
    ("industry", "Industriel de démonstration", 6),
    ("wholesale", "Grossiste de démonstration", 4),
    ("public_programme", "Programme public de démonstration", 1),
    ("citizens", "Collecte citoyenne de démonstration, secteur", 3),
    ("other", "Banque alimentaire de démonstration, profil Hérault", 1),
]
PARTNER_KINDS = [
    ("independent_charity", "Association d'entraide de démonstration", 18),
    ("large_network", "Réseau national de démonstration", 11),
    ("ccas", "CCAS de démonstration", 9),
    ("social_grocery", "Épicerie sociale de démonstration", 7),
    ("day_centre", "Accueil de jour de démonstration", 3),
    ("student_aid", "Aide étudiante de démonstration", 2),
]
_PICKED_UP = ("FR01", "LE01", "PN01", "LF01", "FG01", "VF01")
# Bought: (code, euros for a kilogram); a lorry a week, eight tonnes.
_BOUGHT = {
    "LE01": 1.05, "PT01": 0.62, "VS01": 3.10, "PS01": 4.20, "LT01": 0.92, "HU01": 1.85,
    "LS01": 1.30, "RZ01": 1.15, "CL01": 1.40, "BB01": 3.60,
}  # fmt: skip
_GIVEN = ("LF01", "FG01", "ES01", "PA01", "PT01", "FR01", "LE01", "HG01", "CL01", "RZ01")
_COLLECTED = ("PA01", "RZ01", "CL01", "ES01", "LT01", "HG01", "BB01", "PS01")
_EU = ("FE01", "FE02", "FE03")
# EU deliveries come in campaigns: months and tonnes of a campaign's month.
_EU_MONTHS = {2: 28, 3: 46, 4: 46, 5: 34, 6: 24, 9: 30, 10: 52, 11: 46, 12: 30}
_COOKED = ("LE01", "PT01", "VF01", "LS01", "FR01")
# What is left of a kilogram of ingredients: peelings and cooking take the rest.
_YIELD = 0.82
_FAST = 0.45
_SLOW = 0.055

_WIDE = "{code} {label} (kg)"
HEADERS = {
    "ramasse": ("Bon", "Date et heure", "Magasin"),
    "distribution": ("Bon", "Date et heure", "Lieu", "Partenaire"),
    "entrees": (
        "Bon", "Ligne", "Date et heure", "Nature", "Fournisseur", "Code", "Lot", "Type de date",
        "Date", "Quantité", "Unité", "Coût HT", "Banque d'origine", "N° échange",
    ),
    "cuisine": ("Fabrication", "Ligne", "Date et heure", "Sens", "Code", "Poids"),
    "pertes": ("Fiche", "Ligne", "Date et heure", "Code", "Poids", "Motif", "Devenir"),
    "expeditions": ("Bon", "Ligne", "Départ", "Arrivée", "Vers", "Code", "Expédié", "Reçu"),
    "inventaire": ("Inventaire", "Ligne", "Date et heure", "Lieu", "Code", "Compté"),
}  # fmt: skip

Row: TypeAlias = list[str | int | Mass]


class _Line(NamedTuple):
    """What comes in: grams, and where it is counted in cases how many of them."""

    code: str
    grams: int
    cases: int | None = None


class Kitchen:
    """The food bank's books and stock: rows of each kind of table by month, grams by product."""

    def __init__(self, seed: int) -> None:
        self.stream = open_stream(seed, FOOD_BANK_ID)
        self.products = read_products(FOOD_BANK_ID)
        self.suppliers = draw_places(self.stream, _EPCI, "F", SUPPLIER_KINDS)
        self.partners = draw_places(self.stream, _EPCI, "A", PARTNER_KINDS)
        self.days_of = {partner.code: self._draw_days() for partner in self.partners}
        self.tables: dict[tuple[str, str], list[Row]] = defaultdict(list)
        self.stock: dict[str, dict[str, int]] = {WAREHOUSE: {}, KITCHEN: {}}
        self._last: dict[str, int] = defaultdict(int)
        for code, product in self.products.items():
            kept = "case_weight_kg" in product
            opening = round_hectograms(float(self.stream.uniform(3000, 9000))) if kept else 0
            self.stock[WAREHOUSE][code] = opening
        self.stock[KITCHEN][_DISH] = 0

    def _draw_days(self) -> tuple[int, ...]:
        count = int(self.stream.choice([1, 1, 2]))
        return tuple(sorted(int(d) + 1 for d in self.stream.choice(5, size=count, replace=False)))

    def next_number(self, prefix: str) -> str:
        self._last[prefix] += 1
        return f"{prefix}{self._last[prefix]:05d}"

    def add(self, table: str, day: date, row: Row) -> None:
        self.tables[(table, f"{day:%Y-%m}")].append(row)

    def suppliers_of(self, kind: str) -> list[Place]:
        return [supplier for supplier in self.suppliers if supplier.kind == kind]

    def choose(self, among: Sequence[Place]) -> Place:
        return among[int(self.stream.integers(len(among)))]

    def run(self, day: date, exchanges: list[Exchange]) -> None:
        """One day, in the order in which the food moves."""
        if day == OPENED_ON:
            self.count(day, 6 * 3600, is_opening=True)
        self.pick_up(day)
        self.receive_bulk(day)
        for exchange in exchanges:
            self.exchange(day, exchange)
        if day.isoweekday() in (2, 4):
            self.cook(day)
        self.hand_out(day)

    def pick_up(self, day: date) -> None:
        stores, table = self.suppliers_of("retail"), "ramasse"
        count = max(round(5 * PICKUP_SEASON[day.month - 1]), 2)
        for index in sorted(self.stream.choice(len(stores), count, replace=False)):
            cells: list[Mass | str] = []
            for code in _PICKED_UP:
                kilograms = float(self.stream.lognormal(4.6, 0.6))
                grams = round_hectograms(kilograms) if self.stream.random() < 0.75 else 0
                self.stock[WAREHOUSE][code] += grams
                cells.append(Mass(grams) if grams else "")
            note, second = self.next_number("R"), int(self.stream.integers(8 * 3600, 10 * 3600))
            self.add(table, day, [note, write_moment(day, second), stores[int(index)].code, *cells])
        self.lose(day)

    def lose(self, day: date) -> None:
        """What sorting takes out of the fresh food of the morning."""
        sheet, line = self.next_number("P"), 0
        for code in _PICKED_UP:
            grams = int(self.stock[WAREHOUSE][code] * self.stream.uniform(0.0, 0.09)) // 100 * 100
            if grams:
                line += 1
                self.stock[WAREHOUSE][code] -= grams
                reason = ("Tri", "Tri", "Abîmé", "Périmé")[int(self.stream.integers(4))]
                to = ("Compost", "Méthanisation", "Ordures")[int(self.stream.integers(3))]
                moment = write_moment(day, 11 * 3600)
                self.add("pertes", day, [sheet, line, moment, code, Mass(grams), reason, to])

    def receive_bulk(self, day: date) -> None:
        if day.isoweekday() == 2:
            self.receive(day, "Achat", "wholesale", self.draw_lines(tuple(_BOUGHT), 4, 2000, True))
        if self.stream.random() < 0.62:
            self.receive(day, "Don industriel", "industry", self.draw_lines(_GIVEN, 3, 2800, False))
        tonnes = _EU_MONTHS.get(day.month, 0)
        if tonnes and self.stream.random() < 0.2:
            lines = self.draw_lines(_EU, 2, tonnes * 115, True)
            self.receive(day, "FSE+", "public_programme", lines)
        since = (day - find_national_drive(day.year)).days
        if 0 < since <= 14:
            lines = self.draw_lines(_COLLECTED, 5, 4200 * float(np.exp(-since / 7)), False)
            self.receive(day, "Collecte nationale", "citizens", lines)

    def draw_lines(
        self, codes: tuple[str, ...], count: int, kilograms: float, in_cases: bool
    ) -> list[_Line]:
        """Products of a consignment of `count` times `kilograms` on average, each once."""
        chosen = sorted(int(i) for i in self.stream.choice(len(codes), count, replace=False))
        return [
            self.weigh(codes[i], kilograms * float(self.stream.lognormal(0, 0.25)), in_cases)
            for i in chosen
        ]

    def weigh(self, code: str, kilograms: float, in_cases: bool) -> _Line:
        weight = self.products[code].get("case_weight_kg")
        if weight is None or not in_cases:
            return _Line(code, round_hectograms(kilograms))
        case = int(weight.replace(".", ""))
        cases = max(round(kilograms * 1000 / case), 1)
        return _Line(code, cases * case, cases)

    def receive(self, day: date, nature: str, kind: str, lines: list[_Line]) -> None:
        supplier, note = self.choose(self.suppliers_of(kind)), self.next_number("E")
        moment = write_moment(day, int(self.stream.integers(7 * 3600, 12 * 3600)))
        for number, line in enumerate(lines, start=1):
            self.stock[WAREHOUSE][line.code] += line.grams
            is_kept = "case_weight_kg" in self.products[line.code]
            best_before = day + timedelta(days=int(self.stream.integers(200, 700)))
            lot = f"L{day:%y%m%d}{number}" if is_kept else ""
            cents = round(_BOUGHT.get(line.code, 0) * line.grams / 10) if nature == "Achat" else 0
            self.add("entrees", day, [
                note, number, moment, nature, supplier.code, line.code, lot,
                "DDM" if is_kept else "Sans", f"{best_before:%d/%m/%Y}" if is_kept else "",
                line.cases if line.cases is not None else Mass(line.grams),
                "colis" if line.cases is not None else "kg",
                f"{cents // 100},{cents % 100:02d}" if cents else "", "", "",
            ])  # fmt: skip

    def exchange(self, day: date, exchange: Exchange) -> None:
        code = exchange.codes[FOOD_BANK_ID]
        if exchange.sender == FOOD_BANK_ID:
            # A gift too large for one food bank is shared.
            self.receive(day, "Don industriel", "industry", [_Line(code, exchange.shipped * 2)])
            self.stock[WAREHOUSE][code] -= exchange.shipped
            self.add("expeditions", day, [
                exchange.number, exchange.line, write_moment(day, 7 * 3600),
                write_moment(day, 11 * 3600), "Hérault", code, Mass(exchange.shipped),
                Mass(exchange.received),
            ])  # fmt: skip
            return
        self.stock[WAREHOUSE][code] += exchange.received
        supplier = self.suppliers_of("other")[0].code
        self.add("entrees", day, [
            exchange.number, exchange.line, write_moment(day, 15 * 3600 + 1800), "Échange",
            supplier, code, "", "Sans", "", Mass(exchange.received), "kg", "", "Hérault",
            exchange.number,
        ])  # fmt: skip

    def cook(self, day: date) -> None:
        """Ingredients go to the kitchen in the morning; the dishes leave it the same day."""
        shuttle, batch, total = self.next_number("N"), self.next_number("C"), 0
        line, moment = 0, write_moment(day, 12 * 3600)
        for code in _COOKED:
            grams = min(
                round_hectograms(float(self.stream.uniform(40, 130))),
                self.stock[WAREHOUSE][code] // 100 * 100,
            )
            if not grams:
                continue
            line += 1
            total += grams
            self.stock[WAREHOUSE][code] -= grams
            leaves, arrives = write_moment(day, 7 * 3600), write_moment(day, 7 * 3600 + 1800)
            self.add(
                "expeditions",
                day,
                [shuttle, line, leaves, arrives, KITCHEN, code, Mass(grams), Mass(grams)],
            )
            self.add("cuisine", day, [batch, line, moment, "Entrée", code, Mass(grams)])
        made = int(total * _YIELD) // 100 * 100
        if made:
            self.stock[KITCHEN][_DISH] += made
            self.add("cuisine", day, [batch, line + 1, moment, "Sortie", _DISH, Mass(made)])

    def hand_out(self, day: date) -> None:
        present = [p for p in self.partners if day.isoweekday() in self.days_of[p.code]]
        season = HANDOUT_SEASON[day.month - 1]
        for site, codes in ((WAREHOUSE, list(self.products)), (KITCHEN, [_DISH])):
            lines: dict[str, dict[str, int]] = defaultdict(dict)
            for code in codes:
                grams = self.draw_handed_out(site, code, season)
                parts = share_out(self.stream, grams, int(self.stream.integers(2, 5)))
                takers = self.stream.choice(len(present), size=len(parts), replace=False)
                for taker, part in zip(takers, parts, strict=True):
                    lines[present[int(taker)].code][code] = part
                self.stock[site][code] = self.stock[site].get(code, 0) - sum(parts)
            for partner, weights in sorted(lines.items()):
                second = int(self.stream.integers(13 * 3600, 17 * 3600))
                cells = [Mass(weights[c]) if c in weights else "" for c in self.products]
                self.add(
                    "distribution",
                    day,
                    [self.next_number("D"), write_moment(day, second), site, partner, *cells],
                )

    def draw_handed_out(self, site: str, code: str, season: float) -> int:
        """Grams of a product that leave today: dishes all at once, fresh food fast."""
        held = self.stock[site].get(code, 0)
        if site == KITCHEN:
            return held
        rate = _SLOW if "case_weight_kg" in self.products[code] else _FAST
        wanted = held * rate * season * float(self.stream.uniform(0.7, 1.3))
        return min(int(wanted), held) // 100 * 100

    def count(self, day: date, second: int, *, is_opening: bool = False) -> None:
        """A full count of both places; what is found differs a little now and then."""
        for site, stock in self.stock.items():
            number = self.next_number("I")
            for line, code in enumerate(sorted(stock), start=1):
                if not is_opening and stock[code] and self.stream.random() < 0.12:
                    drift = stock[code] * float(self.stream.normal(-0.002, 0.006))
                    stock[code] = max(stock[code] + round(drift / 100) * 100, 0)
                moment = write_moment(day, second)
                self.add("inventaire", day, [number, line, moment, site, code, Mass(stock[code])])


def write_moment(day: date, seconds: int) -> str:
    """A moment as French software writes it, to the minute."""
    return f"{at(day, seconds):%d/%m/%Y %H:%M}"


def _name_columns(table: str, products: dict[str, dict[str, str]]) -> tuple[str, ...]:
    wide = {"ramasse": _PICKED_UP, "distribution": tuple(products)}.get(table, ())
    names = (_WIDE.format(code=code, label=products[code]["label"]) for code in wide)
    return (*HEADERS[table], *names)


def _write_directory(bank: Kitchen) -> list[tuple[str, pl.DataFrame]]:
    """Suppliers and partners, in the records' own columns."""
    since = "2018-01-01"
    suppliers = pl.DataFrame(bank.suppliers, schema=list(Place._fields), orient="row").rename(
        {"code": "supplier_id"}
    )
    partners = pl.DataFrame(bank.partners, schema=list(Place._fields), orient="row").rename(
        {"code": "partner_id"}
    )
    number = pl.int_range(pl.len())
    expires = pl.lit(date(2024, 4, 30)) + pl.duration(days=37 * (number % 12))
    days = ["|".join(str(day) for day in bank.days_of[p.code]) for p in bank.partners]
    return [
        ("suppliers", suppliers.with_columns(status=pl.lit("active"), active_from=pl.lit(since))),
        (
            "partners",
            partners.with_columns(
                accreditation_expires_on=expires.cast(pl.String),
                stores_chilled=pl.lit("true"),
                stores_frozen=pl.when(number % 2 == 0)
                .then(pl.lit("true"))
                .otherwise(pl.lit("false")),
                collects_on=pl.Series(days),
                active_from=pl.lit(since),
            ),
        ),
    ]


def _list_count_days(days: list[date], until: date) -> set[date]:
    """The last working day of each month that is over by `until`."""
    last = {(day.year, day.month): day for day in days}
    open_month = (until.year, until.month)
    is_over = (until + timedelta(days=1)).month != until.month
    return {day for month, day in last.items() if month != open_month or is_over}


def write_kitchen(
    landing: Path, seed: int, until: date, exchanges: list[Exchange]
) -> FoodBankFiles:
    """Write the food bank's tables from its first working day to `until`."""
    bank, days = Kitchen(seed), list_worked_days(until)
    counted = _list_count_days(days, until)
    for day in days:
        bank.run(day, [exchange for exchange in exchanges if exchange.day == day])
        if day in counted:
            bank.count(day, 18 * 3600)
    files: list[Path] = []
    rows: dict[str, int] = defaultdict(int)
    for record, frame in _write_directory(bank):
        path = landing / FOOD_BANK_ID / record / f"{record}.csv"
        files.append(place_file(path, frame.write_csv().encode()))
        rows[record] = len(frame)
    for (table, month), found in sorted(bank.tables.items()):
        content = write_text_table(_name_columns(table, bank.products), found)
        files.append(place_file(landing / FOOD_BANK_ID / f"{table}_{month}.csv", content))
        rows[table] += len(found)
    return FoodBankFiles(FOOD_BANK_ID, (OPENED_ON, until), tuple(files), dict(rows))
