"""Every page of the dashboards as an asset, from its dbt exposure: the marts that it reads.

Alone in its module: what `@dg.definitions` returns hides other Dagster objects beside it.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from pipelines.settings import load_settings
from pipelines.warehouse.build import ensure_manifest


def list_pages(manifest: Path) -> Iterator[dg.AssetSpec]:
    """A page per exposure of the kind `dashboard`."""
    content = json.loads(manifest.read_text(encoding="utf-8"))
    for exposure in content["exposures"].values():
        if exposure["type"] == "dashboard":
            marts = [content["nodes"][node]["name"] for node in exposure["depends_on"]["nodes"]]
            yield dg.AssetSpec(
                f"page_{exposure['name']}",
                deps=["publication", "editions", *marts],
                group_name="dashboards",
                kinds={"streamlit"},
                description=f"{exposure['label']}: {exposure['description']}",
            )


@dg.definitions
def page_definitions() -> dg.Definitions:
    return dg.Definitions(assets=list(list_pages(ensure_manifest(load_settings()))))
