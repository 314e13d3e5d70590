"""Puts an audited draft in place at once, or says why it was refused.

The folder is written, fsynced and made read-only, then `CURRENT` is swapped by one rename. What
was audited is what is published: the hashes of the audit are compared with the files.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from data_contracts.publications import read_pointer
from pipelines.publish.audit import read_audit
from pipelines.publish.draft import AUDIENCE, draft_folder
from pipelines.settings import Settings
from pipelines.store import hash_file, require_epoch, sync_folder, write_json


class AuditError(Exception):
    """The files of a draft are not those that were audited."""


def publish_draft(
    settings: Settings,
    publication_id: str,
    epoch: int,
    at: datetime,
    inputs: dict[str, Any],
) -> Path:
    """Turn an audited draft into the current publication; give its folder.

    Raises AuditError where a file is not the audited one, a check failed, or the same inputs gave
    other bytes before (which refuses the draft), StaleEpochError where a later refresh took over.
    """
    draft = draft_folder(settings, publication_id)
    drafted, checks = read_audit(settings, publication_id)
    failed = [check.check for check in checks if not check.has_passed]
    if failed:
        raise AuditError(f"{failed[0]} failed; this draft cannot be published")
    files = {path.name: path for path in (draft / AUDIENCE).iterdir()}
    for mart in drafted:
        path = files.pop(f"{mart.mart}.parquet", None)
        if path is None or hash_file(path) != mart.sha256:
            raise AuditError(f"{mart.mart} changed after its audit; refresh again")
    if files:
        raise AuditError(f"{min(files)} came after the audit; refresh again")
    manifest = {
        "publication_id": publication_id,
        "inputs": inputs,
        "marts": [asdict(mart) for mart in drafted],
        "checks": [asdict(check) for check in checks],
        "data_up_to": _read_data_dates(draft),
    }
    write_json(draft / "manifest.json", manifest)
    (draft / "audit.json").unlink()
    folder = settings.published / publication_id
    _seal(draft)
    if folder.exists():
        _require_same(settings, publication_id, at)
        _discard(draft)
    else:
        draft.rename(folder)
    sync_folder(settings.published)
    require_epoch(settings, epoch)
    write_json(settings.published / "STATUS.json", {"refusal": None})
    if is_current(settings, publication_id):
        return folder
    write_json(
        settings.published / "CURRENT",
        {
            "publication_id": publication_id,
            "path": publication_id,
            "sha256": hash_file(folder / "manifest.json"),
            "epoch": epoch,
            "published_at": at.isoformat(),
        },
    )
    _append_log(settings, {"event": "published", "publication_id": publication_id, "at": at})
    return folder


def _require_same(settings: Settings, publication_id: str, at: datetime) -> None:
    """Refuse a draft that is not byte for byte the publication of the same inputs."""
    draft, folder = draft_folder(settings, publication_id), settings.published / publication_id
    drafted, standing = (
        {path.relative_to(root): hash_file(path) for path in root.rglob("*") if path.is_file()}
        for root in (draft, folder)
    )
    names = drafted.keys() | standing.keys()
    other = sorted(str(name) for name in names if drafted.get(name) != standing.get(name))
    if other:
        reason = f"{', '.join(other)}: the same inputs gave other bytes when they were published"
        refuse_draft(settings, publication_id, at, [reason])
        raise AuditError(reason)


def refuse_draft(
    settings: Settings, publication_id: str, at: datetime, reasons: Iterable[str]
) -> None:
    """Leave the last publication in place and say why this one was refused."""
    refusal = {
        "publication_id": publication_id,
        "refused_at": at.isoformat(),
        "reasons": list(reasons),
    }
    settings.published.mkdir(parents=True, exist_ok=True)
    write_json(settings.published / "STATUS.json", {"refusal": refusal})
    _append_log(settings, {"event": "refused", **refusal})
    _discard(draft_folder(settings, publication_id))


def is_current(settings: Settings, publication_id: str) -> bool:
    """Whether `CURRENT` names this publication and its folder is there."""
    pointer = read_pointer(settings.published)
    return (
        pointer is not None
        and pointer["publication_id"] == publication_id
        and (settings.published / publication_id / "manifest.json").is_file()
    )


def _read_data_dates(draft: Path) -> dict[str, str]:
    banks = pl.read_parquet(draft / AUDIENCE / "mart_food_banks.parquet", glob=False)
    return {row["food_bank_id"]: str(row["data_date"]) for row in banks.iter_rows(named=True)}


def _seal(folder: Path) -> None:
    """Make files and names durable, and the files read-only."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
            path.chmod(0o444)
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir():
            sync_folder(path)


def _discard(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _append_log(settings: Settings, entry: dict[str, Any]) -> None:
    path = settings.published / "log" / "publications.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(entry, ensure_ascii=False, sort_keys=True, default=str) + "\n")
        handle.flush()
        os.fsync(handle.fileno())
