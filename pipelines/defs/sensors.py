"""Sensors. A file that lands asks for a refresh, once for the same content of landing."""

import dagster as dg

from pipelines.defs.jobs import refresh
from pipelines.ingest.landing import make_run_key
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
        run_key = make_run_key(settings, store)
    if run_key is None:
        return dg.SkipReason("nothing new has landed")
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=run_key)])
