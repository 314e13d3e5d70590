"""Assets from landing to accepted records: claim what came, judge it, row by row.

One asset per record, all from one step: a landing file may hold several records.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

import dagster as dg
import duckdb

from data_contracts.loader import (
    Contract,
    ContractError,
    SourceProfile,
    load_profiles,
    load_records,
)
from pipelines.defs.resources import Writer
from pipelines.ingest.landing import claim_landing, read_archive
from pipelines.ingest.mapping import Target, find_targets, map_rows
from pipelines.ingest.parsing import UnreadableError
from pipelines.quality.judge import (
    DeliveredRows,
    Origin,
    accepted_path,
    count_accepted,
    find_accepted_keys,
    judge_rows,
    read_context,
    write_empty_tables,
)
from pipelines.settings import Settings
from pipelines.store import Delivery, DeliveryStore, QuarantinedRow, RecordOutcome, open_store

landing = dg.AssetSpec(
    "landing",
    group_name="landing",
    description="Files that food banks write: landing/<food_bank>/<record>/<file>",
    kinds={"file"},
)


def _describe_record(contract: Contract) -> dg.AssetSpec:
    return dg.AssetSpec(
        contract.name,
        group_name="accepted",
        deps=[landing],
        description=contract.description,
        kinds={"parquet"},
        metadata={"contract": contract.version, "key": ", ".join(contract.keys)},
    )


@dg.multi_asset(
    name="deliveries",
    specs=[_describe_record(contract) for contract in load_records().values()],
)
def deliveries(
    context: dg.AssetExecutionContext, writer: dg.ResourceParam[Writer]
) -> Iterator[dg.MaterializeResult[None]]:
    """Claim new landing files and judge every stored delivery."""
    profiles = load_profiles(writer.settings.sources_dir)
    with open_store(writer.settings) as store:
        claimed = claim_landing(
            writer.settings, store, profiles, list(writer.food_banks), writer.report
        )
        judge_stored(writer.settings, store, profiles, writer.report)
        if writer.is_rebuild:
            restore_accepted(writer.settings, store, profiles)
        outcomes = [row for row in store.list_outcomes() if row["delivery_id"] in set(claimed)]
    context.log.info(f"{len(claimed)} new deliveries")
    for record in load_records():
        rows = [row for row in outcomes if row["record"] == record]
        accepted = sum(row["rows_accepted"] for row in rows)
        quarantined = sum(row["rows_quarantined"] for row in rows)
        yield dg.MaterializeResult(
            asset_key=record,
            metadata={"deliveries": len(rows), "accepted": accepted, "quarantined": quarantined},
        )


MAX_BATCH_ROWS = 2_000_000


@dataclass(frozen=True)
class MappedDelivery:
    """One record of one delivery, mapped and waiting to be judged."""

    delivery: Delivery
    contract: Contract
    rows: DeliveredRows

    @property
    def batch_key(self) -> tuple[str, str, tuple[str, ...]]:
        return (self.delivery.food_bank_id, self.contract.name, tuple(self.rows.cells.columns))


def judge_stored(
    settings: Settings,
    store: DeliveryStore,
    profiles: dict[str, SourceProfile],
    report: Callable[[str], None],
) -> None:
    """Judge every delivery in state `stored`: reference records first, then in order of arrival.

    Deliveries of one record with the same columns are judged in one pass. A delivery counts as
    judged once each of its records is.
    """
    waiting: list[tuple[Delivery, list[Target]]] = []
    for delivery in store.list_deliveries("stored"):
        try:
            targets = _find_targets(delivery, profiles.get(delivery.food_bank_id))
            waiting.append((delivery, targets))
        except (UnreadableError, ContractError) as error:
            store.set_aside(delivery.delivery_id, str(error))
    waiting.sort(key=lambda pair: (pair[1][0].contract.judge_order, pair[0].arrival_no))
    with duckdb.connect() as connection:
        connection.execute("set threads = 2")
        write_empty_tables(connection, settings.accepted)
        for _, group in groupby(waiting, lambda pair: pair[1][0].contract.judge_order):
            batch: list[MappedDelivery] = []
            for delivery, targets in group:
                report(f"Reading {delivery.food_bank_id}/{delivery.source_name}")
                batch += _map_delivery(settings, store, delivery, targets, profiles)
                if sum(entry.rows.cells.height for entry in batch) > MAX_BATCH_ROWS:
                    _judge_batch(settings, store, connection, batch, report)
                    batch = []
            _judge_batch(settings, store, connection, batch, report)


def _find_targets(delivery: Delivery, profile: SourceProfile | None) -> list[Target]:
    is_reference = delivery.source_name.split("/")[-1].startswith("source profile ")
    return find_targets(delivery.source_name, None if is_reference else profile)


def _map_delivery(
    settings: Settings,
    store: DeliveryStore,
    delivery: Delivery,
    targets: list[Target],
    profiles: dict[str, SourceProfile],
) -> list[MappedDelivery]:
    """Map every record of a delivery, or set it aside whole with its reason."""
    profile = profiles.get(delivery.food_bank_id)
    version = profile.version if profile and targets[0].profile else "own columns"
    try:
        return _map_targets(settings, delivery, targets, version)
    except UnreadableError as error:
        store.set_aside(delivery.delivery_id, str(error))
        return []


def _map_targets(
    settings: Settings, delivery: Delivery, targets: list[Target], profile_version: str
) -> list[MappedDelivery]:
    assert delivery.archive is not None
    origin = Origin(
        delivery.food_bank_id,
        delivery.delivery_id,
        delivery.source_name,
        delivery.received_at,
        delivery.sent_at,
        delivery.arrival_no,
        profile_version,
    )
    mapped = []
    for target in targets:
        table = read_archive(settings, delivery.archive, target)
        rows = map_rows(table, target, delivery.food_bank_id)
        delivered = DeliveredRows(origin, rows.frame, rows.rows_filtered)
        mapped.append(MappedDelivery(delivery, rows.contract, delivered))
    return mapped


def _judge_batch(
    settings: Settings,
    store: DeliveryStore,
    connection: duckdb.DuckDBPyConnection,
    batch: list[MappedDelivery],
    report: Callable[[str], None],
) -> None:
    """Judge mapped deliveries, pass by pass, then record each delivery with all its records."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[MappedDelivery]] = {}
    for entry in batch:
        groups.setdefault(entry.batch_key, []).append(entry)
    judged: dict[str, list[tuple[MappedDelivery, RecordOutcome, list[QuarantinedRow]]]] = {}
    for group in groups.values():
        food_bank_id, contract = group[0].delivery.food_bank_id, group[0].contract
        report(f"Judging {len(group)} deliveries of {contract.name}")
        context = read_context(connection, settings.accepted, food_bank_id)
        results = judge_rows(
            connection,
            contract,
            [entry.rows for entry in group],
            context,
            settings.accepted,
            settings.today(),
        )
        for entry, (outcome, held_back) in zip(group, results, strict=True):
            judged.setdefault(entry.delivery.delivery_id, []).append((entry, outcome, held_back))
    for entries in judged.values():
        origin = entries[0][0].rows.origin
        corrected = {
            entry.contract.name: find_accepted_keys(
                connection,
                entry.contract,
                settings.accepted,
                origin,
                store.list_open_keys(origin.food_bank_id, entry.contract.name),
            )
            for entry, _, _ in entries
        }
        store.record_judgement(
            origin.delivery_id,
            origin.profile_version,
            entries[0][0].delivery.notes,
            [outcome for _, outcome, _ in entries],
            {outcome.record: held_back for _, outcome, held_back in entries},
            corrected,
        )


class VerdictError(Exception):
    """Accepted rows are gone and cannot be made again as they were judged."""


def restore_accepted(
    settings: Settings, store: DeliveryStore, profiles: dict[str, SourceProfile]
) -> None:
    """Write accepted rows that are gone again, from raw, as they were judged.

    A verdict is given once: VerdictError where today's contracts and profiles give another one.
    """
    verdicts = {
        (row["delivery_id"], row["record"]): row
        for row in store.list_outcomes()
        if count_accepted(settings.accepted, row) != row["rows_accepted"]
    }
    gone = {delivery_id for delivery_id, _ in verdicts}
    waiting = [
        (delivery, _find_targets(delivery, profiles.get(delivery.food_bank_id)))
        for delivery in store.list_deliveries("judged", "included")
        if delivery.delivery_id in gone
    ]
    waiting.sort(key=lambda pair: (pair[1][0].contract.judge_order, pair[0].arrival_no))
    with duckdb.connect() as connection:
        for delivery, targets in waiting:
            version = str(delivery.profile_version)
            for entry in _map_targets(settings, delivery, targets, version):
                verdict = verdicts.get((delivery.delivery_id, entry.contract.name))
                if verdict is not None:
                    _restore_rows(settings, connection, entry, verdict)


def _restore_rows(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    entry: MappedDelivery,
    verdict: dict[str, object],
) -> None:
    contract, origin = entry.contract, entry.rows.origin
    context = read_context(connection, settings.accepted, origin.food_bank_id)
    [(outcome, _)] = judge_rows(
        connection, contract, [entry.rows], context, settings.accepted, settings.today()
    )
    names = ("contract_version", "rows_accepted", "rows_quarantined", "grams_accepted")
    if any(getattr(outcome, name) != verdict[name] for name in names):
        accepted_path(settings.accepted, contract, origin).unlink(missing_ok=True)
        raise VerdictError(
            f"the accepted rows of {origin.food_bank_id}/{origin.source_name} ({contract.name}) are"
            " gone, and today's contracts judge the file otherwise than when it came; restore"
            " the folder `accepted` from a backup"
        )
