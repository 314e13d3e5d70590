"""The logs of publications and editions: append-only, each entry bound to the one before it.

Whoever alters an entry, or a publication whose manifest an entry names, is found by `verify`. Two
logs: `publications.jsonl` (published, refused, rolled back, released, cited) and `editions.jsonl`.
The rule of the chain is `data_contracts/chained_log.py`. Writers hold the pointer's lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_contracts import chained_log
from data_contracts.publications import find_log
from pipelines.settings import Settings


def append_log(settings: Settings, entry: dict[str, Any], name: str = "publications") -> None:
    """Add one entry, bound to the last one."""
    chained_log.append_entry(log_file(settings, name), entry)


def log_file(settings: Settings, name: str = "publications") -> Path:
    return find_log(settings.published, name)


def read_log(settings: Settings, name: str = "publications") -> Iterator[dict[str, Any]]:
    """Entries of a log, oldest first; what a crash left of a line is none."""
    return chained_log.read_entries(log_file(settings, name))


def find_breaks(settings: Settings, name: str = "publications") -> list[str]:
    """A sentence for each entry that does not follow from the one before it."""
    return chained_log.find_breaks(log_file(settings, name))
