"""Assets and checks of the dbt project: every model an asset, every data test an asset check.

Alone in its module: what `@dg.definitions` returns hides other Dagster objects beside it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, dbt_assets

from pipelines.defs.resources import WRITER_POOL, Writer
from pipelines.publish.identity import describe_inputs, hash_project, make_publication_id
from pipelines.publish.pointer import refuse_draft
from pipelines.settings import load_settings, now
from pipelines.store import open_store, reach
from pipelines.warehouse.build import NodeResult, build_warehouse, ensure_manifest, write_inputs


class LayerTranslator(DagsterDbtTranslator):
    """Asset key = table name; group = layer. A source is the asset of the same name."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        name = str(dbt_resource_props["name"])
        if dbt_resource_props.get("source_name") == "inputs":
            return dg.AssetKey(f"input_{name}")
        return dg.AssetKey(name)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["resource_type"] == "seed":
            return "seeds"
        return str(dbt_resource_props["fqn"][1])


def make_dbt_assets(manifest: Path) -> dg.AssetsDefinition:
    """The dbt project as assets; one step builds and tests all of it."""

    @dbt_assets(
        manifest=manifest,
        name="warehouse",
        dagster_dbt_translator=LayerTranslator(),
        pool=WRITER_POOL,
    )
    def warehouse(
        context: dg.AssetExecutionContext, writer: dg.ResourceParam[Writer]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        """Build models from accepted records and test them."""
        settings = writer.settings
        with open_store(settings) as store:
            outcomes = store.list_outcomes()
            write_inputs(settings, outcomes)
            reach("include.inputs_written")
            results = build_warehouse(
                settings,
                hash_project(),
                is_from_nothing=writer.is_rebuild,
                on_result=lambda name: writer.report(f"Building {name}"),
            )
            reach("include.built")
            yield from _report(context, results)
            failed = [node.reason for node in results if node.has_failed]
            if failed:
                publication_id = make_publication_id(describe_inputs(settings, outcomes))
                refuse_draft(settings, publication_id, now(), failed)
                raise dg.Failure("; ".join(failed), allow_retries=False)
            store.mark_included({outcome["delivery_id"] for outcome in outcomes})
            reach("include.marked")

    return warehouse


def _report(
    context: dg.AssetExecutionContext, results: list[NodeResult]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    checks = {check.name: check for check in context.selected_asset_check_keys}
    for node in results:
        key = dg.AssetKey(node.name)
        if node.resource_type in ("model", "seed") and node.status == "success":
            if key in context.selected_asset_keys:
                yield dg.MaterializeResult(asset_key=key, metadata={"seconds": node.seconds})
        elif node.name in checks:
            yield dg.AssetCheckResult(
                asset_key=checks[node.name].asset_key,
                check_name=node.name,
                passed=node.status == "pass",
                severity=(
                    dg.AssetCheckSeverity.WARN
                    if node.status == "warn"
                    else dg.AssetCheckSeverity.ERROR
                ),
                metadata={"message": node.message},
            )


@dg.definitions
def dbt_definitions() -> dg.Definitions:
    manifest = ensure_manifest(load_settings())
    return dg.Definitions(assets=[make_dbt_assets(manifest)])
