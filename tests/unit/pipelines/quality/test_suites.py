"""Suites compiled from contracts: a good batch passes, a batch broken once says in which way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from data_contracts.loader import load_marts, load_records
from pipelines.quality.profiles import compile_profile_suite, make_profile_table
from pipelines.quality.suites import (
    Expectation,
    SuiteResult,
    compile_mart_suite,
    run_suite,
)
from tests.fixtures.publication import build_marts, contract_schema
from tests.fixtures.told import tell

MART = "mart_fresh_monthly"
ROWS = [
    {
        "month": date(2024, month, 1), "food_bank_id": "petite", "definition": "standard",
        "flow": flow, "fresh_kg": Decimal(50), "fresh_kg_same_days": Decimal(40),
        "food_kg": Decimal(100), "fresh_share": Decimal("0.5"),
    }
    for month in (4, 5)
    for flow in ("received", "distributed")
]  # fmt: skip

Change = Callable[[pl.DataFrame], pl.DataFrame]


def good_mart() -> pl.DataFrame:
    return pl.DataFrame(ROWS, schema=contract_schema(MART))


def check_mart(batch: pl.DataFrame, mart: str = MART) -> SuiteResult:
    return run_suite(mart, compile_mart_suite(load_marts()[mart]), batch)


def set_cell(name: str, value: Any) -> Change:
    """A batch whose first row has another value in one column."""

    def change(batch: pl.DataFrame) -> pl.DataFrame:
        first = pl.int_range(pl.len()) == 0
        new = pl.lit(value, dtype=batch.schema[name])
        return batch.with_columns(pl.when(first).then(new).otherwise(pl.col(name)).alias(name))

    return change


def test_a_good_mart_passes_every_expectation_of_its_contract() -> None:
    result = check_mart(good_mart())
    assert result.failures == ()
    assert result.has_passed
    columns = load_marts()[MART].columns
    required = sum(column.is_required for column in columns)
    coded = sum(bool(column.codes) for column in columns)
    assert result.count_expectations >= 2 + required + coded


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.select(reversed(rows.columns)), "those of the contract, in its order"),
        (lambda rows: rows.drop("fresh_kg_same_days"), "those of the contract, in its order"),
        (lambda rows: rows.with_columns(extra=pl.lit(1)), "those of the contract, in its order"),
        (set_cell("food_bank_id", None), "food_bank_id has a value on every row"),
        (set_cell("month", None), "month has a value on every row"),
        (lambda rows: pl.concat([rows, rows.head(1)]), "Rows are unique by month, food_bank_id"),
        (set_cell("flow", "sold"), "flow is one of"),
        (set_cell("fresh_share", Decimal("1.000001")), "fresh_share lies between 0 and 1"),
        (set_cell("fresh_kg", Decimal("-0.001")), "fresh_kg lies between 0 and None"),
    ],
)
def test_a_mart_broken_in_one_way_fails_and_says_which(change: Change, said: str) -> None:
    result = check_mart(change(good_mart()))
    assert not result.has_passed
    assert any(said in failure for failure in result.failures), result.failures
    assert all(failure.startswith(f"{MART}: ") for failure in result.failures)
    assert all(tell(failure).startswith(MART) for failure in result.failures)


def test_an_empty_value_is_fine_where_the_contract_allows_it() -> None:
    assert check_mart(set_cell("fresh_share", None)(good_mart())).has_passed


def test_an_empty_mart_fails_where_rows_are_promised_and_only_there() -> None:
    banks = pl.DataFrame(schema=contract_schema("mart_food_banks"))
    (failure,) = check_mart(banks, "mart_food_banks").failures
    assert "There are at least 1 rows" in failure
    assert tell(failure) == "mart_food_banks a trop peu de lignes : 0 au lieu de 1 au moins"
    assert check_mart(good_mart().clear()).has_passed


def test_a_key_of_one_column_is_unique() -> None:
    banks = pl.DataFrame(
        build_marts()["mart_food_banks"] * 2, schema=contract_schema("mart_food_banks")
    )
    failures = check_mart(banks, "mart_food_banks").failures
    assert any("Rows are unique by food_bank_id; 2 rows are not so" in text for text in failures)


def test_an_expectation_that_raises_is_an_error_of_ours_and_no_pass() -> None:
    expectation = Expectation(
        "ExpectColumnValuesToBeBetween",
        {"column": "no_such_column", "min_value": 0},
        "A column that is not there has values",
    )
    result = run_suite("mart_x", [expectation], good_mart())
    (error,) = result.errors
    assert error.startswith("mart_x: A column that is not there has values; it could not be")
    assert result.failures == ()
    assert not result.has_passed


@pytest.mark.parametrize("mart", load_marts())
def test_the_suite_of_every_mart_checks_order_keys_required_values_and_codes(mart: str) -> None:
    contract = load_marts()[mart]
    suite = compile_mart_suite(contract)
    found = {(entry.kind, entry.arguments.get("column")) for entry in suite}
    for column in contract.columns:
        assert (
            ("ExpectColumnValuesToNotBeNull", column.name) in found
        ) == column.is_required  # fmt: skip
        assert (("ExpectColumnValuesToBeInSet", column.name) in found) == bool(column.codes)
    kinds = [entry.kind for entry in suite]
    assert "ExpectTableColumnsToMatchOrderedList" in kinds
    assert any(kind.endswith("ToBeUnique") for kind in kinds)
    assert len({entry.sentence for entry in suite}) == len(suite)


# deliveries of a record


def outcome(number: int, **changed: Any) -> dict[str, Any]:
    values = {
        "delivery_id": f"d{number}", "rows_delivered": 10, "rows_accepted": 10,
        "rows_quarantined": 0, "rows_replayed": 0, "profile": {"missing_lot_id": 0},
    }  # fmt: skip
    return {**values, **changed}


def check_deliveries(*outcomes: dict[str, Any]) -> tuple[str, ...]:
    contract = load_records()["removals"]
    table = make_profile_table(contract, outcomes)
    return run_suite("removals", compile_profile_suite(contract), table).failures


def test_ordinary_deliveries_pass() -> None:
    replayed = outcome(3, rows_accepted=4, rows_quarantined=5, rows_replayed=1)
    assert check_deliveries(outcome(1), outcome(2), replayed) == ()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rows_accepted": 9}, "add up to the rows delivered"),
        ({"rows_accepted": 4, "rows_quarantined": 6}, "No more than 50% of a delivery"),
        (
            {"rows_delivered": 0, "rows_accepted": 0},
            "A delivery holds at least one row; 1 rows are not so, such as 0",
        ),
        ({"profile": {"missing_lot_id": 6}}, "lot_id is not missing far more often"),
    ],
)
def test_an_odd_delivery_is_told(changed: dict[str, Any], said: str) -> None:
    (failure,) = check_deliveries(outcome(1), outcome(2), outcome(3, **changed))
    assert said in failure


def test_the_missing_share_is_compared_with_the_mean_of_earlier_deliveries() -> None:
    shares = [2, 4, 9]
    table = make_profile_table(
        load_records()["removals"],
        [outcome(n, profile={"missing_lot_id": missing}) for n, missing in enumerate(shares)],
    )
    # 0.2 first; 0.4 - 0.2; 0.9 - (0.2 + 0.4) / 2
    assert table["rise_lot_id"].round(6).to_list() == [0, 0.2, 0.6]
    assert "rise_weight_kg" not in table.columns
    personal = make_profile_table(load_records()["parcels"], [outcome(1)])
    assert "rise_household_id" not in personal.columns
