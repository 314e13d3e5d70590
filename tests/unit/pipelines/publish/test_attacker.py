"""The attacker finds hidden cells that can be computed, and nothing where none can."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from data_contracts.disclosure import load_policy
from pipelines.publish.attacker import Finding, attack
from pipelines.publish.kilograms import READ_ALL, READ_FOOD, read_sums
from pipelines.publish.people import Cells, Key, read_cells

PEOPLE = load_policy().people
BANK, TERRITORY = "petite", "242100410"
MEMBERS = {TERRITORY: [BANK]}
COMMUNES = {TERRITORY: {"21231", "21171"}}
YEAR = (date(2023, 1, 1), date(2023, 12, 31))


def key(measure: str = "households_helped", **changed: Any) -> Key:
    values: dict[str, Any] = {
        "scope_kind": "food_bank", "scope_id": BANK, "area": "whole", "period_kind": "year",
        "period_start": YEAR[0], "period_end": YEAR[1], "family": "parcels", "measure": measure,
    }  # fmt: skip
    return Key(**{**values, **changed})


def commune(code: str, measure: str = "households_helped", year: int = 2023) -> Key:
    return key(
        measure, area=f"commune_code={code}", period_start=date(year, 1, 1),
        period_end=date(year, 12, 31),
    )  # fmt: skip


def quarter(number: int, measure: str = "new_households") -> Key:
    ends = [date(2023, 3, 31), date(2023, 6, 30), date(2023, 9, 30), date(2023, 12, 31)]
    start = date(2023, 3 * number - 2, 1)
    return key(measure, period_kind="quarter", period_start=start, period_end=ends[number - 1])


def find(*editions: dict[Key, int | None], **options: Any) -> list[Finding]:
    cells: list[Cells] = [
        {name: None if value is None else Decimal(value) for name, value in edition.items()}
        for edition in editions
    ]
    return attack(cells, PEOPLE, MEMBERS, COMMUNES, **options)


def kinds(found: list[Finding]) -> set[tuple[str, Key]]:
    return {(finding.kind, finding.key) for finding in found}


SAFE: dict[Key, int | None] = {
    key(): 60, commune("21231"): 45, commune("21171"): None, commune("21515"): None
}  # fmt: skip


def test_what_is_protected_is_not_found() -> None:
    assert find(SAFE) == []


# six kinds of leaks


def test_an_exact_total_beside_one_suppressed_cell_gives_it() -> None:
    """15 stands for 11 to 17, a hidden cell for 1 to 10: of 14 it has 1, 2 or 3."""
    leak: dict[Key, int | None] = {key(): 14, commune("21231"): 15, commune("21171"): None}
    found = find(leak)
    assert [(f.kind, f.key, f.low, f.high) for f in found] == [
        ("too_few_values", commune("21171"), 1.0, 3.0)
    ]
    assert "must lie from 1 to 3" in found[0].describe()
    # with one more hidden cell there are enough values
    assert find({**leak, key(): 24, commune("71076"): None}) == []


def test_two_suppressed_cells_of_a_total_that_only_their_largest_values_give() -> None:
    tight: dict[Key, int | None] = {key(): 20, commune("21231"): None, commune("21171"): None}
    found = find(tight)
    assert {f.key for f in found} == {commune("21231"), commune("21171")}
    assert {(f.low, f.high) for f in found} == {(10.0, 10.0)}


def test_two_filters_of_one_table_give_what_lies_between() -> None:
    """The whole food bank less its territory is what lives elsewhere."""
    territory = key(scope_kind="territory", scope_id=TERRITORY)
    found = find({key(): 46, territory: 45})
    assert [(f.key.area, f.low, f.high) for f in found] == [("elsewhere", 0.0, 3.0)]
    assert find({key(): 60, territory: 45}) == []
    # all of it: nobody lives elsewhere, which is no small cell
    assert find({key(): 47, territory: 47}) == []


def test_kilograms_of_the_few_who_live_elsewhere_are_found() -> None:
    """One of 44 households at most: 150 kg less the 145 that a sum gives are theirs."""
    territory = key(scope_kind="territory", scope_id=TERRITORY)
    cells: dict[Key, int | None] = {
        key(): 44, territory: 45, key("parcel_kg"): 150, territory.of("parcel_kg"): None,
        territory.of(READ_FOOD)._replace(area="tonnes_distributed"): 145,
    }  # fmt: skip
    found = {(f.key.area, f.key.measure): f.high for f in find(cells)}
    assert found["elsewhere", "parcel_kg"] == pytest.approx(5.5, abs=0.001)
    # of many it may be known
    many = find({**cells, key(): 99, territory.of("households_helped"): 60})
    assert ("elsewhere", "parcel_kg") not in {(f.key.area, f.key.measure) for f in many}


def test_two_months_give_what_lies_between() -> None:
    year = key("new_households")
    quarters = {quarter(1): 40, quarter(2): 30, quarter(3): 25}
    guards = {quarter(n, "households_helped"): 50 for n in (1, 2, 3, 4)}
    guards[key()] = 110
    found = find({year: 100, **quarters, quarter(4): None, **guards})
    assert kinds(found) == {("too_few_values", quarter(4))}
    assert (found[0].low, found[0].high) == (5.0, 5.0)
    # with a second one hidden there are enough values
    safe = {year: 100, **quarters, quarter(3): None, quarter(4): None, **guards}
    assert find(safe, complementary={quarter(3)}) == []


def test_two_editions_give_what_each_of_them_hides() -> None:
    """The first edition hides two cells of fourteen; the second one shows one of them."""
    first: dict[Key, int | None] = {key(): 14, commune("21231"): None, commune("71076"): None}
    second: dict[Key, int | None] = {commune("21231"): 15}
    assert find(first) == []
    assert find(second) == []
    found = find(first, second)
    assert [(f.key, f.low, f.high) for f in found] == [(commune("71076"), 1.0, 3.0)]


def test_what_a_standing_edition_gives_away_does_not_count_against_the_next() -> None:
    leak: dict[Key, int | None] = {key(): 14, commune("21231"): 15, commune("21171"): None}
    assert kinds(find(leak)) == {("too_few_values", commune("21171"))}
    assert find(leak, {commune("21231"): 15}) == []
    # the next one's own leaks do, also where it shows again what that one showed
    small = {commune("21515", year=2024): 7}
    assert kinds(find(small, small)) == kinds(find(small))
    assert kinds(find(SAFE, {commune("21515", year=2024): 7})) == {
        ("below_threshold", commune("21515", year=2024))
    }


def indicators(*rows: tuple[Any, ...]) -> pl.DataFrame:
    names = ("scope_kind", "scope_id", "indicator_code", "value", "numerator", "denominator",
             "is_suppressed")  # fmt: skip
    table = pl.DataFrame(
        rows, orient="row",
        schema={name: pl.Decimal(18, 6) if name in names[3:6] else pl.String for name in names[:6]}
        | {"is_suppressed": pl.Boolean},
    )  # fmt: skip
    return table.with_columns(
        variant=pl.lit(""), period_kind=pl.lit("year"), period_start=pl.lit(YEAR[0]),
        period_end=pl.lit(YEAR[1]),
    )  # fmt: skip


def attack_tables(**tables: pl.DataFrame) -> list[Finding]:
    return attack([read_cells(tables.get)], PEOPLE, MEMBERS, COMMUNES)


def test_a_rate_with_its_denominator_gives_the_numerator() -> None:
    hidden = ("territory", TERRITORY, "households_helped", None, None, None, True)
    kilograms = ("territory", TERRITORY, "parcel_tonnes", None, None, None, True)
    safe = indicators(hidden, kilograms)
    assert attack_tables(mart_indicators=safe) == []
    rate = ("territory", TERRITORY, "kg_per_household", Decimal(3), None, Decimal(8), False)
    found = attack_tables(mart_indicators=indicators(hidden, kilograms, rate))
    assert ("below_threshold", "households_helped") in {(f.kind, f.key.measure) for f in found}
    assert "parcel_kg" in {f.key.measure for f in found}


def test_kilograms_of_one_household_give_its_parcel() -> None:
    hidden = {**SAFE, commune("21171", "parcel_kg"): None}
    assert find(hidden) == []
    shown = find({**SAFE, commune("21171", "parcel_kg"): 15})
    assert kinds(shown) == {("unguarded", commune("21171", "parcel_kg"))}


def test_parcels_by_site_and_family_are_found_in_a_table_of_flows() -> None:
    flows = pl.DataFrame(
        {
            "month": [date(2023, 1, 1)] * 3,
            "food_bank_id": [BANK] * 3,
            "flow": ["parcels"] * 3,
            "network_family": ["protected", "cheese", "hygiene"],
            "commune_code": ["unknown"] * 3,
            "is_food": [True, True, False],
            "weight_kg": [Decimal(40), Decimal(2), Decimal(3)],
        }
    )
    guard = {key(period_kind="month", period_end=date(2023, 1, 31)): Decimal(20)}
    cells = {**read_cells({"mart_flows_monthly": flows}.get), **guard}
    found = attack([cells], PEOPLE, MEMBERS, COMMUNES)
    assert [(f.kind, f.key.area) for f in found] == [("unguarded", "network_family=cheese")]


# what needs no arithmetic


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ({commune("21231"): 10}, "below_threshold"),
        ({commune("21231"): 16}, "not_rounded"),
        ({commune("21231"): 15, commune("21231", "people_helped"): 3}, "below_threshold"),
        ({commune("21231", "parcel_kg"): 40}, "unguarded"),
    ],
)
def test_what_is_plainly_shown_is_found(cells: dict[Key, int | None], kind: str) -> None:
    assert kind in {finding.kind for finding in find(cells)}


def test_zero_and_the_threshold_are_shown() -> None:
    assert find({key(): 11}) == []
    assert find({key(): 0, key("parcel_kg"): 0}) == []


def test_bounds_are_those_of_trying_everything() -> None:
    """Against brute force on a margin of three hidden and two shown cells."""
    shown = {commune("21231"): 15, commune("21171"): 20}
    hidden = [commune(code) for code in ("71076", "71270", "89024")]
    for total in range(36, 60, 4):
        possible: dict[Key, set[int]] = {name: set() for name in hidden}
        for one in range(11, 18):
            for two in range(18, 23):
                for a in range(1, 11):
                    for b in range(1, 11):
                        c = total - one - two - a - b
                        if 1 <= c <= 10:
                            for name, value in zip(hidden, (a, b, c), strict=True):
                                possible[name].add(value)
        found = {f.key: f for f in find({key(): total, **shown, **dict.fromkeys(hidden)})}
        for name in hidden:
            values = possible[name]
            assert (name in found) == (len(values) < PEOPLE.possible_values), (total, values)
            if name in found:
                assert (found[name].low, found[name].high) == (min(values), max(values))


def test_what_numbers_contradict_is_given_up_and_the_rest_is_still_tried() -> None:
    """The quarters of a food bank that began in between do not make its year; its communes do."""
    guards = {quarter(n, "households_helped"): 50 for n in (1, 2, 3, 4)}
    quarters = {quarter(n): 30 for n in (1, 2, 3, 4)}
    wrong: dict[Key, int | None] = {key("new_households"): 94, key(): 100, **quarters, **guards}
    place = commune("21171", "new_households")
    lone = {commune("21231", "new_households"): 95, commune("21231"): 95, place: None}
    found = find({**wrong, **lone, commune("21171"): None})
    assert place in {finding.key for finding in found}


def test_declared_numbers_that_do_not_agree_are_no_contradiction() -> None:
    """A partner declares more women and men than people: what remains is still tried."""

    def declared(measure: str) -> Key:
        return key(measure, family="declared")

    found = find({declared("people"): 40, declared("women"): 35, declared("men"): 20,
                  declared("people_0_3"): None})  # fmt: skip
    assert found == []


def test_a_hidden_count_may_be_zero_only_where_nobody_is_possible() -> None:
    """A commune with a household has one at least; of its households none need be new."""
    place = commune("21231", "new_households")
    shown: dict[Key, int | None] = {key(): 60, commune("21231"): 45, key("new_households"): 60}
    found = find({**shown, place: None, commune("21171", "new_households"): 60})
    assert [(f.key, f.low) for f in found if f.key == place] == [(place, 0.0)]
    of_people = find({key(): 14, commune("21231"): 15, commune("21171"): None})
    assert [f.low for f in of_people if f.key == commune("21171")] == [1.0]


def test_the_bands_of_ages_make_up_the_people() -> None:
    """Four bands and their whole give the fifth; without one more of them they do not."""

    def declared(measure: str) -> Key:
        return key(measure, family="declared")

    shown = {declared("people"): 60, declared("people_4_14"): 14, declared("people_15_25"): 13,
             declared("people_26_64"): 20, declared("people_65_plus"): 11}  # fmt: skip
    found = find({**shown, declared("people_0_3"): None})
    assert [(f.key, f.low, f.high) for f in found] == [
        (declared("people_0_3"), pytest.approx(2.0, abs=0.01), pytest.approx(2.0, abs=0.01))
    ]
    del shown[declared("people_4_14")]
    assert find({**shown, declared("people_0_3"): None}) == []


# kilograms that stand in for hidden ones in sums: multiples of 100, carried from month to month


def month(number: int, measure: str = "parcel_kg", area: str = "whole") -> Key:
    ends = (date(2023, 1, 31), date(2023, 2, 28), date(2023, 3, 31))
    return key(
        measure, area=area, period_kind="month", period_start=date(2023, number, 1),
        period_end=ends[number - 1],
    )  # fmt: skip


def find_kilograms(readings: dict[int, int], measure: str = READ_FOOD) -> list[Finding]:
    """January to March are hidden, their quarter of 205 kg is shown; `readings`: by month."""
    cells: dict[Key, int | None] = {
        quarter(1, "parcel_kg"): 205,
        quarter(1, "households_helped"): 30,
    }
    for number in (1, 2, 3):
        cells |= {month(number): None, month(number, "households_helped"): None}
    cells |= {month(n, measure, "table"): kg for n, kg in readings.items()}
    return [found for found in find(cells) if found.key.measure == "parcel_kg"]


def test_stand_ins_up_to_a_month_leave_little_for_the_rest() -> None:
    """200 or more up to February: March has 5 at most."""
    (found,) = find_kilograms({1: 0, 2: 200, 3: 0})
    assert (found.key, found.low, found.high) == (month(3), 0.0, pytest.approx(5.0, abs=0.001))


def test_what_is_carried_over_a_month_without_a_stand_in_is_not_of_the_next() -> None:
    """A month whose part of a sum would be a false zero has none: of 200 in February, up to 100
    may be January's."""
    assert {found.key for found in find_kilograms({2: 200, 3: 0})} == {month(3)}
    assert find_kilograms({1: 0, 3: 200}) == []
    # with hygiene products it may be none of the parcels' food
    assert find_kilograms({2: 200, 3: 0}, READ_ALL) == []


def test_what_is_carried_over_is_no_more_than_was_given() -> None:
    """January has 200, so that nothing is left to be carried from February to March."""
    found = {f.key: (f.low, f.high) for f in find_kilograms({1: 200, 3: 0})}
    assert found.keys() == {month(1), month(2), month(3)}
    assert found[month(3)] == pytest.approx((0.0, 5.0), abs=0.001)


def test_a_sum_over_food_banks_says_no_more_than_theirs() -> None:
    """What each carries from month to month is its own: 0 in the network's sum is not below 100."""
    places = {
        "food_bank": month(1),
        "network": month(1)._replace(scope_kind="network", scope_id="network"),
        "territory": month(1)._replace(scope_kind="territory", scope_id=TERRITORY),
    }
    cells: dict[Key, int | None] = {}
    for place in places.values():
        cells |= {place: None, place.of("households_helped"): None}
    for kind, read in (("network", 0), ("territory", 100)):
        cells[places[kind].of(READ_FOOD)._replace(area="tonnes_distributed")] = read
    assert [found for found in find(cells) if found.key.measure == "parcel_kg"] == []


def test_a_year_that_ended_is_its_year_to_date() -> None:
    """The year is hidden, what was counted to its last day is not."""
    to_date = key(period_kind="year_to_date")
    found = {f.key: (f.low, f.high) for f in find({key(): None, to_date: 9})}
    assert found[key()] == (9.0, 9.0)


def test_the_same_days_of_a_year_before_are_subtracted_too() -> None:
    """95 kg distributed to 10 February 2023, 20 of January and 70 of these ten days delivered."""
    delivered = {
        "food_bank_id": BANK, "flow": "delivered", "is_food": True, "commune_code": "21231",
    }  # fmt: skip
    tables = {
        "mart_food_banks": pl.DataFrame(
            {"food_bank_id": [BANK], "territory_codes": [""], "data_date": [date(2024, 2, 10)]}
        ),
        "mart_flows_monthly": pl.DataFrame(
            [
                delivered | {"month": date(2023, 1, 1), "weight_kg": 20, "weight_kg_same_days": 0},
                delivered | {"month": date(2023, 2, 1), "weight_kg": 99, "weight_kg_same_days": 0},
                delivered | {"month": date(2024, 2, 1), "weight_kg": 50, "weight_kg_same_days": 70},
            ],
            schema_overrides=dict.fromkeys(
                ("weight_kg", "weight_kg_same_days"), pl.Decimal(18, 3)
            ),
        ),
        "mart_indicators": pl.DataFrame(
            {
                "indicator_code": ["tonnes_distributed"], "variant": [""],
                "scope_kind": ["food_bank"], "scope_id": [BANK], "period_kind": ["year_to_date"],
                "period_start": [date(2023, 1, 1)], "period_end": [date(2023, 2, 10)],
                "value": [Decimal("0.095")], "numerator": [None], "denominator": [None],
            }
        ),
    }  # fmt: skip
    found = {found.period_start: value for found, value in read_sums(tables.get)
             if found.measure == READ_FOOD}  # fmt: skip
    assert found == {date(2023, 1, 1): 5}


def test_parcels_are_what_the_balance_of_a_month_leaves() -> None:
    """100 at first and 66 that came, less 79 that left, are 87; 77 are counted at the end."""
    kilograms = {
        "opening_kg": 100, "received_kg": 50, "transfers_in_kg": 5, "transformation_output_kg": 8,
        "returned_kg": 3, "delivered_kg": 60, "removed_kg": 4, "transfers_out_kg": 6,
        "transformation_input_kg": 9, "initial_count_kg": 0, "unexplained_kg": 0,
        "theoretical_closing_kg": 77, "closing_kg": 77, "parcels_kg": None,
    }  # fmt: skip
    tables = {
        "mart_food_banks": pl.DataFrame(
            {"food_bank_id": [BANK], "territory_codes": [""], "data_date": [date(2023, 1, 31)]}
        ),
        "mart_flows_monthly": pl.DataFrame(
            schema={
                "food_bank_id": pl.String, "month": pl.Date, "flow": pl.String,
                "is_food": pl.Boolean, "commune_code": pl.String,
                "weight_kg": pl.Decimal(18, 3), "weight_kg_same_days": pl.Decimal(18, 3),
            }
        ),
        "mart_mass_balance_monthly": pl.DataFrame(
            [{"food_bank_id": BANK, "month": date(2023, 1, 1), **kilograms}],
            schema_overrides=dict.fromkeys(kilograms, pl.Decimal(18, 3)),
        ),
    }  # fmt: skip
    assert [value for key, value in read_sums(tables.get) if key.measure == READ_ALL] == [10]


def test_a_network_less_its_other_food_banks_is_one() -> None:
    network = key(scope_kind="network", scope_id="network")
    other = key(scope_id="grande")
    found = {f.key: (f.low, f.high) for f in find({network: 30, other: 25, key(): None})}
    assert found == {key(): (5.0, 5.0)}
