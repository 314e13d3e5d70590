"""The dbt project, parsed once, and Dagster's definitions loaded on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.definitions import build_defs
from pipelines.settings import Settings
from pipelines.warehouse.build import parse_project


@pytest.fixture(scope="session")
def parsed_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that holds the manifest of the dbt project and nothing else."""
    folder = tmp_path_factory.mktemp("parsed") / "data"
    parse_project(Settings(data_dir=folder, _env_file=None))  # type: ignore[call-arg]
    return folder


@pytest.fixture(scope="session")
def manifest(parsed_data_dir: Path) -> dict[str, Any]:
    path = parsed_data_dir / "warehouse" / "target" / "manifest.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="session")
def definitions(parsed_data_dir: Path) -> Iterator[dg.Definitions]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLECTO_DATA_DIR", str(parsed_data_dir))
        yield build_defs()
