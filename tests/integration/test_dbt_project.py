"""The dbt project's own unit tests, and a build that starts from nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.settings import Settings
from pipelines.warehouse.build import run_dbt
from tests.conftest import DataFolder

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(published_petite: DataFolder, tmp_path: Path) -> Settings:
    return Settings(data_dir=published_petite.copy_to(tmp_path / "data").path, _env_file=None)


def test_every_formula_gives_what_was_worked_out_by_hand(settings: Settings) -> None:
    result = run_dbt(settings, ["test", "--select", "test_type:unit"])
    outcomes = {node.node.name: str(node.status) for node in result.result.results}
    assert len(outcomes) >= 30
    assert {name for name, status in outcomes.items() if status != "pass"} == set()


@pytest.mark.sweep
def test_a_build_from_nothing_gives_the_marts_of_the_refresh(settings: Settings) -> None:
    import duckdb

    query = "select * from mart_indicators order by all"
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        refreshed = connection.execute(query).fetchall()
    settings.warehouse_file.unlink()
    result = run_dbt(settings, ["build", "--exclude-resource-type", "unit_test", "--full-refresh"])
    failed = [n.node.name for n in result.result.results if str(n.status) in ("error", "fail")]
    assert failed == []
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        assert connection.execute(query).fetchall() == refreshed


# They join lists of a hundred rows at most: factors, territories.
SMALL = {"fct_carbon_monthly", "dim_territory_members"}


def test_no_model_compares_every_line_with_every_other(demonstration: DataFolder) -> None:
    """A condition of one side alone, beside the keys of a left join, would have DuckDB do so."""
    import duckdb

    warehouse = demonstration.path / "warehouse"
    compiled = sorted((warehouse / "target" / "compiled").glob("*/models/**/*.sql"))
    assert len(compiled) > 150
    slow = set()
    with duckdb.connect(str(warehouse / "observatory.duckdb"), read_only=True) as connection:
        connection.execute(f"set file_search_path = '{demonstration.path}'")
        for path in compiled:
            plan = connection.execute(f"explain {path.read_text('utf-8')}").fetchall()
            if any("NL_JOIN" in text or "NESTED_LOOP" in text for _, text in plan):
                slow.add(path.stem)
    assert slow <= SMALL
