"""Contracts keep the standard that they name, and the project's own rules for names and labels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for

from data_contracts.loader import CONTRACTS_DIR, Column, load_marts, load_records, load_register

# The package open-data-contract-standard ships the schema of a later version, which takes more.
SCHEMA = Path("reference/contracts/odcs-schema/odcs-json-schema-v3.1.0.json")
FILES = sorted(CONTRACTS_DIR.glob("*/*.odcs.yaml"))
RECORDS, MARTS = load_records(), load_marts()


@pytest.fixture(scope="module")
def standard(shared_dir: Path) -> Any:
    path = shared_dir / SCHEMA
    if not path.is_file():
        pytest.skip(f"the JSON schema of ODCS 3.1.0 is not there: {path}")
    schema = json.loads(path.read_text(encoding="utf-8"))
    return validator_for(schema)(schema)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_contract_is_valid_under_odcs_3_1(path: Path, standard: Any) -> None:
    contract = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = [f"{error.json_path}: {error.message}" for error in standard.iter_errors(contract)]
    assert found == []
    assert contract["apiVersion"] == "v3.1.0"


def test_every_contract_is_of_a_record_or_a_mart() -> None:
    assert {path.name.removesuffix(".odcs.yaml") for path in FILES} == {*RECORDS, *MARTS}


@pytest.mark.parametrize("record", RECORDS)
def test_every_column_of_a_record_has_labels_in_both_languages(record: str) -> None:
    contract = RECORDS[record]
    assert [c.name for c in contract.columns if not (c.label_fr and c.label_en)] == []
    assert [r.name for r in contract.row_rules if not (r.message_fr and r.message_en)] == []


@pytest.mark.parametrize("contract", [*RECORDS.values(), *MARTS.values()], ids=lambda c: c.name)
def test_a_contract_says_what_a_row_is_and_what_makes_it_one(contract: Any) -> None:
    assert contract.description.startswith("One row per ")
    assert re.fullmatch(r"\d+\.\d+\.\d+", contract.version)
    assert contract.keys
    assert all(contract.column(key).is_required for key in contract.keys)
    names = [column.name for column in contract.columns]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_begins_with_its_food_bank_and_names_columns_that_it_has(record: str) -> None:
    contract = RECORDS[record]
    assert contract.columns[0].name == contract.keys[0] == "food_bank_id"
    names = {column.name for column in contract.columns}
    assert set(contract.header_columns) <= names
    assert contract.date_column is None or contract.date_column in names
    assert contract.measure is None or contract.measure in names | {"weight_kg"}
    if contract.kind == "event":
        assert {"updated_at", "is_deleted"} <= names
        # A target may begin on a day to come.
        assert contract.date_column or record == "targets"


@pytest.mark.parametrize("record", RECORDS)
def test_a_reference_names_a_key_of_a_record(record: str) -> None:
    for column in RECORDS[record].columns:
        if column.reference:
            target, key = column.reference.split(".")
            assert key in RECORDS[target].keys


def test_names_of_people_and_their_addresses_are_columns_of_no_contract() -> None:
    forbidden = re.compile(r"(first|last|sur|family)_?name|address|phone|e_?mail|birth")
    names = {(c.name, column.name) for c in RECORDS.values() for column in c.columns}
    assert [pair for pair in names if forbidden.search(pair[1])] == []
    personal = {
        (c.name, col.name) for c in RECORDS.values() for col in c.columns if col.is_personal
    }
    assert personal == {
        ("parcels", "household_id"),
        ("vouchers", "household_id"),
        ("platform_sessions", "user_id"),
    }
    published = {column.name for contract in MARTS.values() for column in contract.columns}
    assert not published & {"household_id", "user_id"}


# names of the columns of marts: the unit last, dates and flags told by their name

UNITS = {"_kg": "kg", "_km": "km", "_eur": "EUR", "kg_co2e": "kgCO2e", "_hours": "h",
         "_minutes": "min", "_days": "d", "_percent": "%"}  # fmt: skip
# Low and high ends, and the same days a year before, stand after the unit that they share.
SUFFIXES = ("_low", "_high", "_same_days")
# Their unit stands beside them, in a column of its own.
UNIT_BESIDE = {"value", "numerator", "denominator", "low", "high", "published_value"}
# Things counted stand in the plural, first or last ("parcels", "new_households", "people_helped");
# a rank ends in `_no`.
PLURALS = re.compile(
    r"(\w+_)?(\w+s|people|women|men)(_\w+)?|population|position|turned_away|year|\w+_no"
)


def list_mart_columns(*physical_types: str) -> list[Any]:
    return [
        pytest.param(contract.name, column, id=f"{contract.name}.{column.name}")
        for contract in MARTS.values()
        for column in contract.columns
        if column.physical_type.startswith(physical_types)
    ]


def strip_suffix(name: str) -> str:
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


@pytest.mark.parametrize(("mart", "column"), list_mart_columns("DECIMAL", "DOUBLE"))
def test_a_measure_ends_in_its_unit(mart: str, column: Column) -> None:
    assert column.physical_type.startswith("DECIMAL"), "sums of DOUBLE differ between two threads"
    if column.name in ("latitude", "longitude"):
        return
    beside = {other.name for other in MARTS[mart].columns}
    if column.name in UNIT_BESIDE:
        assert "unit" in beside
    elif column.name.endswith("_quantity"):
        assert column.name.replace("_quantity", "_unit") in beside
    elif column.name.endswith("_share"):
        assert (column.minimum, column.maximum) == (0, 1)
    else:
        units = [
            unit
            for ending, unit in UNITS.items()
            if f"_{strip_suffix(column.name)}".endswith(ending)
        ]
        assert units == [column.unit]


@pytest.mark.parametrize(("mart", "column"), list_mart_columns("BIGINT", "INTEGER"))
def test_a_count_is_a_plural_or_says_count(mart: str, column: Column) -> None:
    assert PLURALS.fullmatch(column.name) or column.name.startswith("count_"), mart


@pytest.mark.parametrize(("mart", "column"), list_mart_columns("BOOLEAN"))
def test_a_flag_is_told_by_its_name(mart: str, column: Column) -> None:
    assert column.name.startswith(("is_", "has_", "was_", "uses_")), mart


@pytest.mark.parametrize(("mart", "column"), list_mart_columns("DATE", "TIMESTAMP"))
def test_a_date_is_told_by_its_name(mart: str, column: Column) -> None:
    pattern = r"month|(period|week|quarter|year)_(start|end)|\w+_(date|on|at)|valid_(from|to)"
    assert re.fullmatch(pattern, column.name), mart


def test_a_name_has_the_same_type_in_every_mart() -> None:
    types: dict[str, set[str]] = {}
    for contract in MARTS.values():
        for column in contract.columns:
            types.setdefault(column.name, set()).add(column.physical_type)
    assert {name: found for name, found in types.items() if len(found) > 1} == {}


def test_an_indicator_is_by_territory_where_a_commune_says_which() -> None:
    for indicator in load_register().values():
        is_by_territory = "territory" in indicator.dimensions
        assert is_by_territory == (indicator.territory_basis != "none"), indicator.code
