"""A pool of worker processes with limits of memory and time, in which delivered files are parsed.

A file that brings its worker down (an out-of-memory abort cannot be caught in Python) is refused;
the pool goes on with a new worker. A thousand small files take two workers, not a thousand.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pebble import ProcessExpired, ProcessPool

from pipelines.ingest.staging import StagedFile, StagingJob, stage_file

WORKERS = 2
MEMORY_BYTES = 1_500_000_000
# A file of a gigabyte takes minutes; a small one that takes minutes is an attack or a mistake.
SECONDS_AT_LEAST = 60.0
SECONDS_PER_MEGABYTE = 1.0
_RECYCLED_AFTER = 5_000


@dataclass(frozen=True)
class Limits:
    """What one file may take: address space beyond an idle worker's, and seconds."""

    memory_bytes: int = MEMORY_BYTES
    seconds_at_least: float = SECONDS_AT_LEAST

    def seconds(self, job: StagingJob) -> float:
        megabytes = job.source.stat().st_size / 1_000_000
        return self.seconds_at_least + SECONDS_PER_MEGABYTE * megabytes


@contextmanager
def open_pool(temporary: Path, limits: Limits | None = None) -> Iterator[ParsingPool]:
    """A pool whose unpacked files lie in `temporary`, without names."""
    pool = ParsingPool(temporary, limits or Limits())
    try:
        yield pool
    finally:
        pool.close()


class ParsingPool:
    """Starts its workers with the first file."""

    def __init__(self, temporary: Path, limits: Limits) -> None:
        self._temporary = temporary
        self._limits = limits
        self._pool: ProcessPool | None = None

    def stage(self, jobs: Iterable[StagingJob]) -> list[StagedFile]:
        """Stage files side by side; what became of each, in the same order."""
        if self._pool is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["pipelines.ingest.staging"])
            self._pool = ProcessPool(
                max_workers=WORKERS,
                max_tasks=_RECYCLED_AFTER,
                initializer=_limit_worker,
                initargs=(str(self._temporary), self._limits.memory_bytes),
                context=context,
            )
        waiting = []
        for job in jobs:
            seconds = self._limits.seconds(job)
            future = self._pool.schedule(_stage, args=(job, seconds), timeout=seconds)
            waiting.append((future, seconds))
        results = []
        for future, seconds in waiting:
            try:
                results.append(future.result())
            except TimeoutError:
                reason = f"reading the file takes more than {seconds:.0f} seconds"
                results.append(StagedFile(reason=reason))
            except ProcessExpired:
                megabytes = self._limits.memory_bytes // 1_000_000
                reason = f"reading the file takes more than {megabytes} MB, or broke its reader"
                results.append(StagedFile(reason=reason))
        return results

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()


def _limit_worker(temporary: str, memory_bytes: int) -> None:
    tempfile.tempdir = temporary
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _stage(job: StagingJob, seconds: float) -> StagedFile:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    # Two cores at most work for one file.
    allowed = int(used.ru_utime + used.ru_stime + 2 * seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, hard))
    return stage_file(job)
