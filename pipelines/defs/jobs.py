"""Jobs. `refresh` runs everything from landing to the publication in one process."""

import dagster as dg

refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks(),
    executor_def=dg.in_process_executor,
    description="Claim, judge, include, build, audit, publish",
    tags={"dagster/max_runtime": 3600},
)
