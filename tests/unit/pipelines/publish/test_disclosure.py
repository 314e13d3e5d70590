"""What leaves is protected: the attacker finds nothing in random food banks, no donor is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data_contracts.disclosure import contract_for, load_policy
from data_contracts.reasons import put_under
from pipelines.publish.disclosure import (
    find_exposed_donors,
    make_outside,
    merge_donors,
)
from pipelines.publish.people import PARCELS, round_people
from tests.fixtures.protected import (
    BANK,
    JURA,
    Helped,
    find_again,
    make_donations,
    make_rich_sources,
    make_sources,
)
from tests.fixtures.told import tell

POLICY = load_policy()
COUNTS = PARCELS.counts


COMMUNES = st.dictionaries(
    st.sampled_from([f"21{number:03}" for number in range(12)]),
    st.one_of(st.integers(0, 14), st.integers(15, 90)),
    min_size=1, max_size=6,
)  # fmt: skip
ELSEWHERE = st.dictionaries(
    st.sampled_from([f"71{number:03}" for number in range(12)]), st.integers(0, 30), max_size=5
)


@pytest.mark.slow
@given(inside=COMMUNES, outside=ELSEWHERE)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_hidden_is_found_again_in_random_food_banks(
    inside: dict[str, int], outside: dict[str, int]
) -> None:
    sources = make_sources(inside, outside)
    tables = make_outside(sources, POLICY)
    assert find_again(sources, tables) == []
    check_shown(tables)


@pytest.mark.sweep
@given(inside=COMMUNES, outside=ELSEWHERE)
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_hidden_is_found_again_in_many_random_food_banks(
    inside: dict[str, int], outside: dict[str, int]
) -> None:
    sources = make_sources(inside, outside)
    tables = make_outside(sources, POLICY)
    assert find_again(sources, tables) == []
    check_shown(tables)


COUNTS_OF_MONTHS = st.sampled_from([4, 12, 30, 90]).flatmap(
    lambda most: st.tuples(*[st.integers(0, most)] * 3)
)


def communes_of(prefix: str, most: int) -> st.SearchStrategy[dict[str, Any]]:
    """Communes of a food bank with households of three months; the first is its territory's."""
    return st.lists(
        st.tuples(st.booleans(), COUNTS_OF_MONTHS), min_size=1, max_size=most
    ).map(
        lambda rows: {
            f"{prefix}{place:03}": (place == 0 or is_inside, counts)
            for place, (is_inside, counts) in enumerate(rows)
        }
    )  # fmt: skip


HELPED_SOME = st.fixed_dictionaries({BANK: communes_of("21", 4), JURA: communes_of("39", 3)})


# HiGHS's presolve says of a part of its system that it has no solution; it has.
PRESOLVED: Helped = {BANK: {"21000": (True, (0, 0, 0))}, JURA: {"39000": (True, (0, 0, 11))}}


@pytest.mark.slow
@given(helped=HELPED_SOME)
@example(helped=PRESOLVED)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_sum_gives_hidden_kilograms_in_random_networks(helped: Helped) -> None:
    """Two food banks with months, stocks, flows, parts and programmes that add up."""
    sources = make_rich_sources(helped)
    assert find_again(sources, make_outside(sources, POLICY)) == []


@pytest.mark.sweep
@given(helped=HELPED_SOME)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_sum_gives_hidden_kilograms_in_many_random_networks(helped: Helped) -> None:
    sources = make_rich_sources(helped)
    assert find_again(sources, make_outside(sources, POLICY)) == []


def check_shown(tables: dict[str, pl.DataFrame]) -> None:
    """No small count, everything below a whole food bank rounded, rates from rounded cells."""
    for mart in ("mart_households_yearly", "mart_households_monthly", "mart_households_quarterly"):
        for name in COUNTS:
            if name in tables[mart].columns:
                shown = tables[mart][name].drop_nulls()
                assert ((shown == 0) | (shown >= POLICY.people.threshold)).all()
                if mart != "mart_households_monthly":
                    assert (shown % POLICY.people.rounding == 0).all()
    rows = tables["mart_indicators"].filter(pl.col("indicator_code") == "kg_per_household")
    for row in rows.filter(pl.col("value").is_not_null()).iter_rows(named=True):
        ratio = row["numerator"] / row["denominator"]
        assert abs(row["value"] - ratio) < Decimal("0.00001")


@pytest.mark.parametrize(
    ("count", "shown"), [(11, 15), (12, 15), (13, 15), (17, 15), (18, 20), (22, 20), (23, 25)]
)
def test_counts_are_rounded_and_never_below_the_threshold(count: int, shown: int) -> None:
    assert round_people(count, POLICY.people) == shown


def test_a_whole_food_bank_is_exact_and_a_small_one_hidden() -> None:
    large = make_outside(make_sources({"21001": 301}, {"71001": 26}), POLICY)["mart_indicators"]
    whole = large.filter(
        (pl.col("indicator_code") == "households_helped") & (pl.col("scope_kind") == "food_bank")
    )
    assert whole["value"].to_list() == [327]
    small = make_outside(make_sources({"21001": 7}, {"71001": 2}), POLICY)["mart_indicators"]
    for code in ("households_helped", "new_households", "parcel_tonnes", "kg_per_household"):
        rows = small.filter(pl.col("indicator_code") == code)
        assert rows["value"].drop_nulls().to_list() == [], code
        assert rows["is_suppressed"].all(), code


def test_a_territory_with_all_households_is_shown_as_its_food_bank() -> None:
    tables = make_outside(make_sources({"21001": 303}, {}), POLICY)
    rows = tables["mart_indicators"].filter(
        (pl.col("indicator_code") == "households_helped") & (pl.col("scope_kind") == "territory")
    )
    assert rows["value"].to_list() == [303]


def test_a_territory_is_hidden_where_a_few_live_elsewhere() -> None:
    tables = make_outside(make_sources({"21001": 299}, {"71001": 2}), POLICY)
    rows = tables["mart_indicators"].filter(
        (pl.col("indicator_code") == "households_helped") & (pl.col("scope_kind") == "territory")
    )
    assert rows["value"].to_list() == [None]


def test_tables_outside_have_the_columns_of_their_contracts() -> None:
    tables = make_outside(make_sources({"21001": 301}, {"71001": 26}), POLICY)
    assert set(tables) == set(POLICY.marts_of("public")) | set(POLICY.marts_of("metropole"))
    for name, table in tables.items():
        contract = contract_for(name, "public")
        assert table.columns == [column.name for column in contract.columns]
        assert not table.select(contract.keys).is_duplicated().any()


# donors

MONTH = date(2023, 3, 1)
CHANNELS = ("retail_pickup", "industry", "farm", "purchase")
FAMILY_NAMES = ("cheese", "meat", "fish", "bread_pastries")


def give(channel: str, family: str, supplier: str, kilograms: int) -> tuple[Any, ...]:
    return (MONTH, BANK, channel, family, True, supplier, "21231", Decimal(kilograms))


def show(donations: pl.DataFrame) -> pl.DataFrame:
    """Rows of received food as they are shown."""
    flows = donations.group_by(
        "month", "food_bank_id", "channel", "network_family", "is_food"
    ).agg(pl.col("weight_kg").sum())  # fmt: skip
    merged = flows.join(
        merge_donors(donations, POLICY.donors),
        on=["month", "food_bank_id", "is_food", "channel", "network_family"], how="left",
    ).with_columns(
        channel=pl.coalesce("shown_channel", "channel"),
        network_family=pl.coalesce("shown_family", "network_family"),
        flow=pl.lit("received"),
    )  # fmt: skip
    return merged.group_by(
        "month", "food_bank_id", "flow", "channel", "network_family", "is_food"
    ).agg(pl.col("weight_kg").sum())  # fmt: skip


def cells(shown: pl.DataFrame) -> dict[tuple[str, str], int]:
    return {
        (row["channel"], row["network_family"]): int(row["weight_kg"])
        for row in shown.iter_rows(named=True)
    }


def test_a_cell_of_three_donors_is_shown_and_one_of_two_is_merged_with_a_second() -> None:
    enough = [give("industry", "cheese", f"s{n}", 100) for n in range(3)]
    few = [give("industry", "fish", f"s{n}", 50) for n in range(2)]
    more = [give("industry", "meat", f"s{n}", 70) for n in range(4)]
    assert cells(show(make_donations([*enough, *few, *more]))) == {
        ("industry", "protected"): 380, ("industry", "cheese"): 300
    }  # fmt: skip


def test_a_donor_with_most_of_a_cell_is_hidden() -> None:
    large = [give("industry", "fish", "big", 900)]
    large += [give("industry", "fish", f"s{n}", 50) for n in range(3)]
    others = [give("industry", "meat", f"s{n}", 200) for n in range(4)]
    assert cells(show(make_donations([*large, *others]))) == {("industry", "protected"): 1850}


def test_programmes_and_purchases_are_no_donors() -> None:
    rows = [give("purchase", "fish", "one", 900)]
    assert cells(show(make_donations(rows))) == {("purchase", "fish"): 900}


def test_what_a_territory_was_given_by_one_donor_is_not_shown() -> None:
    """A whole food bank has its others: it is shown."""
    sources = make_rich_sources()
    alone = replace(sources, donations=sources.donations.with_columns(supplier_id=pl.lit("D1")))
    rows = make_outside(alone, POLICY)["mart_indicators"].filter(
        pl.col("indicator_code") == "tonnes_received"
    )
    hidden = dict(rows.group_by("scope_kind").agg(pl.col("is_suppressed").all()).iter_rows())
    assert hidden == {"territory": True, "food_bank": False, "network": False}


def test_a_channel_of_one_donor_is_merged_with_another() -> None:
    rows = [give("farm", "meat", "farmer", 40)]
    rows += [give("industry", "meat", f"s{n}", 200) for n in range(4)]
    assert cells(show(make_donations(rows))) == {("protected", "protected"): 840}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(CHANNELS), st.sampled_from(FAMILY_NAMES),
            st.sampled_from("abcdefgh"), st.integers(1, 500),
        ),
        min_size=1, max_size=40,
    )
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_no_shown_cell_tells_its_donors(given_rows: list[tuple[str, str, str, int]]) -> None:
    donations = make_donations([give(*row) for row in given_rows])
    shown = show(donations)
    assert list(find_exposed_donors(shown, donations, POLICY.donors)) == []
    assert shown["weight_kg"].sum() == donations["weight_kg"].sum()


def test_an_unmerged_table_is_found() -> None:
    few = [give("industry", "fish", f"s{n}", 50) for n in range(2)]
    more = [give("industry", "meat", f"s{n}", 70) for n in range(4)]
    donations = make_donations([*few, *more])
    table = donations.with_columns(flow=pl.lit("received"))
    found = list(find_exposed_donors(table, donations, POLICY.donors))
    assert found == [f"industry, fish of {BANK} in {MONTH} has too few donors"]
    (told,) = [tell(put_under("public", text, audience="public")) for text in found]
    assert told.startswith("public verrait un don de trop peu de donateurs : ")
