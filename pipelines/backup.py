"""Backup and restore of a data folder: one file, every hash checked, nothing half restored.

A backup holds what cannot be made again: raw and accepted files, the state, publications with
editions and logs, requests and certificates. The warehouse is left out (`collecto rebuild` makes
it), and so is the key: whoever holds a backup knows nobody. The key is kept elsewhere.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

import zstandard

from pipelines.settings import Settings
from pipelines.store import hash_file, hold_writer_lock, write_atomically, write_json

FORMAT = 1
MANIFEST = "backup.json"
KEPT = ("raw", "staged", "accepted", "published", "inbox", "certificates", "access_log")
LAST = "backup.json"
_BLOCK = 1 << 20


class BackupError(Exception):
    """No backup, or one that cannot be restored; the message says why and what to do."""


@dataclass(frozen=True)
class Backup:
    """What a backup file holds. `bytes`: uncompressed."""

    file: str
    made_at: str
    files: int
    bytes: int
    publication_id: str | None


def make_backup(
    settings: Settings,
    target: Path,
    at: datetime,
    report: Callable[[str], None] = lambda step: None,
) -> Backup:
    """Write a backup while nobody writes; it appears under its name once it is whole.

    Raises BackupError where there is nothing to keep or the file is there already, StoreBusyError
    while a refresh is at work.
    """
    if target.exists():
        raise BackupError(f"{target} is there already: name another file")
    if not settings.state_file.is_file():
        raise BackupError(f"{settings.data} holds nothing to keep")
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        hold_writer_lock(settings),
        write_atomically(target) as temporary,
        _copy_state(settings) as state,
    ):
        paths = {
            path.relative_to(settings.data).as_posix(): path
            for name in KEPT
            for path in sorted((settings.data / name).rglob("*"))
            if path.is_file()
        }
        paths[settings.state_file.relative_to(settings.data).as_posix()] = state
        pointer = _read_pointer(settings)
        entries = []
        for name, path in paths.items():
            report(f"Hashing {name}")
            entries.append({"path": name, "size": path.stat().st_size, "sha256": hash_file(path)})
        manifest = {
            "format": FORMAT, "made_at": at.isoformat(), "publication_id": pointer,
            "files": entries,
        }  # fmt: skip
        with (
            temporary.open("wb") as handle,
            zstandard.ZstdCompressor(level=3).stream_writer(handle) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
        ):
            _add_bytes(archive, MANIFEST, json.dumps(manifest).encode())
            for name, path in paths.items():
                report(f"Packing {name}")
                archive.add(path, name, recursive=False)
    total = sum(path.stat().st_size for path in paths.values() if path.exists())
    made = Backup(str(target), at.isoformat(), len(entries), total, pointer)
    write_json(settings.data / "state" / LAST, asdict(made))
    return made


def restore_backup(
    settings: Settings, source: Path, report: Callable[[str], None] = lambda step: None
) -> Backup:
    """Put a backup into an empty data folder; every file has the hash that it had.

    The warehouse follows by `collecto rebuild`. Raises BackupError where the folder holds data, or
    the file is no backup, cut short or altered: the data folder is then left as it was.
    """
    held = [name for name in (*KEPT, "state") if _holds_files(settings.data / name)]
    if held:
        raise BackupError(
            f"{settings.data} holds data ({', '.join(held)}): restore into an empty folder"
        )
    waiting = settings.data / ".restoring"
    shutil.rmtree(waiting, ignore_errors=True)
    waiting.mkdir(parents=True)
    try:
        manifest = _unpack(source, waiting, report)
        for name in (*KEPT, "state"):
            if (waiting / name).is_dir():
                shutil.rmtree(settings.data / name, ignore_errors=True)
                (waiting / name).rename(settings.data / name)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)
    entries = manifest["files"]
    return Backup(
        str(source), manifest["made_at"], len(entries), sum(entry["size"] for entry in entries),
        manifest["publication_id"],
    )  # fmt: skip


def read_last_backup(settings: Settings) -> Backup | None:
    """The last backup that was made of this data folder."""
    path = settings.data / "state" / LAST
    try:
        return Backup(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _unpack(source: Path, folder: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Extract and check every file; give the manifest."""
    try:
        with (
            source.open("rb") as handle,
            zstandard.ZstdDecompressor().stream_reader(handle) as packed,
            tarfile.open(fileobj=packed, mode="r|") as archive,
        ):
            members = iter(archive)
            manifest = _read_manifest(archive, next(members))
            expected = {entry["path"]: entry for entry in manifest["files"]}
            for member in members:
                entry = expected.pop(member.name, None)
                content = archive.extractfile(member)
                if entry is None or content is None or not _is_inside(member.name):
                    raise BackupError(f"{source.name} holds {member.name}, which is not its own")
                report(f"Restoring {member.name}")
                _write_checked(content, folder / member.name, entry, member.mode)
    except (tarfile.TarError, zstandard.ZstdError, StopIteration, EOFError, ValueError) as error:
        raise BackupError(f"{source.name} is no backup, or was cut short ({error})") from None
    if expected:
        raise BackupError(f"{source.name} was cut short: {min(expected)} is missing")
    return manifest


def _read_manifest(archive: tarfile.TarFile, first: tarfile.TarInfo) -> dict[str, Any]:
    content = archive.extractfile(first) if first.name == MANIFEST else None
    if content is None:
        raise ValueError("its first file is not the list of the others")
    manifest: dict[str, Any] = json.loads(content.read())
    if manifest.get("format") != FORMAT:
        raise BackupError(f"this backup has format {manifest.get('format')}, known is {FORMAT}")
    return manifest


def _write_checked(content: IO[bytes], path: Path, entry: dict[str, Any], mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("wb") as handle:
        while block := content.read(_BLOCK):
            digest.update(block)
            handle.write(block)
    if digest.hexdigest() != entry["sha256"]:
        raise BackupError(f"{entry['path']} is not what was kept: the backup was altered")
    path.chmod(mode & 0o777)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.parts[0] in (*KEPT, "state")


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def _read_pointer(settings: Settings) -> str | None:
    path = settings.published / "CURRENT"
    if not path.is_file():
        return None
    return str(json.loads(path.read_text(encoding="utf-8"))["publication_id"])


@contextmanager
def _copy_state(settings: Settings) -> Iterator[Path]:
    """The state as one file: what stands in its journal is in the copy."""
    path = settings.data / "state" / ".backup.sqlite"
    path.unlink(missing_ok=True)
    try:
        with (
            closing(sqlite3.connect(settings.state_file)) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)
        yield path
    finally:
        path.unlink(missing_ok=True)
