"""Runs the jobs `refresh` and `rebuild` in this process; says what there is to do, what was done.

Between the command line and `defs`. The decision comes before Dagster, dbt and Great Expectations
are imported: where nothing is new it takes no more than reading names and hashes.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from data_contracts.loader import Contract, load_marts, load_profiles, load_register
from data_contracts.publications import (
    PublicationError,
    open_publication,
    read_hold,
    read_pointer,
    read_refusal,
)
from pipelines.editions import has_requests, process_inbox
from pipelines.health import count_kilograms, count_rows
from pipelines.ingest.landing import has_new_files, list_ignored, set_duplicates_aside
from pipelines.privacy import require_keys
from pipelines.publish.identity import describe_inputs, make_publication_id
from pipelines.publish.pointer import is_in_place, put_back, sweep_leftovers
from pipelines.settings import PROJECT_DIR, Settings, now
from pipelines.store import DeliveryStore, hold_writer_lock, open_store

if TYPE_CHECKING:
    from dagster import DagsterInstance


class RefreshFailedError(Exception):
    """The refresh stopped before a publication could be judged."""


@dataclass(frozen=True)
class RefreshSummary:
    """What a refresh did. `refused`: reasons why a publication was refused, or none.

    `ignored`: what lies in landing but in no food bank's folder, a sentence each.
    """

    deliveries: dict[str, int]
    rows: dict[str, int]
    set_aside: list[dict[str, str]]
    publication_id: str | None
    is_new: bool
    refused: list[str]
    ignored: list[str] = field(default_factory=list)
    is_rebuild: bool = False
    kilograms: dict[str, float] = field(default_factory=dict)
    inbox: list[str] = field(default_factory=list)
    is_held: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "deliveries": self.deliveries,
            "rows": self.rows,
            "kilograms": self.kilograms,
            "set_aside": self.set_aside,
            "publication_id": self.publication_id,
            "is_new": self.is_new,
            "refused": self.refused or None,
            "ignored": self.ignored,
            "inbox": self.inbox,
            "is_held": self.is_held,
        }

    @property
    def exit_status(self) -> int:
        """0 done, 3 a delivery was set aside or held in this run, 4 publication refused."""
        if self.refused:
            return 4
        aside = sum(self.deliveries.get(state, 0) for state in ("set_aside", "held", "failed"))
        return 3 if aside else 0


def refresh(
    settings: Settings,
    *,
    food_banks: tuple[str, ...] = (),
    marts: Mapping[str, Contract] | None = None,
    is_rebuild: bool = False,
    on_progress: Callable[[str], None] = lambda step: None,
) -> RefreshSummary:
    """Claim, judge, include, build, audit and publish what is new; `is_rebuild`: all of it.

    A rebuild makes the warehouse again from every accepted row, with the verdicts that were given.
    Raises StoreBusyError where another refresh is at work, SettingsError without a key,
    RefreshFailedError where a step failed before the audit.
    """
    with open_store(settings) as store:
        last_arrival = _last_arrival(store)
        duplicates = store.count_duplicates()
        if has_new_files(settings, store):
            require_keys(settings, store)
            set_duplicates_aside(settings, store)
        is_empty = not store.list_deliveries() and not has_new_files(settings, store)
        if is_empty or not (is_rebuild or _has_work(settings, store)):
            answers = process_inbox(settings, now()) if has_requests(settings) else []
            summary = _summarise(settings, store, last_arrival, duplicates, False)
            return replace(summary, inbox=answers)
    before = (read_pointer(settings.published) or {}).get("publication_id")
    refused_before = (read_refusal(settings.published) or {}).get("refused_at")
    with hold_writer_lock(settings) as epoch:
        sweep_leftovers(settings)
        built = None if is_rebuild else _find_built(settings)
        if built is not None:
            # after a rollback: what is asked for was built and audited before
            put_back(settings, built, epoch, now())
            error = None
        else:
            error = _execute(
                settings,
                "rebuild" if is_rebuild else "refresh",
                epoch,
                food_banks,
                marts or load_marts(),
                on_progress,
            )
    answers = [] if error else process_inbox(settings, now(), on_progress)
    with open_store(settings) as store:
        after = (read_pointer(settings.published) or {}).get("publication_id")
        summary = _summarise(settings, store, last_arrival, duplicates, before != after, is_rebuild)
    refused_at = (read_refusal(settings.published) or {}).get("refused_at")
    if error and refused_at in (None, refused_before):
        raise RefreshFailedError(error)
    return replace(summary, inbox=answers)


def _has_work(settings: Settings, store: DeliveryStore) -> bool:
    profiles = load_profiles(settings.sources_dir)
    if has_new_files(settings, store, profiles) or store.has_pending():
        return True
    if store.list_deliveries("seen", "stored", "parsed"):
        return True
    outcomes = store.list_outcomes()
    expected = make_publication_id(describe_inputs(settings, outcomes))
    return bool(outcomes) and not is_in_place(settings, expected)


def _find_built(settings: Settings) -> str | None:
    """The publication of the present inputs, where it was built before and nothing is pending."""
    with open_store(settings) as store:
        profiles = load_profiles(settings.sources_dir)
        if has_new_files(settings, store, profiles) or store.has_pending():
            return None
        if store.list_deliveries("seen", "stored", "parsed"):
            return None
        expected = make_publication_id(describe_inputs(settings, store.list_outcomes()))
    return expected if (settings.published / expected / "manifest.json").is_file() else None


def _last_arrival(store: DeliveryStore) -> int:
    return max((delivery.arrival_no for delivery in store.list_deliveries()), default=0)


def _summarise(
    settings: Settings,
    store: DeliveryStore,
    last_arrival: int,
    duplicates: int,
    is_new: bool,
    is_rebuild: bool = False,
) -> RefreshSummary:
    deliveries = [entry for entry in store.list_deliveries() if entry.arrival_no > last_arrival]
    outcomes = [row for row in store.list_outcomes() if row["arrival_no"] > last_arrival]
    states = Counter(entry.state for entry in deliveries)
    states["duplicate"] = store.count_duplicates() - duplicates
    refusal = read_refusal(settings.published)
    return RefreshSummary(
        deliveries={state: count for state, count in sorted(states.items()) if count},
        rows=count_rows(outcomes),
        set_aside=[
            {"source_name": f"{entry.food_bank_id}/{entry.source_name}", "reason": entry.reason}
            for entry in deliveries
            if entry.state in ("set_aside", "held", "failed") and entry.reason
        ],
        publication_id=(read_pointer(settings.published) or {}).get("publication_id"),
        is_new=is_new,
        refused=list(refusal["reasons"]) if refusal else [],
        ignored=list_ignored(settings.landing),
        is_held=read_hold(settings.published) is not None,
        is_rebuild=is_rebuild,
        kilograms=count_kilograms(outcomes),
    )


def _execute(
    settings: Settings,
    job_name: str,
    epoch: int,
    food_banks: tuple[str, ...],
    marts: Mapping[str, Contract],
    on_progress: Callable[[str], None],
) -> str | None:
    """Run the Dagster job in this process; give the first error, or None."""
    on_progress("Starting Dagster")
    prepare_dagster_home(settings)
    import dagster as dg

    from pipelines.definitions import build_defs
    from pipelines.defs.resources import WRITER_POOL, Writer

    logging.getLogger("dagster").setLevel(logging.ERROR)
    writer = Writer(settings, epoch, food_banks, marts, on_progress, job_name == "rebuild")
    job = build_defs(writer=writer).resolve_job_def(job_name)
    instance: DagsterInstance
    with dg.DagsterInstance.get() as instance:
        _end_killed_runs(instance, WRITER_POOL)
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    if result.success:
        return None
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            cause = data.error.cause or data.error if data.error else None
            message = cause.message if cause else str(event.message)
            return re.sub(r"^[\w.]+(Error|Exception|Failure): ", "", message.strip())
    return f"the job {job_name} failed"


def _end_killed_runs(instance: DagsterInstance, pool: str) -> int:
    """End runs whose process was killed: they would keep their slot of the pool for ever.

    Called by the holder of the writer's lock, so that no other run is alive. Gives their count.
    """
    from dagster import DagsterRunStatus, RunsFilter

    alive = [
        DagsterRunStatus.STARTING,
        DagsterRunStatus.STARTED,
        DagsterRunStatus.CANCELING,
    ]
    dead = {run.run_id: run for run in instance.get_runs(RunsFilter(statuses=alive))}
    for run in dead.values():
        instance.report_run_failed(run, "the process of this run was killed")
    slots = instance.event_log_storage.get_concurrency_info(pool)
    for run_id in {*dead, *slots.active_run_ids, *slots.pending_run_ids}:
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    return len(dead)


def sweep_dead_runs(settings: Settings) -> int:
    """End the runs that a killed tree of processes left; give their count.

    Raises StoreBusyError where a refresh is at work: it sweeps itself.
    """
    prepare_dagster_home(settings)
    import dagster as dg

    from pipelines.defs.resources import WRITER_POOL

    with hold_writer_lock(settings), dg.DagsterInstance.get() as instance:
        return _end_killed_runs(instance, WRITER_POOL)


def prepare_dagster_home(settings: Settings) -> None:
    """Give Dagster its home under the data folder, with the project's instance settings."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT_DIR / "dagster.yaml", home / "dagster.yaml")
    storage = (
        "storage:\n  postgres:\n    postgres_url:\n      env: COLLECTO_DAGSTER_POSTGRES_URL\n"
        if settings.dagster_postgres_url
        else "event_log_storage:\n  module: pipelines.defs.event_log\n"
        "  class: KeptSqliteEventLogStorage\n"
        f"  config:\n    base_dir: {json.dumps(str(home / 'history' / 'runs'))}\n"
    )
    with (home / "dagster.yaml").open("a", encoding="utf-8") as handle:
        handle.write(storage)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")


def explain_indicator(settings: Settings, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Published rows of one indicator, each with `explain`: how it comes from delivered files.

    Raises PublicationError where the data folder has no build to walk through.
    """
    from pipelines.warehouse.explain import Explainer

    if not rows:
        return rows
    indicator = load_register()[rows[0]["indicator_code"]]
    publication = open_publication(settings.published, rows[0]["publication_id"])
    try:
        explainer = Explainer(settings, publication, indicator)
    except FileNotFoundError as error:
        raise PublicationError(
            f"{error.filename} is missing: models cannot be walked; `collecto rebuild` writes it"
        ) from error
    return [{**row, "explain": explainer.explain(row)} for row in rows]
