"""Asset checks of the marts of a draft, compiled from their contracts.

The checks are made from one description, never written per table. A failing mart refuses the
publication. Those of delivery profiles are given with their assets, in `deliveries`.
"""

from collections.abc import Iterator

import dagster as dg

from data_contracts.loader import load_marts
from pipelines.defs.publication import audit_publication, current_inputs
from pipelines.defs.resources import Writer
from pipelines.publish.audit import AUDIT_CHECKS, Check, write_audit
from pipelines.publish.draft import read_drafted
from pipelines.publish.identity import make_publication_id
from pipelines.publish.pointer import refuse_draft
from pipelines.quality.suites import compile_mart_suite, run_suite
from pipelines.settings import now
from pipelines.store import reach
from pipelines.warehouse.build import read_test_results


@dg.multi_asset_check(
    name="mart_contracts",
    specs=[
        dg.AssetCheckSpec(name, asset="publication_draft", blocking=True)
        for name in [*(f"{mart}_matches_contract" for mart in load_marts()), *AUDIT_CHECKS]
    ],
)
def mart_contracts(writer: dg.ResourceParam[Writer]) -> Iterator[dg.AssetCheckResult]:
    """Check every mart of the draft against its contract, then what leaves; a failure refuses the
    publication."""
    inputs = current_inputs(writer.settings)
    publication_id = make_publication_id(inputs)
    reasons: list[str] = []
    errors: list[str] = []
    checks = [
        Check(name, has_passed, 1)
        for name, has_passed in read_test_results(writer.settings).items()
    ]
    for contract in writer.marts.values():
        writer.report(f"Auditing {contract.name}")
        rows = read_drafted(writer.settings, publication_id, contract.name)
        found = run_suite(contract.name, compile_mart_suite(contract), rows)
        reasons += found.failures
        errors += found.errors
        checks.append(
            Check(f"{contract.name}_matches_contract", found.has_passed, found.count_expectations)
        )
        yield dg.AssetCheckResult(
            asset_key="publication_draft",
            check_name=f"{contract.name}_matches_contract",
            passed=found.has_passed,
            metadata={
                "expectations": found.count_expectations,
                "failures": list(map(str, found.failures)),
            },
        )
    writer.report("Auditing what leaves the food banks")
    for audited in audit_publication(writer.settings, publication_id, inputs):
        reasons += audited.failures
        checks.append(audited.as_check())
        yield dg.AssetCheckResult(
            asset_key="publication_draft",
            check_name=audited.check,
            passed=not audited.failures,
            metadata={
                "looked_at": audited.expectations,
                "failures": list(map(str, audited.failures)),
            },
        )
    write_audit(writer.settings, publication_id, checks)
    reach("publish.audited")
    if reasons:
        refuse_draft(writer.settings, publication_id, now(), reasons)
    elif errors:
        raise dg.Failure(f"a fault of ours, not of the data: {errors[0]}", allow_retries=False)
