"""Rows held back and rows accepted add up to the rows delivered, and say nothing of people."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_contracts.loader import load_records
from pipelines.quality.judge import (
    DEFAULT_TIMEZONE,
    DeliveredRows,
    _sample,
    find_accepted_keys,
    judge_rows,
    make_row_key,
    read_context,
    write_empty_tables,
)
from pipelines.quality.rules import list_typed_columns
from tests.fixtures.records import good_row
from tests.unit.pipelines.quality.conftest import (
    TODAY,
    Judge,
    make_cells,
    make_context,
    make_origin,
)

READABLE = re.compile(r"-?\d{1,9}(\.\d{1,3})?")
CELL = st.sampled_from(["", "1", "2.5", "-3", "0", "x", "1,5", "100001", "2024-06-05", "kg"])

NUMBER = "a number with a decimal point (where it is a comma, the source profile says so)"


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(CELL, CELL, st.sampled_from(["2024-06-05", "2024-02-30", "2025-01-01", ""])),
        min_size=1,
        max_size=30,
    )
)
def test_rows_and_kilograms_are_conserved(rows: list[tuple[str, str, str]], judge: Judge) -> None:
    judged = judge(
        "deliveries",
        [
            good_row(
                "deliveries", line_no=str(n), weight_kg=weight, refused_kg=refused,
                prepared_at="", delivered_at=day,
            )
            for n, (weight, refused, day) in enumerate(rows, start=1)
        ],
    )  # fmt: skip
    outcome = judged.outcome
    assert outcome.rows_delivered == len(rows)
    assert outcome.rows_accepted + outcome.rows_quarantined == len(rows)
    accepted = judged.accepted
    lines = accepted["_source_line"].to_list() if accepted.height else []
    assert sorted(lines + [row.source_line for row in judged.held_back]) == [
        n + 2 for n in range(len(rows))
    ]
    # Every readable kilogram is in exactly one of the two places.
    readable = {n + 2: Decimal(row[0]) for n, row in enumerate(rows) if READABLE.fullmatch(row[0])}
    held = sum(readable.get(row.source_line, Decimal(0)) for row in judged.held_back)
    kept = accepted["weight_kg"].sum() if accepted.height else Decimal(0)
    assert kept + held == sum(readable.values())
    assert outcome.grams_accepted == int(kept * 1000)
    assert outcome.grams_quarantined == int(held * 1000)
    assert outcome.grams_delivered == int(sum(readable.values()) * 1000)


def test_deliveries_judged_in_one_pass_stay_apart(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    contract = load_records()["orders"]
    # The same order in two deliveries: its lines disagree between them, never within one.
    first = make_cells([good_row("orders"), good_row("orders", line_no="x")])
    second = make_cells([good_row("orders", wanted_on="2024-06-08")])
    batch = [DeliveredRows(make_origin("d1"), first, 4), DeliveredRows(make_origin("d2"), second)]
    one, two = judge_rows(connection, contract, batch, make_context(), tmp_path, TODAY)
    counts = [
        (found.outcome.rows_accepted, found.outcome.rows_quarantined, found.outcome.rows_filtered)
        for found in (one, two)
    ]
    assert counts == [(1, 1, 4), (1, 0, 0)]
    files = sorted((tmp_path / "orders").glob("*.parquet"))
    assert [pl.read_parquet(path)["_delivery_id"].to_list() for path in files] == [["d1"], ["d2"]]


def test_a_delivery_of_which_nothing_is_accepted_leaves_no_file(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    contract = load_records()["orders"]
    for rows in ([good_row("orders")], [good_row("orders", ordered_kg="?")]):
        batch = [DeliveredRows(make_origin(), make_cells(rows))]
        judge_rows(connection, contract, batch, make_context(), tmp_path, TODAY)
    assert list((tmp_path / "orders").glob("*")) == []


def test_an_empty_delivery_has_an_outcome_of_no_rows(judge: Judge) -> None:
    judged = judge("orders", make_cells([good_row("orders")]).clear())
    assert (judged.outcome.rows_delivered, judged.outcome.grams_accepted) == (0, 0)
    assert judged.held_back == []


def test_accepted_rows_carry_what_every_stored_row_carries(judge: Judge) -> None:
    row = judge("orders", [good_row("orders")]).accepted.row(0, named=True)
    technical = {name: value for name, value in row.items() if name.startswith("_")}
    assert technical["_source_line"] == 2
    assert technical["_arrival_no"] == 1
    assert (technical["_food_bank_id"], technical["_record"]) == ("petite", "orders")
    assert technical["_contract_version"] == load_records()["orders"].version
    assert set(technical) == {
        "_food_bank_id", "_record", "_delivery_id", "_source_name", "_contract_version",
        "_profile_version", "_source_line", "_received_at", "_sent_at", "_arrival_no",
        "_adjustment",
    }  # fmt: skip


def test_an_accepted_file_has_the_same_bytes_however_its_rows_were_ordered(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    contract = load_records()["orders"]
    rows = [good_row("orders", line_no=str(number)) for number in range(1, 40)]
    written = []
    for number, cells in enumerate((make_cells(rows), make_cells(rows).reverse())):
        batch = [DeliveredRows(make_origin(), cells)]
        folder = tmp_path / str(number)
        judge_rows(connection, contract, batch, make_context(), folder, TODAY)
        written.append(next(folder.rglob("*.parquet")).read_bytes())
    assert written[0] == written[1]


def test_every_record_has_a_file_of_its_columns_before_its_first_row(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    folder = tmp_path / "l'asso"
    write_empty_tables(connection, folder)
    for record, contract in load_records().items():
        frame = pl.read_parquet(folder / record / "_schema.parquet")
        assert frame.height == 0
        assert set(list_typed_columns(contract)) <= set(frame.columns)
    context = read_context(connection, folder, "petite")
    assert (context.timezone, context.factors.height) == (DEFAULT_TIMEZONE, 0)


def test_the_context_is_that_of_the_food_bank_and_of_its_latest_rows(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    write_empty_tables(connection, tmp_path)
    rows = {
        "food_banks": [good_row("food_banks", timezone="Indian/Reunion")],
        "products": [
            good_row("products", product_code="RIZ", case_weight_kg="4"),
            good_row("products", product_code="RIZ", case_weight_kg="5"),
        ],
    }
    for record, given_rows in rows.items():
        batch = [DeliveredRows(make_origin(), make_cells(given_rows))]
        contract = load_records()[record]
        judge_rows(connection, contract, batch, make_context(), tmp_path, TODAY)
    context = read_context(connection, tmp_path, "petite")
    assert context.timezone == "Indian/Reunion"
    assert context.factors["case_weight_kg"].to_list() == [Decimal(5)]
    assert read_context(connection, tmp_path, "grande").timezone == DEFAULT_TIMEZONE


def test_a_time_zone_that_does_not_exist_stops_nothing(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    write_empty_tables(connection, tmp_path)
    cells = make_cells([good_row("food_banks", timezone="Mars/Olympus")])
    contract = load_records()["food_banks"]
    batch = [DeliveredRows(make_origin(), cells)]
    judge_rows(connection, contract, batch, make_context(), tmp_path, TODAY)
    assert read_context(connection, tmp_path, "petite").timezone == DEFAULT_TIMEZONE


# what is shown of a row held back


def test_a_row_is_held_back_whole_as_text_with_its_place(judge: Judge) -> None:
    row = good_row("removals", weight_kg="1,2", collector="  SICTOM ")
    (held,) = judge("removals", [row]).held_back
    assert held.cells == row
    assert (held.source_line, held.source_column, held.row_key) == (2, None, "E1|1")
    assert held.rules == [
        {
            "rule": "type",
            "column": "weight_kg",
            "value": "1,2",
            "expected": NUMBER,
            "message": f"weight_kg is not {NUMBER}",
            "expected_fr": "un nombre, par exemple 12,5",
            "message_fr": "Poids : ce n'est pas un nombre",
        }
    ]


def test_a_cell_of_a_wide_file_is_named_by_its_column(judge: Judge) -> None:
    cells = make_cells([good_row("receipts", quantity="?")]).with_columns(
        pl.lit("12_Q4_3").alias("_source_column")
    )
    (held,) = judge("receipts", cells).held_back
    assert held.source_column == "12_Q4_3"
    assert [rule["column"] for rule in held.rules] == ["12_Q4_3"]


NAME = "Jeanne Durand, 3 rue des Lilas"


@pytest.mark.parametrize(
    "column",
    ["line_no", "requested_at", "handed_over_at", "household_size", "children", "insee_code",
     "qpv_code", "weight_kg", "updated_at", "is_deleted"],
)  # fmt: skip
def test_a_name_in_a_wrong_column_of_a_personal_record_is_withheld(
    column: str, judge: Judge
) -> None:
    (held,) = judge("parcels", [good_row("parcels", **{column: NAME})]).held_back
    assert held.cells[column] == f"[withheld, {len(NAME)} characters]"
    assert held.cells["site_id"] == "S1"
    assert NAME not in str(held)


def test_a_unit_of_a_personal_record_that_is_none_is_withheld(judge: Judge) -> None:
    row = good_row("parcels", weight_quantity="3", weight_unit=NAME)
    del row["weight_kg"]
    assert NAME not in str(judge("parcels", [row]).held_back)


def test_a_shifted_row_of_a_personal_record_shows_nothing(judge: Judge) -> None:
    row = good_row("parcels", site_id=NAME)
    (held,) = judge("parcels", [row], errors=["17 cells where the header has 18"]).held_back
    assert NAME not in str(held.cells)
    assert set(held.cells.values()) == {
        f"[withheld, {len(value)} characters]" for value in row.values()
    }


def test_a_value_of_a_personal_record_that_has_its_shape_is_shown(judge: Judge) -> None:
    (held,) = judge("parcels", [good_row("parcels", weight_kg="-2")]).held_back
    assert held.cells["weight_kg"] == "-2"
    assert held.row_key == "C1|1"


def test_values_of_other_records_are_shown_as_they_came(judge: Judge) -> None:
    (held,) = judge("receipts", [good_row("receipts", quantity=NAME)]).held_back
    assert held.cells["quantity"] == NAME


# keys


def test_a_key_is_one_text_and_none_where_a_part_is_missing() -> None:
    contract = load_records()["orders"]
    assert make_row_key(contract, {"order_id": " O1 ", "line_no": "1"}) == "O1|1"
    assert make_row_key(contract, {"order_id": "007", "line_no": "1"}) == "007|1"
    assert make_row_key(contract, {"order_id": " ", "line_no": "1"}) is None
    assert make_row_key(contract, {"order_id": "O1"}) is None


def test_accepted_keys_are_found_among_those_that_were_held_back(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    contract = load_records()["orders"]
    rows = [good_row("orders"), good_row("orders", order_id="O'2"), good_row("orders", line_no="x")]
    batch = [DeliveredRows(make_origin(), make_cells(rows))]
    folder = tmp_path / "l'asso"
    judge_rows(connection, contract, batch, make_context(), folder, TODAY)
    keys = ["O1|1", "O'2|1", "O1|x", "O9|1"]
    found = find_accepted_keys(connection, contract, folder, make_origin(), keys)
    assert sorted(found) == ["O'2|1", "O1|1"]
    assert find_accepted_keys(connection, contract, folder, make_origin(), []) == []
    assert find_accepted_keys(connection, contract, folder, make_origin("d9"), keys) == []


def test_the_profile_of_a_delivery_has_its_tenths_and_its_median(judge: Judge) -> None:
    kilograms = [Decimal(number) for number in (10, 3, 1, 7, 5, 2, 9, 4, 8, 6)]
    rows = [
        good_row("removals") | {"line_no": str(line), "weight_kg": str(weight)}
        for line, weight in enumerate(kilograms, 1)
    ]
    profile = judge("removals", rows).outcome.profile
    assert [profile[f"{label}_kg"] for label in ("low", "median", "high", "maximum")] == [
        "1.000", "5.000", "9.000", "10.000",
    ]  # fmt: skip


@pytest.mark.parametrize(("rows", "step"), [(10, 1), (999_999, 1), (1_000_000, 2), (5_100_000, 10)])
def test_the_largest_deliveries_are_compared_by_a_sample(
    connection: duckdb.DuckDBPyConnection, rows: int, step: int
) -> None:
    connection.execute(f"create or replace temp view judged as from range({rows})")
    assert _sample(connection) == f"_source_line % {step} = 0"
    connection.execute("drop view judged")
