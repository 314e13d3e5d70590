"""Puts an audited draft in place at once, or says why it was refused; goes back to an earlier one.

The folder is written, fsynced and made read-only, then `CURRENT` is swapped by one rename, under a
lock, by a writer whose epoch is still the last one. What was audited is what is published: the
hashes of the audit are compared with the files.
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

from data_contracts.publications import PublicationError, read_hold, read_pointer
from data_contracts.reasons import Reason, list_codes
from pipelines.publish.audit import read_audit
from pipelines.publish.draft import AUDIENCE, DraftedMart, draft_folder, list_audiences
from pipelines.publish.log import append_log, read_log
from pipelines.settings import Settings
from pipelines.store import (
    advance_epoch,
    hash_file,
    hold_pointer_lock,
    reach,
    require_epoch,
    sync_folder,
    write_json,
)

KEPT = 30


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

    While a publication is held (after a rollback) the folder is written and readers keep what they
    have. Raises AuditError where a file is not the audited one, a check failed, or the same inputs
    gave other bytes before (which refuses the draft), StaleEpochError where a later writer took
    over.
    """
    draft = draft_folder(settings, publication_id)
    drafted, checks = read_audit(settings, publication_id)
    failed = [check.check for check in checks if not check.has_passed]
    if failed:
        raise AuditError(f"{failed[0]} failed; this draft cannot be published")
    _require_audited(draft, drafted)
    data_up_to = _read_data_dates(draft)
    audiences = {}
    for audience in list_audiences(draft):
        files = [mart for mart in drafted if mart.audience == audience]
        if audience == AUDIENCE:
            continue
        manifest = draft / audience / "manifest.json"
        own = pl.read_parquet(draft / audience / "mart_food_banks.parquet", glob=False)
        banks = set(own["food_bank_id"])
        write_json(manifest, {
            "publication_id": publication_id,
            "audience": audience,
            "marts": [_describe_mart(mart) for mart in files],
            "checks": [asdict(check) for check in checks],
            "data_up_to": {bank: day for bank, day in data_up_to.items() if bank in banks},
        })  # fmt: skip
        audiences[audience] = hash_file(manifest)
    write_json(draft / "manifest.json", {
        "publication_id": publication_id,
        "inputs": inputs,
        "marts": [_describe_mart(mart) for mart in drafted if mart.audience == AUDIENCE],
        "audiences": audiences,
        "checks": [asdict(check) for check in checks],
        "data_up_to": data_up_to,
    })  # fmt: skip
    (draft / "audit.json").unlink()
    folder = settings.published / publication_id
    _seal(draft)
    reach("publish.sealed")
    if folder.exists():
        _require_same(settings, publication_id, at)
        _discard(draft)
    else:
        require_epoch(settings, epoch)
        draft.rename(folder)
    sync_folder(settings.published)
    reach("publish.renamed")
    with hold_pointer_lock(settings):
        require_epoch(settings, epoch)
        write_json(settings.published / "STATUS.json", {"refusal": None})
        if is_current(settings, publication_id) or read_hold(settings.published):
            return folder
        _point_to(settings, publication_id, epoch, at)
        reach("publish.swapped")
        append_log(settings, {
            "event": "published", "publication_id": publication_id, "at": at, "epoch": epoch,
            "manifest_sha256": hash_file(folder / "manifest.json"),
        })  # fmt: skip
    reach("publish.logged")
    return folder


def _describe_mart(mart: DraftedMart) -> dict[str, Any]:
    return {"mart": mart.mart, "rows": mart.rows, "sha256": mart.sha256}


def _require_audited(draft: Path, drafted: list[DraftedMart]) -> None:
    files = {
        path.relative_to(draft).as_posix(): path
        for path in draft.rglob("*")
        if path.is_file() and path.name != "audit.json"
    }
    for mart in drafted:
        path = files.pop(f"{mart.audience}/{mart.mart}.parquet", None)
        if path is None or hash_file(path) != mart.sha256:
            raise AuditError(
                f"{mart.mart} of {mart.audience} changed after its audit; refresh again"
            )
    if others := sorted(name for name in files if not name.endswith("manifest.json")):
        raise AuditError(f"{others[0]} came after the audit; refresh again")


def _point_to(settings: Settings, publication_id: str, epoch: int, at: datetime) -> None:
    """Swap `CURRENT`. The caller holds the pointer's lock."""
    write_json(settings.published / "CURRENT", {
        "publication_id": publication_id,
        "path": publication_id,
        "sha256": hash_file(settings.published / publication_id / "manifest.json"),
        "epoch": epoch,
        "published_at": at.isoformat(),
    })  # fmt: skip


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
        files = ", ".join(other)
        reason = Reason(
            f"{files}: the same inputs gave other bytes when they were published",
            "other_bytes",
            files=files,
        )
        refuse_draft(settings, publication_id, at, [reason])
        raise AuditError(reason)


def refuse_draft(
    settings: Settings, publication_id: str, at: datetime, reasons: Iterable[str]
) -> None:
    """Leave the last publication in place and say why this one was refused."""
    told = list(reasons)
    refusal = {
        "publication_id": publication_id,
        "refused_at": at.isoformat(),
        "reasons": told,
        "codes": list_codes(told),
    }
    settings.published.mkdir(parents=True, exist_ok=True)
    with hold_pointer_lock(settings):
        write_json(settings.published / "STATUS.json", {"refusal": refusal})
        append_log(settings, {"event": "refused", "at": at, **refusal})
    _discard(draft_folder(settings, publication_id))


def is_current(settings: Settings, publication_id: str) -> bool:
    """Whether `CURRENT` names this publication and its folder is there."""
    pointer = read_pointer(settings.published)
    return (
        pointer is not None
        and pointer["publication_id"] == publication_id
        and (settings.published / publication_id / "manifest.json").is_file()
    )


def is_in_place(settings: Settings, publication_id: str) -> bool:
    """Whether nothing is left to do for it: it is current, or waits behind a hold."""
    is_written = (settings.published / publication_id / "manifest.json").is_file()
    is_held = read_hold(settings.published) is not None
    return is_current(settings, publication_id) or (is_written and is_held)


def roll_back(settings: Settings, publication_id: str, at: datetime, reason: str) -> None:
    """Make an earlier publication current, without a build, and hold it.

    A refresh at work ends without publishing. Raises PublicationError where the publication is not
    kept or was altered.
    """
    require_whole(settings, publication_id)
    epoch = advance_epoch(settings)
    with hold_pointer_lock(settings):
        require_epoch(settings, epoch)
        hold = {"publication_id": publication_id, "held_at": at.isoformat(), "reason": reason}
        write_json(settings.published / "HOLD.json", hold)
        _point_to(settings, publication_id, epoch, at)
        append_log(settings, {
            "event": "rolled_back", "publication_id": publication_id, "at": at, "epoch": epoch,
            "reason": reason,
            "manifest_sha256": hash_file(settings.published / publication_id / "manifest.json"),
        })  # fmt: skip


def require_whole(settings: Settings, publication_id: str) -> None:
    """Raise PublicationError where a publication is not kept, or a file of it was altered."""
    folder = settings.published / publication_id
    if not (folder / "manifest.json").is_file():
        raise PublicationError(
            f"publication {publication_id} is not kept; `collecto publications list` names those"
            " that are"
        )
    for path, sha256 in list_hashes(folder):
        if not path.is_file() or hash_file(path) != sha256:
            name = path.relative_to(settings.published).as_posix()
            raise PublicationError(f"{name} was altered or is gone: another one is to be taken")
    logged = find_manifest_hash(settings, publication_id)
    if logged is not None and hash_file(folder / "manifest.json") != logged:
        raise PublicationError(
            f"{publication_id}/manifest.json was altered: another one is to be taken"
        )


def put_back(settings: Settings, publication_id: str, epoch: int, at: datetime) -> None:
    """Make a publication current again that was built and audited before.

    Raises PublicationError where it was altered, StaleEpochError where a later writer took over.
    """
    require_whole(settings, publication_id)
    with hold_pointer_lock(settings):
        require_epoch(settings, epoch)
        _point_to(settings, publication_id, epoch, at)
        append_log(settings, {
            "event": "published", "publication_id": publication_id, "at": at, "epoch": epoch,
            "manifest_sha256": hash_file(settings.published / publication_id / "manifest.json"),
        })  # fmt: skip


def release(settings: Settings, at: datetime) -> bool:
    """Lift the hold of a rollback: the next refresh publishes. False where there is none."""
    with hold_pointer_lock(settings):
        hold = read_hold(settings.published)
        if hold is None:
            return False
        (settings.published / "HOLD.json").unlink()
        append_log(
            settings, {"event": "released", "publication_id": hold["publication_id"], "at": at}
        )
    return True


def list_hashes(folder: Path) -> list[tuple[Path, str]]:
    """Files of a publication with the hashes that its manifests say.

    Raises ValueError or KeyError where a manifest cannot be read.
    """
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    found = [
        (folder / AUDIENCE / f"{mart['mart']}.parquet", mart["sha256"])
        for mart in manifest["marts"]
    ]
    for audience, sha256 in manifest.get("audiences", {}).items():
        path = folder / audience / "manifest.json"
        found.append((path, sha256))
        if path.is_file():
            own = json.loads(path.read_text(encoding="utf-8"))
            found += [
                (folder / audience / f"{mart['mart']}.parquet", mart["sha256"])
                for mart in own["marts"]
            ]
    return found


def find_manifest_hash(settings: Settings, publication_id: str) -> str | None:
    """The hash of a publication's manifest as the log has it."""
    hashes = [
        entry["manifest_sha256"]
        for entry in read_log(settings)
        if entry.get("publication_id") == publication_id and "manifest_sha256" in entry
    ]
    return str(hashes[-1]) if hashes else None


def cite(settings: Settings, publication_id: str, by: str, at: datetime) -> None:
    """Keep a publication for ever, because a report names it."""
    with hold_pointer_lock(settings):
        append_log(
            settings, {"event": "cited", "publication_id": publication_id, "by": by, "at": at}
        )


def prune(settings: Settings, editions: Iterable[str] = ()) -> list[str]:
    """Remove publications beyond the last thirty; give those that were removed.

    Kept besides: the current one, that of every edition, and every cited one.
    """
    order: dict[str, None] = {}
    kept = set(editions)
    for entry in read_log(settings):
        if entry["event"] in ("published", "rolled_back"):
            order.pop(entry["publication_id"], None)
            order[entry["publication_id"]] = None
        elif entry["event"] == "cited":
            kept.add(entry["publication_id"])
    kept |= set(list(order)[-KEPT:])
    kept.add((read_pointer(settings.published) or {}).get("publication_id", ""))
    removed = []
    for publication_id in order:
        folder = settings.published / publication_id
        if publication_id not in kept and folder.is_dir():
            gone = settings.published / f".gone-{publication_id}"
            folder.rename(gone)
            _discard(gone)
            removed.append(publication_id)
    reach("publish.pruned")
    return removed


def sweep_leftovers(settings: Settings) -> None:
    """Remove drafts and half-removed publications of killed runs. The caller holds the writer's
    lock. Mends a log whose last entry a crash left out."""
    for pattern in (".draft-*", ".gone-*"):
        for folder in settings.published.glob(pattern):
            _discard(folder)
    pointer = read_pointer(settings.published)
    if pointer is None:
        return
    with hold_pointer_lock(settings):
        last = [e for e in read_log(settings) if e["event"] in ("published", "rolled_back")]
        if not last or last[-1].get("epoch") != pointer["epoch"]:
            append_log(settings, {
                "event": "published", "publication_id": pointer["publication_id"],
                "at": pointer["published_at"], "epoch": pointer["epoch"],
                "manifest_sha256": pointer["sha256"],
            })  # fmt: skip


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
