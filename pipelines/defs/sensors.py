"""Sensors. A file that lands asks for a refresh, once for the same content of landing."""

import hashlib

import dagster as dg

from pipelines.defs.jobs import refresh
from pipelines.ingest.landing import hash_landing_file, list_landing_files
from pipelines.settings import load_settings
from pipelines.store import open_store


@dg.sensor(
    job=refresh,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a refresh when a delivery lands",
)
def landing_sensor() -> dg.SensorResult | dg.SkipReason:
    settings = load_settings()
    with open_store(settings) as store:
        new = [
            file
            for file in list_landing_files(settings.landing)
            if not store.knows_file(file.name, file.size, file.modified_ns)
        ]
    if not new:
        return dg.SkipReason("nothing new has landed")
    contents = sorted(hash_landing_file(file) for file in new)
    run_key = hashlib.sha256("".join(contents).encode()).hexdigest()
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=run_key)])
