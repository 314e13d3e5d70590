"""Writes what each audience may read of a finished build aside, as a draft that nobody reads yet.

A draft is a folder `published/.draft-<id>` with a folder of Parquet per audience, rows in the order
of each mart's key, the same bytes for the same rows. It becomes a publication in `pointer`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.disclosure import Policy, contract_for, load_policy
from data_contracts.loader import Contract, load_marts
from pipelines.publish.disclosure import Sources, make_outside
from pipelines.publish.people import Cells
from pipelines.settings import Settings
from pipelines.store import reach

AUDIENCE = "data_team"


@dataclass(frozen=True)
class DraftedMart:
    """One mart of an audited draft: its rows and the SHA-256 of its file."""

    mart: str
    rows: int
    sha256: str
    audience: str = AUDIENCE


def draft_folder(settings: Settings, publication_id: str) -> Path:
    return settings.published / f".draft-{publication_id}"


def write_draft(
    settings: Settings, publication_id: str, earlier: Sequence[Cells] = ()
) -> dict[str, int]:
    """Export every mart that has a contract, for every audience; give the rows of each mart.

    `earlier`: cells of the editions that stand, beside which the new cells must be safe. Raises
    DisclosureError where nothing makes them so.
    """
    folder = draft_folder(settings, publication_id)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / AUDIENCE).mkdir(parents=True)
    rows = {}
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        connection.execute("set threads = 1")
        for contract in load_marts().values():
            table = _fetch(connection, contract.name, contract.keys)
            _write(table, folder / AUDIENCE / f"{contract.name}.parquet")
            rows[contract.name] = int(table.num_rows)
        reach("publish.exported")
        sources = read_sources(connection, folder / AUDIENCE)
    policy = load_policy()
    outside = make_outside(sources, policy, earlier)
    for audience, tables in split_audiences(sources, outside, policy):
        for name, frame in tables.items():
            contract = contract_for(name, audience)
            write_table(frame, contract, folder / audience / f"{name}.parquet")
    reach("publish.drafted")
    return rows


def read_sources(connection: duckdb.DuckDBPyConnection, folder: Path) -> Sources:
    """What tables shown outside are made from."""
    given, counted = (
        pl.DataFrame(pl.from_arrow(_fetch(connection, name, keys)))
        for name, keys in (
            (
                "fct_donations_monthly",
                ("month", "food_bank_id", "channel", "network_family", "is_food", "supplier_id"),
            ),
            ("fct_households_quarterly_shown", ("quarter_start", "food_bank_id", "qpv_code")),
        )
    )
    marts = {
        path.stem: pl.read_parquet(path, glob=False) for path in sorted(folder.glob("*.parquet"))
    }
    return Sources(marts, given, counted)


def read_donations(settings: Settings) -> pl.DataFrame:
    """Who gave what, by month: for the audit of what is shown of it."""
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        table = connection.execute("select * from fct_donations_monthly").to_arrow_table()
    return pl.DataFrame(pl.from_arrow(table))


def _fetch(connection: duckdb.DuckDBPyConnection, table: str, keys: Sequence[str]) -> pa.Table:
    order = ", ".join(f'"{key}"' for key in keys)
    return connection.execute(f'select * from "{table}" order by {order}').to_arrow_table()  # nosec B608


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", row_group_size=100_000)


def write_table(frame: pl.DataFrame, contract: Contract, path: Path) -> None:
    """Write one table in the order of its key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(frame.sort(contract.keys).to_arrow(compat_level=pl.CompatLevel.oldest()), path)


def split_audiences(
    sources: Sources, outside: Mapping[str, pl.DataFrame], policy: Policy
) -> Iterator[tuple[str, dict[str, pl.DataFrame]]]:
    """Each audience but the data team, with its tables."""
    territories = sources.territories()
    for bank in sources.marts["mart_food_banks"]["food_bank_id"].sort():
        # A territory that it shares with another food bank shows the other's figures too.
        own = {code for code, banks in territories.items() if banks == [bank]}
        yield (
            f"food_banks/{bank}",
            {
                name: keep_rows(sources.marts[name], {bank}, own)
                for name in policy.marts_of(f"food_banks/{bank}")
            },
        )
    for code, banks in territories.items():
        yield (
            f"metropole/{code}",
            {
                name: keep_rows(outside[name], set(banks), {code}).filter(
                    pl.col("territory_code") == code
                    if policy.marts[name].form == "agreements"
                    else pl.lit(True)
                )
                for name in policy.marts_of(f"metropole/{code}")
            },
        )
    sites = pl.col("place_kind") == "site"
    yield (
        "public",
        {
            name: outside[name].filter(sites) if name == "mart_places" else outside[name]
            for name in policy.marts_of("public")
        },
    )


def keep_rows(table: pl.DataFrame, banks: set[str], territories: set[str]) -> pl.DataFrame:
    """Rows of these food banks and territories; a table of neither is kept whole."""
    if "scope_kind" in table.columns:
        is_bank = (pl.col("scope_kind") == "food_bank") & pl.col("scope_id").is_in(sorted(banks))
        is_territory = (pl.col("scope_kind") == "territory") & pl.col("scope_id").is_in(
            sorted(territories)
        )
        return table.filter(is_bank | is_territory)
    if "food_bank_id" in table.columns:
        return table.filter(pl.col("food_bank_id").is_in(sorted(banks)))
    return table


def read_drafted(
    settings: Settings, publication_id: str, mart: str, audience: str = AUDIENCE
) -> pl.DataFrame:
    """Rows of one mart of a draft."""
    path = draft_folder(settings, publication_id) / audience / f"{mart}.parquet"
    return pl.read_parquet(path, glob=False)


def list_audiences(folder: Path) -> list[str]:
    """Audiences that have a folder in a draft or publication, in order."""
    return sorted(
        {path.parent.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}
    )
