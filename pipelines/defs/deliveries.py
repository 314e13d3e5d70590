"""Assets from landing to accepted records: claim what came, judge it, row by row.

One asset per record, all from one step: a landing file may hold several records.
"""

from collections.abc import Callable, Iterator

import dagster as dg
import duckdb

from data_contracts.loader import Contract, SourceProfile, load_profiles, load_records
from pipelines.defs.resources import Writer
from pipelines.ingest.landing import claim_landing, read_archive
from pipelines.ingest.mapping import Target, find_targets, map_rows
from pipelines.ingest.parsing import UnreadableError
from pipelines.quality.judge import (
    Origin,
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
) -> Iterator[dg.MaterializeResult]:
    """Claim new landing files and judge every stored delivery."""
    profiles = load_profiles(writer.settings.sources_dir)
    with open_store(writer.settings) as store:
        claimed = claim_landing(
            writer.settings, store, profiles, list(writer.food_banks), writer.report
        )
        judge_stored(writer.settings, store, profiles, writer.report)
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


def judge_stored(
    settings: Settings,
    store: DeliveryStore,
    profiles: dict[str, SourceProfile],
    report: Callable[[str], None],
) -> None:
    """Judge every delivery in state `stored`: reference records first, then in order of arrival."""
    with duckdb.connect() as connection:
        connection.execute("set threads = 2")
        write_empty_tables(connection, settings.accepted)
        waiting = [
            (delivery, _find_targets(delivery, profiles.get(delivery.food_bank_id)))
            for delivery in store.list_deliveries("stored")
        ]
        waiting.sort(key=lambda pair: (pair[1][0].contract.judge_order, pair[0].arrival_no))
        for delivery, targets in waiting:
            report(f"Judging {delivery.food_bank_id}/{delivery.source_name}")
            profile = profiles.get(delivery.food_bank_id)
            version = profile.version if profile and targets[0].profile else "own columns"
            try:
                _judge_delivery(settings, store, connection, delivery, targets, version)
            except UnreadableError as error:
                store.set_aside(delivery.delivery_id, str(error))


def _find_targets(delivery: Delivery, profile: SourceProfile | None) -> list[Target]:
    is_reference = delivery.source_name.split("/")[-1].startswith("source profile ")
    return find_targets(delivery.source_name, None if is_reference else profile)


def _judge_delivery(
    settings: Settings,
    store: DeliveryStore,
    connection: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    targets: list[Target],
    profile_version: str,
) -> None:
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
    outcomes: list[RecordOutcome] = []
    held_back: dict[str, list[QuarantinedRow]] = {}
    for target in targets:
        table = read_archive(settings, delivery.archive, target)
        mapped = map_rows(table, target, delivery.food_bank_id)
        context = read_context(connection, settings.accepted, delivery.food_bank_id)
        outcome, rows = judge_rows(
            connection,
            mapped.contract,
            mapped.frame,
            origin,
            context,
            settings.accepted,
            settings.today(),
            mapped.rows_filtered,
        )
        outcomes.append(outcome)
        held_back[outcome.record] = rows
    store.record_judgement(
        delivery.delivery_id, profile_version, delivery.notes, outcomes, held_back
    )
    for target in targets:
        keys = store.list_open_keys(delivery.food_bank_id, target.contract.name)
        corrected = find_accepted_keys(
            connection, target.contract, settings.accepted, origin, keys
        )
        store.release_keys(delivery.food_bank_id, target.contract.name, corrected)
