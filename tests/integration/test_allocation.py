"""A round's emissions shared over its stops as ISO 14083 asks: the model's SQL on random rounds.

The compiled models of a build run on tables of generated rows, beside fractions in plain Python.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import DataFolder

INPUTS = ("fct_rounds", "int_round_stops", "int_rounds", "dim_places", "dim_communes",
          "dim_vehicles", "int_touched_round_months")  # fmt: skip
DEPOT = (Decimal("47.000000"), Decimal("5.000000"))


@dataclass(frozen=True)
class Stop:
    """What was loaded and left at a place, in grams; `metres` by road where it is known."""

    loaded: int
    unloaded: int
    metres: int | None
    is_depot: bool

    @property
    def carried(self) -> int:
        return self.loaded + self.unloaded


STOPS = st.lists(
    st.builds(
        Stop,
        loaded=st.one_of(st.just(0), st.integers(0, 5_000_000)),
        unloaded=st.one_of(st.just(0), st.integers(0, 5_000_000)),
        metres=st.one_of(st.none(), st.integers(0, 300_000)),
        is_depot=st.booleans(),
    ),
    min_size=1,
    max_size=9,
)
MICROGRAMS = st.integers(0, 10**12)


class Allocation:
    """The two compiled models over one round at a time."""

    def __init__(self, built: DataFolder) -> None:
        target = built.path / "warehouse"
        manifest = json.loads((target / "target" / "manifest.json").read_text(encoding="utf-8"))
        self.models = {
            name: manifest["nodes"][f"model.observatory.{name}"]["compiled_code"]
            for name in ("fct_round_stops", "fct_round_loads")
        }
        self.connection = duckdb.connect()
        self.connection.execute("set threads = 1")
        self.connection.execute("attach ':memory:' as observatory")
        self.connection.execute(f"attach '{target / 'observatory.duckdb'}' as built (read_only)")
        for name in INPUTS:
            self.connection.execute(
                f"create table observatory.main.{name} as from built.main.{name} limit 0"
            )

    def run(
        self, stops: list[Stop], micrograms: int, numbers: list[int]
    ) -> tuple[dict[int, tuple[Decimal | None, Decimal | None]], Decimal]:
        """(share, allocated kgCO2e) by place of the list, and the unallocated kgCO2e."""
        for name in INPUTS:
            self.connection.execute(f"delete from observatory.main.{name}")
        self.insert(
            "fct_rounds", food_bank_id="b", round_id="T", month="2024-06-01", site_id="depot",
            round_date="2024-06-25", vehicle_id="V", kg_co2e=Decimal(micrograms) / 10**6,
        )  # fmt: skip
        self.insert("int_rounds", food_bank_id="b", round_id="T", is_deleted=False)
        self.insert(
            "dim_places", food_bank_id="b", place_kind="site", place_id="depot",
            latitude=DEPOT[0], longitude=DEPOT[1],
        )  # fmt: skip
        for place, (stop, number) in enumerate(zip(stops, numbers, strict=True)):
            kind, name = ("site", "depot") if stop.is_depot else ("partner", f"P{place}")
            if not stop.is_depot:
                self.insert(
                    "dim_places", food_bank_id="b", place_kind=kind, place_id=name,
                    latitude=DEPOT[0], longitude=DEPOT[1] + Decimal(place + 1) / 100,
                )  # fmt: skip
            self.insert(
                "int_round_stops", food_bank_id="b", round_id="T", stop_no=number, place_id=name,
                place_kind=kind, outcome="done", is_deleted=False,
                road_distance_km=None if stop.metres is None else Decimal(stop.metres) / 1000,
                loaded_kg=Decimal(stop.loaded) / 1000, unloaded_kg=Decimal(stop.unloaded) / 1000,
            )  # fmt: skip
        query = self.models["fct_round_stops"]
        self.connection.execute(
            f"create or replace table observatory.main.fct_round_stops as {query}"
        )
        rows = self.connection.execute(
            "select stop_no, share, allocated_kg_co2e from observatory.main.fct_round_stops"
        ).fetchall()
        places = {number: place for place, number in enumerate(numbers)}
        (rest,) = self.connection.execute(
            f"select unallocated_kg_co2e from ({self.models['fct_round_loads']})"
        ).fetchall()
        return {places[number]: (share, kg) for number, share, kg in rows}, rest[0]

    def build_stops(self) -> None:
        self.connection.execute(
            "create or replace table observatory.main.fct_round_stops as "
            + self.models["fct_round_stops"]
        )

    def insert(self, table: str, **values: object) -> None:
        names, marks = ", ".join(values), ", ".join("?" for _ in values)
        self.connection.execute(
            f"insert into observatory.main.{table} ({names}) values ({marks})",
            list(values.values()),
        )


@pytest.fixture(scope="module")
def allocation(published_petite: DataFolder) -> Iterator[Allocation]:
    opened = Allocation(published_petite)
    yield opened
    opened.connection.close()


def list_weights(stops: list[Stop], metres: list[Fraction]) -> list[Fraction]:
    return [stop.carried * distance for stop, distance in zip(stops, metres, strict=True)]


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stops=STOPS, micrograms=MICROGRAMS, data=st.data())
def test_shares_are_kilograms_times_distance_and_nothing_is_lost_or_made(
    allocation: Allocation, stops: list[Stop], micrograms: int, data: st.DataObject
) -> None:
    in_order = list(range(1, len(stops) + 1))
    allocated, rest = allocation.run(stops, micrograms, in_order)
    kg_co2e = Decimal(micrograms) / 10**6
    shares = [allocated[place][0] for place in range(len(stops))]
    amounts = [allocated[place][1] for place in range(len(stops))]
    is_by_road = all(stop.is_depot or stop.metres is not None for stop in stops)
    if is_by_road:
        metres = [Fraction(0 if stop.is_depot else stop.metres or 0) for stop in stops]
    else:
        # Places stand on one parallel: the great circle is proportional to their number, nearly.
        metres = [Fraction(0 if stop.is_depot else n) for n, stop in enumerate(stops, start=1)]
    weights = list_weights(stops, metres)
    if not sum(weights):
        # Nothing carried, or only at the own depot: the round stays whole.
        assert set(shares) == set(amounts) == {None}
        assert rest == kg_co2e
        return
    assert sum(share for share in shares if share is not None) == 1
    assert sum(amount for amount in amounts if amount is not None) == kg_co2e
    assert rest == 0
    tolerance = 1e-11 * len(stops) if is_by_road else 1e-3
    for stop, share, amount, weight in zip(stops, shares, amounts, weights, strict=True):
        assert share is not None and amount is not None and share >= 0
        assert float(share) == pytest.approx(float(weight / sum(weights)), abs=tolerance)
        if stop.carried == 0 or stop.is_depot:
            assert share == 0 and amount == 0
    # The order in which the stops are driven changes nothing.
    numbers = data.draw(st.permutations(in_order))
    again, same_rest = allocation.run(stops, micrograms, numbers)
    assert same_rest == rest
    for place in range(len(stops)):
        before, after = allocated[place], again[place]
        assert before[0] is not None and after[0] is not None
        assert before[1] is not None and after[1] is not None
        assert float(after[0]) == pytest.approx(float(before[0]), abs=1e-11 * len(stops))
        assert float(after[1]) == pytest.approx(float(before[1]), abs=1e-6 * (len(stops) + 1))


def test_a_load_at_an_unknown_distance_leaves_its_whole_round_unallocated(
    allocation: Allocation,
) -> None:
    stops = [Stop(5000, 0, 4000, False), Stop(0, 5000, None, False)]
    allocation.run(stops, 7_000_000, [1, 2])
    allocation.connection.execute("delete from observatory.main.dim_places where place_id = 'P1'")
    allocation.build_stops()
    found = allocation.connection.execute(
        f"select unallocated_kg_co2e from ({allocation.models['fct_round_loads']})"
    ).fetchone()
    assert found == (Decimal("7.000000"),)
