"""Writes the marts of a finished build aside, as a draft that nobody reads yet.

A draft is a folder `published/.draft-<id>`: Parquet in the order of each mart's key, the same
bytes for the same rows. It becomes a publication in `pointer`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq

from data_contracts.loader import Contract, load_marts
from pipelines.settings import Settings

AUDIENCE = "data_team"


@dataclass(frozen=True)
class DraftedMart:
    """One mart of an audited draft: its rows and the SHA-256 of its file."""

    mart: str
    rows: int
    sha256: str


def draft_folder(settings: Settings, publication_id: str) -> Path:
    return settings.published / f".draft-{publication_id}"


def write_draft(settings: Settings, publication_id: str) -> dict[str, int]:
    """Export every mart that has a contract; give the rows of each."""
    folder = draft_folder(settings, publication_id) / AUDIENCE
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    rows = {}
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        connection.execute("set threads = 1")
        for contract in load_marts().values():
            path = folder / f"{contract.name}.parquet"
            rows[contract.name] = _export(connection, contract, path)
    return rows


def _export(connection: duckdb.DuckDBPyConnection, contract: Contract, path: Path) -> int:
    order = ", ".join(f'"{key}"' for key in contract.keys)
    table = connection.execute(f'select * from "{contract.name}" order by {order}').to_arrow_table()
    pq.write_table(table, path, compression="zstd", row_group_size=100_000)
    return int(table.num_rows)


def read_drafted(settings: Settings, publication_id: str, mart: str) -> pl.DataFrame:
    """Rows of one mart of a draft."""
    path = draft_folder(settings, publication_id) / AUDIENCE / f"{mart}.parquet"
    return pl.read_parquet(path, glob=False)
