"""Claims landing files: finds them, takes their bytes once, archives them in raw.

Landing files are never parsed in place and never changed. Raw is append-only and read-only:
bytes as sent (zstd), or the redacted table where the file has personal or unknown columns.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import zstandard

from data_contracts.loader import ContractError, SourceProfile
from pipelines.ingest.mapping import FOOD_BANK_ID, Target, find_targets, redact
from pipelines.ingest.parsing import MAX_BYTES, ParsedTable, UnreadableError, parse_table
from pipelines.ingest.workbooks import is_workbook
from pipelines.settings import Settings, now
from pipelines.store import DeliveryStore, Pseudonymizer, load_pseudonymizer, write_atomically

TEMPORARY_ENDINGS = (".done", ".part", ".partial", ".filepart", ".crdownload", ".tmp", "~")
STABLE_AFTER_SECONDS = 2.0
_STAMP = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})T(\d{2})-?(\d{2})-?(\d{2})Z")


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


def has_new_files(settings: Settings, store: DeliveryStore) -> bool:
    """Whether landing holds a file that was not claimed as it stands."""
    return any(
        not store.knows_file(file.name, file.size, file.modified_ns)
        for file in list_landing_files(settings.landing)
    )


def set_duplicates_aside(settings: Settings, store: DeliveryStore) -> None:
    """Note which new landing files hold bytes that came before: they have no effect."""
    for file in list_landing_files(settings.landing):
        if not store.knows_file(file.name, file.size, file.modified_ns):
            pseudonymizer = load_pseudonymizer(settings, file.food_bank_id)
            content = _read_bytes(file)
            delivery_id = pseudonymizer.hash_content(content or b"")
            if content is not None and store.is_settled(delivery_id):
                store.record_file(file.name, file.size, file.modified_ns, delivery_id, True)


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
    keys: dict[str, Pseudonymizer] = {}
    for file in list_landing_files(settings.landing):
        if food_banks and file.food_bank_id not in food_banks:
            continue
        if store.knows_file(file.name, file.size, file.modified_ns):
            continue
        profile = profiles.get(file.food_bank_id)
        if file.food_bank_id not in keys:
            keys[file.food_bank_id] = load_pseudonymizer(settings, file.food_bank_id)
            claimed += _claim_reference(settings, store, profile, keys[file.food_bank_id])
        report(f"Claiming {file.name}")
        content = _read_bytes(file)
        if content is None:
            continue
        delivery_id = keys[file.food_bank_id].hash_content(content)
        if store.has_delivery(delivery_id) and not store.is_set_aside(delivery_id):
            # A run that stopped between the delivery and its file left the delivery without one.
            is_duplicate = store.has_file_of(delivery_id)
            store.record_file(file.name, file.size, file.modified_ns, delivery_id, is_duplicate)
            continue
        _store_delivery(
            settings,
            store,
            profile,
            keys[file.food_bank_id],
            file.food_bank_id,
            file.relative_path,
            content,
        )
        store.record_file(file.name, file.size, file.modified_ns, delivery_id, False)
        claimed.append(delivery_id)
    return claimed


def _claim_reference(
    settings: Settings,
    store: DeliveryStore,
    profile: SourceProfile | None,
    pseudonymizer: Pseudonymizer,
) -> list[str]:
    claimed = []
    for record, rows in (profile.reference if profile else {}).items():
        assert profile is not None
        content = pl.DataFrame(rows, infer_schema_length=None).write_csv().encode()
        delivery_id = pseudonymizer.hash_content(content)
        if not store.has_delivery(delivery_id):
            name = f"{record}/source profile {profile.version}"
            _store_delivery(
                settings, store, None, pseudonymizer, profile.food_bank_id, name, content
            )
            claimed.append(delivery_id)
    return claimed


def _read_bytes(file: LandingFile) -> bytes | None:
    """The bytes of a landing file; None where it may not be read or has changed meanwhile."""
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW)
    except (FileNotFoundError, PermissionError):
        return None
    with os.fdopen(descriptor, "rb") as handle:
        content = handle.read(MAX_BYTES + 1)
    return content if _is_unchanged(file) else None


def _store_delivery(
    settings: Settings,
    store: DeliveryStore,
    profile: SourceProfile | None,
    pseudonymizer: Pseudonymizer,
    food_bank_id: str,
    name: str,
    content: bytes,
) -> None:
    delivery_id = pseudonymizer.hash_content(content)
    sent_at = _read_sent_at(name)
    archive: str | None = None
    reason: str | None = None
    notes: list[str] = []
    try:
        if len(content) > MAX_BYTES:
            raise UnreadableError(f"the file is larger than {MAX_BYTES // 1_000_000} MB")
        targets = find_targets(name, profile)
        table = _parse(content, targets[0])
        redacted, dropped, differs = redact(table, targets, pseudonymizer)
        if 0 < len(dropped) < len(table.columns):
            notes.append(f"columns that are not known and were not kept: {', '.join(dropped)}")
        archive = _archive(settings, food_bank_id, delivery_id, content, redacted, differs)
    except (UnreadableError, ContractError) as error:
        reason = str(error)
    store.add_delivery(delivery_id, food_bank_id, name, now(), sent_at, archive, reason, notes)


def _parse(content: bytes, target: Target) -> ParsedTable:
    profile = target.profile
    if profile is None:
        return parse_table(content)
    return parse_table(
        content,
        encoding=profile.encoding,
        delimiter=profile.delimiter,
        header_rows=profile.header_rows,
        skip_rows=profile.skip_rows,
        sheet=profile.sheet,
    )


def _read_sent_at(name: str) -> datetime | None:
    """The moment that a sender wrote into the file's name: `...2024-06-25T18-00-00Z...`."""
    found = _STAMP.search(name)
    if not found:
        return None
    try:
        return datetime(*(int(part) for part in found.groups()), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        return None


def _archive(
    settings: Settings,
    food_bank_id: str,
    delivery_id: str,
    content: bytes,
    table: ParsedTable,
    is_redacted: bool,
) -> str:
    """Write a delivery into raw, read-only; give its path relative to raw."""
    as_sent = ".xlsx.zst" if is_workbook(content) else ".csv.zst"
    relative = f"{food_bank_id}/{delivery_id}{'.parquet' if is_redacted else as_sent}"
    path = settings.raw / relative
    if not path.exists():
        with write_atomically(path) as temporary:
            if is_redacted:
                described = table.frame.with_columns(
                    pl.lit(table.encoding).alias("_encoding"),
                    pl.lit(table.delimiter).alias("_delimiter"),
                )
                described.write_parquet(temporary, compression="zstd")
            else:
                temporary.write_bytes(zstandard.ZstdCompressor(level=6).compress(content))
            temporary.chmod(0o440)
    return relative


def read_archive(settings: Settings, archive: str, target: Target) -> ParsedTable:
    """Read a delivery back from raw as a parsed, redacted table."""
    path = settings.raw / archive
    if path.suffix == ".parquet":
        frame = pl.read_parquet(path, glob=False)
        encoding, delimiter = "utf-8", ","
        if frame.height:
            encoding, delimiter = frame["_encoding"][0], frame["_delimiter"][0]
        return ParsedTable(frame.drop("_encoding", "_delimiter"), encoding, delimiter)
    with path.open("rb") as handle, zstandard.ZstdDecompressor().stream_reader(handle) as stream:
        return _parse(io.BytesIO(stream.read()).getvalue(), target)


def hash_landing_file(file: LandingFile) -> str:
    """SHA-256 of the content of a landing file (not its delivery identifier, which is keyed)."""
    descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
