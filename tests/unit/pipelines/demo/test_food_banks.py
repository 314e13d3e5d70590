"""The exports of `herault` and `isere`, read as a spreadsheet would: their food adds up.

Figures are computed here from the written bytes, without the pipeline's reading of them.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from pipelines.demo import FoodBankFiles, write_food_banks

SMALLER = ("herault", "isere")
Sheet = list[dict[str, Any]]


@dataclass(frozen=True)
class Written:
    """A landing folder with the two smaller food banks."""

    landing: Path
    herault: FoodBankFiles
    isere: FoodBankFiles

    def read_books(self, book: str) -> Sheet:
        """Rows of all workbooks of a kind, without the lines of totals."""
        paths = sorted((self.landing / "herault").glob(f"{book}*.xlsx"))
        return [row for path in paths for row in read_workbook(path)[1]]

    def read_tables(self, table: str) -> Sheet:
        """Rows of all text tables of a kind, as text."""
        paths = sorted((self.landing / "isere").glob(f"{table}_*.csv"))
        return [row for path in paths for row in read_table(path)]

    def read_bytes(self) -> dict[str, bytes]:
        files = (*self.herault.files, *self.isere.files)
        return {path.relative_to(self.landing).as_posix(): path.read_bytes() for path in files}


def read_workbook(path: Path) -> tuple[list[str], Sheet, dict[str, Any] | None]:
    """Titles, rows by the header, and the line of totals if there is one."""
    sheet = load_workbook(path, data_only=True).worksheets[0]
    titles = [str(row[0]) for row in sheet.iter_rows(max_row=3, values_only=True)]
    header, *rows = sheet.iter_rows(min_row=4, values_only=True)
    named = [dict(zip((str(name) for name in header), row, strict=True)) for row in rows]
    total = named.pop() if named and "TOTAL" in named[-1].values() else None
    return titles, named, total


def read_table(path: Path) -> Sheet:
    text = path.read_bytes().decode("cp1252")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def grams(value: float | str | None) -> int:
    return round(float(str(value or 0).replace(",", ".")) * 1000)


def when(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y %H:%M")  # noqa: DTZ007 (local, as written)


def write(landing: Path, **options: Any) -> Written:
    return Written(landing, *write_food_banks(landing, SMALLER, **options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    yield write(tmp_path_factory.mktemp("landing"))


# herault


def test_what_came_in_left_the_same_day_to_the_gram(written: Written) -> None:
    left: dict[tuple[date, str], int] = defaultdict(int)
    for row in written.read_books("ramasse"):
        key = row["Arrivée"].date(), row["Article"]
        left[key] += grams(row["Poids (kg)"]) - grams(row["Refusé au quai (kg)"])
    for row in written.read_books("tri"):
        left[(row["Heure"].date(), row["Article"])] -= grams(row["Écarté (kg)"])
    for row in written.read_books("distribution"):
        left[(row["Heure"].date(), row["Article"])] -= grams(row["Poids (kg)"])
    for row in written.read_books("echanges"):
        is_in = row["Sens"] == "Entrée"
        moment = row["Arrivée"] if is_in else row["Départ"]
        weight = grams(row["Reçu (kg)"]) if is_in else -grams(row["Expédié (kg)"])
        left[(moment.date(), row["Article"])] += weight
    assert len(left) > 3000
    assert set(left.values()) == {0}


def test_half_the_partners_are_municipal_centres(written: Written) -> None:
    kinds = [row["Type"] for row in written.read_books("partenaires")]
    assert (len(kinds), kinds.count("CCAS")) == (60, 30)


def test_workbooks_have_titles_above_and_true_totals_below(written: Written) -> None:
    for book, column in (
        ("ramasse", "Poids (kg)"), ("tri", "Écarté (kg)"), ("distribution", "Poids (kg)"),
    ):  # fmt: skip
        for path in (written.landing / "herault").glob(f"{book}-*.xlsx"):
            titles, rows, total = read_workbook(path)
            assert titles[0] == "Banque alimentaire de démonstration, profil Hérault"
            assert titles[2] == f"Mois {path.stem[-7:]}"
            assert total is not None
            assert grams(total[column]) == sum(grams(row[column]) for row in rows)


def test_herault_receives_three_thousand_tonnes_a_year(written: Written) -> None:
    rows = [row for row in written.read_books("ramasse") if row["Arrivée"].year == 2023]
    assert sum(grams(row["Poids (kg)"]) for row in rows) == pytest.approx(3_000e6, rel=0.05)


def test_every_pickup_is_a_stop_of_its_trip_with_its_load(written: Written) -> None:
    picked: dict[tuple[str, str], int] = defaultdict(int)
    for row in written.read_books("ramasse"):
        if row["Origine"] == "Ramasse":
            picked[(row["Tournée"], row["Code donateur"])] += grams(row["Poids (kg)"])
    stops = [row for row in written.read_books("tournees") if row["Nature"] == "Ramasse"]
    loaded = {(row["Tournée"], row["Lieu"]): grams(row["Chargé (kg)"]) for row in stops}
    assert {key: load for key, load in loaded.items() if load} == picked
    assert {row["Résultat"] for row in stops} == {"Fait", "Rien à prendre", "Fermé"}


# isere


def test_stock_is_never_negative_and_counts_find_what_the_books_say_within_two_percent(
    written: Written,
) -> None:
    moves: list[tuple[datetime, str, str, int]] = []
    for row in written.read_tables("ramasse"):
        moves += [(when(row["Date et heure"]), "Entrepôt", *cell) for cell in wide(row)]
    weights = {"LT01": 6180, "VS01": 10000, "PS01": 4800, "CL01": 9600, "LS01": 10000,
               "PA01": 6000, "RZ01": 10000, "HU01": 13800, "ES01": 5000, "BB01": 2400,
               "HG01": 4000, "FE01": 6180, "FE02": 9600, "FE03": 6000}  # fmt: skip
    for row in written.read_tables("entrees"):
        is_case = row["Unité"] == "colis"
        weight = int(row["Quantité"]) * weights[row["Code"]] if is_case else grams(row["Quantité"])
        moves.append((when(row["Date et heure"]), "Entrepôt", row["Code"], weight))
    for row in written.read_tables("distribution"):
        moves += [
            (when(row["Date et heure"]), row["Lieu"], code, -weight) for code, weight in wide(row)
        ]
    for row in written.read_tables("pertes"):
        moves.append((when(row["Date et heure"]), "Entrepôt", row["Code"], -grams(row["Poids"])))
    for row in written.read_tables("expeditions"):
        moves.append((when(row["Départ"]), "Entrepôt", row["Code"], -grams(row["Expédié"])))
        if row["Vers"] == "Cuisine":
            moves.append((when(row["Arrivée"]), "Cuisine", row["Code"], grams(row["Reçu"])))
    for row in written.read_tables("cuisine"):
        sign = 1 if row["Sens"] == "Sortie" else -1
        moves.append(
            (when(row["Date et heure"]), "Cuisine", row["Code"], sign * grams(row["Poids"]))
        )
    counts = [
        (when(row["Date et heure"]), row["Lieu"], row["Code"], grams(row["Compté"]))
        for row in written.read_tables("inventaire")
    ]
    by_day: dict[date, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    for moment, site, code, weight in moves:
        by_day[moment.date()][(site, code)] += weight
    counted: dict[date, dict[tuple[str, str], int]] = defaultdict(dict)
    for moment, site, code, weight in counts:
        counted[moment.date()][(site, code)] = weight
    stock: dict[tuple[str, str], int] = dict(counted.pop(min(counted)))
    differences = []
    for day in sorted(by_day):
        for key, weight in by_day[day].items():
            stock[key] = stock.get(key, 0) + weight
            assert stock[key] >= 0, (day, key)
        for key, weight in counted.get(day, {}).items():
            differences.append(weight - stock[key])
            assert abs(weight - stock[key]) <= max(0.03 * stock[key], 100)
            stock[key] = weight
    assert 20 < sum(1 for difference in differences if difference) < len(differences) / 5


def wide(row: dict[str, str]) -> list[tuple[str, int]]:
    """(code, grams) of the filled columns of products."""
    return [(name[:4], grams(cell)) for name, cell in row.items() if name.endswith("(kg)") and cell]


def test_isere_buys_eight_tonnes_a_week_and_picks_up_a_quarter(written: Written) -> None:
    picked = sum(
        weight
        for row in written.read_tables("ramasse")
        if row["Date et heure"][6:10] == "2023"
        for _, weight in wide(row)
    )
    assert picked / 2_700e6 == pytest.approx(0.26, abs=0.02)
    bought = [
        row
        for row in written.read_tables("entrees")
        if row["Nature"] == "Achat" and row["Date et heure"][6:10] == "2023"
    ]
    assert all(row["Coût HT"] for row in bought)
    assert len({row["Bon"] for row in bought}) in range(49, 53)
    eu = [row for row in written.read_tables("entrees") if row["Nature"] == "FSE+"]
    assert {(row["Unité"], bool(row["Lot"])) for row in eu} == {("colis", True)}


def test_the_kitchen_uses_what_it_was_sent_and_keeps_nothing(written: Written) -> None:
    sent, used, made, served = (defaultdict(int) for _ in range(4))
    for row in written.read_tables("expeditions"):
        if row["Vers"] == "Cuisine":
            sent[row["Départ"][:10]] += grams(row["Reçu"])
    for row in written.read_tables("cuisine"):
        day = row["Date et heure"][:10]
        (used if row["Sens"] == "Entrée" else made)[day] += grams(row["Poids"])
    for row in written.read_tables("distribution"):
        if row["Lieu"] == "Cuisine":
            served[row["Date et heure"][:10]] += sum(weight for _, weight in wide(row))
    assert sent == used
    assert made == served
    assert all(made[day] < used[day] for day in used)


# both


def test_both_report_what_they_exchange_and_one_consignment_weighs_less(written: Written) -> None:
    out_of_herault, into_herault = (
        {
            (row["N° échange"], row["Ligne"]): grams(row["Reçu (kg)"])
            for row in written.read_books("echanges")
            if row["Sens"] == way
        }
        for way in ("Sortie", "Entrée")
    )
    out_of_isere = {
        (row["Bon"], int(row["Ligne"])): grams(row["Reçu"])
        for row in written.read_tables("expeditions")
        if row["Vers"] == "Hérault"
    }
    into_isere = {
        (row["N° échange"], int(row["Ligne"])): grams(row["Quantité"])
        for row in written.read_tables("entrees")
        if row["Nature"] == "Échange"
    }
    assert out_of_herault == into_isere
    assert out_of_isere == into_herault
    assert min(len(out_of_herault), len(into_herault)) >= 10
    lost = [
        grams(row["Expédié (kg)"]) - grams(row["Reçu (kg)"])
        for row in written.read_books("echanges")
    ]
    assert sorted(lost)[-2:] == [0, 25_000]


def test_both_receive_and_hand_out_on_the_day_of_the_last_published_figures(
    written: Written,
) -> None:
    last = date(2024, 6, 25)
    assert max(row["Arrivée"].date() for row in written.read_books("ramasse")) == last
    assert max(row["Heure"].date() for row in written.read_books("distribution")) == last
    for table in ("entrees", "distribution"):
        assert max(when(row["Date et heure"]).date() for row in written.read_tables(table)) == last


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(
    written: Written, tmp_path: Path
) -> None:
    assert write(tmp_path / "again").read_bytes() == written.read_bytes()
    others = write(tmp_path / "others", seed=7).read_bytes()
    assert others.keys() == written.read_bytes().keys()
    assert (
        others["herault/ramasse-2023-05.xlsx"]
        != written.read_bytes()["herault/ramasse-2023-05.xlsx"]
    )


def test_a_shorter_period_is_the_beginning_of_the_longer_one(
    written: Written, tmp_path: Path
) -> None:
    shorter = write(tmp_path, until=date(2023, 9, 14)).read_bytes()
    whole = written.read_bytes()
    months = [name for name in shorter if "2023-0" in name and "2023-09" not in name]
    assert len(months) > 60
    assert all(shorter[name] == whole[name] for name in months)
    assert not any("2023-10" in name or "2024" in name for name in shorter)


def test_a_food_bank_is_written_alone_as_beside_the_other(written: Written, tmp_path: Path) -> None:
    (alone,) = write_food_banks(tmp_path, ["isere"])
    assert [path.relative_to(tmp_path) for path in alone.files] == [
        path.relative_to(written.landing) for path in written.isere.files
    ]
    assert all(
        path.read_bytes() == (written.landing / path.relative_to(tmp_path)).read_bytes()
        for path in alone.files
    )


def test_before_they_opened_they_write_nothing_and_an_unknown_one_is_refused(
    tmp_path: Path,
) -> None:
    assert write_food_banks(tmp_path, SMALLER, until=date(2022, 11, 30)) == ()
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="no demonstration food bank 'jura': bourgogne, herault"):
        write_food_banks(tmp_path, ["jura"])
