"""From landing to accepted rows: the stages `ingest` and `quality` put together.

Each step is one transaction of the store; after a crash the next run goes on from the states. The
assets of `defs` and the commands of `cli` call what is here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import duckdb
import polars as pl

from data_contracts.loader import Contract, ContractError, SourceProfile, load_records
from pipelines.ingest.containers import UnreadableError
from pipelines.ingest.landing import (
    DEFAULT_TIMEZONE,
    claim_landing,
    finish_stored,
    is_reference,
    open_staged,
    staged_path,
)
from pipelines.ingest.mapping import map_rows
from pipelines.ingest.spool import Spool
from pipelines.ingest.targets import Target, find_targets
from pipelines.quality.judge import (
    DeliveredRows,
    JudgedRows,
    Origin,
    accepted_path,
    count_accepted,
    find_accepted_keys,
    judge_rows,
    read_context,
    write_empty_tables,
)
from pipelines.quality.profiles import (
    SETS_ASIDE,
    compile_profile_suite,
    describe_finding,
    make_profile_table,
)
from pipelines.quality.replacements import Loss, replace_rows
from pipelines.quality.suites import SuiteResult, run_suite
from pipelines.settings import Settings, now
from pipelines.store import (
    COUNTED,
    Delivery,
    DeliveryStore,
    RecordOutcome,
    Verdict,
    reach,
    remove_parts,
    write_atomically,
)

MAX_BATCH_ROWS = 600_000
MAX_LOST_SHARE = 0.2
Profiles = dict[str, SourceProfile]
Report = Callable[[str], None]


class VerdictError(Exception):
    """Accepted rows are gone and cannot be made again as they were judged."""


def take_deliveries(
    settings: Settings,
    store: DeliveryStore,
    profiles: Profiles,
    food_banks: Sequence[str] = (),
    report: Report = lambda step: None,
) -> list[str]:
    """Claim what has landed and judge it; give the identifiers of the new deliveries.

    The caller holds the writer's lock.
    """
    remove_parts(settings.raw, settings.staged, settings.accepted)
    _forget_judged(settings, store)
    finish_stored(settings, store, profiles)
    claimed = claim_landing(settings, store, profiles, list(food_banks), report)
    judge_parsed(settings, store, profiles, report)
    return claimed


def _forget_judged(settings: Settings, store: DeliveryStore) -> None:
    """Remove staged tables that a killed run left behind once they were judged."""
    shutil.rmtree(settings.staged / "mapped", ignore_errors=True)
    waiting = {entry.delivery_id for entry in store.list_deliveries("seen", "stored", "parsed")}
    for path in settings.staged.glob("*/*.parquet"):
        if path.stem not in waiting:
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class MappedDelivery:
    """One record of one delivery, mapped and waiting to be judged."""

    delivery: Delivery
    contract: Contract
    rows: DeliveredRows
    spool: Spool
    sent_at: datetime | None

    @property
    def batch_key(self) -> tuple[object, ...]:
        # What lies on disk is judged on its own.
        alone = self.delivery.delivery_id if isinstance(self.rows.cells, Path) else ""
        columns = tuple(self.spool.columns or ())
        return (self.delivery.food_bank_id, self.contract.name, columns, alone)


@contextmanager
def open_judge(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that judges, within the memory that the settings allow."""
    folder = settings.warehouse_dir / "temporary"
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("set threads = 2")
        connection.execute(f"set memory_limit = '{settings.memory_limit}'")
        connection.execute(f"set temp_directory = '{str(folder).replace(chr(39), chr(39) * 2)}'")
        write_empty_tables(connection, settings.accepted)
        yield connection


def judge_parsed(
    settings: Settings, store: DeliveryStore, profiles: Profiles, report: Report
) -> None:
    """Judge every parsed delivery: reference records first, then in order of arrival.

    Deliveries of one record with the same columns are judged in one pass. A delivery counts as
    judged once each of its records is.
    """
    waiting: list[tuple[Delivery, list[Target]]] = []
    for delivery in store.list_deliveries("parsed"):
        try:
            targets = _find_targets(delivery, profiles.get(delivery.food_bank_id))
            waiting.append((delivery, targets))
        except (UnreadableError, ContractError) as error:
            store.set_aside(delivery.delivery_id, str(error))
    if not waiting:
        return
    waiting.sort(key=_judge_order)
    with open_judge(settings) as connection:
        for _, group in groupby(waiting, lambda pair: _judge_order(pair)[0]):
            batch: list[MappedDelivery] = []
            for delivery, targets in group:
                report(f"Reading {delivery.food_bank_id}/{delivery.source_name}")
                batch += _map_delivery(settings, store, connection, delivery, targets, profiles)
                if sum(entry.rows.rows for entry in batch) > MAX_BATCH_ROWS:
                    _judge_batch(settings, store, connection, batch, report)
                    batch = []
            _judge_batch(settings, store, connection, batch, report)


def _judge_order(pair: tuple[Delivery, list[Target]]) -> tuple[int, int]:
    delivery, targets = pair
    return targets[0].contract.judge_order, delivery.arrival_no


def _find_targets(delivery: Delivery, profile: SourceProfile | None) -> list[Target]:
    return find_targets(
        delivery.source_name, None if is_reference(delivery.source_name) else profile
    )


def _map_delivery(
    settings: Settings,
    store: DeliveryStore,
    connection: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    targets: list[Target],
    profiles: Profiles,
) -> list[MappedDelivery]:
    """Map every record of a delivery, or set it aside whole with its reason."""
    try:
        return _map_targets(settings, connection, delivery, targets, profiles)
    except (UnreadableError, ContractError) as error:
        store.set_aside(delivery.delivery_id, str(error))
        _forget_staged(settings, delivery)
        return []


def _map_targets(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    targets: list[Target],
    profiles: Profiles,
    profile_version: str | None = None,
) -> list[MappedDelivery]:
    profile = profiles.get(delivery.food_bank_id)
    version = profile.version if profile and targets[0].profile else "own columns"
    zone = (profile.timezone if profile else None) or DEFAULT_TIMEZONE
    staged = open_staged(settings, delivery, profile)
    lookups = _read_lookups(settings, delivery.food_bank_id, targets)
    mapped = []
    for number, target in enumerate(targets):
        spill = settings.staged / "mapped" / f"{delivery.delivery_id}-{number}.parquet"
        rows = map_rows(
            staged, target, delivery.food_bank_id, timezone=zone, lookups=lookups, spill=spill
        )
        origin = Origin(
            delivery.food_bank_id,
            delivery.delivery_id,
            delivery.source_name,
            delivery.received_at,
            rows.sent_at or delivery.sent_at,
            delivery.arrival_no,
            profile_version or version,
        )
        delivered = DeliveredRows(
            origin,
            rows.spool.path or rows.spool.read(),
            rows.rows_filtered,
            rows.lines,
            target.profile.name if target.profile else "own columns",
            target.profile.replaces if target.profile else "rows",
        )
        mapped.append(MappedDelivery(delivery, rows.contract, delivered, rows.spool, rows.sent_at))
    return mapped


def _forget_staged(settings: Settings, delivery: Delivery) -> None:
    staged_path(settings, delivery.food_bank_id, delivery.delivery_id).unlink(missing_ok=True)


def _lookup_folder(settings: Settings, food_bank_id: str, lookup: str) -> Path:
    return settings.accepted / "_lookups" / food_bank_id / lookup.encode().hex()


def _read_lookups(
    settings: Settings, food_bank_id: str, targets: list[Target]
) -> dict[str, pl.DataFrame]:
    """The lookups that these targets join: every file that came, the last line of a key counts."""
    lookups = {}
    for target in targets:
        join = target.profile.join if target.profile else None
        if join and join.lookup not in lookups:
            folder = _lookup_folder(settings, food_bank_id, join.lookup)
            frames = [
                pl.read_parquet(path, glob=False) for path in sorted(folder.glob("*.parquet"))
            ]
            if frames:
                lookups[join.lookup] = pl.concat(frames, how="diagonal")
    return lookups


def _keep_lookup(settings: Settings, entry: MappedDelivery, lookup: str) -> JudgedRows:
    """Keep the lines of a lookup for the joins of other files; none of them is judged."""
    delivery = entry.delivery
    folder = _lookup_folder(settings, delivery.food_bank_id, lookup)
    with write_atomically(
        folder / f"{delivery.arrival_no:09d}-{delivery.delivery_id}.parquet"
    ) as temporary:
        names = [name for name in entry.spool.columns or () if not name.startswith("_")]
        entry.spool.read().select(names).write_parquet(temporary)
    outcome = RecordOutcome(
        record=entry.contract.name,
        contract_version=entry.contract.version,
        rows_delivered=entry.rows.rows,
        rows_filtered=entry.rows.rows_filtered,
        rows_accepted=entry.rows.rows,
        rows_quarantined=0,
        grams_accepted=None,
        profile={"rows": entry.rows.rows},
        lines_mapped=entry.rows.lines,
        stream=entry.rows.stream,
    )
    return JudgedRows(outcome, [])


def _judge_batch(
    settings: Settings,
    store: DeliveryStore,
    connection: duckdb.DuckDBPyConnection,
    batch: list[MappedDelivery],
    report: Report,
) -> None:
    """Judge mapped deliveries, pass by pass, then record each delivery with all its records."""
    groups: dict[tuple[object, ...], list[MappedDelivery]] = {}
    for entry in batch:
        groups.setdefault(entry.batch_key, []).append(entry)
    judged: dict[str, list[tuple[MappedDelivery, JudgedRows]]] = {}
    for group in groups.values():
        food_bank_id, contract = group[0].delivery.food_bank_id, group[0].contract
        report(f"Judging {len(group)} deliveries of {contract.name}")
        if contract.name.startswith("lookup "):
            lookup = contract.name.removeprefix("lookup ")
            results = [_keep_lookup(settings, entry, lookup) for entry in group]
        else:
            results = judge_rows(
                connection,
                contract,
                [entry.rows for entry in group],
                read_context(connection, settings.accepted, food_bank_id),
                settings.accepted,
                settings.today(),
            )
        for entry, result in zip(group, results, strict=True):
            judged.setdefault(entry.delivery.delivery_id, []).append((entry, result))
    for entries in judged.values():
        _record(settings, store, connection, entries)


def _record(
    settings: Settings,
    store: DeliveryStore,
    connection: duckdb.DuckDBPyConnection,
    entries: list[tuple[MappedDelivery, JudgedRows]],
) -> None:
    """Record what became of one delivery, or hold it where it takes too much away."""
    delivery = entries[0][0].delivery
    refusals = [result.refusal for _, result in entries if result.refusal]
    if refusals:
        _forget_rows(settings, entries)
        store.set_aside(delivery.delivery_id, refusals[0])
        return
    outcomes: list[RecordOutcome] = []
    losses: list[str] = []
    corrected: dict[str, list[str]] = {}
    for entry, result in entries:
        outcome, loss = _replace(settings, store, connection, entry, result.outcome)
        outcomes.append(outcome)
        if loss is not None and loss.share > MAX_LOST_SHARE and delivery.approval is None:
            losses.append(f"{entry.contract.name}: {loss.sentence}")
        keys = store.list_open_keys(delivery.food_bank_id, entry.contract.name)
        corrected[entry.contract.name] = find_accepted_keys(
            connection, entry.contract, settings.accepted, entry.rows.origin, keys
        )
    if losses:
        _forget_rows(settings, entries)
        store.hold(
            delivery.delivery_id,
            f"it replaces what came before and {'; '.join(losses)}; look at it, then: collecto"
            f" deliveries approve {delivery.delivery_id[:12]} (or refuse)",
        )
        return
    sent = [entry.sent_at for entry, _ in entries if entry.sent_at]
    store.record_judgement(
        delivery.delivery_id,
        entries[0][0].rows.origin.profile_version,
        delivery.notes,
        outcomes,
        {result.outcome.record: list(result.held_back) for _, result in entries},
        corrected,
        released=[row_id for _, result in entries for row_id in result.released],
        sent_at=max(sent, default=None),
    )
    reach("judge.recorded")
    _forget_staged(settings, delivery)
    for entry, _ in entries:
        entry.spool.remove()


def _forget_rows(settings: Settings, entries: list[tuple[MappedDelivery, JudgedRows]]) -> None:
    """Nothing of a delivery counts, for now or for good."""
    for entry, _ in entries:
        for ending in ("", ".replaced"):
            path = accepted_path(settings.accepted, entry.contract, entry.rows.origin, ending)
            path.unlink(missing_ok=True)
        entry.spool.remove()


def _replace(
    settings: Settings,
    store: DeliveryStore,
    connection: duckdb.DuckDBPyConnection,
    entry: MappedDelivery,
    outcome: RecordOutcome,
) -> tuple[RecordOutcome, Loss | None]:
    """Take away what a delivery replaces, and of it what a later one has replaced already."""
    replacing = store.list_replacing(
        entry.delivery.food_bank_id, entry.contract.name, entry.rows.stream
    )
    if entry.rows.replaces == "rows" and set(replacing.values()) <= {"rows"}:
        return outcome, None
    found = replace_rows(
        connection,
        entry.contract,
        settings.accepted,
        entry.rows.origin,
        entry.rows.replaces,
        replacing,
    )
    return replace(
        outcome, rows_replaced=found.rows, files={**outcome.files, **found.files}
    ), found.loss


def restore_accepted(settings: Settings, store: DeliveryStore, profiles: Profiles) -> None:
    """Write accepted rows that are gone again, from raw, as they were judged.

    A verdict is given once: VerdictError where today's contracts and profiles give another one.
    """
    verdicts = {
        (row["delivery_id"], row["record"]): row
        for row in store.list_outcomes()
        if not row["record"].startswith("lookup ")
        and row["state"] in COUNTED
        and count_accepted(settings.accepted, row) != row["rows_accepted"]
    }
    gone = {delivery_id for delivery_id, _ in verdicts}
    waiting = [
        (delivery, _find_targets(delivery, profiles.get(delivery.food_bank_id)))
        for delivery in store.list_deliveries(*COUNTED)
        if delivery.delivery_id in gone
    ]
    waiting.sort(key=_judge_order)
    with open_judge(settings) as connection:
        for delivery, targets in waiting:
            version = str(delivery.profile_version)
            mapped = _map_targets(settings, connection, delivery, targets, profiles, version)
            for entry in mapped:
                verdict = verdicts.get((delivery.delivery_id, entry.contract.name))
                if verdict is not None:
                    _restore_rows(settings, store, connection, entry, verdict)
            _forget_staged(settings, delivery)


def _restore_rows(
    settings: Settings,
    store: DeliveryStore,
    connection: duckdb.DuckDBPyConnection,
    entry: MappedDelivery,
    verdict: dict[str, Any],
) -> None:
    contract, origin = entry.contract, entry.rows.origin
    context = read_context(connection, settings.accepted, origin.food_bank_id)
    [result] = judge_rows(
        connection, contract, [entry.rows], context, settings.accepted, settings.today()
    )
    outcome, replayed = result.outcome, verdict["rows_replayed"]
    same = (
        outcome.contract_version == verdict["contract_version"]
        and outcome.rows_accepted == verdict["rows_accepted"]
        and outcome.rows_quarantined == verdict["rows_quarantined"] + replayed
        and outcome.grams_accepted == verdict["grams_accepted"]
    )
    if not same or replayed:
        accepted_path(settings.accepted, contract, origin).unlink(missing_ok=True)
        raise VerdictError(
            f"the accepted rows of {origin.food_bank_id}/{origin.source_name} ({contract.name}) are"
            " gone, and today's contracts judge the file otherwise than when it came; restore"
            " the folder `accepted` from a backup"
        )
    _replace(settings, store, connection, entry, outcome)


@dataclass(frozen=True)
class ProfileCheck:
    """What the suite of one record found over its new deliveries."""

    record: str
    deliveries: int
    failures: tuple[str, ...]
    errors: tuple[str, ...]


def check_profiles(
    settings: Settings, store: DeliveryStore, report: Report = lambda step: None
) -> list[ProfileCheck]:
    """Compare new deliveries with earlier ones, one validation per record; keep the verdicts.

    A delivery in another unit, or without its keys, is set aside; the rest warns. A verdict is
    given once. What Great Expectations could not check sets nothing aside.
    """
    outcomes = [
        {**row, "profile": json.loads(row["profile"])}
        for row in store.list_outcomes()
        if row["state"] in (*COUNTED, "set_aside")
    ]
    judged = {(row["delivery_id"], row["record"]) for row in store.list_verdicts()}
    checks = []
    for contract in load_records().values():
        rows = [row for row in outcomes if row["record"] == contract.name]
        new = {
            row["delivery_id"]
            for row in rows
            if row["state"] == "judged" and (row["delivery_id"], contract.name) not in judged
        }
        failures: tuple[str, ...] = ()
        errors: tuple[str, ...] = ()
        if new:
            report(f"Comparing the deliveries of {contract.name}")
            table = make_profile_table(contract, rows).filter(pl.col("delivery_id").is_in(new))
            result = run_suite(contract.name, compile_profile_suite(contract), table)
            failures, errors = result.failures, result.errors
            _keep_verdicts(store, contract, table, result)
        checks.append(ProfileCheck(contract.name, len(new), failures, errors))
    reach("judge.checked")
    return checks


def _keep_verdicts(
    store: DeliveryStore, contract: Contract, table: pl.DataFrame, result: SuiteResult
) -> None:
    delivery_ids = table["delivery_id"].to_list()
    verdicts = [
        Verdict(delivery_id, contract.name, "suite", not result.errors, "warn", "checked")
        for delivery_id in delivery_ids
    ]
    reasons: dict[str, str] = {}
    for finding in result.findings:
        delivery_id, name = delivery_ids[finding.row], finding.expectation.name
        sentence = describe_finding(finding)
        effect: Literal["set_aside", "warn"] = "set_aside" if name in SETS_ASIDE else "warn"
        if effect == "set_aside":
            way = f"collecto deliveries approve {delivery_id[:12]}"
            reasons[delivery_id] = f"{contract.name}: {sentence}; if it is right after all: {way}"
        verdicts.append(Verdict(delivery_id, contract.name, name, False, effect, sentence))
    store.record_verdicts(verdicts, now())
    for delivery_id, reason in reasons.items():
        store.set_aside(delivery_id, reason)


class DecisionError(Exception):
    """No delivery that waits for approval has this identifier."""


def decide_held(store: DeliveryStore, delivery: str, comment: str, is_approved: bool) -> Delivery:
    """Approve or refuse a delivery that waits, by its identifier or the beginning of it: one that
    was held, or set aside for what it is beside its history.

    Raises DecisionError where none or several wait under it. The caller holds the writer's lock.
    """
    held = store.list_undecided()
    found = [entry for entry in held if delivery and entry.delivery_id.startswith(delivery)]
    if len(found) != 1:
        waiting = ", ".join(entry.delivery_id[:12] for entry in held) or "none"
        many = "several deliveries wait" if found else "no delivery waits"
        raise DecisionError(f"{many} for approval under {delivery!r} (waiting: {waiting})")
    approval = f"{now().isoformat()} {comment}".strip()
    if is_approved and found[0].state == "held":
        store.approve(found[0].delivery_id, approval)
    elif is_approved:
        store.approve_odd(found[0].delivery_id, approval)
    else:
        reason = f"refused: {comment}" if comment else "refused after it was held"
        store.refuse(found[0].delivery_id, reason)
    return found[0]


@dataclass(frozen=True)
class Replayed:
    """What a replay did: rows tried, rows that are accepted now."""

    rows_tried: int
    rows_replayed: int


def replay_quarantine(
    settings: Settings,
    store: DeliveryStore,
    profiles: Profiles,
    food_banks: Sequence[str] = (),
    report: Report = lambda step: None,
) -> Replayed:
    """Judge rows held back again, from raw, under today's contracts and source profiles.

    Rows that are accepted now count as replayed with their delivery, under its stamps: a correction
    that came since still wins. The others stay as they are. The caller holds the writer's lock.
    """
    open_rows: dict[str, dict[str, dict[tuple[int, str | None], dict[str, Any]]]] = {}
    for row in store.list_quarantine("open"):
        if row["state"] in COUNTED and (not food_banks or row["food_bank_id"] in food_banks):
            of_delivery = open_rows.setdefault(row["delivery_id"], {})
            of_record = of_delivery.setdefault(row["record"], {})
            of_record[row["source_line"], row["source_column"]] = row
    tried = sum(len(rows) for records in open_rows.values() for rows in records.values())
    replayed = 0
    deliveries = [entry for entry in store.list_deliveries() if entry.delivery_id in open_rows]
    with open_judge(settings) as connection:
        for delivery in deliveries:
            report(f"Judging {delivery.food_bank_id}/{delivery.source_name} again")
            replayed += _replay_delivery(
                settings, store, connection, delivery, profiles, open_rows[delivery.delivery_id]
            )
    return Replayed(tried, replayed)


def _replay_delivery(
    settings: Settings,
    store: DeliveryStore,
    connection: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    profiles: Profiles,
    open_rows: dict[str, dict[tuple[int, str | None], dict[str, Any]]],
) -> int:
    try:
        targets = _find_targets(delivery, profiles.get(delivery.food_bank_id))
        mapped = _map_targets(settings, connection, delivery, targets, profiles)
    except (UnreadableError, ContractError):
        # What today's profile cannot read stays held back as it was.
        return 0
    finally:
        _forget_staged(settings, delivery)
    count = 0
    for entry in mapped:
        rows = open_rows.get(entry.contract.name, {})
        if rows:
            count += _replay_rows(settings, store, connection, entry, rows)
        entry.spool.remove()
    return count


def _replay_rows(
    settings: Settings,
    store: DeliveryStore,
    connection: duckdb.DuckDBPyConnection,
    entry: MappedDelivery,
    rows: dict[tuple[int, str | None], dict[str, Any]],
) -> int:
    """Judge the open rows of one record again.

    A document whose lines disagree was held back whole: its other lines are among them.
    """
    places = pl.DataFrame(
        [{"_source_line": line, "_source_column": column} for line, column in rows],
        schema={"_source_line": pl.Int64(), "_source_column": pl.String()},
    )
    frames = [
        batch.join(places, on=["_source_line", "_source_column"], how="semi", nulls_equal=True)
        for batch in entry.spool.batches()
    ]
    cells = pl.concat(frames)
    if cells.is_empty():
        return 0
    # One that was not recorded is written over by the next one.
    ending = f".replay-{store.read_revision(entry.delivery.delivery_id, entry.contract.name)}"
    context = read_context(connection, settings.accepted, entry.delivery.food_bank_id)
    delivered = replace(entry.rows, cells=cells)
    [result] = judge_rows(
        connection,
        entry.contract,
        [delivered],
        context,
        settings.accepted,
        settings.today(),
        ending,
    )
    still = {(row.source_line, row.source_column) for row in result.held_back}
    tried = set(cells.select("_source_line", "_source_column").iter_rows())
    accepted = [rows[place] for place in sorted(tried - still, key=str)]
    if not accepted:
        return 0
    grams = result.outcome.grams_accepted
    return _record_replay(store, entry, accepted, grams, result.outcome.files)


def _record_replay(
    store: DeliveryStore,
    entry: MappedDelivery,
    accepted: Iterable[dict[str, Any]],
    grams: int | None,
    files: dict[str, str],
) -> int:
    row_ids = [row["row_id"] for row in accepted]
    held = sum(row["grams"] or 0 for row in accepted)
    store.record_replay(
        entry.delivery.delivery_id,
        entry.contract.name,
        row_ids,
        held,
        (grams or 0) - held,
        files,
    )
    return len(row_ids)
