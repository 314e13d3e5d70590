"""Assets from marts to readers: the draft, the publication, and the pages that read it."""

from typing import Any

import dagster as dg

from data_contracts.loader import load_marts
from pipelines.defs.resources import Writer
from pipelines.publish.draft import write_draft
from pipelines.publish.identity import describe_inputs, make_publication_id
from pipelines.publish.pointer import publish_draft
from pipelines.settings import Settings, now
from pipelines.store import open_store


def current_inputs(settings: Settings) -> dict[str, Any]:
    """What a publication of this data folder is computed from, as it stands."""
    with open_store(settings) as store:
        return describe_inputs(settings, store.list_outcomes())


@dg.asset(
    deps=list(load_marts()),
    group_name="publication",
    kinds={"parquet"},
    description="One row per mart: Parquet written aside, to be audited",
)
def publication_draft(writer: dg.ResourceParam[Writer]) -> dg.MaterializeResult[None]:
    publication_id = make_publication_id(current_inputs(writer.settings))
    rows = write_draft(writer.settings, publication_id)
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
    return dg.MaterializeResult(metadata={"publication_id": publication_id})


pages = [
    dg.AssetSpec(
        f"page_{page}",
        deps=[publication],
        group_name="dashboards",
        kinds={"streamlit"},
        description=description,
    )
    for page, description in {
        "essentiel": "Page L'essentiel of the dashboards",
        "mise_a_disposition": "Page Mise à disposition of the dashboards",
    }.items()
]
