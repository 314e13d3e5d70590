"""A boundary is a test: rooms, their names, and who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).resolve().parents[2]
ROOMS = {
    "benchmarks", "dashboards", "data_contracts", "dbt_project", "deploy", "docs", "pipelines",
    "tests",
}  # fmt: skip
# Made by tools and left out of version control.
LEFT_OUT = {"data", "dist", "build", "screenshots", "logs"}
PACKAGES = ("data_contracts", "pipelines", "dashboards")
NAMELESS = {"utils", "util", "common", "helpers", "helper", "lib", "misc", "base", "core"}
MODULES = sorted(
    path.relative_to(PROJECT_DIR)
    for room in (*PACKAGES, "tests", "benchmarks")
    for path in (PROJECT_DIR / room).rglob("*.py")
)


def test_the_rooms_are_those_of_the_architecture() -> None:
    found = {
        path.name
        for path in PROJECT_DIR.iterdir()
        if path.is_dir() and not path.name.startswith(".") and not path.name.endswith(".egg-info")
    }
    assert found - LEFT_OUT == ROOMS


def test_no_module_is_named_after_nothing() -> None:
    parts = {part for path in MODULES for part in (*path.parent.parts, path.stem)}
    assert parts & NAMELESS == set()


@pytest.mark.parametrize("path", [path for path in MODULES if path.parts[0] in PACKAGES], ids=str)
def test_every_module_says_what_lives_there(path: Path) -> None:
    tree = ast.parse((PROJECT_DIR / path).read_text(encoding="utf-8"))
    docstring = ast.get_docstring(tree)
    assert docstring and not docstring[0].islower()


def test_every_test_module_says_what_it_shows() -> None:
    tests = [path for path in MODULES if path.parts[0] == "tests" and path.name != "__init__.py"]
    silent = [
        str(path)
        for path in tests
        if not ast.get_docstring(ast.parse((PROJECT_DIR / path).read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_unit_tests_mirror_the_rooms() -> None:
    found = {path.name for path in (PROJECT_DIR / "tests" / "unit").iterdir() if path.is_dir()}
    assert found - {"__pycache__"} <= {*PACKAGES, "dbt_project"}


def test_rooms_import_only_what_they_may() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_an_asset_is_no_place_for_logic() -> None:
    """Modules of `defs` hold no engine but what carries a connection from stage to stage."""
    banned = {"polars", "pandas", "great_expectations", "dbt"}
    for path in (PROJECT_DIR / "pipelines" / "defs").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {
            name.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for name in node.names
        } | {
            (node.module or "").split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
        }
        assert imported & banned == set(), path.name


def test_starting_the_command_line_does_not_import_heavy_packages() -> None:
    script = (
        "import sys, pipelines.cli;"
        "print([name for name in ('dagster', 'dbt', 'great_expectations', 'streamlit', 'plotly')"
        " if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT_DIR, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_pages_open_published_data_through_the_readers_door_only() -> None:
    """What is imported from `data_contracts.publications` by name opens no folder for anybody."""
    ways_around = {"open_current", "open_publication", "open_edition", "list_editions"}
    for path in (PROJECT_DIR / "dashboards").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "data_contracts.publications":
                assert ways_around.isdisjoint(alias.name for alias in node.names), path.name
