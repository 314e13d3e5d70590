"""Files written whole and durable, or not at all.

Here live the atomic write and the durable name, for everybody who writes: pipelines, and the two
things that pages write (requests and the access log). What is written belongs with its writer.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART_ENDING = ".part"


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; on leaving, fsync it and rename it into place.

    A crash leaves either the former file or the new one, never a torn one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART_ENDING}")
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
