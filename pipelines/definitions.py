"""Entry point of Dagster: everything in `defs/`, loaded by `dg`.

Nothing is defined here. A test that wants a variant gives it to `build_defs`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg


def build_defs(**resources: Any) -> dg.Definitions:
    """All definitions, with some resources replaced by those given."""
    loaded = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    if not resources:
        return loaded
    return dg.Definitions(
        assets=loaded.assets,
        asset_checks=loaded.asset_checks,
        jobs=loaded.jobs,
        schedules=loaded.schedules,
        sensors=loaded.sensors,
        executor=loaded.executor,
        resources={**(loaded.resources or {}), **resources},
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dg` and `dagster.yaml` load."""
    return build_defs()
