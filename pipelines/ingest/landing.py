"""Claims landing files: finds them, takes their bytes once, archives them in raw.

Landing files are never parsed in place and never changed: their bytes are copied, while they are
hashed, into a file without a name, which workers read (`staging`). Raw is append-only and
read-only.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO

import polars as pl

from data_contracts.loader import ContractError, SourceProfile
from pipelines.ingest.containers import MAX_BYTES, UnreadableError, name_of
from pipelines.ingest.mapping import Staged, read_stamp
from pipelines.ingest.staging import (
    StagedFile,
    StagingJob,
    read_staged,
    stage_file,
    unpack_archive,
)
from pipelines.ingest.targets import FOOD_BANK_ID, find_targets
from pipelines.ingest.workers import share_pool
from pipelines.settings import Settings, now
from pipelines.store import (
    Delivery,
    DeliveryStore,
    NewDelivery,
    Pseudonymizer,
    hash_file,
    load_pseudonymizer,
    reach,
)

TEMPORARY_ENDINGS = (".done", ".part", ".partial", ".filepart", ".crdownload", ".tmp", "~")
STABLE_AFTER_SECONDS = 2.0
FILES_AT_ONCE = 16
DEFAULT_TIMEZONE = "Europe/Paris"
_STAMP = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})T(\d{2})-?(\d{2})-?(\d{2})Z")
REFERENCE_NAME = "source profile "


@dataclass(frozen=True)
class LandingFile:
    """One file that a sender wrote; `relative_path` is within the food bank's folder."""

    path: Path
    food_bank_id: str
    relative_path: str
    size: int
    modified_ns: int

    @property
    def name(self) -> str:
        """Its name within the landing folder, which may itself move."""
        return f"{self.food_bank_id}/{self.relative_path}"


def list_landing_files(landing: Path) -> Iterator[LandingFile]:
    """Files that senders finished, in order of name; hidden and temporary names are left alone.

    A file that changed in the last two seconds is looked at twice; while it grows it waits for
    the next run. `<name>.done` beside it says that it is finished.
    """
    recent: list[LandingFile] = []
    for food_bank in sorted(landing.iterdir()) if landing.is_dir() else []:
        if not FOOD_BANK_ID.match(food_bank.name) or not food_bank.is_dir():
            continue
        for path in sorted(food_bank.rglob("*")):
            relative = path.relative_to(food_bank)
            if any(part.startswith((".", "~$")) for part in relative.parts):
                continue
            if path.name.lower().endswith(TEMPORARY_ENDINGS):
                continue
            found = _stat_file(path)
            if found is None:
                continue
            # A name that is not UTF-8 is written so that it can be shown and kept.
            name = os.fsencode(relative.as_posix()).decode("utf-8", "backslashreplace")
            file = LandingFile(path, food_bank.name, name, found.st_size, found.st_mtime_ns)
            is_old = time.time() - found.st_mtime > STABLE_AFTER_SECONDS
            if is_old or path.with_name(path.name + ".done").exists():
                yield file
            else:
                recent.append(file)
    if recent:
        time.sleep(0.3)
        for file in recent:
            if _is_unchanged(file):
                yield file


def _stat_file(path: Path) -> os.stat_result | None:
    """What a regular file is; None for a link, and where the sender took it away meanwhile."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _is_unchanged(file: LandingFile) -> bool:
    found = _stat_file(file.path)
    return found is not None and (found.st_size, found.st_mtime_ns) == (
        file.size,
        file.modified_ns,
    )


def list_ignored(landing: Path) -> list[str]:
    """What lies in landing where nothing is read: a sentence each, so that nothing is lost."""
    found = []
    for entry in sorted(landing.iterdir()) if landing.is_dir() else []:
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            found.append(f"{entry.name}: it lies in no food bank's folder")
        elif not FOOD_BANK_ID.match(entry.name):
            found.append(
                f"{entry.name}/: a food bank's folder has a short name in lower case letters,"
                " digits and underscores"
            )
    for file in list_landing_files(landing):
        if not os.access(file.path, os.R_OK):
            found.append(f"{file.name}: this account may not read it")
    return found


def has_new_files(
    settings: Settings, store: DeliveryStore, profiles: dict[str, SourceProfile] | None = None
) -> bool:
    """Whether landing holds a file that was not claimed as it stands."""
    return any(
        not _is_known(store, file, (profiles or {}).get(file.food_bank_id), profiles is not None)
        for file in list_landing_files(settings.landing)
    )


def _is_known(
    store: DeliveryStore, file: LandingFile, profile: SourceProfile | None, compares: bool = True
) -> bool:
    fingerprint = (profile.fingerprint if profile else "") if compares else None
    return store.knows_file(file.name, file.size, file.modified_ns, fingerprint)


def set_duplicates_aside(settings: Settings, store: DeliveryStore) -> None:
    """Note which new landing files hold bytes that came before: they have no effect."""
    for file in list_landing_files(settings.landing):
        if not store.knows_file(file.name, file.size, file.modified_ns):
            pseudonymizer = load_pseudonymizer(settings, file.food_bank_id)
            delivery_id = hash_landing_file(file, pseudonymizer)
            if delivery_id is not None and store.is_settled(delivery_id):
                store.record_file(file.name, file.size, file.modified_ns, delivery_id, True)


def hash_landing_file(file: LandingFile, pseudonymizer: Pseudonymizer) -> str | None:
    """The delivery that a landing file would be; None where it may not be read or has changed."""
    handle = _open(file)
    if handle is None:
        return None
    with handle:
        delivery_id = pseudonymizer.copy_and_hash(handle, None)
    return delivery_id if _is_unchanged(file) else None


def make_run_key(settings: Settings, store: DeliveryStore) -> str | None:
    """One key for a set of waiting deliveries, by the keyed hashes of their bytes: neither names
    nor times count. None where nothing waits."""
    found = set()
    for file in list_landing_files(settings.landing):
        if not store.knows_file(file.name, file.size, file.modified_ns):
            key = load_pseudonymizer(settings, file.food_bank_id)
            delivery_id = hash_landing_file(file, key)
            if delivery_id is not None:
                found.add(f"{file.food_bank_id}/{delivery_id}")
    if not found:
        return None
    return load_pseudonymizer(settings, "").hash_content("\n".join(sorted(found)).encode())


def _open(file: LandingFile) -> IO[bytes] | None:
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW)
    except (FileNotFoundError, PermissionError):
        return None
    return os.fdopen(descriptor, "rb")


@dataclass(frozen=True)
class _Claimed:
    """A file whose bytes are in hand. `file`: None for the rows that a source profile carries."""

    delivery_id: str
    food_bank_id: str
    source_name: str
    content: IO[bytes]
    size: int
    profile: SourceProfile | None
    file: LandingFile | None


def claim_landing(
    settings: Settings,
    store: DeliveryStore,
    profiles: dict[str, SourceProfile],
    food_banks: list[str] | None = None,
    report: Callable[[str], None] = lambda step: None,
) -> list[str]:
    """Claim every new landing file; give the identifiers of the new deliveries.

    A file that cannot be read is set aside with its reason; the others go on. The same bytes sent
    again, to the right folder or once a profile takes them, get another chance. The reference rows
    that a source profile carries arrive as deliveries of their own.
    """
    claimed: list[str] = []
    settings.raw.mkdir(parents=True, exist_ok=True)
    found = _take_new_files(settings, store, profiles, food_banks, report)
    while batch := list(islice(found, FILES_AT_ONCE)):
        with ExitStack() as opened:
            for entry in batch:
                opened.enter_context(entry.content)
            claimed += _store(settings, store, batch)
    return claimed


def _take_new_files(
    settings: Settings,
    store: DeliveryStore,
    profiles: dict[str, SourceProfile],
    food_banks: list[str] | None,
    report: Callable[[str], None],
) -> Iterator[_Claimed]:
    keys: dict[str, Pseudonymizer] = {}
    taken: set[str] = set()
    for file in list_landing_files(settings.landing):
        if food_banks and file.food_bank_id not in food_banks:
            continue
        profile = profiles.get(file.food_bank_id)
        if _is_known(store, file, profile):
            continue
        reach("claim.listed")
        if file.food_bank_id not in keys:
            keys[file.food_bank_id] = load_pseudonymizer(settings, file.food_bank_id)
            for reference in _take_reference(settings, profile, keys[file.food_bank_id]):
                if store.is_open(reference.delivery_id):
                    yield reference
        report(f"Claiming {file.name}")
        entry = _copy(settings, file, profile, keys[file.food_bank_id])
        if entry is None:
            continue
        reach("claim.copied")
        if entry.delivery_id in taken or not store.is_open(entry.delivery_id):
            # A run that stopped between the delivery and its file left the delivery without one.
            is_duplicate = entry.delivery_id in taken or store.has_file_of(entry.delivery_id)
            store.record_file(
                file.name, file.size, file.modified_ns, entry.delivery_id, is_duplicate
            )
            entry.content.close()
            continue
        taken.add(entry.delivery_id)
        yield entry


def _copy(
    settings: Settings, file: LandingFile, profile: SourceProfile | None, key: Pseudonymizer
) -> _Claimed | None:
    source = _open(file)
    if source is None:
        return None
    with source:
        copy = tempfile.TemporaryFile(dir=settings.raw)  # noqa: SIM115 (its workers read it)
        delivery_id = key.copy_and_hash(source, copy)
    if not _is_unchanged(file):
        copy.close()
        return None
    return _Claimed(
        delivery_id, file.food_bank_id, file.relative_path, copy, file.size, profile, file
    )


def _take_reference(
    settings: Settings, profile: SourceProfile | None, key: Pseudonymizer
) -> Iterator[_Claimed]:
    for record, rows in (profile.reference if profile else {}).items():
        assert profile is not None  # nosec B101
        content = pl.DataFrame(rows, infer_schema_length=None).write_csv().encode()
        copy = tempfile.TemporaryFile(dir=settings.raw)  # noqa: SIM115 (its workers read it)
        copy.write(content)
        copy.flush()
        name = f"{record}/{REFERENCE_NAME}{profile.version}"
        delivery_id = key.hash_content(content)
        yield _Claimed(delivery_id, profile.food_bank_id, name, copy, len(content), None, None)


def _store(settings: Settings, store: DeliveryStore, batch: Sequence[_Claimed]) -> list[str]:
    jobs = []
    for entry in batch:
        store.add_seen(
            NewDelivery(
                entry.delivery_id,
                entry.food_bank_id,
                entry.source_name,
                now(),
                read_sent_at(entry.source_name, entry.profile),
                entry.size,
                entry.profile.fingerprint if entry.profile else "",
            )
        )
        reach("claim.seen")
        jobs.append(
            StagingJob(
                name_of(entry.content),
                entry.source_name,
                entry.profile,
                load_pseudonymizer(settings, entry.food_bank_id),
                settings.raw / entry.food_bank_id / entry.delivery_id,
                staged_path(settings, entry.food_bank_id, entry.delivery_id),
            )
        )
    reach("parse.started")
    for entry, staged in zip(batch, share_pool().stage(jobs, settings.raw), strict=True):
        if entry.size > MAX_BYTES:
            staged = StagedFile(reason=f"the file is larger than {MAX_BYTES // 1_000_000} MB")
        _record(settings, store, entry.delivery_id, staged)
        if entry.file is not None:
            store.record_file(
                entry.file.name,
                entry.file.size,
                entry.file.modified_ns,
                entry.delivery_id,
                False,
            )
            reach("claim.recorded")
    return [entry.delivery_id for entry in batch]


def _record(settings: Settings, store: DeliveryStore, delivery_id: str, staged: StagedFile) -> None:
    if staged.failure is not None:
        store.mark_failed(delivery_id, f"a fault of ours, not of the file: {staged.failure}")
        return
    if staged.archive is None:
        store.set_aside(delivery_id, staged.reason or "the file cannot be read")
        return
    reach("parse.archived")
    store.mark_stored(
        delivery_id,
        staged.archive.relative_to(settings.raw).as_posix(),
        hash_file(staged.archive),
        staged.notes,
        encoding=staged.encoding,
        delimiter=staged.delimiter,
        lines_read=staged.rows,
    )
    reach("parse.staged")
    store.mark_parsed(delivery_id)


def staged_path(settings: Settings, food_bank_id: str, delivery_id: str) -> Path:
    """Where the staged table of a delivery lies until it is judged."""
    return settings.staged / food_bank_id / f"{delivery_id}.parquet"


def open_staged(settings: Settings, delivery: Delivery, profile: SourceProfile | None) -> Staged:
    """The redacted table of a delivery; made again from raw where it is gone.

    Raises UnreadableError where raw cannot be read under today's source profile.
    """
    path = staged_path(settings, delivery.food_bank_id, delivery.delivery_id)
    if path.is_file():
        return read_staged(path)
    assert delivery.archive is not None  # nosec B101
    archive = settings.raw / delivery.archive
    if archive.suffix == ".parquet":
        return read_staged(archive)
    with unpack_archive(archive, settings.raw) as content:
        job = StagingJob(
            content,
            delivery.source_name,
            None if is_reference(delivery.source_name) else profile,
            load_pseudonymizer(settings, delivery.food_bank_id),
            settings.raw / delivery.food_bank_id / delivery.delivery_id,
            path,
        )
        staged = stage_file(job)
    if staged.reason:
        raise UnreadableError(staged.reason)
    return read_staged(path)


def is_reference(source_name: str) -> bool:
    """Whether a delivery holds rows that a source profile carries."""
    return source_name.split("/")[-1].startswith(REFERENCE_NAME)


def finish_stored(
    settings: Settings, store: DeliveryStore, profiles: dict[str, SourceProfile]
) -> None:
    """Go on with deliveries that a killed run left: archived but not staged, or only seen."""
    for delivery in store.list_deliveries("stored"):
        try:
            open_staged(settings, delivery, profiles.get(delivery.food_bank_id))
            store.mark_parsed(delivery.delivery_id)
        except (UnreadableError, ContractError) as error:
            store.set_aside(delivery.delivery_id, str(error))
    for delivery in store.list_deliveries("seen"):
        store.mark_failed(
            delivery.delivery_id, "the run that was reading it was killed; send the file again"
        )


def read_sent_at(name: str, profile: SourceProfile | None) -> datetime | None:
    """The moment that a sender wrote into the file's name: `...2024-06-25T18-00-00Z...`, or as its
    source profile says."""
    try:
        targets = find_targets(name, profile)
    except (UnreadableError, ContractError):
        return None
    stamp = targets[0].profile.sent_at if targets[0].profile else None
    if stamp is not None and stamp.name is not None:
        found = re.search(stamp.name, name)
        zone = (profile.timezone if profile else None) or DEFAULT_TIMEZONE
        return read_stamp(found[1], stamp.date_format, zone) if found else None
    found = _STAMP.search(name)
    if not found:
        return None
    try:
        return datetime(*(int(part) for part in found.groups()), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        return None
