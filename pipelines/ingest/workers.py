"""A pool of worker processes with limits of memory and time, in which delivered files are parsed.

A file that brings its worker down (an out-of-memory abort cannot be caught in Python) is refused;
the pool goes on with a new worker. A thousand small files take two workers, not a thousand.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import resource
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from pathlib import Path

from pebble import ProcessExpired, ProcessPool

from pipelines.ingest.staging import OUT_OF_MEMORY, StagedFile, StagingJob, stage_file

WORKERS = 2
MEMORY_BYTES = 1_000_000_000
# One thread and few arenas a worker: address space is then what a file takes, and can be limited.
_ENVIRONMENT = {
    "POLARS_MAX_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OMP_NUM_THREADS": "1",
}
# A file of a gigabyte takes minutes; a small one that takes minutes is an attack or a mistake.
SECONDS_AT_LEAST = 60.0
SECONDS_PER_MEGABYTE = 1.0
# Memory that a reader leaves behind goes with its worker.
_RECYCLED_AFTER = 200


@dataclass(frozen=True)
class Limits:
    """What one file may take: address space beyond what its worker has, and seconds."""

    memory_bytes: int = MEMORY_BYTES
    seconds_at_least: float = SECONDS_AT_LEAST

    def seconds(self, job: StagingJob) -> float:
        megabytes = job.source.stat().st_size / 1_000_000
        return self.seconds_at_least + SECONDS_PER_MEGABYTE * megabytes


@cache
def share_pool() -> ParsingPool:
    """The pool of this process, which ends with it: to start workers costs more than a file."""
    pool = ParsingPool(Limits())
    atexit.register(pool.close)
    return pool


class ParsingPool:
    """Starts its workers with the first file."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool: ProcessPool | None = None

    def stage(self, jobs: Iterable[StagingJob], temporary: Path) -> list[StagedFile]:
        """Stage files side by side; what became of each, in the same order.

        What is unpacked lies in `temporary`, without names.
        """
        if self._pool is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["pipelines.ingest.staging"])
            with _environment():
                forkserver.ensure_running()
            self._pool = ProcessPool(
                max_workers=WORKERS,
                max_tasks=_RECYCLED_AFTER,
                context=context,
            )
        waiting = []
        for job in jobs:
            seconds = self._limits.seconds(job)
            arguments = (job, str(temporary), self._limits.memory_bytes, seconds)
            future = self._pool.schedule(_stage, args=arguments, timeout=seconds)
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
            except OSError:
                # The disk or its permissions: no file is at fault, and none can be taken.
                raise
            except MemoryError:
                results.append(StagedFile(reason=OUT_OF_MEMORY))
            except Exception as error:
                # A fault of ours in one file does not stop the others.
                results.append(StagedFile(failure=f"{type(error).__name__}: {error}"))
        return results

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None


@contextmanager
def _environment() -> Iterator[None]:
    """The environment that workers are started in."""
    former = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _stage(job: StagingJob, temporary: str, memory_bytes: int, seconds: float) -> StagedFile:
    tempfile.tempdir = temporary
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + memory_bytes)
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Two cores at most work for one file.
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + 2 * seconds) + 1)
    return stage_file(job)


def _limit(kind: int, limit: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (limit, hard))
