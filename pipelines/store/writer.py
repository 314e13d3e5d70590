"""The right to write in a data folder: a lock that falls with its process, and an epoch."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.settings import Settings


class StoreBusyError(Exception):
    """Another process writes in this data folder."""


class StaleEpochError(Exception):
    """A later writer took over: what this one computed may no longer be put in place."""


@contextmanager
def hold_writer_lock(settings: Settings, patience: float = 0) -> Iterator[int]:
    """Hold the writer's lock of the data folder and give the epoch of this writer.

    The lock falls with the process. Where another process holds it, waits up to `patience` seconds,
    then raises StoreBusyError.
    """
    settings.lock_file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(settings.lock_file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + patience
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise StoreBusyError(
                    f"another refresh is at work in {settings.data}; wait for it to end"
                )
            time.sleep(0.2)
        yield advance_epoch(settings)
    finally:
        os.close(descriptor)


@contextmanager
def hold_pointer_lock(settings: Settings) -> Iterator[None]:
    """Hold the lock under which the epoch and what readers see are compared and changed, for an
    instant; it falls with the process."""
    with hold_lock(settings.pointer_lock_file):
        yield


@contextmanager
def hold_lock(file: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made where it is missing; it falls with the process."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def advance_epoch(settings: Settings) -> int:
    """Begin a new epoch and give it: whoever holds an older one puts nothing in place any more."""
    with hold_pointer_lock(settings):
        epoch = read_epoch(settings) + 1
        settings.lock_file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(settings.lock_file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            # One write of fixed width: no crash leaves an empty file, which would read as epoch 0.
            os.pwrite(descriptor, f"{epoch:020d}".encode(), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return epoch


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_epoch(settings: Settings) -> int:
    """The epoch of the last writer; 0 before the first."""
    try:
        return int(settings.lock_file.read_text() or 0)
    except FileNotFoundError:
        return 0


def require_epoch(settings: Settings, epoch: int) -> None:
    """Raise StaleEpochError unless `epoch` is that of the last writer."""
    if read_epoch(settings) != epoch:
        raise StaleEpochError("a later refresh took over; this one puts nothing in place")
