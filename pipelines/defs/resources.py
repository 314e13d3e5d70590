"""Resources: the settings, and the writer that holds the data folder's lock for a run.

The Dagster pool `warehouse_writer` is advice; the lock with its epoch is law.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg

from data_contracts.loader import Contract, load_marts
from pipelines.privacy import erase_expired
from pipelines.settings import Settings, load_settings, now
from pipelines.store import hold_writer_lock, open_store

WRITER_POOL = "warehouse_writer"
PATIENCE_SECONDS = 1800.0
# Who signs the certificates of the schedule.
RETENTION = "calendrier de conservation"


@dataclass(frozen=True)
class Writer:
    """The right to write in a data folder, as long as `epoch` is the last one.

    `food_banks` limits what is claimed (empty: all); `marts` are the contracts to audit
    against; `report` is told what is being done; `is_rebuild`: the warehouse is built from nothing.
    """

    settings: Settings
    epoch: int
    food_banks: tuple[str, ...] = ()
    marts: Mapping[str, Contract] = field(default_factory=load_marts)
    report: Callable[[str], None] = lambda step: None
    is_rebuild: bool = False


@contextmanager
def take_writer(job: str) -> Iterator[Writer]:
    """The writer of a run of a job; `retention` begins by erasing who has expired."""
    settings = load_settings()
    # The daemon's run waits for one that somebody started by hand.
    with hold_writer_lock(settings, PATIENCE_SECONDS) as epoch:
        if job == "retention":
            with open_store(settings) as store:
                erase_expired(settings, store, settings.today(), RETENTION, now())
        yield Writer(settings, epoch, is_rebuild=job in ("rebuild", "retention"))


@dg.resource(description="Holds the lock of the data folder while the run lasts")
def hold_writer(context: dg.InitResourceContext) -> Iterator[Writer]:
    with take_writer(context.run.job_name if context.run is not None else "") as writer:
        yield writer


@dg.definitions
def resources() -> dg.Definitions:
    return dg.Definitions(resources={"writer": hold_writer}, executor=dg.in_process_executor)
