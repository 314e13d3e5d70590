"""The log of publications: append-only, each entry bound to the one before it by its hash.

Whoever alters an entry, or a publication whose manifest an entry names, is found by `verify`. Two
logs: `publications.jsonl` (published, refused, rolled back, released, cited) and `editions.jsonl`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.settings import Settings
from pipelines.store import sync_folder

FIRST = "0" * 64


def append_log(settings: Settings, entry: dict[str, Any], name: str = "publications") -> None:
    """Add one entry, bound to the last one. A line that a crash cut short is cut off first."""
    path = log_file(settings, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = list(read_log(settings, name))
    previous = _name(entries[-1]) if entries else FIRST
    stamps = {k: v.isoformat() for k, v in entry.items() if isinstance(v, datetime)}
    bound = {**entry, **stamps, "previous": previous}
    line = json.dumps({**bound, "hash": _hash(bound)}, ensure_ascii=False, sort_keys=True)
    with path.open("r+b" if path.exists() else "w+b") as handle:
        handle.seek(_end_of_last_line(handle.read()))
        handle.truncate()
        handle.write(line.encode() + b"\n")
        handle.flush()
        os.fsync(handle.fileno())
    sync_folder(path.parent)


def log_file(settings: Settings, name: str = "publications") -> Path:
    return settings.published / "log" / f"{name}.jsonl"


def read_log(settings: Settings, name: str = "publications") -> Iterator[dict[str, Any]]:
    """Entries of a log, oldest first; what a crash left of a line is none."""
    try:
        data = log_file(settings, name).read_bytes()
    except FileNotFoundError:
        return
    for line in data[: _end_of_last_line(data)].splitlines():
        yield json.loads(line)


def find_breaks(settings: Settings, name: str = "publications") -> list[str]:
    """A sentence for each entry that does not follow from the one before it."""
    found = []
    previous = FIRST
    try:
        entries = list(read_log(settings, name))
    except ValueError:
        return [f"{name}.jsonl holds a line that is no entry"]
    for number, entry in enumerate(entries, 1):
        if "hash" not in entry and previous in (FIRST, *map(_hash, entries[: number - 1])):
            previous = _hash(entry)  # written before entries were bound to each other
            continue
        bound = {key: value for key, value in entry.items() if key != "hash"}
        if entry.get("previous") != previous or _hash(bound) != entry.get("hash"):
            found.append(f"{name}.jsonl, line {number}: altered, or the one before it was")
        previous = str(entry.get("hash"))
    return found


def _name(entry: dict[str, Any]) -> str:
    return str(entry.get("hash") or _hash(entry))


def _hash(entry: dict[str, Any]) -> str:
    text = json.dumps(entry, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _end_of_last_line(data: bytes) -> int:
    return data.rfind(b"\n") + 1
