"""Three food banks side by side: what the register calls additive adds up, gifts count once.

The demonstration's `herault` and `isere` come in by their source profiles, as exports of their own.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from data_contracts.loader import load_register
from data_contracts.publications import open_current
from tests.conftest import DataFolder

# Published figures have six decimals: each may be half a millionth away.
HALF_A_STEP = 0.51e-6
KEY = ["indicator_code", "variant", "scope_kind", "scope_id"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def figures(demonstration: DataFolder) -> pl.DataFrame:
    mart = open_current(demonstration.path / "published").read("mart_indicators")
    return mart.with_columns(pl.col("value").cast(pl.Float64))


def read_mart(demonstration: DataFolder, name: str) -> pl.DataFrame:
    return open_current(demonstration.path / "published").read(name)


def list_additive(over: str) -> list[str]:
    return [code for code, entry in load_register().items() if over in entry.additive_over]


@pytest.mark.parametrize("kind", ["quarter", "year"])
def test_what_adds_up_over_months_is_the_sum_of_its_months(
    figures: pl.DataFrame, kind: str
) -> None:
    start = {"quarter": "1q", "year": "1y"}[kind]
    # A ratio beside an amount (the yield of the kitchen) has a denominator.
    additive = figures.filter(
        pl.col("indicator_code").is_in(list_additive("months")), pl.col("denominator").is_null()
    )
    months = (
        additive.filter(period_kind="month")
        .with_columns(pl.col("period_start").dt.truncate(start))
        .group_by([*KEY, "period_start"])
        .agg(pl.col("value").sum().alias("summed"), pl.len().alias("parts"))
    )
    whole = additive.filter(pl.col("period_kind") == kind)
    joined = whole.join(
        months, on=[*KEY, "period_start"], how="full", nulls_equal=True, coalesce=True
    )
    assert joined["indicator_code"].n_unique() > 15
    assert joined.height > 100
    assert joined.filter(pl.col("summed").is_null() != pl.col("value").is_null()).is_empty()
    apart = (pl.col("value") - pl.col("summed")).abs() > HALF_A_STEP * (pl.col("parts") + 1)
    assert joined.filter(apart).is_empty()


def test_the_network_is_the_sum_of_its_food_banks_less_what_they_gave_each_other(
    demonstration: DataFolder, figures: pl.DataFrame
) -> None:
    additive = figures.filter(
        pl.col("indicator_code").is_in(list_additive("food_banks")),
        pl.col("denominator").is_null(),
        pl.col("period_kind") != "year_to_date",
    )
    on = ["indicator_code", "variant", "period_kind", "period_start"]
    banks = (
        additive.filter(scope_kind="food_bank")
        .group_by(on)
        .agg(pl.col("value").sum().alias("summed"), pl.len().alias("parts"))
    )
    network = additive.filter(scope_kind="network").select(*on, "value")
    joined = network.join(banks, on=on, how="full", nulls_equal=True, coalesce=True)
    assert joined.filter(parts=3).height > 500
    given = _sum_gifts(demonstration)
    is_gross = (pl.col("indicator_code") == "tonnes_received") & (pl.col("variant") == "gross")
    joined = joined.join(given, on=["period_kind", "period_start"], how="left").with_columns(
        within=pl.when(is_gross).then(pl.col("within").fill_null(0)).otherwise(0)
    )
    assert joined.filter(pl.col("within") > 0).height >= 10
    # What explains a change of fresh food is told of the net flows: gifts are in it twice over.
    months = given.filter(period_kind="month")["period_start"].to_list()
    touched = {day.replace(year=day.year + ahead) for day in months for ahead in (0, 1)}
    joined = joined.filter(
        (pl.col("indicator_code") != "fresh_change_tonnes")
        | (pl.col("period_kind") == "month") & ~pl.col("period_start").is_in(touched)
    )
    assert joined.filter(indicator_code="fresh_change_tonnes", parts=3).height > 10
    apart = pl.col("value") + pl.col("within") - pl.col("summed")
    wrong = joined.filter(apart.abs() > HALF_A_STEP * (pl.col("parts") + 1))
    assert wrong.is_empty(), wrong.head(5)


def _sum_gifts(demonstration: DataFolder) -> pl.DataFrame:
    """Tonnes that food banks of the network received from each other, by period."""
    paired = read_mart(demonstration, "mart_inter_bank_transfers").filter(pairing="paired")
    periods = {"month": "1mo", "quarter": "1q", "year": "1y"}
    return pl.concat(
        paired.group_by(pl.col("received_date").dt.truncate(every).alias("period_start")).agg(
            (pl.col("received_kg").cast(pl.Float64).sum() / 1000).alias("within"),
            pl.lit(kind).alias("period_kind"),
        )
        for kind, every in periods.items()
    )


def test_gifts_between_food_banks_pair_and_two_weights_stay_in_the_open(
    demonstration: DataFolder,
) -> None:
    gifts = read_mart(demonstration, "mart_inter_bank_transfers")
    pairs = gifts.filter(pairing="paired")
    ways = pairs.select("food_bank_id", "to_food_bank_id").unique().rows()
    assert sorted(ways) == [("herault", "isere"), ("isere", "herault")]
    assert pairs.height >= 12
    assert pairs.filter(pl.col("sent_kg") != pl.col("received_kg")).is_empty()
    apart = read_mart(demonstration, "mart_transfer_differences").filter(food_bank_id="herault")
    assert apart.select("transfer_id", "difference_kg").rows() == [("HI2309", Decimal("-25.000"))]
    # What bourgogne was given came from a food bank outside the network.
    assert set(gifts.filter(pl.col("pairing") != "paired")["pairing"]) == {"outside"}


def test_a_cross_dock_ends_every_day_with_nothing_left(demonstration: DataFolder) -> None:
    stock = read_mart(demonstration, "mart_stock_daily").filter(food_bank_id="herault")
    assert stock.height > 5000
    assert set(stock["closing_kg"].to_list()) == {Decimal("0.000")}
    balance = read_mart(demonstration, "mart_mass_balance_monthly").filter(food_bank_id="herault")
    assert balance.height > 200
    assert set(balance["closing_kg"].to_list()) == {Decimal("0.000")}


def test_what_a_food_bank_does_not_record_is_not_invented(
    demonstration: DataFolder, figures: pl.DataFrame
) -> None:
    """isere keeps no list of its rounds: it has no transport, and no total without it."""
    isere = figures.filter(scope_id="isere", period_kind="year")
    posts = isere.filter(indicator_code="induced_kg_co2e")["variant"].unique()
    assert set(posts.to_list()) == {"own_waste"}
    assert isere.filter(indicator_code="km_per_tonne").is_empty()
    assert isere.filter(indicator_code="households_helped").is_empty()


def test_the_network_says_which_food_banks_it_counts(demonstration: DataFolder) -> None:
    households = demonstration.collecto("indicator", "households_helped", "--period", "2023")
    assert "The network counts bourgogne.\n" in households.out
    tonnes = demonstration.collecto("indicator", "tonnes_received", "--period", "2023")
    assert "The network counts bourgogne, herault, isere.\n" in tonnes.out


@pytest.mark.parametrize(
    ("food_bank", "code", "variant", "expected"),
    [
        ("herault", "tonnes_received", "gross", 3000),
        ("isere", "tonnes_received", "gross", 2700),
        ("isere", "purchased_tonnes", "", 8 * 52),
    ],
)
def test_the_smaller_food_banks_are_of_the_size_that_is_known(
    figures: pl.DataFrame, food_bank: str, code: str, variant: str, expected: float
) -> None:
    year = figures.filter(
        scope_id=food_bank,
        indicator_code=code,
        variant=variant,
        period_kind="year",
        period_start=date(2023, 1, 1),
    )
    assert year["value"].item() == pytest.approx(expected, rel=0.05)
