"""Fixtures that several rooms of tests share: data folders, the command line, the demonstration."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from pipelines import cli
from pipelines.settings import Settings
from pipelines.warehouse.build import ensure_manifest, target_dir

PROJECT_DIR = Path(__file__).resolve().parent.parent
SHARED_DIR = Path(os.environ.get("COLLECTO_SHARED_DIR", PROJECT_DIR.parent / "shared"))
TEST_KEY = "a key of at least thirty-two characters, for tests only"


@dataclass(frozen=True)
class Answer:
    """What a command of `collecto` gave."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class DataFolder:
    """A data folder and the command line on it."""

    path: Path
    project: Path = PROJECT_DIR

    @property
    def landing(self) -> Path:
        return self.path / "landing"

    @property
    def environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("COLLECTO_")
        }
        return {
            **inherited,
            "COLLECTO_DATA_DIR": str(self.path),
            "COLLECTO_PSEUDONYM_KEY": TEST_KEY,
            "COLLECTO_AS_OF": "2024-06-26",
            "PYTHONPATH": str(self.project),
        }

    def collecto(self, *arguments: str, **environment: str) -> Answer:
        """Run one command in this process, with its output and its exit status."""
        out, err = io.StringIO(), io.StringIO()
        status = 0
        with (
            _environment({**self.environment, **environment}),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                cli.main(list(arguments))
            except SystemExit as stop:
                status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        return Answer(status, out.getvalue(), err.getvalue())

    def run_process(self, *arguments: str, **environment: str) -> Answer:
        """Run one command as a person does, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", *arguments],
            cwd=self.project,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def deliver(self, name: str, content: str | bytes) -> Path:
        """Put a file into landing, as a sender that renames it into place."""
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        temporary = path.with_name(f".{path.name}.part")
        temporary.write_bytes(data)
        temporary.rename(path)
        return path

    def value(self, code: str, period: str, scope: str) -> float | None:
        """The published value of an indicator for one scope."""
        answer = self.collecto("indicator", code, "--period", period, "--json")
        assert answer.status == 0, answer.err
        return next(row["value"] for row in answer.json if row["scope_id"] == scope)

    def copy_to(self, path: Path) -> DataFolder:
        shutil.copytree(self.path, path)
        return DataFolder(path, self.project)


BuildOnce = Callable[[str, Callable[[DataFolder], None]], DataFolder]


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    former = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(former)


@pytest.fixture
def folder(tmp_path: Path, parsed_project: Path) -> DataFolder:
    """A data folder without data."""
    return start_folder(tmp_path / "data", parsed_project)


def start_folder(path: Path, parsed_project: Path) -> DataFolder:
    """A data folder that holds nothing but the parsed dbt project, as after any earlier run."""
    folder = DataFolder(path)
    shutil.copytree(parsed_project, target_dir(Settings(data_dir=path)))
    return folder


@pytest.fixture(scope="session")
def shared_between_workers(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def parsed_project(shared_between_workers: Path) -> Path:
    """What dbt writes when it parses the project: the same for every data folder."""
    settings = Settings(data_dir=shared_between_workers / "parsed")
    with FileLock(shared_between_workers / "parsed.lock"):
        ensure_manifest(settings)
    return target_dir(settings)


@pytest.fixture(scope="session")
def build_once(shared_between_workers: Path, parsed_project: Path) -> BuildOnce:
    """Build a data folder once for all workers of the session; tests do not write into it."""
    shared = shared_between_workers

    def build(name: str, fill: Callable[[DataFolder], None]) -> DataFolder:
        with FileLock(shared / f"{name}.lock"):
            if not (shared / f"{name}.built").exists():
                fill(start_folder(shared / name, parsed_project))
                (shared / f"{name}.built").touch()
        return DataFolder(shared / name)

    return build


@pytest.fixture(scope="session")
def demonstration(build_once: BuildOnce) -> DataFolder:
    """The whole demonstration, published. Tests do not write into it."""

    def fill(folder: DataFolder) -> None:
        written = folder.run_process("demo")
        assert written.status == 0, written.err
        refreshed = folder.run_process("refresh", "--json")
        assert refreshed.status == 0, refreshed.err + refreshed.out

    return build_once("demonstration", fill)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of public reference data; tests that need it are skipped where it is absent."""
    if not SHARED_DIR.is_dir():
        pytest.skip(f"reference data are not there: {SHARED_DIR} (set COLLECTO_SHARED_DIR)")
    return SHARED_DIR


@pytest.fixture
def project_copy(tmp_path: Path) -> Callable[[], Path]:
    """A copy of the project's code, for tests that change a contract."""

    def copy() -> Path:
        target = tmp_path / "project"
        left_out = shutil.ignore_patterns("__pycache__", "target", "logs")
        for name in ("data_contracts", "pipelines", "dashboards", "dbt_project"):
            shutil.copytree(PROJECT_DIR / name, target / name, ignore=left_out)
        for name in ("dagster.yaml", "pyproject.toml"):
            shutil.copyfile(PROJECT_DIR / name, target / name)
        return target

    return copy


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """Settings of the machine do not reach the tests."""
    former = {name: value for name, value in os.environ.items() if name.startswith("COLLECTO_")}
    for name in former:
        if name != "COLLECTO_SHARED_DIR":
            del os.environ[name]
    yield
    os.environ.update(former)
