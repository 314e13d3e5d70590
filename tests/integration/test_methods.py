"""A new factor and its method: closed months stay as they were, and the series shows a break."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from data_contracts.publications import open_current
from tests.conftest import DataFolder

pytestmark = pytest.mark.slow

# Kilograms of CO2 equivalent a tonne by methanisation: Base Carbone's, and one twice as high.
FACTOR, NEW_FACTOR = 173, 346
CHANGED_ON = "2024-05-01"
REMOVALS = """\
removal_id,line_no,removed_at,site_id,product_code,weight_kg,reason,destination
E4,1,2024-04-10T10:00:00,S1,POM,2,sorting,methanisation
E5,1,2024-05-10T10:00:00,S1,POM,4,sorting,methanisation
"""
HISTORY = """
    history:
      - method_version: '1.0'
        valid_from: '2022-01-01'
        replaced_fr: Facteur de méthanisation relevé.
        replaced_en: Higher factor of methanisation.
"""


def add_factor(project: Path) -> None:
    """A factor valid from May 2024 on, mapped in place of the former one."""
    seeds = project / "dbt_project" / "seeds"

    def close_and_follow(row: dict[str, str]) -> list[dict[str, str]]:
        if row["destination"] != "methanisation":
            return [row]
        following = {**row, "factor_id": "waste_methanisation_2024", "valid_from": CHANGED_ON}
        return [{**row, "valid_to": "2024-04-30"}, following]

    def add_value(row: dict[str, str]) -> list[dict[str, str]]:
        if row["factor_id"] != "waste_methanisation":
            return [row]
        following = {"factor_id": "waste_methanisation_2024", "factor_version": "V24.0",
                     "value": str(NEW_FACTOR), "valid_from": CHANGED_ON}  # fmt: skip
        return [row, {**row, **following}]

    rewrite(seeds / "waste_factors.csv", close_and_follow)
    rewrite(seeds / "emission_factors.csv", add_value)
    register = project / "data_contracts" / "indicators.yaml"
    before, entry, after = register.read_text(encoding="utf-8").partition(
        "  - code: induced_kg_co2e\n"
    )
    former = "    method_version: '1.0'\n    valid_from: '2022-01-01'\n"
    assert former in after
    current = f"    method_version: '1.1'\n    valid_from: '{CHANGED_ON}'\n"
    after = after.replace(former, current + HISTORY.lstrip("\n"), 1)
    register.write_text(before + entry + after, encoding="utf-8")


def rewrite(path: Path, change: Callable[[dict[str, str]], list[dict[str, str]]]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or [])
        rows = [changed for row in reader for changed in change(row)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.sweep
def test_a_new_factor_leaves_closed_months_and_shows_as_a_break(
    published_petite: DataFolder, tmp_path: Path, project_copy: Callable[[], Path]
) -> None:
    folder = published_petite.copy_to(tmp_path / "data")
    changed = DataFolder(folder.path, project_copy())
    add_factor(changed.project)
    changed.deliver("petite/removals/avril-mai.csv", REMOVALS)
    answer = changed.run_process("refresh", "--json")
    assert answer.status == 0, answer
    publication = open_current(folder.path / "published")
    mart = publication.read("mart_indicators").filter(
        indicator_code="induced_kg_co2e", variant="own_waste", scope_kind="food_bank"
    )
    months: dict[date, Any] = {
        row["period_start"]: row for row in mart.filter(period_kind="month").iter_rows(named=True)
    }
    april, may = months[date(2024, 4, 1)], months[date(2024, 5, 1)]
    assert float(april["value"]) == pytest.approx(2 / 1000 * FACTOR, abs=1e-6)
    assert float(may["value"]) == pytest.approx(4 / 1000 * NEW_FACTOR, abs=1e-6)
    assert (april["method_version"], may["method_version"]) == ("1.0", "1.1")
    methods = publication.read("mart_method_versions").filter(indicator_code="induced_kg_co2e")
    assert methods.sort("valid_from").select(
        "method_version", "valid_from", "valid_to", "replaced_en"
    ).rows() == [
        ("1.0", date(2022, 1, 1), date(2024, 4, 30), "Higher factor of methanisation."),
        ("1.1", date(2024, 5, 1), None, None),
    ]
    explained = changed.run_process(
        "indicator", "induced_kg_co2e", "--variant", "own_waste", "--period", "2024", "--explain",
        "--json", "--food-bank", "petite",
    )  # fmt: skip
    assert explained.status == 0, explained.err
    [row] = explained.json
    assert {factor["factor_id"]: factor["kg_co2e"] for factor in row["explain"]["factors"]} == {
        "waste_methanisation": pytest.approx(2 / 1000 * FACTOR),
        "waste_methanisation_2024": pytest.approx(4 / 1000 * NEW_FACTOR),
    }
