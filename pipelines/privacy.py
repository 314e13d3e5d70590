"""What happens to pseudonyms after they are stored: keys are rotated, households are erased.

Every place that holds a pseudonym is rewritten: archives in raw, staged and accepted files, rows
held back; the warehouse is built again by the caller. Publications hold no household and stay as
they are. A crash in between is followed by the same command again, which goes on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from data_contracts.access_log import remove_old_segments
from data_contracts.loader import Contract, SourceProfile, load_profiles, load_records
from pipelines.ingest.redaction import Redaction, normalise_identity
from pipelines.ingest.targets import find_targets, known_columns
from pipelines.settings import Settings, SettingsError
from pipelines.store import (
    COUNTED,
    Delivery,
    DeliveryStore,
    Pseudonymizer,
    hash_file,
    is_stranger,
    load_pseudonymizer,
    make_stranger,
    write_atomically,
    write_json,
)

# Blanked with a household: where it lives and how large it is.
BLANKED = ("household_size", "children", "insee_code", "qpv_code")


class PrivacyError(Exception):
    """This cannot be done; the message says what is missing and what to do."""


@dataclass(frozen=True)
class Rewriting:
    """A change of stored rows. `operation`: its name, under which it is done once for each file.

    `replace` gives what stands for a pseudonym (itself where it stays); `blanks`: whether the
    BLANKED columns of a changed row become empty.
    """

    operation: str
    replace: Callable[[str], str]
    blanks: bool = False


@dataclass(frozen=True)
class Certificate:
    """What a rewriting did. Kilograms are those of accepted rows, before and after, by record."""

    operation: str
    food_bank_id: str
    by: str
    at: str
    files: dict[str, int]
    rows: dict[str, int]
    kilograms_before: dict[str, str]
    kilograms_after: dict[str, str]

    @property
    def is_balanced(self) -> bool:
        return self.kilograms_before == self.kilograms_after


def require_keys(settings: Settings, store: DeliveryStore) -> None:
    """Check that identifiers are hashed as those that are stored, before anything is read.

    Raises SettingsError where a key was changed (every household would be new) or was rotated and
    what is stored has not followed yet.
    """
    keys = load_pseudonymizer(settings, "")
    known = store.read_key_mark()
    if known is None:
        store.record_key_mark(keys.generation, keys.mark(keys.generation))
        return
    generation, mark = known
    if keys.generation < generation or keys.mark(generation) != mark:
        raise SettingsError(
            "COLLECTO_PSEUDONYM_KEY is not the one of the stored pseudonyms: every household would"
            " become new. Set the former one again, or name it in COLLECTO_PSEUDONYM_FORMER_KEYS"
            " (oldest first, separated by |) and run `collecto rotate`"
        )
    if keys.generation > generation:
        raise SettingsError(
            "COLLECTO_PSEUDONYM_KEY is new and the stored pseudonyms have not followed yet: run"
            " `collecto rotate`"
        )


def rotate(settings: Settings, store: DeliveryStore, by: str, at: datetime) -> list[Certificate]:
    """Let every stored pseudonym follow the newest key: stored = HMAC(new key, stored).

    The caller holds the writer's lock and builds the warehouse again. Raises SettingsError where
    the former keys are not those of what is stored, PrivacyError where there is no newer key.
    """
    keys = load_pseudonymizer(settings, "")
    known = store.read_key_mark()
    generation = known[0] if known else 1
    if known and (keys.generation < generation or keys.mark(generation) != known[1]):
        require_keys(settings, store)
    if keys.generation == generation:
        raise PrivacyError(
            "there is no newer key: put the present one into COLLECTO_PSEUDONYM_FORMER_KEYS and a"
            " new one into COLLECTO_PSEUDONYM_KEY"
        )
    certificates = []
    for bank in _list_food_banks(store):
        own = load_pseudonymizer(settings, bank)
        rewriting = Rewriting(
            f"rotation {keys.generation}", partial(_follow, own, generation=generation)
        )
        certificates.append(_rewrite(settings, store, bank, rewriting, by, at))
    store.record_key_mark(keys.generation, keys.mark(keys.generation))
    return certificates


def erase(
    settings: Settings,
    store: DeliveryStore,
    food_bank: str,
    identifier: str,
    by: str,
    at: datetime,
    *,
    is_pseudonym: bool = False,
) -> Certificate:
    """Replace one household (or user) by a random value, and blank where and how large it is.

    Kilograms and counts stay. The certificate holds neither identifier nor pseudonym. The caller
    holds the writer's lock and builds the warehouse again. Raises PrivacyError where nobody is
    stored under this identifier.
    """
    require_keys(settings, store)
    _require_food_bank(store, food_bank)
    keys = load_pseudonymizer(settings, food_bank)
    sought = identifier if is_pseudonym else keys.hash_identity(normalise_identity(identifier))
    subject = f"erasure of {keys.hash_identity(sought)}"
    certificate = _forget(
        settings, store, food_bank, subject, {sought}, by, at, blanks=True
    )  # fmt: skip
    if left := _count(settings, store, food_bank, sought):
        raise PrivacyError(f"{left} rows still hold it; run the same command again")
    store.end_erasure(food_bank, subject)
    if not sum(certificate.rows.values()):
        raise PrivacyError(f"nobody is stored under this identifier in {food_bank}")
    _certify(settings, certificate)
    return certificate


def erase_expired(
    settings: Settings, store: DeliveryStore, today: date, by: str, at: datetime
) -> list[Certificate]:
    """Replace by random values everybody whose last row is older than the contracts' retention.

    One value for each, so that no count changes; nobody can be recognised by them any more. The
    caller holds the writer's lock and builds the warehouse again.
    """
    require_keys(settings, store)
    certificates = []
    for bank, expired in find_expired(settings, store, today).items():
        certificate = _forget(settings, store, bank, "retention", expired, by, at)
        store.end_erasure(bank, "retention")
        _certify(settings, certificate)
        certificates.append(certificate)
    return certificates


def forget_accesses(settings: Settings, at: datetime) -> list[str]:
    """Remove the months of the log of accesses that are older than a year; give their names."""
    before = f"{at.year - 1:04d}-{at.month:02d}"
    return remove_old_segments(settings.access_log, before, at)


def find_expired(settings: Settings, store: DeliveryStore, today: date) -> dict[str, set[str]]:
    """Pseudonyms that the contracts keep no longer, by food bank; no food bank without any."""
    found = {bank: _find_expired(settings, store, bank, today) for bank in _list_food_banks(store)}
    return {bank: expired for bank, expired in found.items() if expired}


def _forget(
    settings: Settings,
    store: DeliveryStore,
    food_bank: str,
    subject: str,
    values: set[str],
    by: str,
    at: datetime,
    *,
    blanks: bool = False,
) -> Certificate:
    """Replace pseudonyms; the caller ends the erasure. One that was cut short goes on with the
    values it began with: a household would count twice under two of them."""
    operation, salt = store.begin_erasure(food_bank, subject)
    rewriting = Rewriting(
        f"{subject.split()[0]} {operation}",
        lambda value: make_stranger(value, salt) if value in values else value,
        blanks=blanks,
    )
    return _rewrite(settings, store, food_bank, rewriting, by, at)


def _follow(keys: Pseudonymizer, value: str, generation: int) -> str:
    """A pseudonym under the newest key; what stands for somebody erased stays as it is."""
    return value if is_stranger(value) else keys.follow(value, generation)


def _certify(settings: Settings, certificate: Certificate) -> None:
    if not certificate.is_balanced:
        raise PrivacyError("kilograms changed; nothing else may be done before this is looked at")
    name = certificate.operation.replace(" ", "-")
    content = {
        name: getattr(certificate, name)
        for name in ("operation", "food_bank_id", "by", "at", "files", "rows", "kilograms_before",
                     "kilograms_after")
    }  # fmt: skip
    write_json(settings.certificates / f"{name}.json", content)


def _list_food_banks(store: DeliveryStore) -> list[str]:
    return sorted({entry.food_bank_id for entry in store.list_deliveries()})


def _require_food_bank(store: DeliveryStore, food_bank: str) -> None:
    known = _list_food_banks(store)
    if food_bank not in known:
        raise PrivacyError(f"{food_bank!r} has delivered nothing; known: {', '.join(known)}")


def _personal_records() -> dict[str, Contract]:
    return {name: contract for name, contract in load_records().items() if contract.is_personal}


def _rewrite(
    settings: Settings,
    store: DeliveryStore,
    food_bank: str,
    rewriting: Rewriting,
    by: str,
    at: datetime,
) -> Certificate:
    before = _weigh(settings, store, food_bank)
    files: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    done = store.list_rewritten(rewriting.operation)
    for kind, path, columns, blanked, record in _list_files(settings, store, food_bank):
        changed = _rewrite_file(settings, store, rewriting, done, path, columns, blanked)
        if changed is None:
            continue
        sha256, count = changed
        if count:
            files[kind] += 1
            rows[kind] += count
        record(sha256)
    for name, contract in _personal_records().items():
        personal = [column.name for column in contract.columns if column.is_personal]
        count = store.rewrite_quarantine(
            rewriting.operation, food_bank, name, _change_cells(rewriting, personal)
        )
        rows["quarantine"] += count
    after = _weigh(settings, store, food_bank)
    return Certificate(
        rewriting.operation, food_bank, by, at.isoformat(), dict(files), dict(rows), before, after
    )


def _list_files(
    settings: Settings, store: DeliveryStore, food_bank: str
) -> Iterator[tuple[str, Path, list[str], list[str], Callable[[str], None]]]:
    """Files that may hold pseudonyms: kind, path, their columns, the columns that are blanked with
    them, and what records the new hash."""
    profile = load_profiles(settings.sources_dir).get(food_bank)
    keys = load_pseudonymizer(settings, food_bank)
    outcomes = [row for row in store.list_outcomes() if row["food_bank_id"] == food_bank]
    for entry in store.list_deliveries():
        if entry.food_bank_id != food_bank or not (entry.archive or "").endswith(".parquet"):
            continue
        path = settings.raw / str(entry.archive)
        if path.is_file():
            hashed, blanked = _find_raw_columns(path, entry, profile, keys)
            yield "raw", path, hashed, blanked, _record_archive(store, entry)
    for path in sorted((settings.staged / food_bank).glob("*.parquet")):
        delivery = store.find(path.name.split(".")[0])
        if delivery is not None:
            hashed, blanked = _find_raw_columns(path, delivery, profile, keys)
            yield "staged", path, hashed, blanked, lambda sha256: None
    for row in outcomes:
        contract = _personal_records().get(row["record"])
        if contract is None:
            continue
        personal = [column.name for column in contract.columns if column.is_personal]
        known = {column.name for column in contract.columns}
        blanked = [name for name in BLANKED if name in known]
        for name in json.loads(row["files"]):
            path = settings.accepted / row["record"] / name
            if path.is_file():
                yield "accepted", path, personal, blanked, _record_accepted(store, row, name)


def _record_archive(store: DeliveryStore, entry: Delivery) -> Callable[[str], None]:
    return lambda sha256: store.replace_archive_hash(entry.delivery_id, sha256)


def _record_accepted(store: DeliveryStore, row: dict[str, Any], name: str) -> Callable[[str], None]:
    return lambda sha256: store.replace_accepted_hash(
        row["delivery_id"], row["record"], name, sha256
    )


def _find_raw_columns(
    path: Path, delivery: Delivery, profile: SourceProfile | None, keys: Pseudonymizer
) -> tuple[list[str], list[str]]:
    names = [name for name in pq.read_schema(path).names if not name.startswith("_")]
    targets = find_targets(delivery.source_name, profile)
    hashed = Redaction(names, targets, keys).hashed
    blanked = {
        name
        for target in targets
        if target.contract.is_personal
        for name, column in known_columns(names, target).items()
        if column in BLANKED
    }
    return hashed, sorted(blanked)


def _rewrite_file(
    settings: Settings,
    store: DeliveryStore,
    rewriting: Rewriting,
    done: dict[str, tuple[str, int]],
    path: Path,
    columns: list[str],
    blanked: list[str],
) -> tuple[str, int] | None:
    """Rewrite one file once; its new hash and how many rows changed, None where none had to.

    What a run that was cut short has changed counts as changed.
    """
    name = path.relative_to(settings.data).as_posix()
    if name in done and hash_file(path) == done[name][0]:
        return done[name]
    table = pq.read_table(path)
    frame = pl.DataFrame(pl.from_arrow(table))
    present = [column for column in columns if column in frame.columns]
    changed = pl.Series("changed", [False] * frame.height, pl.Boolean)
    for column in present:
        values = [rewriting.replace(v) if v else v for v in frame[column].to_list()]
        new = pl.Series(column, values, frame.schema[column])
        changed |= new.ne_missing(frame[column])
        frame = frame.with_columns(new)
    if not changed.any():
        return None
    if rewriting.blanks:
        frame = frame.with_columns(
            pl.when(changed)
            .then(pl.lit("" if path.is_relative_to(settings.raw) else None))
            .otherwise(pl.col(column))
            .cast(frame.schema[column])
            .alias(column)
            for column in blanked
            if column in frame.columns
        )
    mode = path.stat().st_mode & 0o777
    with write_atomically(path) as temporary:
        written = frame.to_arrow().cast(table.schema).replace_schema_metadata(table.schema.metadata)
        pq.write_table(written, temporary, compression="zstd")
        temporary.chmod(mode)
        sha256 = hash_file(temporary)
        count = int(changed.sum())
        store.record_rewriting(rewriting.operation, name, sha256, count)
    return sha256, count


def _change_cells(
    rewriting: Rewriting, personal: list[str]
) -> Callable[[dict[str, Any], list[dict[str, Any]]], bool]:
    def change(cells: dict[str, Any], rules: list[dict[str, Any]]) -> bool:
        is_changed = False
        for name in personal:
            value = cells.get(name)
            if not value or (new := rewriting.replace(value)) == value:
                continue
            is_changed = True
            cells[name] = new
            for rule in rules:
                if rule.get("value") == value:
                    rule["value"] = new
        if is_changed and rewriting.blanks:
            for name in BLANKED:
                if cells.get(name):
                    cells[name] = ""
        return is_changed

    return change


def _weigh(settings: Settings, store: DeliveryStore, food_bank: str) -> dict[str, str]:
    """Accepted rows and kilograms (or euros) of each personal record."""
    found = {}
    for name, contract in _personal_records().items():
        rows, total = 0, Decimal(0)
        for path in _accepted_files(settings, store, food_bank, name):
            columns = pq.read_schema(path).names
            measure = contract.measure if contract.measure in columns else None
            table = pl.read_parquet(path, glob=False)
            rows += table.height
            total += Decimal(table[measure].sum() or 0) if measure else Decimal(0)
        if rows:
            found[name] = f"{rows} rows, {total}"
    return found


def _accepted_files(
    settings: Settings, store: DeliveryStore, food_bank: str, record: str
) -> list[Path]:
    return [
        settings.accepted / record / name
        for row in store.list_outcomes()
        if row["food_bank_id"] == food_bank and row["record"] == record and row["state"] in COUNTED
        for name in json.loads(row["files"])
        if (settings.accepted / record / name).is_file()
    ]


def _count(settings: Settings, store: DeliveryStore, food_bank: str, sought: str) -> int:
    """Rows of files that hold a pseudonym."""
    count = 0
    for _, path, columns, _, _ in _list_files(settings, store, food_bank):
        table = pl.read_parquet(path, glob=False)
        for column in columns:
            if column in table.columns:
                count += int((table[column] == sought).sum())
    return count


def _find_expired(
    settings: Settings, store: DeliveryStore, food_bank: str, today: date
) -> set[str]:
    """Pseudonyms whose last row in every record is older than its contract's retention."""
    last: dict[str, bool] = {}
    for name, contract in _personal_records().items():
        if contract.retention_months is None or contract.date_column is None:
            continue
        months = today.year * 12 + today.month - 1 - contract.retention_months
        first_kept = date(months // 12, months % 12 + 1, 1)
        day = contract.date_column.removesuffix("_at") + "_date"
        for path in _accepted_files(settings, store, food_bank, name):
            table = pl.read_parquet(path, glob=False)
            for column in (c.name for c in contract.columns if c.is_personal):
                for value, when in table.select(column, day).drop_nulls().iter_rows():
                    last[value] = last.get(value, True) and when < first_kept
    return {value for value, is_old in last.items() if is_old and not is_stranger(value)}
