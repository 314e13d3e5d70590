"""Asset checks compiled from contracts: delivery profiles of each record, marts of a draft.

The checks are made from one description, never written per table. A failing mart refuses the
publication; an odd delivery warns.
"""

import json
from collections.abc import Iterator

import dagster as dg

from data_contracts.loader import load_marts, load_records
from pipelines.defs.publication import current_inputs
from pipelines.defs.resources import Writer
from pipelines.publish.audit import Check, write_audit
from pipelines.publish.draft import read_drafted
from pipelines.publish.identity import make_publication_id
from pipelines.publish.pointer import refuse_draft
from pipelines.quality.suites import (
    compile_mart_suite,
    compile_profile_suite,
    make_profile_table,
    run_suite,
)
from pipelines.settings import now
from pipelines.store import open_store
from pipelines.warehouse.build import read_test_results


@dg.multi_asset_check(
    name="delivery_profiles",
    specs=[
        dg.AssetCheckSpec("delivery_profiles_match_contract", asset=record)
        for record in load_records()
    ],
)
def delivery_profiles(writer: dg.ResourceParam[Writer]) -> Iterator[dg.AssetCheckResult]:
    """Compare the deliveries of each record with its contract and with earlier deliveries."""
    with open_store(writer.settings) as store:
        outcomes = store.list_outcomes()
    for contract in load_records().values():
        rows = [
            {**row, "profile": json.loads(row["profile"])}
            for row in outcomes
            if row["record"] == contract.name
        ]
        is_new = any(row["state"] == "judged" for row in rows)
        failures: tuple[str, ...] = ()
        if is_new:
            writer.report(f"Comparing the deliveries of {contract.name}")
            table = make_profile_table(contract, rows)
            failures = run_suite(contract.name, compile_profile_suite(contract), table).failures
        yield dg.AssetCheckResult(
            asset_key=contract.name,
            check_name="delivery_profiles_match_contract",
            passed=not failures,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"deliveries": len(rows), "failures": list(failures)},
        )


@dg.multi_asset_check(
    name="mart_contracts",
    specs=[
        dg.AssetCheckSpec(f"{mart}_matches_contract", asset="publication_draft", blocking=True)
        for mart in load_marts()
    ],
)
def mart_contracts(writer: dg.ResourceParam[Writer]) -> Iterator[dg.AssetCheckResult]:
    """Check every mart of the draft against its contract; a failure refuses the publication."""
    publication_id = make_publication_id(current_inputs(writer.settings))
    reasons: list[str] = []
    checks = [
        Check(name, has_passed, 1)
        for name, has_passed in read_test_results(writer.settings).items()
    ]
    for contract in writer.marts.values():
        writer.report(f"Auditing {contract.name}")
        rows = read_drafted(writer.settings, publication_id, contract.name)
        found = run_suite(contract.name, compile_mart_suite(contract), rows)
        reasons += found.failures
        checks.append(
            Check(f"{contract.name}_matches_contract", found.has_passed, found.count_expectations)
        )
        yield dg.AssetCheckResult(
            asset_key="publication_draft",
            check_name=f"{contract.name}_matches_contract",
            passed=found.has_passed,
            metadata={
                "expectations": found.count_expectations,
                "failures": list(found.failures),
            },
        )
    write_audit(writer.settings, publication_id, checks)
    if reasons:
        refuse_draft(writer.settings, publication_id, now(), reasons)
