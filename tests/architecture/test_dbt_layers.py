"""Rules of the dbt project, read from its manifest: layers, names, descriptions, marts."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
import yaml

from dashboards.pages import PAGES
from data_contracts.loader import load_marts, load_records
from pipelines.settings import DBT_PROJECT_DIR

# A layer reads the one before it or its own; core also reads reference data (seeds).
MAY_READ = {
    "staging": {"source"},
    "intermediate": {"staging", "intermediate"},
    "core": {"intermediate", "core", "seed"},
    "marts": {"core"},
}
PREFIXES = {"staging": ("stg_",), "intermediate": ("int_",), "core": ("dim_", "fct_"),
            "marts": ("mart_",)}  # fmt: skip
# Whose a layer is, and who may read it: staging only its own group, marts everybody.
ACCESS = {"staging": ("records", "private"), "intermediate": ("records", "protected"),
          "core": ("figures", "protected"), "marts": ("publication", "public")}  # fmt: skip

Node = dict[str, Any]


@pytest.fixture(scope="session")
def models(manifest: dict[str, Any]) -> dict[str, Node]:
    return {
        node["name"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
    }


def list_parents(manifest: dict[str, Any], node: Node) -> list[str]:
    """The layers that a model reads: a layer of models, `seed` or `source`."""
    parents = []
    for parent in node["depends_on"]["nodes"]:
        kind = parent.split(".")[0]
        parents.append(manifest["nodes"][parent]["fqn"][1] if kind == "model" else kind)
    return parents


def test_a_layer_reads_only_the_one_before_it_or_its_own(
    manifest: dict[str, Any], models: dict[str, Node]
) -> None:
    wrong = [
        (name, parent)
        for name, node in models.items()
        for parent in list_parents(manifest, node)
        if parent not in MAY_READ[node["fqn"][1]]
    ]
    assert wrong == []


def test_a_model_bears_the_prefix_of_its_layer(models: dict[str, Node]) -> None:
    assert [n for n, node in models.items() if not n.startswith(PREFIXES[node["fqn"][1]])] == []


def test_every_staging_model_has_the_source_of_its_name(models: dict[str, Node]) -> None:
    staged = {name: node for name, node in models.items() if name.startswith("stg_")}
    for name, node in staged.items():
        sources = [parent for parent in node["depends_on"]["nodes"] if parent.startswith("source.")]
        assert sources, name
        assert any(source.endswith("." + name.removeprefix("stg_")) for source in sources), name
    assert set(load_records()) <= {name.removeprefix("stg_") for name in staged}


def test_every_record_is_a_source_of_accepted_rows(manifest: dict[str, Any]) -> None:
    accepted = {
        source["name"]
        for source in manifest["sources"].values()
        if source["source_name"] == "accepted"
    }
    assert accepted == set(load_records())


def test_every_description_says_what_a_row_is(manifest: dict[str, Any]) -> None:
    described = [
        node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")
    ]
    silent = [n["name"] for n in described if not n["description"].startswith("One row per")]
    assert silent == []


def test_marts_are_those_of_the_contracts_and_are_enforced(models: dict[str, Node]) -> None:
    marts = {name: node for name, node in models.items() if node["fqn"][1] == "marts"}
    assert set(marts) == set(load_marts())
    assert all(node["config"]["contract"]["enforced"] for node in marts.values())


@pytest.mark.parametrize("mart", load_marts())
def test_a_mart_holds_names_of_columns_and_nothing_else(mart: str) -> None:
    path = DBT_PROJECT_DIR / "models" / "marts" / f"{mart}.sql"
    sql = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
    body = re.sub(r"\{\{.*?\}\}", "relation", sql, flags=re.DOTALL)
    body = re.sub(r"\{#.*?#\}", "", body, flags=re.DOTALL)
    assert "{%" not in body
    names = r"\w+(\s+as\s+\w+)?"
    assert re.fullmatch(rf"\s*select\s+({names},\s*)*{names},?\s+from\s+relation\s*", body), body


def test_every_model_is_read_by_another_or_published(
    manifest: dict[str, Any], models: dict[str, Node]
) -> None:
    read = {parent for node in models.values() for parent in node["depends_on"]["nodes"]}
    read |= {
        parent
        for exposure in manifest["exposures"].values()
        for parent in exposure["depends_on"]["nodes"]
    }
    unread = {
        name
        for name, node in models.items()
        if node["unique_id"] not in read and node["fqn"][1] != "marts"
    }
    assert unread == set()


def test_a_mart_reads_one_model(models: dict[str, Node]) -> None:
    marts = {name: node for name, node in models.items() if node["fqn"][1] == "marts"}
    several = {
        name: node["depends_on"]["nodes"]
        for name, node in marts.items()
        if len(node["depends_on"]["nodes"]) != 1
    }
    assert several == {}


def test_every_model_has_the_group_and_the_access_of_its_layer(
    manifest: dict[str, Any], models: dict[str, Node]
) -> None:
    groups = {group["name"] for group in manifest["groups"].values()}
    assert groups == {group for group, _ in ACCESS.values()}
    wrong = {
        name: (node["group"], node["access"])
        for name, node in models.items()
        if (node["group"], node["access"]) != ACCESS[node["fqn"][1]]
    }
    assert wrong == {}


def test_every_column_of_a_mart_is_described_once(models: dict[str, Node]) -> None:
    described = Counter(
        (model["name"], column["name"])
        for path in sorted((DBT_PROJECT_DIR / "models").rglob("*.yml"))
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", [])
        for column in model.get("columns", [])
        if column.get("description", "").strip()
    )
    wanted = {
        (name, column.name): 1
        for name, contract in load_marts().items()
        for column in contract.columns
    }
    found = {key: times for key, times in described.items() if key[0] in load_marts()}
    assert found == wanted
    assert all(
        list(models[name]["columns"]) == [column.name for column in contract.columns]
        for name, contract in load_marts().items()
    )


def test_every_record_says_when_it_was_last_received(manifest: dict[str, Any]) -> None:
    accepted = [s for s in manifest["sources"].values() if s["source_name"] == "accepted"]
    assert {source["loaded_at_field"] for source in accepted} == {"_received_at"}
    limits = [source["freshness"] for source in accepted if source["freshness"]]
    assert any((limit.get("warn_after") or {}).get("count") for limit in limits)
    # A late record is a warning: it never keeps figures from being published.
    assert not any((limit.get("error_after") or {}).get("count") for limit in limits)


def test_every_page_is_an_exposure(manifest: dict[str, Any]) -> None:
    exposed = {exposure["name"] for exposure in manifest["exposures"].values()}
    assert {code.replace("-", "_") for code in PAGES} <= exposed


# The joined lists have a hundred rows at most: formulas, sides, ledgers.
JOINED_LISTS = {
    "fct_carbon_monthly", "fct_declared_growth_measures", "fct_flows_by_kind", "fct_indicators",
}  # fmt: skip


def test_a_left_join_has_no_condition_of_its_left_side_alone() -> None:
    """`on lines.kind = 'x' and key = key` has DuckDB compare every line with every other: it
    belongs within a key, as `case when lines.kind = 'x' then key end = key`."""
    found = set()
    for path in (DBT_PROJECT_DIR / "models").rglob("*.sql"):
        for join in path.read_text("utf-8").split("left join")[1:]:
            clause = re.split(r"\b(?:join|where|group)\b|\n\n", join)[0]
            joined, _, conditions = clause.partition(" on ")
            literals = re.findall(r"^ *(?:on |and |)(\w+)\.\w+ = '", conditions, re.MULTILINE)
            if set(literals) - {joined.split()[-1]}:
                found.add(path.stem)
    assert found <= JOINED_LISTS
