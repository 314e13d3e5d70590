"""The data folder: atomic writes, the writer's lock and epoch, delivery states, keyed hashes.

Under every stage. What a delivery means (formats, rules) belongs in `ingest` and `quality`;
here it is an identifier with a state that moves one way, each step one transaction.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipelines.settings import Settings, SettingsError

State = Literal["stored", "judged", "included", "duplicate", "set_aside"]
ASIDE: tuple[State, ...] = ("duplicate", "set_aside")


class StoreBusyError(Exception):
    """Another process writes in this data folder."""


class StateError(Exception):
    """A delivery is not in the state from which this step goes on."""


class StaleEpochError(Exception):
    """A later writer took over: what this one computed may no longer be put in place."""


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; on leaving, fsync it and rename it into place.

    A crash leaves either the former file or the new one, never a torn one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Write canonical JSON (sorted keys, UTF-8, final newline) in place at once."""
    with write_atomically(path) as temporary:
        temporary.write_text(
            json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2, default=str) + "\n",
            encoding="utf-8",
        )


@contextmanager
def hold_writer_lock(settings: Settings) -> Iterator[int]:
    """Hold the writer's lock of the data folder and give the epoch of this writer.

    The lock falls with the process. Raises StoreBusyError at once where another process holds it.
    """
    settings.lock_file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(settings.lock_file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusyError(
                f"another refresh is at work in {settings.data}; wait for it to end"
            ) from None
        epoch = read_epoch(settings) + 1
        # One write of fixed width: no crash leaves an empty file, which would read as epoch 0.
        os.pwrite(descriptor, f"{epoch:020d}".encode(), 0)
        os.fsync(descriptor)
        yield epoch
    finally:
        os.close(descriptor)


def read_epoch(settings: Settings) -> int:
    """The epoch of the last writer; 0 before the first."""
    try:
        return int(settings.lock_file.read_text() or 0)
    except FileNotFoundError:
        return 0


def require_epoch(settings: Settings, epoch: int) -> None:
    """Raise StaleEpochError unless `epoch` is that of the last writer."""
    if read_epoch(settings) != epoch:
        raise StaleEpochError("a later refresh took over; this one puts nothing in place")


@dataclass(frozen=True)
class Pseudonymizer:
    """Keyed hashes of one food bank (HMAC-SHA-256; keys derived by HKDF, one per use)."""

    identity_key: bytes
    content_key: bytes

    def hash_identity(self, identifier: str) -> str:
        """Replace an identifier of a person: 32 hexadecimal digits, the same for the same one."""
        digest = hmac.new(self.identity_key, identifier.encode(), hashlib.sha256)
        return digest.hexdigest()[:32]

    def hash_content(self, content: bytes) -> str:
        """Identifier of a delivery: keyed hash of its bytes as sent, 32 hexadecimal digits."""
        return hmac.new(self.content_key, content, hashlib.sha256).hexdigest()[:32]


def load_pseudonymizer(settings: Settings, food_bank_id: str) -> Pseudonymizer:
    """Derive the keys of one food bank.

    Raises SettingsError without a key, or with one that is too short.
    """
    if settings.pseudonym_key:
        secret = settings.pseudonym_key.get_secret_value()
    elif settings.key_file.is_file():
        secret = settings.key_file.read_text(encoding="utf-8").strip()
    else:
        raise SettingsError(
            "COLLECTO_PSEUDONYM_KEY is not set: identifiers of people could not be protected, so"
            ' nothing is read. Set it, for instance to the output of: python -c "import secrets;'
            ' print(secrets.token_urlsafe(48))"'
        )
    if len(secret) < 32:
        raise SettingsError("COLLECTO_PSEUDONYM_KEY: at least 32 characters are needed")
    keys = [
        HKDF(SHA256(), length=32, salt=None, info=f"{use}/{food_bank_id}".encode()).derive(
            secret.encode()
        )
        for use in ("identity", "content")
    ]
    return Pseudonymizer(*keys)


def make_key_file(settings: Settings) -> None:
    """Make a random key for this data folder where it has none (the demonstration's)."""
    if settings.pseudonym_key or settings.key_file.exists():
        return
    with write_atomically(settings.key_file) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_urlsafe(48) + "\n", encoding="utf-8")


SCHEMA = """
create table if not exists deliveries (
  delivery_id text primary key, food_bank_id text not null, source_name text not null,
  arrival_no integer not null unique, received_at text not null, sent_at text,
  state text not null, reason text, archive text, profile_version text, notes text
);
create table if not exists delivery_records (
  delivery_id text not null references deliveries, record text not null,
  contract_version text not null, rows_delivered integer not null, rows_filtered integer not null,
  rows_accepted integer not null, rows_quarantined integer not null,
  rows_replayed integer not null default 0, grams_accepted integer, profile text not null,
  primary key (delivery_id, record)
);
create table if not exists quarantine_rows (
  food_bank_id text not null, record text not null, delivery_id text not null,
  source_line integer not null, source_column text, row_key text, cells text not null,
  rules text not null, status text not null default 'open'
);
create index if not exists quarantine_by_key on quarantine_rows (food_bank_id, record, row_key);
create table if not exists landing_files (
  path text primary key, size integer not null, modified_ns integer not null,
  delivery_id text not null, is_duplicate integer not null
);
"""


@dataclass(frozen=True)
class Delivery:
    """One delivery with its state. `arrival_no` is the order in which deliveries were claimed."""

    delivery_id: str
    food_bank_id: str
    source_name: str
    arrival_no: int
    received_at: datetime
    sent_at: datetime | None
    state: State
    reason: str | None
    archive: str | None
    profile_version: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class RecordOutcome:
    """What became of one record's rows in one delivery; grams are of its measure, accepted."""

    record: str
    contract_version: str
    rows_delivered: int
    rows_filtered: int
    rows_accepted: int
    rows_quarantined: int
    grams_accepted: int | None
    profile: dict[str, Any]


@dataclass(frozen=True)
class QuarantinedRow:
    """One row held back: where it stands, its cells as text, every rule that it broke."""

    source_line: int
    source_column: str | None
    row_key: str | None
    cells: dict[str, str | None]
    rules: list[dict[str, Any]]


class DeliveryStore:
    """States of deliveries, in one SQLite file. Each method is one transaction."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("begin immediate")
        try:
            yield self._db
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def knows_file(self, path: str, size: int, modified_ns: int) -> bool:
        """Whether this landing file was claimed as it stands."""
        row = self._db.execute(
            "select 1 from landing_files where path = ? and size = ? and modified_ns = ?",
            (path, size, modified_ns),
        ).fetchone()
        return row is not None

    def record_file(
        self, path: str, size: int, modified_ns: int, delivery_id: str, is_duplicate: bool
    ) -> None:
        """Remember that a landing file holds a delivery."""
        with self._transaction() as db:
            db.execute(
                "insert or replace into landing_files values (?, ?, ?, ?, ?)",
                (path, size, modified_ns, delivery_id, int(is_duplicate)),
            )

    def has_file_of(self, delivery_id: str) -> bool:
        """Whether some landing file is known to hold this delivery."""
        row = self._db.execute("select 1 from landing_files where delivery_id = ?", (delivery_id,))
        return row.fetchone() is not None

    def has_delivery(self, delivery_id: str) -> bool:
        row = self._db.execute("select 1 from deliveries where delivery_id = ?", (delivery_id,))
        return row.fetchone() is not None

    def is_set_aside(self, delivery_id: str) -> bool:
        row = self._db.execute(
            "select 1 from deliveries where delivery_id = ? and state = 'set_aside'",
            (delivery_id,),
        )
        return row.fetchone() is not None

    def is_settled(self, delivery_id: str) -> bool:
        """Whether the same bytes sent again would have no effect."""
        return self.has_file_of(delivery_id) and not self.is_set_aside(delivery_id)

    def add_delivery(
        self,
        delivery_id: str,
        food_bank_id: str,
        source_name: str,
        received_at: datetime,
        sent_at: datetime | None,
        archive: str | None,
        reason: str | None,
        notes: Iterable[str] = (),
    ) -> None:
        """Add a delivery: `stored`, or `set_aside` where a reason is given.

        A delivery that was set aside is replaced: its bytes came again and get another chance.
        """
        with self._transaction() as db:
            db.execute(
                "delete from deliveries where delivery_id = ? and state = 'set_aside'",
                (delivery_id,),
            )
            db.execute(
                "insert into deliveries select ?, ?, ?, coalesce(max(arrival_no), 0) + 1, ?, ?,"
                " ?, ?, ?, null, ? from deliveries",
                (
                    delivery_id,
                    food_bank_id,
                    source_name,
                    received_at.isoformat(),
                    sent_at.isoformat() if sent_at else None,
                    "set_aside" if reason else "stored",
                    reason,
                    archive,
                    json.dumps(list(notes), ensure_ascii=False),
                ),
            )

    def set_aside(self, delivery_id: str, reason: str) -> None:
        """Set a stored delivery aside whole, with one sentence."""
        with self._transaction() as db:
            db.execute(
                "update deliveries set state = 'set_aside', reason = ?"
                " where delivery_id = ? and state = 'stored'",
                (reason, delivery_id),
            )

    def record_judgement(
        self,
        delivery_id: str,
        profile_version: str,
        notes: Iterable[str],
        outcomes: Iterable[RecordOutcome],
        quarantined: dict[str, list[QuarantinedRow]],
        corrected: dict[str, list[str]],
    ) -> None:
        """Move a delivery from `stored` to `judged` with its outcomes and quarantined rows.

        `corrected`: by record, keys of rows held back earlier that were accepted with this one.
        """
        with self._transaction() as db:
            moved = db.execute(
                "update deliveries set state = 'judged', profile_version = ?, notes = ?"
                " where delivery_id = ? and state = 'stored' returning food_bank_id",
                (profile_version, json.dumps(list(notes), ensure_ascii=False), delivery_id),
            ).fetchone()
            if moved is None:
                raise StateError(f"the delivery {delivery_id} is not stored: it is judged once")
            food_bank_id = moved[0]
            for outcome in outcomes:
                db.execute(
                    "insert or replace into delivery_records values (?,?,?,?,?,?,?,0,?,?)",
                    (
                        delivery_id,
                        outcome.record,
                        outcome.contract_version,
                        outcome.rows_delivered,
                        outcome.rows_filtered,
                        outcome.rows_accepted,
                        outcome.rows_quarantined,
                        outcome.grams_accepted,
                        json.dumps(outcome.profile, sort_keys=True, default=str),
                    ),
                )
            for record, keys in corrected.items():
                db.executemany(
                    "update quarantine_rows set status = 'corrected' where food_bank_id = ?"
                    " and record = ? and row_key = ? and status = 'open'",
                    [(food_bank_id, record, key) for key in keys],
                )
            db.execute("delete from quarantine_rows where delivery_id = ?", (delivery_id,))
            for record, rows in quarantined.items():
                db.executemany(
                    "insert into quarantine_rows values (?, ?, ?, ?, ?, ?, ?, ?, 'open')",
                    [
                        (
                            food_bank_id,
                            record,
                            delivery_id,
                            row.source_line,
                            row.source_column,
                            row.row_key,
                            json.dumps(row.cells, ensure_ascii=False),
                            json.dumps(row.rules, ensure_ascii=False),
                        )
                        for row in rows
                    ],
                )

    def list_open_keys(self, food_bank_id: str, record: str) -> list[str]:
        """Keys of the rows of a record that are still held back."""
        rows = self._db.execute(
            "select distinct row_key from quarantine_rows where food_bank_id = ? and record = ?"
            " and status = 'open' and row_key is not null order by 1",
            (food_bank_id, record),
        )
        return [row[0] for row in rows]

    def mark_included(self, delivery_ids: Iterable[str]) -> None:
        """Move judged deliveries to `included`: a finished build holds them."""
        with self._transaction() as db:
            db.executemany(
                "update deliveries set state = 'included'"
                " where delivery_id = ? and state = 'judged'",
                [(delivery_id,) for delivery_id in delivery_ids],
            )

    def list_deliveries(self, *states: State) -> list[Delivery]:
        """Deliveries in order of arrival, of the given states or of all."""
        where = f" where state in ({', '.join('?' * len(states))})" if states else ""
        rows = self._db.execute(f"select * from deliveries{where} order by arrival_no", states)
        return [
            Delivery(
                delivery_id=row["delivery_id"],
                food_bank_id=row["food_bank_id"],
                source_name=row["source_name"],
                arrival_no=row["arrival_no"],
                received_at=datetime.fromisoformat(row["received_at"]),
                sent_at=datetime.fromisoformat(row["sent_at"]) if row["sent_at"] else None,
                state=row["state"],
                reason=row["reason"],
                archive=row["archive"],
                profile_version=row["profile_version"],
                notes=tuple(json.loads(row["notes"])),
            )
            for row in rows
        ]

    def list_outcomes(self) -> list[dict[str, Any]]:
        """One dictionary per delivery and record, with delivery columns, in order of arrival."""
        rows = self._db.execute(
            "select r.*, d.food_bank_id, d.source_name, d.arrival_no, d.state, d.sent_at,"
            " d.received_at from delivery_records r join deliveries d using (delivery_id)"
            " order by d.arrival_no, r.record"
        )
        return [dict(row) for row in rows]

    def list_quarantine(self, status: str | None = None) -> list[dict[str, Any]]:
        """Quarantined rows with the file that they came in, in order of arrival and line."""
        where = " where q.status = ?" if status else ""
        rows = self._db.execute(
            "select q.*, d.source_name from quarantine_rows q join deliveries d using"
            f" (delivery_id){where} order by d.arrival_no, q.record, q.source_line,"
            " q.source_column",
            (status,) if status else (),
        )
        return [dict(row) for row in rows]

    def count_duplicates(self) -> int:
        """Landing files whose bytes had been delivered before."""
        row = self._db.execute("select count(*) from landing_files where is_duplicate = 1")
        return int(row.fetchone()[0])

    def list_file_duplicates(self) -> list[dict[str, Any]]:
        """Landing files that repeat a delivery, with the delivery that they repeat."""
        rows = self._db.execute(
            "select f.path, d.* from landing_files f join deliveries d using (delivery_id)"
            " where f.is_duplicate = 1 order by f.path"
        )
        return [dict(row) for row in rows]


@contextmanager
def open_store(settings: Settings) -> Iterator[DeliveryStore]:
    """Open the states of deliveries of a data folder."""
    store = DeliveryStore(settings.state_file)
    try:
        yield store
    finally:
        store.close()
