"""Assets from marts to readers: the draft, the publication, the editions and the alerts."""

from typing import Any

import dagster as dg

from data_contracts.loader import ContractError, load_marts
from data_contracts.publications import PublicationError, list_editions
from pipelines.alerts.digest import send_alerts
from pipelines.alerts.rules import load_rules
from pipelines.defs.resources import Writer
from pipelines.editions import process_inbox
from pipelines.health import find_imbalances
from pipelines.publish.audit import AuditFinding, audit_draft, compare_with_inputs, read_earlier
from pipelines.publish.disclosure import DisclosureError
from pipelines.publish.draft import draft_folder, read_donations, write_draft
from pipelines.publish.history import check_drift
from pipelines.publish.identity import describe_inputs, make_publication_id
from pipelines.publish.pointer import prune, publish_draft, refuse_draft
from pipelines.settings import Settings, SettingsError, now
from pipelines.store import open_store
from pipelines.warehouse.build import count_accepted


def current_inputs(settings: Settings) -> dict[str, Any]:
    """What a publication of this data folder is computed from, as it stands."""
    with open_store(settings) as store:
        return describe_inputs(settings, store.list_outcomes())


def audit_publication(
    settings: Settings, publication_id: str, inputs: dict[str, Any]
) -> list[AuditFinding]:
    """What the audit of a draft finds beside its contracts."""
    with open_store(settings) as store:
        imbalances = find_imbalances(store.list_outcomes())
    return [
        *audit_draft(
            draft_folder(settings, publication_id),
            read_donations(settings),
            read_earlier(settings, inputs),
        ),
        AuditFinding("deliveries_balance", tuple(imbalances), len(inputs["deliveries"])),
        compare_with_inputs(count_accepted(settings), inputs),
        check_drift(settings, publication_id),
    ]


@dg.asset(
    deps=list(load_marts()),
    group_name="publication",
    kinds={"parquet"},
    description="One row per mart: Parquet written aside, to be audited",
)
def publication_draft(writer: dg.ResourceParam[Writer]) -> dg.MaterializeResult[None]:
    inputs = current_inputs(writer.settings)
    publication_id = make_publication_id(inputs)
    writer.report("Writing what each audience may read")
    try:
        rows = write_draft(writer.settings, publication_id, read_earlier(writer.settings, inputs))
    except DisclosureError as error:
        refuse_draft(writer.settings, publication_id, now(), [error.reason])
        raise
    return dg.MaterializeResult(metadata={"publication_id": publication_id, "rows": rows})


@dg.asset(
    deps=[publication_draft],
    group_name="publication",
    kinds={"parquet"},
    description="The publication that readers see, put in place at once",
)
def publication(writer: dg.ResourceParam[Writer]) -> dg.MaterializeResult[None]:
    inputs = current_inputs(writer.settings)
    publication_id = make_publication_id(inputs)
    publish_draft(writer.settings, publication_id, writer.epoch, now(), inputs)
    prune(writer.settings, [e.publication_id for e in list_editions(writer.settings.published)])
    return dg.MaterializeResult(metadata={"publication_id": publication_id})


@dg.asset(
    deps=[publication],
    group_name="publication",
    kinds={"json"},
    description="Editions that food banks approved; approvals in the inbox are taken here",
)
def editions(writer: dg.ResourceParam[Writer]) -> dg.MaterializeResult[None]:
    answers = process_inbox(writer.settings, now(), writer.report)
    return dg.MaterializeResult(metadata={"inbox": answers})


@dg.asset(
    deps=[publication, editions],
    group_name="publication",
    kinds={"email"},
    description="E-mails to those whom COLLECTO_ALERTS names; a fault never fails the publication",
)
def alerts(writer: dg.ResourceParam[Writer]) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"alerts": tell(writer.settings)})


@dg.failure_hook(required_resource_keys={"writer"})
def tell_of_failure(context: dg.HookContext) -> None:
    """E-mails after a step that failed: a publication that was refused is told at once."""
    context.log.info(f"alerts: {tell(context.resources.writer.settings)}")


def tell(settings: Settings) -> dict[str, str] | str:
    """Send the alerts that are due; what was done, by address, or why nothing was."""
    if settings.alerts is None:
        return "COLLECTO_ALERTS names no file"
    try:
        return send_alerts(settings, load_rules(settings.alerts))
    except (ContractError, PublicationError, SettingsError, OSError) as error:
        return f"not sent: {error}"
