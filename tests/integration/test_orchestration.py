"""Dagster on a real PostgreSQL, its schedule and its sensor."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines.defs import jobs
from pipelines.defs.sensors import landing_sensor
from pipelines.runs import prepare_dagster_home, sweep_dead_runs
from pipelines.settings import Settings
from pipelines.store import StoreBusyError, hold_writer_lock
from tests.conftest import TEST_KEY, DataFolder

PASSWORD = "p@ss:w/rd #%&?=1"


def _find_program(name: str) -> str:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(installed[-1]) if installed else shutil.which(name)
    if not found:
        pytest.fail(f"{name} is missing: run `make system-packages`")
    return found


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of its own on a free port, which refuses to run as root."""
    folder = tmp_path_factory.mktemp("postgres")
    data, socket_folder = folder / "data", folder / "socket"
    socket_folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = None
    if os.geteuid() == 0:
        user = "postgres"
        shutil.chown(folder, user)
        shutil.chown(socket_folder, user)
        for parent in folder.parents:
            if parent.owner() == "root" and str(parent).startswith("/tmp/"):
                parent.chmod(0o755)

    def run(*command: str) -> None:
        subprocess.run(command, user=user, check=True, capture_output=True, cwd="/", timeout=120)

    control = _find_program("pg_ctl")
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    run(_find_program("initdb"), "-D", str(data), "-U", "observatory", "-A", "scram-sha-256",
        "--pwfile", str(secret), "-N")  # fmt: skip
    options = f"-p {port} -k {socket_folder} -c listen_addresses=127.0.0.1"
    run(control, "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
    yield f"postgresql://observatory@127.0.0.1:{port}/postgres"
    run(control, "-D", str(data), "-m", "immediate", "stop")


def test_runs_are_kept_in_postgresql_where_its_address_is_set(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLECTO_DAGSTER_POSTGRES_URL", postgres_url)
    # beside the address, as `compose.yaml` gives it: no character of it has a meaning there
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    settings = Settings(data_dir=tmp_path, dagster_postgres_url=postgres_url, _env_file=None)
    prepare_dagster_home(settings)

    @dg.op
    def count_meals() -> int:
        return 1

    @dg.job
    def meals() -> None:
        count_meals()

    with dg.DagsterInstance.get() as instance:
        assert "Postgres" in type(instance.run_storage).__name__
        meals.execute_in_process(instance=instance)
    with dg.DagsterInstance.get() as instance:
        assert [run.job_name for run in instance.get_runs()] == ["meals"]
    assert not list((tmp_path / "dagster").rglob("*.db"))


def test_only_a_run_whose_process_died_is_tried_again_and_no_run_lasts_for_ever(
    tmp_path: Path,
) -> None:
    prepare_dagster_home(Settings(data_dir=tmp_path, _env_file=None))
    with dg.DagsterInstance.get() as instance:
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 2
        assert not instance.run_retries_retry_on_asset_or_op_failure
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 7200
    assert [job.tags["dagster/max_runtime"] for job in (jobs.refresh, jobs.rebuild)] == [
        "3600", "21600",
    ]  # fmt: skip


def test_dead_runs_are_ended_when_the_daemon_starts_and_living_ones_are_left(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path, _env_file=None)
    prepare_dagster_home(settings)

    @dg.job
    def refresh() -> None:
        pass

    with dg.DagsterInstance.get() as instance:
        dead = instance.create_run_for_job(refresh, status=dg.DagsterRunStatus.STARTED)
        waiting = instance.create_run_for_job(refresh, status=dg.DagsterRunStatus.NOT_STARTED)
    with hold_writer_lock(settings), pytest.raises(StoreBusyError):
        sweep_dead_runs(settings)
    assert (sweep_dead_runs(settings), sweep_dead_runs(settings)) == (1, 0)
    with dg.DagsterInstance.get() as instance:
        states = {run.run_id: run.status for run in instance.get_runs()}
    assert states[dead.run_id] == dg.DagsterRunStatus.FAILURE
    assert states[waiting.run_id] == dg.DagsterRunStatus.NOT_STARTED


def test_the_sensor_asks_once_for_the_same_content(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLECTO_DATA_DIR", str(folder.path))
    monkeypatch.setenv("COLLECTO_PSEUDONYM_KEY", TEST_KEY)
    context = dg.build_sensor_context()
    assert isinstance(landing_sensor(context), dg.SkipReason)
    folder.deliver("petite/sites/sites.csv", "site_id,name\nS1,Dijon\n")
    first = landing_sensor(context)
    folder.deliver("petite/sites/sites.csv", "site_id,name\nS1,Dijon\n")
    again = landing_sensor(context)
    folder.deliver("petite/sites/sites.csv", "site_id,name\nS1,Beaune\n")
    other = landing_sensor(context)
    keys = [result.run_requests[0].run_key for result in (first, again, other)]
    assert keys[0] == keys[1] != keys[2]
