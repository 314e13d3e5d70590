"""The log of accesses: monthly segments of one chain, written by every process that serves pages.

Here live the segments, the lock under which they grow, the check over all of them and the removal
of old ones. The rule of the chain is `chained_log.py`; what an entry says belongs in
`dashboards/access_log.py`.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from data_contracts.chained_log import (
    FIRST,
    append_entry,
    find_breaks,
    read_entries,
    read_last_name,
)
from data_contracts.files import sync_folder

SEGMENT = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])\.jsonl")
REMOVED = "segment_removed"


def name_reader(secret: str, issuer: str, subject: str) -> str:
    """The reader as the log writes it: a keyed hash, 24 hexadecimal digits.

    Who holds the secret can find what a known person read; the log alone names nobody.
    """
    key = hmac.digest(secret.encode(), b"collecto access log", hashlib.sha256)
    text = f"{len(issuer)}:{issuer}{subject}"
    return hmac.new(key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:24]


def append_access(folder: Path, entry: dict[str, Any], at: datetime) -> None:
    """Add one entry to the segment of its month, bound to the last one of all. Safe among threads
    and processes; durable when it returns. Raises OSError where it cannot be written."""
    with _hold_lock(folder):
        _append(folder, entry, at)


def list_segments(folder: Path) -> list[Path]:
    """The segments, oldest first."""
    return sorted(path for path in folder.glob("*.jsonl") if SEGMENT.fullmatch(path.name))


def read_accesses(folder: Path, month: str | None = None) -> Iterator[dict[str, Any]]:
    """Entries, oldest first, of one month (`2024-06`) or of all. Raises ValueError at a line that
    is no entry."""
    for path in list_segments(folder):
        if month in (None, path.stem):
            yield from read_entries(path)


def find_access_breaks(folder: Path) -> list[str]:
    """A sentence for each entry that does not follow from the one before it, over all segments.

    The first segment that is kept may follow one that was removed by its age: an entry says so.
    """
    segments = list_segments(folder)
    found: list[str] = []
    previous = FIRST
    for number, path in enumerate(segments):
        if number == 0:
            previous = _find_beginning(segments)
        found += find_breaks(path, previous)
        try:
            previous = read_last_name(path) or previous
        except ValueError:
            previous = ""
    return found


def remove_old_segments(folder: Path, before: str, at: datetime) -> list[str]:
    """Remove the segments of months before `before` (`2023-06`), and say so in the log."""
    if not folder.is_dir():
        return []
    removed = []
    with _hold_lock(folder):
        for path in list_segments(folder)[:-1]:
            if path.stem >= before:
                break
            # Written first: a removal that is cut short is finished by the next one.
            entry = {"event": REMOVED, "segment": path.name, "last": read_last_name(path)}
            _append(folder, entry, at)
            path.unlink()
            sync_folder(folder)
            removed.append(path.name)
    return removed


def _find_beginning(segments: list[Path]) -> str:
    """What the first entry must be bound to: nothing, or the end of a segment that was removed."""
    try:
        first = next(read_entries(segments[0]), {})
        wanted = str(first.get("previous"))
        removed = {
            entry.get("last")
            for path in segments
            for entry in read_entries(path)
            if entry.get("event") == REMOVED
        }
    except ValueError:
        return FIRST
    return wanted if wanted in removed else FIRST


def _append(folder: Path, entry: dict[str, Any], at: datetime) -> None:
    segments = list_segments(folder)
    # A clock that goes back does not write behind the last entry.
    name = max([f"{at:%Y-%m}.jsonl", *(path.name for path in segments)])
    path = folder / name
    previous = next(
        (found for other in reversed(segments) if (found := read_last_name(other))), FIRST
    )
    if not path.exists():
        path.touch(mode=0o600)
        sync_folder(folder)
    append_entry(path, {**entry, "at": at}, previous)


@contextmanager
def _hold_lock(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
