"""States of deliveries, in one SQLite file: what came, what became of it, what is held back.

A state moves one way: seen, stored, parsed, judged, included; aside: duplicate, held (waits for
approval), set_aside, failed. Each step is one transaction.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pipelines.settings import Settings

State = Literal[
    "seen", "stored", "parsed", "judged", "included",
    "duplicate", "held", "set_aside", "failed",
]  # fmt: skip
# The states whose accepted rows count.
COUNTED: tuple[State, ...] = ("judged", "included")
SCHEMA_VERSION = 3


# SQL: a delivery `d` that was set aside or failed before its rows were judged, by no decision of a
# person: its bytes get another chance.
UNJUDGED = (
    "(d.state = 'failed' or (d.state = 'set_aside' and d.approval is null and not exists"
    " (select 1 from delivery_records r where r.delivery_id = d.delivery_id)))"
)


COUNTS = "d.state in ('judged', 'included')"


class StateError(Exception):
    """A delivery is not in the state from which this step goes on."""


SCHEMA = """
create table if not exists deliveries (
  delivery_id text primary key, food_bank_id text not null, source_name text not null,
  arrival_no integer not null unique, received_at text not null, sent_at text,
  state text not null, reason text, size integer not null default 0,
  archive text, archive_sha256 text, encoding text, delimiter text, lines_read integer,
  profile_version text, profile_fingerprint text not null default '', notes text not null,
  approval text
);
create table if not exists delivery_records (
  delivery_id text not null references deliveries, record text not null,
  stream text not null, replaces text not null default 'rows',
  contract_version text not null,
  lines_mapped integer not null, rows_filtered integer not null,
  rows_delivered integer not null, rows_accepted integer not null,
  rows_quarantined integer not null, rows_replayed integer not null default 0,
  rows_replaced integer not null default 0,
  grams_delivered integer, grams_accepted integer, grams_quarantined integer,
  grams_replayed integer,
  profile text not null, files text not null default '{}',
  revision integer not null default 1, included_revision integer not null default 0,
  primary key (delivery_id, record)
);
create table if not exists quarantine_rows (
  row_id integer primary key, food_bank_id text not null, record text not null,
  delivery_id text not null, source_line integer not null, source_column text, row_key text,
  cells text not null, rules text not null, grams integer, status text not null default 'open',
  corrected_by text
);
create index if not exists quarantine_by_key on quarantine_rows (food_bank_id, record, row_key);
create index if not exists quarantine_by_delivery on quarantine_rows (delivery_id);
create table if not exists verdicts (
  delivery_id text not null references deliveries, record text not null, check_name text not null,
  has_passed integer not null, effect text not null, sentence text not null, given_at text not null,
  primary key (delivery_id, record, check_name)
);
create table if not exists landing_files (
  path text primary key, size integer not null, modified_ns integer not null,
  delivery_id text not null, is_duplicate integer not null
);
"""


# Beside the states: which keys the stored pseudonyms have, which files a rewriting has done, and
# erasures under way with the salt that is thrown away at their end.
SIDE_TABLES = """
create table if not exists pseudonym_keys (generation integer primary key, mark text not null);
create table if not exists rewritings (
  operation text not null, path text not null, sha256 text not null, rows integer not null,
  primary key (operation, path)
);
create table if not exists erasures (
  food_bank_id text not null, subject text not null, operation text not null, salt text not null,
  primary key (food_bank_id, subject)
);
"""


@dataclass(frozen=True)
class NewDelivery:
    """What is known of a file once its bytes are hashed."""

    delivery_id: str
    food_bank_id: str
    source_name: str
    received_at: datetime
    sent_at: datetime | None
    size: int
    profile_fingerprint: str = ""


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
    size: int
    archive: str | None
    archive_sha256: str | None
    encoding: str | None
    delimiter: str | None
    lines_read: int | None
    profile_version: str | None
    notes: tuple[str, ...]
    approval: str | None


@dataclass(frozen=True)
class RecordOutcome:
    """What became of one record's rows in one delivery; grams are of its measure where it could be
    read, None where the record has none.

    `stream`: the kind of file (name of its profile); `files`: accepted files with their SHA-256.
    """

    record: str
    contract_version: str
    rows_delivered: int
    rows_filtered: int
    rows_accepted: int
    rows_quarantined: int
    grams_accepted: int | None
    profile: dict[str, Any]
    grams_delivered: int | None = None
    grams_quarantined: int | None = None
    lines_mapped: int = 0
    stream: str = "own columns"
    replaces: str = "rows"
    rows_replaced: int = 0
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class QuarantinedRow:
    """One row held back: where it stands, its cells as text, every rule that it broke, and the
    grams that can be read of it."""

    source_line: int
    source_column: str | None
    row_key: str | None
    cells: dict[str, str | None]
    rules: list[dict[str, Any]]
    grams: int | None = None


@dataclass(frozen=True)
class Verdict:
    """What a check of the shape of a delivery found. It is given once."""

    delivery_id: str
    record: str
    check_name: str
    has_passed: bool
    effect: Literal["set_aside", "warn"]
    sentence: str


class DeliveryStore:
    """States of deliveries. Each method is one transaction."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        # a salt that is deleted is overwritten
        self._db.execute("pragma secure_delete = on")
        version = self._db.execute("pragma user_version").fetchone()[0]
        is_new = not self._db.execute("select 1 from sqlite_master").fetchone()
        if version not in (0, SCHEMA_VERSION) or (version == 0 and not is_new):
            raise StateError(
                f"{path} was written by another version of this platform; keep landing and raw,"
                " move the folder `state` away and refresh"
            )
        if is_new:
            self._db.executescript(
                f"begin immediate; {SCHEMA} pragma user_version = {SCHEMA_VERSION}; commit;"
            )
        self._db.executescript(SIDE_TABLES)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing."""
        self._db.execute("begin immediate")
        try:
            yield self._db
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    # pseudonyms

    def read_key_mark(self) -> tuple[int, str] | None:
        """The generation of the keys that stored pseudonyms have, and its mark."""
        row = self._db.execute(
            "select generation, mark from pseudonym_keys order by generation desc limit 1"
        ).fetchone()
        return (int(row["generation"]), str(row["mark"])) if row else None

    def record_key_mark(self, generation: int, mark: str) -> None:
        """Say that every stored pseudonym is of this generation."""
        with self.transaction() as db:
            db.execute("insert or replace into pseudonym_keys values (?, ?)", (generation, mark))

    def list_rewritten(self, operation: str) -> dict[str, tuple[str, int]]:
        """Files that an operation has rewritten or was about to: path, new hash, rows changed."""
        rows = self._db.execute(
            "select path, sha256, rows from rewritings where operation = ?", (operation,)
        )
        return {row["path"]: (row["sha256"], row["rows"]) for row in rows}

    def record_rewriting(self, operation: str, path: str, sha256: str, rows: int) -> None:
        """Say what a file is about to become."""
        with self.transaction() as db:
            db.execute(
                "insert or replace into rewritings values (?, ?, ?, ?)",
                (operation, path, sha256, rows),
            )

    def begin_erasure(self, food_bank_id: str, subject: str) -> tuple[str, str]:
        """Operation and salt of an erasure: those of one that was cut short, else new ones."""
        with self.transaction() as db:
            db.execute(
                "insert or ignore into erasures values (?, ?, ?, ?)",
                (food_bank_id, subject, secrets.token_hex(8), secrets.token_hex(32)),
            )
            row = db.execute(
                "select operation, salt from erasures where food_bank_id = ? and subject = ?",
                (food_bank_id, subject),
            ).fetchone()
        return str(row["operation"]), str(row["salt"])

    def end_erasure(self, food_bank_id: str, subject: str) -> None:
        """Throw the salt away: from now on nobody finds the way back."""
        with self.transaction() as db:
            db.execute(
                "delete from erasures where food_bank_id = ? and subject = ?",
                (food_bank_id, subject),
            )
        self._db.execute("pragma wal_checkpoint(truncate)")

    def replace_archive_hash(self, delivery_id: str, sha256: str) -> None:
        """The archive of a delivery was rewritten."""
        with self.transaction() as db:
            db.execute(
                "update deliveries set archive_sha256 = ? where delivery_id = ?",
                (sha256, delivery_id),
            )

    def replace_accepted_hash(self, delivery_id: str, record: str, name: str, sha256: str) -> None:
        """An accepted file of a delivery was rewritten."""
        with self.transaction() as db:
            row = db.execute(
                "select files from delivery_records where delivery_id = ? and record = ?",
                (delivery_id, record),
            ).fetchone()
            files = {**json.loads(row["files"]), name: sha256}
            db.execute(
                "update delivery_records set files = ? where delivery_id = ? and record = ?",
                (json.dumps(files, sort_keys=True), delivery_id, record),
            )

    def rewrite_quarantine(
        self,
        operation: str,
        food_bank_id: str,
        record: str,
        change: Callable[[dict[str, Any], list[dict[str, Any]]], bool],
    ) -> int:
        """Change cells and rules of rows held back, in one transaction; give how many changed.

        `change` alters both in place and says whether it did.
        """
        changed = 0
        with self.transaction() as db:
            name = f"quarantine/{food_bank_id}/{record}"
            done = db.execute(
                "select rows from rewritings where operation = ? and path = ?", (operation, name)
            ).fetchone()
            if done:
                return int(done["rows"])
            rows = db.execute(
                "select row_id, cells, rules from quarantine_rows where food_bank_id = ?"
                " and record = ?",
                (food_bank_id, record),
            ).fetchall()
            for row in rows:
                cells, rules = json.loads(row["cells"]), json.loads(row["rules"])
                if change(cells, rules):
                    changed += 1
                    db.execute(
                        "update quarantine_rows set cells = ?, rules = ? where row_id = ?",
                        (
                            json.dumps(cells, ensure_ascii=False),
                            json.dumps(rules, ensure_ascii=False),
                            row["row_id"],
                        ),
                    )
            db.execute("insert into rewritings values (?, ?, '', ?)", (operation, name, changed))
        return changed

    # landing files

    def knows_file(
        self, path: str, size: int, modified_ns: int, profile_fingerprint: str | None = None
    ) -> bool:
        """Whether this landing file was claimed as it stands.

        One that was set aside is not, once its food bank's source profile has changed.
        """
        row = self._db.execute(
            f"select d.profile_fingerprint, coalesce({UNJUDGED}, false) as is_unjudged"
            " from landing_files f left join deliveries d using (delivery_id)"
            " where f.path = ? and f.size = ? and f.modified_ns = ?",  # nosec B608
            (path, size, modified_ns),
        ).fetchone()
        if row is None:
            return False
        changed = profile_fingerprint is not None and (
            row["profile_fingerprint"] != profile_fingerprint
        )
        return not (row["is_unjudged"] and changed)

    def record_file(
        self, path: str, size: int, modified_ns: int, delivery_id: str, is_duplicate: bool
    ) -> None:
        """Remember that a landing file holds a delivery."""
        with self.transaction() as db:
            db.execute(
                "insert or replace into landing_files values (?, ?, ?, ?, ?)",
                (path, size, modified_ns, delivery_id, int(is_duplicate)),
            )

    def has_file_of(self, delivery_id: str) -> bool:
        """Whether some landing file is known to hold this delivery."""
        row = self._db.execute("select 1 from landing_files where delivery_id = ?", (delivery_id,))
        return row.fetchone() is not None

    # states

    def find(self, delivery_id: str) -> Delivery | None:
        """One delivery by its identifier."""
        row = self._db.execute(
            "select * from deliveries where delivery_id = ?", (delivery_id,)
        ).fetchone()
        return _as_delivery(row) if row else None

    def is_open(self, delivery_id: str) -> bool:
        """Whether these bytes, sent again, are taken: they never came, were not stored whole, or
        were set aside without a judgement of their rows."""
        row = self._db.execute(
            f"select d.state = 'seen' or {UNJUDGED} from deliveries d where d.delivery_id = ?",  # nosec B608
            (delivery_id,),
        ).fetchone()
        return row is None or bool(row[0])

    def is_settled(self, delivery_id: str) -> bool:
        """Whether the same bytes sent again would have no effect."""
        return self.has_file_of(delivery_id) and not self.is_open(delivery_id)

    def add_seen(self, new: NewDelivery) -> None:
        """Add a delivery whose bytes are known. One that was not read gets another chance."""
        with self.transaction() as db:
            db.execute(
                "delete from deliveries as d where d.delivery_id = ?"
                f" and (d.state = 'seen' or {UNJUDGED})",  # nosec B608
                (new.delivery_id,),
            )
            db.execute(
                "insert into deliveries (delivery_id, food_bank_id, source_name, arrival_no,"
                " received_at, sent_at, state, size, profile_fingerprint, notes)"
                " select ?, ?, ?, coalesce(max(arrival_no), 0) + 1, ?, ?, 'seen', ?, ?, '[]'"
                " from deliveries",
                (
                    new.delivery_id,
                    new.food_bank_id,
                    new.source_name,
                    new.received_at.isoformat(),
                    new.sent_at.isoformat() if new.sent_at else None,
                    new.size,
                    new.profile_fingerprint,
                ),
            )

    def mark_stored(
        self,
        delivery_id: str,
        archive: str,
        archive_sha256: str,
        notes: Iterable[str],
        *,
        encoding: str,
        delimiter: str,
        lines_read: int,
    ) -> None:
        """Move a delivery from `seen` to `stored`: its archive is durable."""
        values = (
            archive, archive_sha256, json.dumps(list(notes), ensure_ascii=False), encoding,
            delimiter, lines_read,
        )  # fmt: skip
        self._move(
            delivery_id, ("seen",), "stored",
            "archive = ?, archive_sha256 = ?, notes = ?, encoding = ?, delimiter = ?,"
            " lines_read = ?",
            values,
        )  # fmt: skip

    def mark_parsed(self, delivery_id: str) -> None:
        """Move a delivery from `stored` to `parsed`: its staged table is durable."""
        self._move(delivery_id, ("stored",), "parsed")

    def set_aside(self, delivery_id: str, reason: str) -> None:
        """Set a delivery that is not included aside whole, with one sentence.

        Rows held back that it had corrected wait again: what corrects them does not count.
        """
        self._move(
            delivery_id, ("seen", "stored", "parsed", "held", "judged"), "set_aside",
            "reason = ?", (reason,), corrections=("corrected", "open"),
        )  # fmt: skip

    def approve_odd(self, delivery_id: str, approval: str) -> None:
        """Let a delivery count that was set aside for what it is beside its history."""
        self._move(
            delivery_id, ("set_aside",), "judged", "approval = ?, reason = null", (approval,),
            corrections=("open", "corrected"),
        )  # fmt: skip

    def list_undecided(self) -> list[Delivery]:
        """Deliveries that a person may decide about: held, or set aside beside their history."""
        odd = {
            row[0]
            for row in self._db.execute(
                "select delivery_id from verdicts where not has_passed and effect = 'set_aside'"
            )
        }
        return [
            entry
            for entry in self.list_deliveries("held", "set_aside")
            if entry.state == "held" or (entry.delivery_id in odd and entry.approval is None)
        ]

    def refuse(self, delivery_id: str, reason: str) -> None:
        """Set a delivery aside by a person's decision."""
        self._move(
            delivery_id, ("held", "set_aside"), "set_aside", "reason = ?, approval = 'refused'",
            (reason,),
        )  # fmt: skip

    def mark_failed(self, delivery_id: str, reason: str) -> None:
        """A delivery that could not be taken by a fault of ours or of the machine."""
        self._move(delivery_id, ("seen",), "failed", "reason = ?", (reason,))

    def hold(self, delivery_id: str, reason: str) -> None:
        """Let a parsed delivery wait for approval, with one sentence."""
        self._move(delivery_id, ("parsed",), "held", "reason = ?", (reason,))

    def approve(self, delivery_id: str, approval: str) -> None:
        """Let a delivery that was held be judged by the next refresh."""
        self._move(delivery_id, ("held",), "parsed", "approval = ?, reason = null", (approval,))

    def _move(
        self,
        delivery_id: str,
        before: tuple[State, ...],
        after: State,
        assignments: str = "",
        values: tuple[Any, ...] = (),
        corrections: tuple[str, str] | None = None,
    ) -> None:
        states = ", ".join(f"'{state}'" for state in before)
        extra = f", {assignments}" if assignments else ""
        with self.transaction() as db:
            moved = db.execute(
                f"update deliveries set state = '{after}'{extra}"
                f" where delivery_id = ? and state in ({states}) returning 1",  # nosec B608
                (*values, delivery_id),
            ).fetchone()
            if moved is None:
                raise StateError(f"the delivery {delivery_id} is not {' or '.join(before)}")
            if corrections is not None:
                db.execute(
                    "update quarantine_rows set status = ? where corrected_by = ? and status = ?",
                    (corrections[1], delivery_id, corrections[0]),
                )

    def record_judgement(
        self,
        delivery_id: str,
        profile_version: str,
        notes: Iterable[str],
        outcomes: Iterable[RecordOutcome],
        quarantined: dict[str, list[QuarantinedRow]],
        corrected: dict[str, list[str]],
        *,
        released: Iterable[int] = (),
        sent_at: datetime | None = None,
    ) -> None:
        """Move a delivery from `parsed` to `judged` with its outcomes and quarantined rows.

        `corrected`: by record, keys of rows held back earlier that were accepted with this one;
        `released`: rows held back that it names itself. `sent_at`: as a column of it says.
        """
        with self.transaction() as db:
            moved = db.execute(
                "update deliveries set state = 'judged', profile_version = ?, notes = ?,"
                " sent_at = coalesce(?, sent_at)"
                " where delivery_id = ? and state = 'parsed' returning food_bank_id",
                (
                    profile_version,
                    json.dumps(list(notes), ensure_ascii=False),
                    sent_at.isoformat() if sent_at else None,
                    delivery_id,
                ),
            ).fetchone()
            if moved is None:
                raise StateError(f"the delivery {delivery_id} is not parsed: it is judged once")
            food_bank_id = moved[0]
            for outcome in outcomes:
                _insert_outcome(db, delivery_id, outcome)
            for record, keys in corrected.items():
                db.executemany(
                    "update quarantine_rows set status = 'corrected', corrected_by = ?"
                    " where food_bank_id = ? and record = ? and row_key = ? and status = 'open'",
                    [(delivery_id, food_bank_id, record, key) for key in keys],
                )
            db.executemany(
                "update quarantine_rows set status = 'corrected', corrected_by = ?"
                " where food_bank_id = ? and row_id = ? and status = 'open'",
                [(delivery_id, food_bank_id, row_id) for row_id in released],
            )
            db.execute("delete from quarantine_rows where delivery_id = ?", (delivery_id,))
            for record, rows in quarantined.items():
                _insert_quarantine(db, food_bank_id, record, delivery_id, rows)

    def read_revision(self, delivery_id: str, record: str) -> int:
        """How often the accepted rows of one record of a delivery were written."""
        row = self._db.execute(
            "select revision from delivery_records where delivery_id = ? and record = ?",
            (delivery_id, record),
        ).fetchone()
        return int(row[0])

    def record_replay(
        self,
        delivery_id: str,
        record: str,
        row_ids: list[int],
        grams: int,
        grams_more: int,
        files: dict[str, str],
    ) -> None:
        """Rows held back that today's contract accepts: they count as replayed, and the delivery
        waits to be included again.

        `grams`: what could be read of them when they were held back; `grams_more`: what can be read
        of them now beyond that.
        """
        with self.transaction() as db:
            db.executemany(
                "update quarantine_rows set status = 'replayed' where row_id = ?",
                [(row_id,) for row_id in row_ids],
            )
            row = db.execute(
                "select files from delivery_records where delivery_id = ? and record = ?",
                (delivery_id, record),
            ).fetchone()
            merged = json.dumps({**json.loads(row[0]), **files}, sort_keys=True)
            db.execute(
                "update delivery_records set rows_quarantined = rows_quarantined - ?,"
                " rows_replayed = rows_replayed + ?,"
                " grams_quarantined = grams_quarantined - ?, grams_replayed = grams_replayed + ?,"
                " grams_delivered = grams_delivered + ?,"
                " files = ?, revision = revision + 1 where delivery_id = ? and record = ?",
                (
                    len(row_ids), len(row_ids), grams, grams + grams_more, grams_more, merged,
                    delivery_id, record,
                ),
            )  # fmt: skip

    def record_verdicts(self, verdicts: Iterable[Verdict], given_at: datetime) -> None:
        """Keep what the checks of deliveries found; a verdict that was given stays."""
        with self.transaction() as db:
            db.executemany(
                "insert or ignore into verdicts values (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        verdict.delivery_id,
                        verdict.record,
                        verdict.check_name,
                        int(verdict.has_passed),
                        verdict.effect,
                        verdict.sentence,
                        given_at.isoformat(),
                    )
                    for verdict in verdicts
                ],
            )

    def list_verdicts(self) -> list[dict[str, Any]]:
        """Every verdict that was given, with its delivery, in order of arrival."""
        rows = self._db.execute(
            "select v.*, d.food_bank_id, d.source_name, d.arrival_no from verdicts v"
            " join deliveries d using (delivery_id) order by d.arrival_no, v.record, v.check_name"
        )
        return [dict(row) for row in rows]

    def list_open_keys(self, food_bank_id: str, record: str) -> list[str]:
        """Keys of the rows of a record that are still held back."""
        rows = self._db.execute(
            "select distinct row_key from quarantine_rows where food_bank_id = ? and record = ?"
            " and status = 'open' and row_key is not null order by 1",
            (food_bank_id, record),
        )
        return [row[0] for row in rows]

    def mark_included(self, delivery_ids: Iterable[str]) -> None:
        """Move judged deliveries to `included`: a finished build holds them as they stand."""
        with self.transaction() as db:
            for delivery_id in delivery_ids:
                db.execute(
                    "update deliveries set state = 'included'"
                    " where delivery_id = ? and state = 'judged'",
                    (delivery_id,),
                )
                db.execute(
                    "update delivery_records set included_revision = revision"
                    " where delivery_id = ?",
                    (delivery_id,),
                )

    def list_deliveries(self, *states: State) -> list[Delivery]:
        """Deliveries in order of arrival, of the given states or of all."""
        where = f" where state in ({', '.join('?' * len(states))})" if states else ""
        rows = self._db.execute(f"select * from deliveries{where} order by arrival_no", states)  # nosec B608
        return [_as_delivery(row) for row in rows]

    def list_outcomes(self) -> list[dict[str, Any]]:
        """One dictionary per delivery and record, with delivery columns, in order of arrival.

        `is_pending`: no finished build holds it as it stands. `broken_rules`: rows held back (as in
        `rows_quarantined`: all but those replayed) by `<column>.<rule>`; a row may break several.
        """
        broken: dict[tuple[str, str], dict[str, int]] = {}
        for delivery_id, record, rule, count in self._db.execute(
            "select delivery_id, record, coalesce(json_extract(broken.value, '$.column'), '')"
            " || '.' || json_extract(broken.value, '$.rule') as rule, count(*)"
            " from quarantine_rows, json_each(rules) broken where status <> 'replayed'"
            " group by 1, 2, 3 order by 1, 2, 3"
        ):
            broken.setdefault((delivery_id, record), {})[rule.lstrip(".")] = count
        rows = self._db.execute(
            "select r.*, d.food_bank_id, d.source_name, d.arrival_no, d.state, d.sent_at,"
            " d.received_at, d.lines_read, d.reason, r.revision > r.included_revision as is_pending"
            " from delivery_records r join deliveries d using (delivery_id)"
            " order by d.arrival_no, r.record"
        )
        return [
            {
                **dict(row),
                "is_pending": bool(row["is_pending"]),
                "broken_rules": broken.get((row["delivery_id"], row["record"]), {}),
            }
            for row in rows
        ]

    def list_replacing(self, food_bank_id: str, record: str, stream: str) -> dict[str, str]:
        """By delivery of one kind of file that counts, what it replaces; empty where none replaces
        more than its rows."""
        rows = self._db.execute(
            "select r.delivery_id, r.replaces from delivery_records r"
            " join deliveries d using (delivery_id) where d.food_bank_id = ? and r.record = ?"
            " and r.stream = ? and d.state in ('judged', 'included')",
            (food_bank_id, record, stream),
        )
        return {row[0]: row[1] for row in rows}

    def has_pending(self) -> bool:
        """Whether some judged rows are in no finished build."""
        row = self._db.execute(
            "select 1 from delivery_records r join deliveries d using (delivery_id)"
            " where r.revision > r.included_revision and d.state in ('judged', 'included') limit 1"
        )
        return row.fetchone() is not None

    def list_quarantine(self, status: str | None = None) -> list[dict[str, Any]]:
        """Quarantined rows with the file that they came in, in order of arrival and line.

        Of a delivery that does not count no row waits: `open` leaves them out.
        """
        where = " where q.status = ?" if status else ""
        if status == "open":
            where += f" and {COUNTS}"
        rows = self._db.execute(
            "select q.*, d.source_name, d.state from quarantine_rows q join deliveries d using"
            f" (delivery_id){where} order by d.arrival_no, q.record, q.source_line,"
            " q.source_column",  # nosec B608
            (status,) if status else (),
        )
        return [dict(row) for row in rows]

    def count_quarantine(self, status: str) -> int:
        """How many rows held back have this status."""
        return len(self.list_quarantine(status))

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


def _as_delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        delivery_id=row["delivery_id"],
        food_bank_id=row["food_bank_id"],
        source_name=row["source_name"],
        arrival_no=row["arrival_no"],
        received_at=datetime.fromisoformat(row["received_at"]),
        sent_at=datetime.fromisoformat(row["sent_at"]) if row["sent_at"] else None,
        state=row["state"],
        reason=row["reason"],
        size=row["size"],
        archive=row["archive"],
        archive_sha256=row["archive_sha256"],
        encoding=row["encoding"],
        delimiter=row["delimiter"],
        lines_read=row["lines_read"],
        profile_version=row["profile_version"],
        notes=tuple(json.loads(row["notes"])),
        approval=row["approval"],
    )


def _insert_outcome(db: sqlite3.Connection, delivery_id: str, outcome: RecordOutcome) -> None:
    has_measure = outcome.grams_accepted is not None
    values = {
        "delivery_id": delivery_id,
        "record": outcome.record,
        "stream": outcome.stream,
        "replaces": outcome.replaces,
        "contract_version": outcome.contract_version,
        "lines_mapped": outcome.lines_mapped,
        "rows_filtered": outcome.rows_filtered,
        "rows_delivered": outcome.rows_delivered,
        "rows_accepted": outcome.rows_accepted,
        "rows_quarantined": outcome.rows_quarantined,
        "rows_replaced": outcome.rows_replaced,
        "grams_delivered": outcome.grams_delivered,
        "grams_accepted": outcome.grams_accepted,
        "grams_quarantined": outcome.grams_quarantined,
        "grams_replayed": 0 if has_measure else None,
        "profile": json.dumps(outcome.profile, sort_keys=True, default=str),
        "files": json.dumps(outcome.files, sort_keys=True),
    }
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    db.execute(f"insert or replace into delivery_records ({names}) values ({marks})", values)


def _insert_quarantine(
    db: sqlite3.Connection,
    food_bank_id: str,
    record: str,
    delivery_id: str,
    rows: Iterable[QuarantinedRow],
) -> None:
    db.executemany(
        "insert into quarantine_rows (food_bank_id, record, delivery_id, source_line,"
        " source_column, row_key, cells, rules, grams) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                food_bank_id,
                record,
                delivery_id,
                row.source_line,
                row.source_column,
                row.row_key,
                json.dumps(row.cells, ensure_ascii=False),
                json.dumps(row.rules, ensure_ascii=False),
                row.grams,
            )
            for row in rows
        ),
    )


@contextmanager
def open_store(settings: Settings) -> Iterator[DeliveryStore]:
    """Open the states of deliveries of a data folder."""
    store = DeliveryStore(settings.state_file)
    try:
        yield store
    finally:
        store.close()
