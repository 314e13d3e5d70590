"""Files are parsed by a few workers within limits; what brings a worker down is refused alone."""

from __future__ import annotations

import faulthandler
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.ingest import workers
from pipelines.ingest.staging import StagedFile, StagingJob
from pipelines.ingest.workers import Limits, ParsingPool
from pipelines.store import Pseudonymizer
from tests.fixtures.corpus import make_corpus

KEY = Pseudonymizer((b"a" * 32,), b"b" * 32)
BOMBS = [
    "X604.xlsx", "X605.xlsx", "Z102.zip", "Z106.gz", "Z107.zip", "Z108.zip", "Z109.zip", "Z111.zip",
    "L400.xlsx", "F021.csv", "F015.csv", "X500.xlsx", "P101.parquet",
]  # fmt: skip


def make_job(folder: Path, name: str, content: bytes) -> StagingJob:
    source = folder / name
    source.write_bytes(content)
    return StagingJob(
        source, f"receipts/{name}", None, KEY, folder / "raw" / name, folder / f"{name}.staged"
    )


@contextmanager
def open_pool(limits: Limits) -> Iterator[ParsingPool]:
    pool = ParsingPool(limits)
    try:
        yield pool
    finally:
        pool.close()


def test_bombs_and_damaged_files_are_refused_within_300_megabytes_and_five_seconds(
    tmp_path: Path,
) -> None:
    files = {file.name: file for file in make_corpus()}
    limits = Limits(memory_bytes=300_000_000, seconds_at_least=5.0)
    with open_pool(limits) as pool:
        for name in BOMBS:
            [staged] = pool.stage([make_job(tmp_path, name, files[name].content)], tmp_path)
            assert staged.archive is None
            # Each for its own reason, not because it reached a limit.
            assert "reading the file takes" not in str(staged.reason), name
            assert files[name].said in str(staged.reason), name


def slow(job: StagingJob) -> StagedFile:
    time.sleep(60)
    return StagedFile()


def greedy(job: StagingJob) -> StagedFile:
    return StagedFile(notes=(str(len(bytearray(2_000_000_000))),))


def broken(job: StagingJob) -> StagedFile:
    faulthandler.disable()
    os.abort()


@pytest.mark.parametrize(
    ("reader", "said"),
    [
        (slow, "takes more than 1 seconds"),
        (broken, "or broke its reader"),
        (greedy, "takes more memory than a file may take"),
    ],
)
def test_a_reader_that_hangs_dies_or_eats_memory_costs_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: object, said: str
) -> None:
    limits = Limits(memory_bytes=500_000_000, seconds_at_least=1.0)
    job = make_job(tmp_path, "a.csv", b"receipt_id,line_no\nR1,1\n")
    with open_pool(limits) as pool, monkeypatch.context() as patch:
        patch.setattr(workers, "stage_file", reader)
        # The workers are forked from here, with the reader that misbehaves.
        patch.setattr(workers.multiprocessing, "get_context", _fork)
        [staged] = pool.stage([job], tmp_path)
    assert said in str(staged.reason)
    with open_pool(Limits()) as pool:
        [staged] = pool.stage([job], tmp_path)
    assert (staged.reason, staged.rows) == (None, 1)


def _fork(_: str) -> object:
    import multiprocessing

    context = multiprocessing.context.ForkContext()
    context.set_forkserver_preload = lambda _: None  # type: ignore[method-assign]
    return context


def test_many_small_files_take_two_workers(tmp_path: Path) -> None:
    jobs = [
        make_job(tmp_path, f"{number}.csv", f"receipt_id,line_no\nR{number},1\n".encode())
        for number in range(60)
    ]
    before = _count_descendants(os.getpid(), b"forkserver")
    with open_pool(Limits()) as pool:
        staged = pool.stage(jobs, tmp_path)
        more = _count_descendants(os.getpid(), b"forkserver") - before
    assert [found.rows for found in staged] == [1] * 60
    assert 1 <= more <= workers.WORKERS


def _count_descendants(process: int, of: bytes) -> int:
    """How many processes the servers that this process started have forked."""
    servers = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return sum(
        len(Path(f"/proc/{server}/task/{server}/children").read_text().split())
        for server in servers
        if of in Path(f"/proc/{server}/cmdline").read_bytes()
    )
