"""Jobs, each in one process from landing to the publication.

`refresh` adds what is new; `rebuild` builds the warehouse from nothing, from the same records with
the same verdicts; `retention` erases whom the contracts keep no longer, and rebuilds.
"""

import dagster as dg

EVERYTHING = dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks()

refresh = dg.define_asset_job(
    "refresh",
    selection=EVERYTHING,
    executor_def=dg.in_process_executor,
    description="Claim, judge, include, build, audit, publish",
    tags={"dagster/max_runtime": 3600},
)

rebuild = dg.define_asset_job(
    "rebuild",
    selection=EVERYTHING,
    executor_def=dg.in_process_executor,
    description="The same, with the warehouse built from nothing",
    tags={"dagster/max_runtime": 6 * 3600},
)

retention = dg.define_asset_job(
    "retention",
    selection=EVERYTHING,
    executor_def=dg.in_process_executor,
    description="Erase whom the contracts keep no longer, then the same as rebuild",
    tags={"dagster/max_runtime": 6 * 3600},
)
