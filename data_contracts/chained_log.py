"""Append-only logs of JSON lines, each entry bound to the one before it by its hash.

Here lives the one rule of the chain: how an entry is written, read and checked. Which logs there
are belongs with their writers: publications and editions in `pipelines/publish/log.py`, accesses in
`access_log.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from data_contracts.files import sync_folder

FIRST = "0" * 64
_BLOCK = 1 << 16


def append_entry(path: Path, entry: dict[str, Any], previous: str = FIRST) -> None:
    """Add one entry, bound to the last one, or to `previous` where the log is empty.

    A line that a crash cut short is cut off first. The caller holds a lock: two writers at once
    would bind their entries to the same one. Lines are ASCII: no value can begin a line of its own
    or steer a terminal.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("w+b" if is_new else "r+b") as handle:
        last, end = _read_last(handle)
        stamps = {k: v.isoformat() for k, v in entry.items() if isinstance(v, datetime)}
        bound = {**entry, **stamps, "previous": name_entry(json.loads(last)) if last else previous}
        line = json.dumps({**bound, "hash": _hash(bound)}, sort_keys=True)
        handle.seek(end)
        handle.truncate()
        handle.write(line.encode("ascii") + b"\n")
        handle.flush()
        os.fsync(handle.fileno())
    if is_new:
        sync_folder(path.parent)


def read_entries(path: Path) -> Iterator[dict[str, Any]]:
    """Entries of a log, oldest first; what a crash left of a line is none.

    Raises ValueError at a line that is no entry.
    """
    try:
        with path.open("rb") as handle:
            for line in handle:
                if line.endswith(b"\n"):
                    yield json.loads(line)
    except FileNotFoundError:
        return


def read_last_name(path: Path) -> str | None:
    """The hash of the last entry, None where there is none."""
    try:
        with path.open("rb") as handle:
            last, _ = _read_last(handle)
    except FileNotFoundError:
        return None
    return name_entry(json.loads(last)) if last else None


def find_breaks(path: Path, first: str = FIRST) -> list[str]:
    """A sentence for each entry that does not follow from the one before it.

    `first`: what the first entry is bound to.
    """
    found = []
    previous = first
    try:
        entries = list(read_entries(path))
    except ValueError:
        return [f"{path.name} holds a line that is no entry"]
    for number, entry in enumerate(entries, 1):
        if "hash" not in entry and previous in (first, *map(_hash, entries[: number - 1])):
            previous = _hash(entry)  # written before entries were bound to each other
            continue
        bound = {key: value for key, value in entry.items() if key != "hash"}
        if entry.get("previous") != previous or _hash(bound) != entry.get("hash"):
            found.append(f"{path.name}, line {number}: altered, or the one before it was")
        previous = str(entry.get("hash"))
    return found


def name_entry(entry: dict[str, Any]) -> str:
    """The hash by which the next entry is bound to this one."""
    return str(entry.get("hash") or _hash(entry))


def _hash(entry: dict[str, Any]) -> str:
    text = json.dumps(entry, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _read_last(handle: IO[bytes]) -> tuple[bytes, int]:
    """The last whole line (empty where there is none), and where it ends."""
    position = handle.seek(0, os.SEEK_END)
    tail = b""
    while position > 0:
        start = max(0, position - _BLOCK)
        handle.seek(start)
        tail = handle.read(position - start) + tail
        position = start
        whole = tail[: tail.rfind(b"\n") + 1]
        if whole.count(b"\n") > 1 or (position == 0 and whole):
            return whole.splitlines()[-1], position + len(whole)
    return b"", 0
