"""Schedules. The nightly refresh makes the figures of the day before."""

import dagster as dg

from pipelines.defs.jobs import refresh

nightly_refresh = dg.ScheduleDefinition(
    name="nightly_refresh",
    job=refresh,
    cron_schedule="30 2 * * *",
    execution_timezone="Europe/Paris",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
