"""Jobs, each in one process from landing to the publication.

`build_reports` writes the reports of what is published; it changes no publication. `refresh` adds
what is new; `rebuild` builds the warehouse from nothing, from the same records with
the same verdicts; `retention` erases whom the contracts keep no longer, and rebuilds. A step that
fails, as where a publication is refused, sends the alerts that are due.
"""

import dagster as dg

from pipelines.defs.publication import tell_of_failure

REPORTS = dg.AssetSelection.assets("reports")
EVERYTHING = (dg.AssetSelection.all() - REPORTS) | dg.AssetSelection.all_asset_checks()

refresh = dg.define_asset_job(
    "refresh",
    selection=EVERYTHING,
    executor_def=dg.in_process_executor,
    hooks={tell_of_failure},
    description="Claim, judge, include, build, audit, publish",
    tags={"dagster/max_runtime": 3600},
)

rebuild = dg.define_asset_job(
    "rebuild",
    selection=EVERYTHING,
    executor_def=dg.in_process_executor,
    hooks={tell_of_failure},
    description="The same, with the warehouse built from nothing",
    tags={"dagster/max_runtime": 6 * 3600},
)

retention = dg.define_asset_job(
    "retention",
    selection=EVERYTHING,
    executor_def=dg.in_process_executor,
    hooks={tell_of_failure},
    description="Erase whom the contracts keep no longer, then the same as rebuild",
    tags={"dagster/max_runtime": 6 * 3600},
)

build_reports = dg.define_asset_job(
    "build_reports",
    selection=REPORTS,
    executor_def=dg.in_process_executor,
    description="Write the reports of the current publication and the last editions",
    tags={"dagster/max_runtime": 3600},
)
