"""The published indicators are those that plain Python computes from the same accepted rows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest

from data_contracts.loader import load_register
from data_contracts.publications import open_current
from tests.conftest import BuildOnce, DataFolder, start_folder
from tests.fixtures.histories import DeliveredFile
from tests.fixtures.worlds import YEARS_OF_THE_SAME_WEEKDAYS, make_variations, make_worlds
from tests.oracle.accepted import read_banks
from tests.oracle.comparison import compare
from tests.oracle.flows import list_lines
from tests.oracle.indicators import compute_indicators
from tests.oracle.periods import find_coverage
from tests.oracle.programmes import group_nutrition, keep_ledgers

TODAY = date(2024, 6, 26)
WORLDS = 3
# Units that double with every weight, and figures that halve.
MASS_UNITS = {
    "t", "kg", "meals", "kg per household", "kg per person", "kg per stop",
    "t per 1000 inhabitants",
}  # fmt: skip
DOUBLED = {"avoided_kg_co2e", "food_value_eur", "food_value_per_public_euro", "load_factor"}
HALVED = {
    "km_per_tonne", "eur_per_kg", "minutes_sorting_per_100kg", "cost_per_tonne",
    "public_eur_per_tonne",
}  # fmt: skip
# Own waste doubles, the other posts do not: neither do sums of both.
MIXED_POSTS = {"induced_kg_co2e", "induced_kg_per_tonne", "measured_data_share"}
# Factors have their years; masses and people have none.
DATED = {*MIXED_POSTS, "avoided_kg_co2e", "food_value_eur", "food_value_per_public_euro"}


def deliver(folder: DataFolder, files: list[DeliveredFile]) -> None:
    for file in files:
        folder.deliver(file.name, file.text)


def read_mart(folder: DataFolder) -> pl.DataFrame:
    return open_current(folder.path / "published").read("mart_indicators")


def check(folder: DataFolder) -> int:
    """Compare everything published with the oracle; give how many figures agree."""
    mart = read_mart(folder)
    differences = compare(mart, compute_indicators(folder.path / "accepted", TODAY))
    shown = "\n".join(str(difference) for difference in differences[:20])
    assert not differences, f"{len(differences)} of {mart.height} rows:\n{shown}"
    return mart.height


@pytest.mark.sweep
def test_the_demonstration_is_what_the_oracle_computes(demonstration: DataFolder) -> None:
    assert check(demonstration) > 10_000


@pytest.fixture(scope="session")
def variations(build_once: BuildOnce) -> DataFolder:
    """Random food banks, and one of them shuffled, split, doubled and moved back 28 years."""

    def fill(folder: DataFolder) -> None:
        deliver(folder, make_worlds(1, WORLDS))
        for files in make_variations(2024).values():
            deliver(folder, files)
        answer = folder.collecto("refresh", "--json")
        assert answer.status == 0, answer

    return build_once("variations", fill)


@pytest.mark.slow
def test_random_food_banks_are_what_the_oracle_computes(variations: DataFolder) -> None:
    assert check(variations) > 10_000


def check_ledgers(folder: DataFolder) -> int:
    """Compare ledgers of programmes and groups of nutrition; give how many rows agree.

    Each quantity shared out by the mix is rounded to a gram, up or down: n of them are off by about
    half the square root of n, four times as much is a mistake.
    """
    publication = open_current(folder.path / "published")
    programmes = {
        (row["food_bank_id"], row["programme"], row["month"]): row
        for row in publication.read("mart_programmes_monthly").iter_rows(named=True)
    }
    nutrition = {
        (row["food_bank_id"], row["month"], row["nutrition_group"]): row["weight_kg"]
        for row in publication.read("mart_nutrition_monthly").iter_rows(named=True)
        if row["weight_kg"]
    }
    compared = 0
    for bank_id, bank in read_banks(folder.path / "accepted").items():
        coverage = find_coverage(bank, TODAY)
        if coverage is None:
            continue
        lines = list(list_lines(bank))
        for (programme, month), ledger in keep_ledgers(bank, lines, coverage).items():
            row = programmes.pop((bank_id, programme, month))
            where = f"{bank_id} {programme} {month}"
            assert row["received_kg"] * 1000 == ledger.received, where
            for name, expected in (
                ("opening_kg", ledger.opening), ("closing_kg", ledger.closing),
                ("by_lot_kg", ledger.by_lot), ("beyond_stock_kg", ledger.beyond),
            ):  # fmt: skip
                off = Fraction(row[name]) * 1000 - expected
                assert off**2 <= 4 * (1 + ledger.lines), (where, name)
            if row["closing_eur"] is not None:
                assert abs(Fraction(row["closing_eur"]) - ledger.closing_eur) < Fraction(1, 10), (
                    where
                )
            compared += 1
        for (month, group), weight in group_nutrition(bank, lines, coverage.data_date).items():
            assert nutrition.pop((bank_id, month, group), 0) * 1000 == weight
            compared += 1
    assert (programmes, nutrition) == ({}, {})
    return compared


@pytest.mark.sweep
def test_ledgers_of_the_demonstration_are_what_the_oracle_computes(
    demonstration: DataFolder,
) -> None:
    assert check_ledgers(demonstration) > 600


@pytest.mark.slow
def test_ledgers_of_random_food_banks_are_what_the_oracle_computes(
    variations: DataFolder,
) -> None:
    assert check_ledgers(variations) > 150


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(2, 12))
def test_more_random_food_banks_are_what_the_oracle_computes(
    tmp_path: object, parsed_project: object, seed: int
) -> None:
    folder = start_folder(tmp_path / "data", parsed_project)  # type: ignore[operator,arg-type]
    deliver(folder, make_worlds(seed, WORLDS))
    assert folder.collecto("refresh").status == 0
    assert check(folder) > 10_000


def test_every_indicator_and_variant_is_computed_by_the_oracle(
    variations: DataFolder,
) -> None:
    figures = compute_indicators(variations.path / "accepted", TODAY)
    computed = {(key[2], key[3]) for key in figures}
    # It needs a published benchmark of a period, which only the demonstration's year has.
    computed.add(("fresh_growth_gap_to_national", ""))
    register = {
        (code, variant)
        for code, indicator in load_register().items()
        for variant in indicator.variants
    }
    assert not register - computed


Figures = dict[tuple[str, str, str, date], tuple[Decimal | None, str]]


def read_figures(folder: DataFolder, food_bank_id: str) -> Figures:
    rows = read_mart(folder).filter(scope_kind="food_bank", scope_id=food_bank_id)
    return {
        (row["indicator_code"], row["variant"], row["period_kind"], row["period_start"]): (
            row["value"],
            row["unit"],
        )
        for row in rows.iter_rows(named=True)
    }


@pytest.mark.slow
@pytest.mark.parametrize("other", ["melange", "scinde"])
def test_neither_the_order_of_rows_nor_their_files_matter(
    variations: DataFolder, other: str
) -> None:
    model = read_figures(variations, "modele")
    assert len(model) > 1000
    assert read_figures(variations, other) == model


@pytest.mark.slow
def test_twice_the_weights_are_twice_the_tonnes_for_the_same_people(
    variations: DataFolder,
) -> None:
    doubled = read_figures(variations, "double")
    compared = 0
    for key, (value, unit) in read_figures(variations, "modele").items():
        code = key[0]
        if code in MIXED_POSTS or value is None:
            continue
        factor = Decimal(1)
        if unit in MASS_UNITS or code in DOUBLED:
            factor = Decimal(2)
        elif code in HALVED:
            factor = Decimal("0.5")
        found = doubled[key][0]
        assert found is not None, key
        assert abs(found - factor * value) <= Decimal("0.000003") * max(1, abs(value)), key
        compared += 1
    assert compared > 1000


@pytest.mark.slow
def test_28_years_earlier_mass_and_people_were_the_same(variations: DataFolder) -> None:
    earlier = read_figures(variations, "ancien")
    compared = 0
    for key, figure in read_figures(variations, "modele").items():
        code, variant, kind, start = key
        if code in DATED or code == "fresh_growth_gap_to_national":
            continue
        before = start.replace(year=start.year - YEARS_OF_THE_SAME_WEEKDAYS)
        assert earlier[code, variant, kind, before] == figure, key
        compared += 1
    assert compared > 1000
