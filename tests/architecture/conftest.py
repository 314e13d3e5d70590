"""The dbt project, parsed once, and Dagster's definitions loaded on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.definitions import build_defs
from tests.conftest import start_folder


@pytest.fixture(scope="session")
def parsed_data_dir(tmp_path_factory: pytest.TempPathFactory, parsed_project: Path) -> Path:
    """A data folder that holds the manifest of the dbt project and nothing else."""
    return start_folder(tmp_path_factory.mktemp("parsed") / "data", parsed_project).path


@pytest.fixture(scope="session")
def manifest(parsed_data_dir: Path) -> dict[str, Any]:
    path = parsed_data_dir / "warehouse" / "target" / "manifest.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="session")
def definitions(parsed_data_dir: Path) -> dg.Definitions:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLECTO_DATA_DIR", str(parsed_data_dir))
        return build_defs()
