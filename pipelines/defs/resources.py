"""Resources: the settings, and the writer that holds the data folder's lock for a run.

The Dagster pool `warehouse_writer` is advice; the lock with its epoch is law.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import dagster as dg

from data_contracts.loader import Contract, load_marts
from pipelines.settings import Settings, load_settings
from pipelines.store import hold_writer_lock

WRITER_POOL = "warehouse_writer"
PATIENCE_SECONDS = 1800.0


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


@dg.resource(description="Holds the lock of the data folder while the run lasts")
def hold_writer(context: dg.InitResourceContext) -> Iterator[Writer]:
    settings = load_settings()
    is_rebuild = context.run is not None and context.run.job_name == "rebuild"
    # The daemon's run waits for one that somebody started by hand.
    with hold_writer_lock(settings, PATIENCE_SECONDS) as epoch:
        yield Writer(settings, epoch, is_rebuild=is_rebuild)


@dg.definitions
def resources() -> dg.Definitions:
    return dg.Definitions(resources={"writer": hold_writer}, executor=dg.in_process_executor)
