"""Dagster's definitions: names, checks, and a path from what lands to every page."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from dashboards.pages import PAGES as DASHBOARDS
from data_contracts.loader import load_marts, load_records

PAGES = {f"page_{code.replace('-', '_')}" for code in DASHBOARDS}
GROUPS = {
    "landing", "accepted", "staging", "intermediate", "core", "marts", "seeds", "publication",
    "dashboards", "default",
}  # fmt: skip


@pytest.fixture(scope="session")
def graph(definitions: dg.Definitions) -> Any:
    return definitions.resolve_asset_graph()


def name_of(key: dg.AssetKey) -> str:
    return key.to_user_string()


def list_ancestors(graph: Any, name: str) -> set[str]:
    found: set[str] = set()
    waiting = [dg.AssetKey(name)]
    while waiting:
        for parent in graph.get(waiting.pop()).parent_keys:
            if name_of(parent) not in found:
                found.add(name_of(parent))
                waiting.append(parent)
    return found


def list_checks(graph: Any) -> dict[str, set[str]]:
    checks: dict[str, set[str]] = {}
    for key in graph.asset_check_keys:
        checks.setdefault(name_of(key.asset_key), set()).add(key.name)
    return checks


def test_jobs_schedules_and_sensors_bear_these_names(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    jobs = {name for name in repository.job_names if not name.startswith("__")}
    assert jobs == {"build_reports", "rebuild", "refresh", "retention"}
    schedules = {schedule.name for schedule in repository.schedule_defs}
    assert schedules == {"nightly_refresh", "monthly_retention", "morning_reports"}
    assert {sensor.name for sensor in repository.sensor_defs} == {"landing_sensor"}
    assert set(repository.get_top_level_resources()) == {"writer"}


def test_an_asset_is_named_after_its_table(graph: Any, manifest: dict[str, Any]) -> None:
    tables = {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
    }
    keys = {name_of(key) for key in graph.get_all_asset_keys()}
    others = {
        "landing", "publication_draft", "publication", "editions", "reports", "alerts", *PAGES,
        *load_records(),
    }  # fmt: skip
    inputs = {
        f"input_{source['name']}"
        for source in manifest["sources"].values()
        if source["source_name"] == "inputs"
    }
    assert keys == tables | others | inputs


def test_a_page_is_reached_from_what_lands(graph: Any) -> None:
    for page in PAGES:
        ancestors = list_ancestors(graph, page)
        assert "landing" in ancestors
        assert set(load_records()) <= ancestors, page
        assert set(load_marts()) <= ancestors, page
        assert {"publication_draft", "publication"} <= ancestors


def test_a_page_depends_on_the_marts_of_its_exposure(graph: Any, manifest: dict[str, Any]) -> None:
    read = {
        f"page_{exposure['name']}": {
            node.split(".")[-1] for node in exposure["depends_on"]["nodes"]
        }
        for exposure in manifest["exposures"].values()
    }
    for page in PAGES:
        parents = {name_of(key) for key in graph.get(dg.AssetKey(page)).parent_keys}
        assert parents == {"publication", "editions", *read[page]}, page


@pytest.mark.parametrize("record", load_records())
def test_a_record_comes_from_landing_and_reaches_its_staging_model(graph: Any, record: str) -> None:
    assert list_ancestors(graph, record) == {"landing"}
    assert record in list_ancestors(graph, f"stg_{record}")


def test_every_record_and_mart_has_its_check(graph: Any) -> None:
    checks = list_checks(graph)
    for record in load_records():
        assert "delivery_profiles_match_contract" in checks[record], record
    assert {f"{mart}_matches_contract" for mart in load_marts()} <= checks["publication_draft"]


def test_a_failing_mart_blocks_the_publication(graph: Any) -> None:
    for mart in load_marts():
        key = dg.AssetCheckKey(dg.AssetKey("publication_draft"), f"{mart}_matches_contract")
        assert graph.get_check_spec(key).blocking, mart


def test_every_data_test_of_one_model_is_a_check(graph: Any, manifest: dict[str, Any]) -> None:
    tests = {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and not node["name"].startswith("assert_")
    }
    found = {check for checks in list_checks(graph).values() for check in checks}
    assert tests <= found


def test_groups_are_layers(graph: Any) -> None:
    groups = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert groups <= GROUPS


def test_only_one_step_writes_in_the_warehouse(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("refresh")
    pools = {node.definition.pool for node in job.nodes if node.definition.pool}
    assert pools == {"warehouse_writer"}
    assert job.executor_def.name == "in_process"
