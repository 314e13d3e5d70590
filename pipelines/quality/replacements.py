"""What a delivery replaces beyond its own rows: whole documents, or all rows of its days or months.

A row that is gone in the replacement is taken away by a tombstone that carries the stamps of the
replacement, as if the sender had written it: the rules of order then decide, whatever came first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from data_contracts.loader import Contract
from pipelines.quality.judge import Origin, accepted_path
from pipelines.quality.rules import quote_name, quote_text, reporting_date_name
from pipelines.store import hash_file, write_atomically

ORDER = (
    "updated_at desc nulls last, _sent_at desc nulls last,"
    " case when updated_at is null and _sent_at is null then _arrival_no end desc nulls last,"
    " _source_line desc, _delivery_id desc"
)


@dataclass(frozen=True)
class Loss:
    """What a replacement takes away: rows and grams before and after, of what it replaces."""

    rows_before: int
    rows_after: int
    grams_before: int
    grams_after: int

    @property
    def share(self) -> float:
        """The larger of the shares of rows and of mass that are lost; 0 where none is."""
        rows = 1 - self.rows_after / self.rows_before if self.rows_before else 0.0
        grams = 1 - self.grams_after / self.grams_before if self.grams_before > 0 else 0.0
        return max(rows, grams, 0.0)

    @property
    def sentence(self) -> str:
        kilograms = f" and {self.grams_before / 1000:.0f} kg" if self.grams_before else ""
        after = f" and {self.grams_after / 1000:.0f} kg" if self.grams_before else ""
        return (
            f"{self.rows_before} rows{kilograms} become {self.rows_after} rows{after}"
            f" ({self.share:.0%} lost)"
        )


@dataclass(frozen=True)
class Replaced:
    """Tombstones that were written, and what is lost by them."""

    rows: int
    files: dict[str, str]
    loss: Loss | None


def can_replace(contract: Contract) -> bool:
    """Whether rows of a record can be taken away: it has tombstones and dates of change."""
    return {"is_deleted", "updated_at"} <= {column.name for column in contract.columns}


def replace_rows(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    accepted: Path,
    origin: Origin,
    replaces: str,
    earlier: Mapping[str, str],
) -> Replaced:
    """Write the tombstones that follow from a judged delivery, into a file beside its rows.

    `earlier`: by delivery of the same kind of file that counts, what it replaces. Both ways are
    followed: what this delivery takes away, and what later ones had taken away of it.
    """
    folder = accepted / contract.name
    own = accepted_path(accepted, contract, origin)
    target = accepted_path(accepted, contract, origin, ".replaced")
    target.unlink(missing_ok=True)
    if not own.exists() or not can_replace(contract):
        return Replaced(0, {}, None)
    connection.execute(
        f"create or replace temp view own as from read_parquet({quote_text(str(own))})"
    )
    pattern = f"{folder}/{origin.food_bank_id}-*.parquet"
    ids = ", ".join(quote_text(delivery_id) for delivery_id in earlier) or "''"
    connection.execute(
        f"create or replace temp table versions as"
        f" from read_parquet({quote_text(pattern)}, union_by_name = true)"
        f" where _delivery_id in ({ids}) and _delivery_id <> {quote_text(origin.delivery_id)}"
    )
    keys = ", ".join(quote_name(key) for key in contract.keys)
    connection.execute(
        f"create or replace temp view standing as select * from versions"
        f" qualify row_number() over (partition by {keys} order by {ORDER}) = 1"
        " and not coalesce(is_deleted, false)"  # nosec B608
    )
    connection.execute(_tombstones_sql(contract, origin, "own", "standing", replaces, "gone"))
    loss = _measure_loss(connection, contract, replaces) if replaces != "rows" else None
    stamps = []
    for delivery_id, kind in earlier.items():
        if kind == "rows" or delivery_id == origin.delivery_id:
            continue
        stamps.append(_late_tombstones_sql(contract, origin, delivery_id, kind))
    select = " union all by name ".join(["select * from gone", *stamps])
    row = connection.execute(f"select count(*) from ({select})").fetchone()  # nosec B608
    rows = int(row[0]) if row else 0
    if not rows:
        return Replaced(0, {}, loss)
    with write_atomically(target) as temporary:
        connection.execute(
            f"copy (select * from ({select}) order by {keys}) to {quote_text(str(temporary))}"
            " (format parquet, compression zstd)"  # nosec B608
        )
    return Replaced(rows, {target.name: hash_file(target)}, loss)


def _scope(contract: Contract, replaces: str) -> list[str]:
    """SQL for what a row belongs to: its document, its day or its month."""
    if replaces == "document":
        return [quote_name(key) for key in contract.keys[:-1]]
    day = quote_name(reporting_date_name(contract) or "")
    return ["food_bank_id", day if replaces == "days" else f"date_trunc('month', {day})"]


def _select_scopes(contract: Contract, relation: str, replaces: str) -> str:
    parts = _scope(contract, replaces)
    named = ", ".join(f"{part} as scope_{number}" for number, part in enumerate(parts))
    groups = ", ".join(f"scope_{number}" for number, _ in enumerate(parts))
    return f"select {named}, max(updated_at) as scope_updated_at from {relation} group by {groups}"  # nosec B608


def _in_scope(contract: Contract, relation: str, replaces: str) -> str:
    return " and ".join(
        f"scopes.scope_{number} = {part}" for number, part in enumerate(_scope(contract, replaces))
    )


def _same_key(contract: Contract, left: str, right: str) -> str:
    return " and ".join(
        f"{left}.{quote_name(key)} = {right}.{quote_name(key)}" for key in contract.keys
    )


def _tombstones_sql(
    contract: Contract, origin: Origin, new: str, standing: str, replaces: str, name: str
) -> str:
    """A table of tombstones for standing rows in the scope of new ones that are not among them."""
    if replaces == "rows":
        return f"create or replace temp table {name} as select * from own limit 0"  # nosec B608
    return f"""
    create or replace temp table {name} as
    select standing.* replace (
      true as is_deleted, scopes.scope_updated_at as updated_at,
      {quote_text(origin.delivery_id)} as _delivery_id,
      {quote_text(origin.source_name)} as _source_name, 0::BIGINT as _source_line,
      (select any_value(_sent_at) from own) as _sent_at,
      {origin.arrival_no}::BIGINT as _arrival_no,
      (select any_value(_received_at) from own) as _received_at
    )
    from {standing} as standing
    inner join ({_select_scopes(contract, new, replaces)}) as scopes
      on {_in_scope(contract, "standing", replaces)}
    where not exists (select 1 from {new} as new where {_same_key(contract, "new", "standing")})
    """  # nosec B608


def _late_tombstones_sql(
    contract: Contract, origin: Origin, delivery_id: str, replaces: str
) -> str:
    """Tombstones for own rows that a later-sent delivery, which came before, has replaced."""
    later = f"(select * from versions where _delivery_id = {quote_text(delivery_id)}"  # nosec B608
    later += " and _source_line > 0)"
    return f"""
    select own.* replace (
      true as is_deleted, scopes.scope_updated_at as updated_at, 0::BIGINT as _source_line,
      (select any_value(_sent_at) from {later}) as _sent_at,
      (select any_value(_arrival_no) from {later}) as _arrival_no
    )
    from own
    inner join ({_select_scopes(contract, later, replaces)}) as scopes
      on {_in_scope(contract, "own", replaces)}
    where own._sent_at < (select any_value(_sent_at) from {later})
      and not exists (select 1 from {later} as later where {_same_key(contract, "later", "own")})
    """  # nosec B608


def _measure_loss(
    connection: duckdb.DuckDBPyConnection, contract: Contract, replaces: str
) -> Loss | None:
    measure = quote_name(contract.measure) if contract.measure else "0"
    amounts = f"count(*), cast(coalesce(sum({measure}), 0) * 1000 as BIGINT)"
    before = connection.execute(
        f"select {amounts} from standing"
        f" inner join ({_select_scopes(contract, 'own', replaces)}) as scopes"
        f" on {_in_scope(contract, 'standing', replaces)}"  # nosec B608
    ).fetchone()
    after = connection.execute(
        f"select {amounts} from own where not coalesce(is_deleted, false)"  # nosec B608
    ).fetchone()
    assert before is not None and after is not None  # nosec B101
    return Loss(int(before[0]), int(after[0]), int(before[1]), int(after[1]))
