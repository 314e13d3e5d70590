"""Files of the data folder: as JSON, their hashes, and what a killed writer left of them.

How a file is written whole and durable is `data_contracts/files.py`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from data_contracts.files import PART_ENDING, write_atomically


def write_json(path: Path, value: Any) -> None:
    """Write canonical JSON (sorted keys, UTF-8, final newline) in place at once."""
    with write_atomically(path) as temporary:
        temporary.write_text(
            json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2, default=str) + "\n",
            encoding="utf-8",
        )


def hash_file(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def remove_parts(*folders: Path) -> None:
    """Remove what a killed writer left half-written. The caller holds the writer's lock."""
    for folder in folders:
        for path in folder.rglob(f".*{PART_ENDING}") if folder.is_dir() else ():
            path.unlink(missing_ok=True)
