"""Killed at each named point, out of disk or out of permissions: the next run ends as an
uninterrupted one, and nothing is half-written."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.ingest.landing import list_landing_files
from pipelines.store import POINTS
from tests.conftest import BuildOnce, DataFolder
from tests.fixtures.intake import RECEIPTS_HEADER, Intake, make_profile, receipt
from tests.integration.test_rebuild import hash_publication

INTAKE_POINTS = [point for point in POINTS if not point.startswith(("include.", "publish."))]
TAKE = (
    "import sys; from pathlib import Path; from tests.fixtures.intake import Intake;"
    "Intake(Path(sys.argv[1])).take(checks=True)"
)
PARCELS = (
    "parcel_id,line_no,requested_at,handed_over_at,site_id,household_id,household_size,children,"
    "product_code,weight_kg\n"
    "C1,1,2024-06-03T09:00:00,2024-06-04T09:00:00,S1,FOYER-SECRET-7,3,1,RIZ,2.5\n"
    "C2,1,2024-06-03T09:00:00,2024-06-04T09:00:00,S1,FOYER-SECRET-8,3,1,RIZ,lourd\n"
)


def fill(intake: Intake) -> None:
    """Good lines, lines to correct, a correction, people, a file that cannot be read."""
    lines = [receipt(f"R{n}", 1, "x" if n == 3 else "5") for n in range(6)]
    intake.deliver("receipts/a.csv", f"{RECEIPTS_HEADER}\n" + "".join(lines))
    intake.deliver("receipts/b.csv", f"{RECEIPTS_HEADER}\n" + receipt("R3", 1, "7"))
    intake.deliver("receipts/c.csv", f"{RECEIPTS_HEADER}\n" + receipt("R0", 1, "6"))
    intake.deliver("parcels/p.csv", PARCELS)
    intake.deliver("receipts/photo.csv", b"\x89PNG\r\n\x1a\n" + bytes(20))


def describe(intake: Intake) -> dict[str, Any]:
    """What a data folder holds, but for moments and the numbers of arrival."""
    left_out = {"arrival_no", "received_at", "included_revision", "files", "is_pending"}
    with intake.store() as store:
        deliveries = [
            (entry.delivery_id, entry.source_name, entry.state, entry.reason, entry.archive_sha256)
            for entry in store.list_deliveries()
        ]
        outcomes = [
            {name: value for name, value in row.items() if name not in left_out}
            for row in store.list_outcomes()
        ]
        held = [(row["row_key"], row["rules"], row["status"]) for row in store.list_quarantine()]
        files = {file.name for file in list_landing_files(intake.settings.landing)
                 if store.knows_file(file.name, file.size, file.modified_ns)}  # fmt: skip
    raw = sorted(path.name for path in intake.settings.raw.rglob("*") if path.is_file())
    staged = [path for path in intake.settings.staged.rglob("*") if path.is_file()]
    current = intake.current()
    kilograms = current.select("receipt_id", "weight_kg").rows() if current.height else []
    return {
        "deliveries": sorted(deliveries, key=str), "outcomes": sorted(outcomes, key=str),
        "held": sorted(held, key=str), "files": files, "raw": raw, "staged": staged,
        "kilograms": kilograms,
    }  # fmt: skip


def kill(intake: Intake, point: str) -> None:
    """Take what has landed in a process of its own, which dies at a point."""
    environment = {**os.environ, "COLLECTO_FAULT_AT": point}
    process = subprocess.run(
        [sys.executable, "-c", TAKE, str(intake.folder)],
        cwd=Path(__file__).parents[2], env=environment, capture_output=True, timeout=120,
    )  # fmt: skip
    assert process.returncode == -9, process.stderr.decode()[-2000:]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    intake = Intake(tmp_path_factory.mktemp("uninterrupted"))
    fill(intake)
    intake.take(checks=True)
    return describe(intake)


# A point of each stage with every change, all of them in the sweep.
DAILY = ("claim.seen:3", "parse.archived", "judge.accepted_written", "judge.recorded:2")
SWEPT = [point for point in [*INTAKE_POINTS, "parse.archived:2"] if point not in DAILY]


@pytest.mark.parametrize(
    "point", [*DAILY, *(pytest.param(point, marks=pytest.mark.sweep) for point in SWEPT)]
)
def test_killed_at_any_point_of_the_intake_the_next_run_ends_the_same(
    tmp_path: Path, point: str, expected: dict[str, Any]
) -> None:
    intake = Intake(tmp_path)
    fill(intake)
    kill(intake, point)
    for path in tmp_path.rglob("*"):
        if path.is_file() and intake.settings.landing not in path.parents:
            assert b"FOYER-SECRET" not in path.read_bytes(), path
    intake.take(checks=True)
    assert describe(intake) == expected


def test_every_point_is_reached(expected: dict[str, Any]) -> None:
    assert len(INTAKE_POINTS) >= 11
    assert expected["kilograms"][0][0] == "R0"
    assert len(expected["held"]) == 2


MORE = f"{RECEIPTS_HEADER}\n" + receipt("R9", 1, "7")


@pytest.fixture(scope="session")
def undisturbed(build_once: BuildOnce, small_world: Callable[[DataFolder], None]) -> DataFolder:
    """`petite`, published, then one more file, published again: what a killed one must end as."""

    def fill(folder: DataFolder) -> None:
        small_world(folder)
        assert folder.collecto("refresh").status == 0
        folder.deliver("petite/receipts/b.csv", MORE)
        assert folder.collecto("refresh").status == 0

    return build_once("undisturbed", fill)


@pytest.mark.sweep
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_of_a_refresh_the_publication_is_the_same(
    published_petite: DataFolder, undisturbed: DataFolder, tmp_path: Path, point: str
) -> None:
    petite = published_petite.copy_to(tmp_path / "petite")
    petite.deliver("petite/receipts/b.csv", MORE)
    killed = petite.run_process("refresh", COLLECTO_FAULT_AT=point)
    assert killed.status == -9, killed.err
    assert petite.collecto("refresh").status == 0
    assert hash_publication(petite) == hash_publication(undisturbed)
    assert all(check["ok"] for check in petite.collecto("verify", "--json").json)


# disk and permissions

FULL = (
    "import resource, sys; from pathlib import Path; from tests.fixtures.intake import Intake;"
    "import pipelines.intake, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])));"
    "Intake(Path(sys.argv[1])).take()"
)


@pytest.mark.parametrize(
    "limit",
    [20_000, 70_000, *(pytest.param(n, marks=pytest.mark.sweep) for n in (2_000, 40_000, 120_000))],
)
def test_where_a_file_cannot_be_written_whole_nothing_is_half_written(
    tmp_path: Path, limit: int
) -> None:
    """A limit on file sizes stands for a full disk: a write fails in the middle."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    lines = [receipt(f"R{n}", n + 1, f"{n}.{n % 7}") for n in range(3_000)]
    text = f"{RECEIPTS_HEADER}\n" + "".join(lines)
    intake = Intake(tmp_path / "full")
    intake.deliver("receipts/a.csv", text)
    process = subprocess.run(
        [sys.executable, "-c", FULL, str(intake.folder), str(limit)],
        cwd=Path(__file__).parents[2], capture_output=True, timeout=120,
    )  # fmt: skip
    assert process.returncode != 0
    said = process.stderr.decode().strip().splitlines()[-1]
    assert any(text in said for text in ("File too large", "disk", "Could not write")), said
    for path in intake.settings.accepted.rglob("*.parquet"):
        pl.read_parquet(path, glob=False)
    intake.take()
    whole = Intake(tmp_path / "whole")
    whole.deliver("receipts/a.csv", text)
    whole.take()
    assert describe(intake)["kilograms"] == describe(whole)["kilograms"]
    assert not list(intake.folder.rglob("*.part"))


@pytest.mark.parametrize("folder", ["raw", "accepted", "staged"])
def test_a_folder_that_cannot_be_written_is_named_and_the_next_run_goes_on(
    tmp_path: Path, folder: str
) -> None:
    intake = Intake(tmp_path)
    fill(intake)
    # A file stands where the folder should be: it refuses also the account that may do everything.
    (tmp_path / folder).write_text("in the way", encoding="utf-8")
    with pytest.raises(OSError, match=folder):
        intake.take()
    (tmp_path / folder).unlink()
    intake.take(checks=True)
    assert intake.quarantine() != []
    assert intake.current().height == 6


def test_a_copy_without_its_landing_files_goes_on(tmp_path: Path) -> None:
    intake = Intake(tmp_path, make_profile())
    fill(intake)
    kill(intake, "parse.started")
    shutil.rmtree(intake.settings.landing)
    found = {entry.source_name: entry.state for entry in intake.take()}
    assert set(found.values()) == {"failed"}
