"""The right to write in a data folder: a lock that falls with its process, and an epoch."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.settings import Settings


class StoreBusyError(Exception):
    """Another process writes in this data folder."""


class StaleEpochError(Exception):
    """A later writer took over: what this one computed may no longer be put in place."""


@contextmanager
def hold_writer_lock(settings: Settings) -> Iterator[int]:
    """Hold the writer's lock of the data folder and give the epoch of this writer.

    The lock falls with the process. Raises StoreBusyError at once where another process holds it.
    """
    settings.lock_file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(settings.lock_file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusyError(
                f"another refresh is at work in {settings.data}; wait for it to end"
            ) from None
        epoch = read_epoch(settings) + 1
        # One write of fixed width: no crash leaves an empty file, which would read as epoch 0.
        os.pwrite(descriptor, f"{epoch:020d}".encode(), 0)
        os.fsync(descriptor)
        yield epoch
    finally:
        os.close(descriptor)


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
