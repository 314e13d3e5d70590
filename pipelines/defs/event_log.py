"""Dagster's event log on SQLite, with its connections kept open.

Dagster makes an engine and a connection for each of the thousands of statements of a run, which is
a quarter of the processor time of a nightly refresh; here both are kept for each file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import QueuePool

BUSY_SECONDS = 30


class KeptSqliteEventLogStorage(SqliteEventLogStorage):
    """The event log of Dagster's default instance; only how it connects differs."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[tuple[int, str], Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> KeptSqliteEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            # A forked process may not go on with the connections of its parent.
            name = (os.getpid(), shard)
            engine = self._engines.get(name)
            if engine is None:
                engine = self._engines[name] = create_engine(
                    self.conn_string_for_shard(shard),
                    poolclass=QueuePool,
                    connect_args={
                        "timeout": BUSY_SECONDS,
                        "check_same_thread": False,
                    },
                )
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()
