"""Schedules. The nightly refresh makes the figures of the day before; once a month the contracts'
retention is applied, where somebody has expired. Reports are written before the trucks leave."""

import dagster as dg

from pipelines.defs.jobs import build_reports, refresh, retention
from pipelines.privacy import find_expired, forget_accesses
from pipelines.settings import load_settings, now
from pipelines.store import open_store

nightly_refresh = dg.ScheduleDefinition(
    name="nightly_refresh",
    job=refresh,
    cron_schedule="30 2 * * *",
    execution_timezone="Europe/Paris",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


morning_reports = dg.ScheduleDefinition(
    name="morning_reports",
    job=build_reports,
    cron_schedule="15 5 * * *",
    execution_timezone="Europe/Paris",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


@dg.schedule(
    job=retention,
    cron_schedule="0 5 1 * *",
    execution_timezone="Europe/Paris",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Erases whom the contracts keep no longer, and accesses older than a year",
)
def monthly_retention() -> dg.RunRequest | dg.SkipReason:
    settings = load_settings()
    forget_accesses(settings, now())
    with open_store(settings) as store:
        expired = find_expired(settings, store, settings.today())
    if not expired:
        return dg.SkipReason("nobody has expired")
    return dg.RunRequest()
