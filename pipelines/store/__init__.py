"""The data folder: atomic writes, the writer's lock and epoch, delivery states, keyed hashes.

Under every stage. What a delivery means (formats, rules) belongs in `ingest` and `quality`; here it
is an identifier with a state that moves one way, each step one transaction.
"""

from data_contracts.files import sync_folder, write_atomically
from pipelines.store.alert_log import AlertLog, AlertLogError, read_alert_log, read_alerts_of_day
from pipelines.store.deliveries import (
    COUNTED,
    Delivery,
    DeliveryStore,
    NewDelivery,
    QuarantinedRow,
    RecordOutcome,
    State,
    StateError,
    Verdict,
    open_store,
)
from pipelines.store.faults import POINTS, reach
from pipelines.store.files import (
    hash_file,
    remove_parts,
    write_json,
)
from pipelines.store.keys import (
    PSEUDONYM_PREFIX,
    Pseudonymizer,
    is_stranger,
    load_pseudonymizer,
    make_key_file,
    make_stranger,
)
from pipelines.store.writer import (
    StaleEpochError,
    StoreBusyError,
    advance_epoch,
    hold_lock,
    hold_pointer_lock,
    hold_writer_lock,
    read_epoch,
    require_epoch,
)

__all__ = [
    "COUNTED",
    "POINTS",
    "PSEUDONYM_PREFIX",
    "AlertLog",
    "AlertLogError",
    "Delivery",
    "DeliveryStore",
    "NewDelivery",
    "Pseudonymizer",
    "QuarantinedRow",
    "RecordOutcome",
    "StaleEpochError",
    "State",
    "StateError",
    "StoreBusyError",
    "Verdict",
    "advance_epoch",
    "hash_file",
    "hold_lock",
    "hold_pointer_lock",
    "hold_writer_lock",
    "is_stranger",
    "load_pseudonymizer",
    "make_key_file",
    "make_stranger",
    "open_store",
    "reach",
    "read_alert_log",
    "read_alerts_of_day",
    "read_epoch",
    "remove_parts",
    "require_epoch",
    "sync_folder",
    "write_atomically",
    "write_json",
]
