"""Killed, raced, out of disk, read all the time: readers always see one whole publication."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data_contracts.publications import PublicationError, open_current, read_pointer
from pipelines.health import verify
from pipelines.publish.log import find_breaks, read_log
from pipelines.publish.pointer import publish_draft, roll_back, sweep_leftovers
from pipelines.settings import Settings
from pipelines.store import StaleEpochError, hold_writer_lock
from tests.fixtures.generations import (
    AUDIENCES,
    MARTS,
    make_settings,
    name_generation,
    publish_generation,
    write_generation,
)

PROJECT = Path(__file__).parents[2]
AT = datetime(2024, 6, 26, 3, tzinfo=UTC)
# From the audited draft on; earlier ones are reached by a whole refresh (test_crash).
PUBLISH_POINTS = [
    f"publish.{point}" for point in ("sealed", "renamed", "swapped", "logged", "pruned")
]


def start(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fixtures.generations", *map(str, arguments)],
        cwd=PROJECT, env={**os.environ, **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def check_whole(settings: Settings) -> int:
    """Every audience opens `CURRENT` and sees one generation; gives it."""
    seen = {
        open_current(settings.published, audience).read(mart)["generation"].item()
        for audience in AUDIENCES
        for mart in MARTS
    }
    assert len(seen) == 1, seen
    return int(seen.pop())


def finish(settings: Settings, generation: int) -> None:
    """The next run after a kill ends as an uninterrupted one."""
    with hold_writer_lock(settings):
        sweep_leftovers(settings)
    done = start("one", settings.data, generation)
    assert done.wait(timeout=60) == 0, done.stderr and done.stderr.read()
    assert check_whole(settings) == generation
    assert not list(settings.published.glob(".draft-*"))
    assert not list(settings.published.glob(".gone-*"))
    assert all(entry["ok"] for entry in verify(settings)), verify(settings)


@pytest.mark.parametrize("point", PUBLISH_POINTS)
def test_killed_at_each_point_from_audit_to_swap(tmp_path: Path, point: str) -> None:
    settings = make_settings(tmp_path)
    with hold_writer_lock(settings) as epoch:
        publish_generation(settings, 1, epoch)
    killed = start("one", tmp_path, 2, COLLECTO_FAULT_AT=point)
    assert killed.wait(timeout=60) == -9
    assert check_whole(settings) in (1, 2)
    finish(settings, 2)
    published = [e["publication_id"] for e in read_log(settings) if e["event"] == "published"]
    assert published == [name_generation(1), name_generation(2)]


def kill_at_random(folder: Path, count: int, seed: int) -> None:
    settings = make_settings(folder)
    draw = random.Random(seed)
    with hold_writer_lock(settings) as epoch:
        publish_generation(settings, 1, epoch)
    newest = 1
    for generation in range(2, count + 2):
        process = start("one", folder, generation)
        time.sleep(0.4 + draw.random() * 0.6)
        process.kill()
        process.wait()
        seen = check_whole(settings)
        assert seen in (newest, generation)
        newest = seen
        assert find_breaks(settings) == []
    finish(settings, count + 2)


def test_a_few_random_kills(tmp_path: Path) -> None:
    kill_at_random(tmp_path, 6, seed=1)


@pytest.mark.sweep
def test_a_hundred_random_kills(tmp_path: Path) -> None:
    kill_at_random(tmp_path, 120, seed=2)


def race(folder: Path, count: int) -> None:
    """Two processes publish as fast as they can: what is current never goes back."""
    settings = make_settings(folder)
    racers = [start("publish", folder, seed, count) for seed in (1, 2)]
    epochs = []
    while any(racer.poll() is None for racer in racers):
        pointer = read_pointer(settings.published)
        if pointer and (not epochs or epochs[-1] != pointer["epoch"]):
            epochs.append(pointer["epoch"])
        time.sleep(0.001)
    outputs = [racer.communicate() for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0], outputs
    assert epochs == sorted(epochs)
    published = sum(out.count("published") for out, _ in outputs)
    assert published == 2 * count
    logged = [e["epoch"] for e in read_log(settings) if e["event"] == "published"]
    assert logged == sorted(logged) and len(logged) == published
    assert find_breaks(settings) == []
    check_whole(settings)


def test_two_publishers_race(tmp_path: Path) -> None:
    race(tmp_path, 10)


@pytest.mark.sweep
def test_two_publishers_race_a_hundred_times(tmp_path: Path) -> None:
    race(tmp_path, 100)


def test_a_publisher_that_wakes_up_late_puts_nothing_back(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    with hold_writer_lock(settings) as late:
        write_generation(settings, late)
    with hold_writer_lock(settings) as epoch:
        publish_generation(settings, epoch, epoch)
    with pytest.raises(StaleEpochError):
        publish_draft(settings, name_generation(late), late, AT, {"deliveries": []})
    assert check_whole(settings) == epoch


def test_a_rollback_stops_a_publisher_at_work(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    for generation in (1, 2):
        with hold_writer_lock(settings) as epoch:
            publish_generation(settings, generation, epoch)
    with hold_writer_lock(settings) as at_work:
        write_generation(settings, 3)
        started = time.monotonic()
        roll_back(settings, name_generation(1), AT, "wrong factor")
        assert time.monotonic() - started < 5
        with pytest.raises(StaleEpochError):
            publish_draft(settings, name_generation(3), at_work, AT, {"deliveries": []})
    assert check_whole(settings) == 1


def read_all_the_time(
    folder: Path, processes: int, publications: int, rollbacks: int, least: int
) -> int:
    """Readers of eight threads each, so many reads at least, while one publishes and rolls back;
    gives how many reads there were."""
    settings = make_settings(folder)
    with hold_writer_lock(settings) as epoch:
        publish_generation(settings, epoch, epoch)
    readers = [start("read", folder, least // processes) for _ in range(processes)]
    writer = start("publish", folder, 7, publications, rollbacks)
    out, error = writer.communicate()
    (folder / "stop").touch()
    assert writer.returncode == 0, error
    assert (out.count("published"), out.count("rolled back")) == (publications, rollbacks)
    found = [json.loads(reader.communicate()[0]) for reader in readers]
    errors = [text for entry in found for text in entry["errors"]]
    assert errors == []
    assert sum(entry["mixed"] for entry in found) == 0
    assert sum(entry["backwards"] for entry in found) == 0
    return sum(entry["reads"] for entry in found)


def test_readers_see_one_generation(tmp_path: Path) -> None:
    assert read_all_the_time(tmp_path, 2, 20, 5, least=300) >= 300


@pytest.mark.sweep
def test_eight_processes_of_eight_threads_read_ten_thousand_times(tmp_path: Path) -> None:
    reads = read_all_the_time(tmp_path, 8, 200, 50, least=10_000)
    assert reads >= 10_000
    print(f"{reads} reads")


# a full disk


def test_a_full_disk_leaves_the_last_publication(tmp_path: Path) -> None:
    """Files may not grow beyond a limit, at each size in turn; then there is space again."""
    settings = make_settings(tmp_path)
    with hold_writer_lock(settings) as epoch:
        publish_generation(settings, 1, epoch)
    code = (
        "import resource, sys; from pathlib import Path;"
        "from tests.fixtures.generations import publish_one;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2);"
        "publish_one(Path(sys.argv[1]), 2)"
    )
    for limit in (0, 100, 600, 1500):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path), str(limit)], cwd=PROJECT,
            capture_output=True, text=True, timeout=60, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
        )  # fmt: skip
        assert done.returncode != 0, limit
        assert check_whole(settings) == 1
        assert find_breaks(settings) == []
    finish(settings, 2)


def test_a_flipped_bit_is_found_before_it_is_shown(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    with hold_writer_lock(settings) as epoch:
        publish_generation(settings, 1, epoch)
    path = settings.published / name_generation(1) / "public" / "mart_targets.parquet"
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[40] ^= 4
    path.write_bytes(bytes(data))
    with pytest.raises(PublicationError, match="mart_targets"):
        open_current(settings.published, "public").read("mart_targets")
    assert [entry["check"] for entry in verify(settings) if not entry["ok"]] == [
        f"published/{name_generation(1)}/public/mart_targets.parquet", "published",
    ]  # fmt: skip
