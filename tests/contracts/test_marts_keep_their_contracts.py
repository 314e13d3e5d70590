"""What dbt enforces of a mart is what its contract promises; the register is what dbt computes."""

from __future__ import annotations

import csv
import re
from typing import Any

import pytest
import yaml

from data_contracts.loader import load_marts, load_records, load_register
from pipelines.settings import DBT_PROJECT_DIR
from pipelines.warehouse.build import make_register_table
from tests.fixtures.publication import contract_schema

MARTS = load_marts()


def read_models(layer: str) -> dict[str, dict[str, Any]]:
    models: dict[str, dict[str, Any]] = {}
    for path in sorted((DBT_PROJECT_DIR / "models" / layer).glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        models |= {model["name"]: model for model in content.get("models", [])}
    return models


MODELS = read_models("marts")


def normalise_type(written: str) -> str:
    return re.sub(r"\s", "", written).upper()


def test_every_mart_has_a_contract_and_every_contract_a_mart() -> None:
    assert set(MODELS) == set(MARTS)


@pytest.mark.parametrize("mart", MARTS)
def test_a_mart_has_the_columns_and_types_of_its_contract_in_its_order(mart: str) -> None:
    declared = [(c["name"], normalise_type(c["data_type"])) for c in MODELS[mart]["columns"]]
    promised = [(c.name, normalise_type(c.physical_type)) for c in MARTS[mart].columns]
    assert declared == promised


@pytest.mark.parametrize("mart", MARTS)
def test_a_mart_requires_nothing_that_its_contract_leaves_open(mart: str) -> None:
    not_null = {
        column["name"]
        for column in MODELS[mart]["columns"]
        if {"type": "not_null"} in column.get("constraints", [])
    }
    assert not_null <= {column.name for column in MARTS[mart].columns if column.is_required}


@pytest.mark.parametrize("mart", MARTS)
def test_a_mart_is_unique_by_the_key_of_its_contract(mart: str) -> None:
    keys = [
        test["is_unique"]["arguments"]["columns"]
        for test in MODELS[mart].get("data_tests", [])
        if isinstance(test, dict) and "is_unique" in test
    ]
    assert keys == [list(MARTS[mart].keys)]


@pytest.mark.parametrize("mart", MARTS)
def test_codes_that_dbt_accepts_are_those_of_the_contract(mart: str) -> None:
    declared = {
        column["name"]: set(test["accepted_values"]["arguments"]["values"])
        for column in MODELS[mart]["columns"]
        for test in column.get("data_tests", [])
        if isinstance(test, dict) and "accepted_values" in test
    }
    promised = {column.name: set(column.codes) for column in MARTS[mart].columns if column.codes}
    assert {name: codes - promised.get(name, codes) for name, codes in declared.items()} == {
        name: set() for name in declared
    }


def test_codes_of_records_that_marts_carry_are_known_to_the_marts() -> None:
    channels = set(load_records()["receipts"].column("channel").codes)
    families = set(load_records()["products"].column("network_family").codes)
    flows = MARTS["mart_flows_monthly"]
    assert channels <= set(flows.column("channel").codes)
    assert families <= set(flows.column("network_family").codes)
    assert families <= set(MARTS["mart_mass_balance_monthly"].column("network_family").codes)


# the register of indicators


def read_formulas() -> list[dict[str, str]]:
    path = DBT_PROJECT_DIR / "seeds" / "indicator_formulas.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def list_registered() -> list[tuple[str, str]]:
    return [
        (indicator.code, variant)
        for indicator in load_register().values()
        for variant in indicator.variants
    ]


def test_codes_of_the_register_are_unique_and_public_names() -> None:
    path = DBT_PROJECT_DIR.parent / "data_contracts" / "indicators.yaml"
    written = re.findall(r"^ {2}- code: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert written == list(load_register())
    assert len(set(written)) == len(written)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", code) for code in written)


def test_every_registered_indicator_is_computed_and_no_other() -> None:
    computed = [(row["indicator_code"], row["variant"]) for row in read_formulas()]
    assert len(set(computed)) == len(computed)
    assert sorted(computed) == sorted(list_registered())


def test_formulas_rest_on_records_that_have_a_contract() -> None:
    for row in read_formulas():
        assert set(row["records"].split("|")) <= set(load_records()), row["indicator_code"]


@pytest.mark.parametrize("code", load_register())
def test_an_indicator_has_its_texts_and_a_column_of_a_mart(code: str) -> None:
    indicator = load_register()[code]
    texts = (indicator.label_fr, indicator.label_en, indicator.definition_fr,
             indicator.definition_en, indicator.formula, indicator.source)  # fmt: skip
    assert all(text.strip() for text in texts)
    assert MARTS[indicator.mart].column(indicator.column)
    assert indicator.variants
    assert set(indicator.additive_over) <= {"months", "sites", "food_banks", "territories"}


@pytest.mark.parametrize("code", load_register())
def test_a_ratio_is_not_added(code: str) -> None:
    indicator = load_register()[code]
    if code.endswith("_share") or "_per_" in code:
        assert indicator.additive_over == []


def test_what_is_summed_over_food_banks_is_what_the_register_lets_be_added() -> None:
    """What has no sum (a median, communes served) has another operation."""
    summed = {
        row["indicator_code"] for row in read_formulas() if row["operation"] in ("total", "meals")
    }
    additive = {
        code for code, entry in load_register().items() if "food_banks" in entry.additive_over
    }
    assert summed == additive


def test_the_published_register_has_the_columns_of_its_mart() -> None:
    table = make_register_table()
    assert dict(table.schema) == dict(contract_schema("mart_register"))
    assert table["indicator_code"].to_list() == list(load_register())
