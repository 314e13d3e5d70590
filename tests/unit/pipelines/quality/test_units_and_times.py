"""Quantities become kilograms to the gram, times become UTC beside the local day."""

# ruff: noqa: DTZ001 (times stored in UTC carry no zone)

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures.records import good_row
from tests.unit.pipelines.quality.conftest import WEIGHTS, Judge, Judged, Row

FACTORS = {"kg": "1", "g": "0.001", "t": "1000", "lb": "0.45359237"}
COUNTED = {"unit": 0, "case": 1, "pallet": 2}


def receipt(quantity: str, unit: str, product: str = "POM", **cells: str) -> Row:
    return good_row(
        "receipts",
        quantity=quantity,
        unit=unit,
        product_code=product,
        refused_at_dock_kg="",
        **cells,
    )


@pytest.mark.parametrize(
    ("quantity", "unit", "product", "kilograms"),
    [
        ("12.5", "kg", "POM", "12.500"),
        ("1500", "g", "POM", "1.500"),
        ("1.25", "t", "POM", "1250.000"),
        ("1", "lb", "POM", "0.454"),
        ("100", "lb", "POM", "45.359"),
        ("7", "unit", "POM", "1.050"),
        ("2.5", "case", "POM", "25.000"),
        ("3", "pallet", "POM", "1200.000"),
        ("4", "case", "RIZ", "20.000"),
        ("0.4", "g", "POM", "0.000"),
        ("0.5", "g", "POM", "0.001"),
        ("0.0004", "kg", "POM", "0.000"),
        ("+3", "kg", "POM", "3.000"),
    ],
)
def test_a_quantity_becomes_kilograms(
    quantity: str, unit: str, product: str, kilograms: str, judge: Judge
) -> None:
    judged = judge("receipts", [receipt(quantity, unit, product)])
    assert judged.rules == []
    row = judged.accepted.row(0, named=True)
    assert row["weight_kg"] == Decimal(kilograms)
    factor = FACTORS.get(unit) or WEIGHTS[product][COUNTED[unit]]
    assert (row["quantity"], row["unit"]) == (Decimal(quantity), unit)
    assert row["kg_per_unit"] == Decimal(factor or "0")
    assert judged.outcome.grams_accepted == int(Decimal(kilograms) * 1000)


@pytest.mark.parametrize(
    ("unit", "product"),
    [("unit", "RIZ"), ("pallet", "RIZ"), ("case", "unknown"), ("unit", "unknown")],
)
def test_a_case_without_a_known_weight_is_held_back_never_guessed(
    unit: str, product: str, judge: Judge
) -> None:
    judged = judge("receipts", [receipt("4", unit, product), receipt("4", "kg", product)])
    assert judged.rules == [[("unit_factor", "unit")]]
    assert judged.outcome.grams_accepted == 4000


def test_a_weight_that_cannot_be_stored_is_held_back(judge: Judge) -> None:
    judged = judge("receipts", [receipt("100000000", "t")])
    assert judged.rules == [[("maximum", "quantity")]]


def test_the_weight_of_a_product_is_found_around_spaces(judge: Judge) -> None:
    assert judge("receipts", [receipt("4", "case", " RIZ ")]).accepted["weight_kg"][0] == 20


@pytest.mark.parametrize(
    ("quantity", "unit", "rules"),
    [
        ("500", "g", []),
        ("500", " G ", []),
        ("0.5", "KG", []),
        ("1", "case", []),
        ("5", "", [[("unit_factor", "refused_unit")]]),
        ("5", "carton", [[("unit_factor", "refused_unit")]]),
        ("cinq", "kg", [[("type", "refused_quantity")]]),
        ("", "", []),
    ],
)
def test_any_mass_may_come_as_a_quantity_with_its_unit(
    quantity: str, unit: str, rules: list[list[tuple[str, str]]], judge: Judge
) -> None:
    row = good_row("deliveries", refused_quantity=quantity, refused_unit=unit)
    del row["refused_kg"]
    judged = judge("deliveries", [row])
    assert judged.rules == rules
    if not rules and quantity:
        kept = judged.accepted.row(0, named=True)
        assert kept["refused_kg"] == (Decimal("0.5") if unit != "case" else 10)
        assert kept["refused_quantity"] == Decimal(quantity)
        assert kept["refused_kg_per_unit"] is not None


def test_a_required_mass_without_unit_is_missing(judge: Judge) -> None:
    row = good_row("removals", weight_quantity="5", weight_unit="")
    del row["weight_kg"]
    (rules,) = judge("removals", [row]).rules
    assert set(rules) == {("unit_factor", "weight_unit"), ("required", "weight_kg")}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 10**8 - 1), st.integers(0, 6), st.sampled_from(sorted(FACTORS))),
        min_size=1,
        max_size=20,
    )
)
def test_kilograms_are_exact_and_rounded_to_the_gram(
    rows: list[tuple[int, int, str]], judge: Judge
) -> None:
    written = [(Decimal(number).scaleb(-scale), unit) for number, scale, unit in rows]
    exact = [quantity * Decimal(FACTORS[unit]) for quantity, unit in written]
    judged = judge(
        "receipts",
        [
            receipt(f"{quantity:f}", unit, line_no=str(number))
            for number, (quantity, unit) in enumerate(written, start=1)
        ],
    )
    found = dict(judged.accepted.select("line_no", "weight_kg").rows())
    assert found == {
        number: kilograms.quantize(Decimal("0.001"), ROUND_HALF_UP)
        for number, kilograms in enumerate(exact, start=1)
    }


# times


def read_time(judge: Judge, written: str, timezone: str = "Europe/Paris") -> tuple[datetime, date]:
    judged = judge("removals", [good_row("removals", removed_at=written)], timezone=timezone)
    assert judged.rules == []
    row = judged.accepted.row(0, named=True)
    return row["removed_at"], row["removed_date"]


@pytest.mark.parametrize(
    ("written", "utc", "day"),
    [
        ("2024-06-24T10:00:00", datetime(2024, 6, 24, 8), date(2024, 6, 24)),
        ("2024-01-24 10:00", datetime(2024, 1, 24, 9), date(2024, 1, 24)),
        ("2024-06-24", datetime(2024, 6, 23, 22), date(2024, 6, 24)),
        ("2024-06-24T10:00:00Z", datetime(2024, 6, 24, 10), date(2024, 6, 24)),
        ("2024-06-24T10:00Z", datetime(2024, 6, 24, 10), date(2024, 6, 24)),
        ("2024-06-24T10:00:00+02:00", datetime(2024, 6, 24, 8), date(2024, 6, 24)),
        ("2024-06-24T10:00:00+0200", datetime(2024, 6, 24, 8), date(2024, 6, 24)),
        ("2024-06-24T10:00-04", datetime(2024, 6, 24, 14), date(2024, 6, 24)),
        ("2024-06-24T10:00:00.250", datetime(2024, 6, 24, 8, 0, 0, 250_000), date(2024, 6, 24)),
        # A late evening belongs to its local day, whatever the day in UTC or at the offset.
        ("2024-06-24T23:59:59", datetime(2024, 6, 24, 21, 59, 59), date(2024, 6, 24)),
        ("2024-06-24T00:30:00", datetime(2024, 6, 23, 22, 30), date(2024, 6, 24)),
        ("2024-06-24T22:30:00Z", datetime(2024, 6, 24, 22, 30), date(2024, 6, 25)),
        ("2024-06-24T23:30:00-04:00", datetime(2024, 6, 25, 3, 30), date(2024, 6, 25)),
    ],
)
def test_a_time_is_stored_in_utc_beside_its_local_day(
    written: str, utc: datetime, day: date, judge: Judge
) -> None:
    assert read_time(judge, written) == (utc, day)


def test_a_time_without_offset_is_local_to_the_food_bank(judge: Judge) -> None:
    found = read_time(judge, "2024-06-24T23:30:00", "America/New_York")
    assert found == (datetime(2024, 6, 25, 3, 30), date(2024, 6, 24))
    assert read_time(judge, "2024-06-24T23:30:00", "Indian/Reunion")[0].hour == 19


def judge_hours(judge: Judge, moments: list[str]) -> Judged:
    rows = [
        good_row("removals", line_no=str(number), removed_at=moment)
        for number, moment in enumerate(moments, start=1)
    ]
    return judge("removals", rows, today=date(2024, 12, 31))


@pytest.mark.parametrize(
    ("first", "hours"), [(datetime(2024, 3, 31), 23), (datetime(2024, 10, 27), 25)]
)
def test_a_day_that_changes_its_clock_loses_no_row(
    first: datetime, hours: int, judge: Judge
) -> None:
    paris = ZoneInfo("Europe/Paris")
    first = first.replace(tzinfo=paris)
    start = first.timestamp()
    real = [datetime.fromtimestamp(start + 3600 * n, paris) for n in range(hours)]
    assert len({moment.date() for moment in real}) == 1
    local = judge_hours(judge, [moment.replace(tzinfo=None).isoformat() for moment in real])
    exact = judge_hours(judge, [moment.isoformat() for moment in real])
    for judged in (local, exact):
        assert (judged.outcome.rows_accepted, judged.rules) == (hours, [])
        assert set(judged.accepted["removed_date"].to_list()) == {first.date()}
    # With its offset every hour is apart from the next.
    utc = exact.accepted["removed_at"].sort().to_list()
    assert {later - sooner for sooner, later in pairwise(utc)} == {timedelta(hours=1)}


def test_an_hour_that_the_clock_skips_is_kept_on_its_day(judge: Judge) -> None:
    utc, day = read_time(judge, "2024-03-31T02:30:00")
    assert (utc, day) == (datetime(2024, 3, 31, 1, 30), date(2024, 3, 31))
