"""Assets from landing to accepted records: claim what came, judge it, row by row.

One asset per record, all from one step: a landing file may hold several records.
"""

from collections.abc import Iterator

import dagster as dg

from data_contracts.loader import Contract, load_profiles, load_records
from pipelines.defs.resources import Writer
from pipelines.health import describe_lateness
from pipelines.ingest.landing import has_new_files
from pipelines.intake import check_profiles, restore_accepted, take_deliveries
from pipelines.privacy import require_keys
from pipelines.store import open_store

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
    check_specs=[
        dg.AssetCheckSpec(name, asset=record)
        for record in load_records()
        for name in ("delivery_profiles_match_contract", "deliveries_are_fresh")
    ],
)
def deliveries(
    context: dg.AssetExecutionContext, writer: dg.ResourceParam[Writer]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Claim new landing files, judge them row by row, compare each with earlier ones."""
    profiles = load_profiles(writer.settings.sources_dir)
    with open_store(writer.settings) as store:
        if has_new_files(writer.settings, store, profiles):
            require_keys(writer.settings, store)
        claimed = take_deliveries(
            writer.settings, store, profiles, writer.food_banks, writer.report
        )
        if writer.is_rebuild:
            restore_accepted(writer.settings, store, profiles)
        checks = check_profiles(writer.settings, store, writer.report)
        lateness = describe_lateness(writer.settings, store.list_outcomes())
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
    for check in checks:
        yield dg.AssetCheckResult(
            asset_key=check.record,
            check_name="delivery_profiles_match_contract",
            passed=not check.failures and not check.errors,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "deliveries": check.deliveries,
                "failures": list(map(str, check.failures)),
                "errors_of_ours": list(check.errors),
            },
        )
        late = [row for row in lateness if row["record"] == check.record and row["is_late"]]
        yield dg.AssetCheckResult(
            asset_key=check.record,
            check_name="deliveries_are_fresh",
            passed=not late,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"late": [f"{row['food_bank_id']}: due on {row['due_on']}" for row in late]},
        )
