"""Judges the rows of one delivery under the contract of their record, in one DuckDB pass.

Accepted rows become Parquet with typed columns; a row that breaks a rule is held back whole, as
text, with every rule that it broke. The rules themselves are compiled in `rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq

from data_contracts.loader import Contract, load_records
from pipelines.quality.rules import (
    CompiledContract,
    cell_name,
    compile_contract,
    list_typed_columns,
    local_date_name,
    quote_name,
)
from pipelines.store import QuarantinedRow, RecordOutcome, write_atomically, write_json

DEFAULT_TIMEZONE = "Europe/Paris"
MAX_EXPLAINED_RULES = 20
SHAPE_RULES = ("type", "code", "pattern", "max_length")


TECHNICAL_COLUMNS = {
    "_food_bank_id": "VARCHAR",
    "_record": "VARCHAR",
    "_delivery_id": "VARCHAR",
    "_source_name": "VARCHAR",
    "_contract_version": "VARCHAR",
    "_profile_version": "VARCHAR",
    "_source_line": "BIGINT",
    "_received_at": "TIMESTAMP",
    "_sent_at": "TIMESTAMP",
    "_arrival_no": "BIGINT",
}


@dataclass(frozen=True)
class Origin:
    """What every stored row carries of the delivery that it came in."""

    food_bank_id: str
    delivery_id: str
    source_name: str
    received_at: datetime
    sent_at: datetime | None
    arrival_no: int
    profile_version: str


@dataclass(frozen=True)
class FoodBankContext:
    """What rows are judged against: the time zone, and what products weigh.

    `factors`: product_code, unit_weight_kg, case_weight_kg, pallet_weight_kg.
    """

    timezone: str
    factors: pl.DataFrame


def write_empty_tables(connection: duckdb.DuckDBPyConnection, accepted: Path) -> None:
    """Give every record a Parquet file of no rows, so that its columns are always known."""
    for contract in load_records().values():
        stamp = accepted / contract.name / f"_schema-{contract.version}.json"
        if stamp.exists():
            continue
        columns = {**list_typed_columns(contract), **TECHNICAL_COLUMNS}
        select = ", ".join(f"null::{kind} as {quote_name(name)}" for name, kind in columns.items())
        table = connection.execute(f"select {select} limit 0").to_arrow_table()
        with write_atomically(stamp.with_name("_schema.parquet")) as temporary:
            pq.write_table(table, temporary)
        write_json(stamp, {})


def read_context(
    connection: duckdb.DuckDBPyConnection, accepted: Path, food_bank_id: str
) -> FoodBankContext:
    """The context of a food bank by its accepted records; Europe/Paris until its zone is known."""
    latest = "_sent_at desc nulls last, _arrival_no desc, _source_line desc"
    factors = connection.execute(
        f"""
        select product_code, unit_weight_kg, case_weight_kg, pallet_weight_kg
        from read_parquet('{accepted}/products/*.parquet', union_by_name = true)
        where food_bank_id = ?
        qualify row_number() over (partition by product_code order by {latest}) = 1
        """,
        [food_bank_id],
    ).pl()
    zone = connection.execute(
        f"""
        select timezone from read_parquet('{accepted}/food_banks/*.parquet', union_by_name = true)
        where food_bank_id = ? order by {latest} limit 1
        """,
        [food_bank_id],
    ).fetchone()
    return FoodBankContext(str(zone[0]) if zone else DEFAULT_TIMEZONE, factors)


def judge_rows(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    cells: pl.DataFrame,
    origin: Origin,
    context: FoodBankContext,
    accepted: Path,
    today: date,
    rows_filtered: int = 0,
) -> tuple[RecordOutcome, list[QuarantinedRow]]:
    """Judge the rows of one record of one delivery and write the accepted ones.

    `cells`: text columns with `_source_line`, `_source_column`, `_read_error`. Gives the outcome
    and the rows held back; accepted and held back add up to the rows given.
    """
    compiled = _judge(connection, contract, cells, context, today)
    counts = connection.execute(
        "select count(*), count(*) filter (where len(_broken) = 0) from judged"
    ).fetchone()
    assert counts is not None
    path = accepted_path(accepted, contract, origin)
    path.unlink(missing_ok=True)
    if counts[1]:
        _write_accepted(connection, compiled, origin, path)
    outcome = RecordOutcome(
        record=contract.name,
        contract_version=contract.version,
        rows_delivered=counts[0],
        rows_filtered=rows_filtered,
        rows_accepted=counts[1],
        rows_quarantined=counts[0] - counts[1],
        grams_accepted=_sum_grams(connection, contract),
        profile=_profile(connection, contract),
    )
    columns = [column for column in cells.columns if not column.startswith("_")]
    return outcome, _explain(connection, compiled, columns)


def accepted_path(accepted: Path, contract: Contract, origin: Origin) -> Path:
    """Where the accepted rows of one record of one delivery lie."""
    return accepted / contract.name / f"{origin.food_bank_id}-{origin.delivery_id}.parquet"


def _judge(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    cells: pl.DataFrame,
    context: FoodBankContext,
    today: date,
) -> CompiledContract:
    columns = [column for column in cells.columns if not column.startswith("_")]
    compiled = compile_contract(contract, columns, context.timezone, today.isoformat())
    connection.register("delivered", cells.to_arrow())
    connection.register("factors", context.factors.to_arrow())
    connection.execute(_judging_sql(compiled, columns))
    connection.unregister("delivered")
    connection.unregister("factors")
    return compiled


def _judging_sql(compiled: CompiledContract, columns: list[str]) -> str:
    join = ""
    if "factors." in compiled.select_typed:
        product = quote_name(cell_name("product_code"))
        join = f"left join factors on factors.product_code = trim({product})"
    renamed = ", ".join(f"{quote_name(c)} as {quote_name(cell_name(c))}" for c in columns)
    numbered = ", ".join(
        f"case when {rule.broken} then {number} end"
        for number, rule in enumerate(compiled.rules)
    )
    return f"""
    create or replace temp table judged as
    with typed as (
      select cells.*, {compiled.select_typed}
      from (select {renamed}, _source_line, _source_column, _read_error from delivered) as cells
      {join}
    )
    select typed.*, list_filter([{numbered}], rule -> rule is not null) as _broken
    from typed
    """


def _write_accepted(
    connection: duckdb.DuckDBPyConnection, compiled: CompiledContract, origin: Origin, path: Path
) -> None:
    contract = compiled.contract
    values = {
        "_food_bank_id": origin.food_bank_id,
        "_record": contract.name,
        "_delivery_id": origin.delivery_id,
        "_source_name": origin.source_name,
        "_contract_version": contract.version,
        "_profile_version": origin.profile_version,
    }
    literals = ", ".join(f"${name.strip('_')}::VARCHAR as {name}" for name in values)
    selected = ", ".join(quote_name(name) for name in compiled.typed_columns)
    order = ", ".join(
        quote_name(name)
        for name in ([contract.date_column] if contract.date_column else []) + [*contract.keys]
    )
    relation = connection.execute(
        f"""
        select {selected}, {literals}, _source_line, $received_at::TIMESTAMP as _received_at,
          $sent_at::TIMESTAMP as _sent_at, $arrival_no::BIGINT as _arrival_no
        from judged where len(_broken) = 0 order by {order}, _source_line, _source_column
        """,
        {
            **{name.strip("_"): value for name, value in values.items()},
            "received_at": origin.received_at.replace(tzinfo=None),
            "sent_at": origin.sent_at.replace(tzinfo=None) if origin.sent_at else None,
            "arrival_no": origin.arrival_no,
        },
    ).to_arrow_table()
    with write_atomically(path) as temporary:
        pq.write_table(relation, temporary, compression="zstd", row_group_size=100_000)


def _sum_grams(connection: duckdb.DuckDBPyConnection, contract: Contract) -> int | None:
    if contract.measure is None:
        return None
    row = connection.execute(
        f"select coalesce(sum({quote_name(contract.measure)}), 0) * 1000 from judged"
        " where len(_broken) = 0"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _profile(connection: duckdb.DuckDBPyConnection, contract: Contract) -> dict[str, Any]:
    """Figures of the accepted rows by which a delivery is compared with earlier ones."""
    measures = {"rows": "count(*)"}
    if contract.measure:
        name = quote_name(contract.measure)
        measures["median_kg"] = f"quantile_disc({name}, 0.5)::VARCHAR"
        measures["maximum_kg"] = f"max({name})::VARCHAR"
    if contract.date_column:
        local = quote_name(local_date_name(contract.date_column))
        measures |= {"first_date": f"min({local})::VARCHAR", "last_date": f"max({local})::VARCHAR"}
    for column in contract.columns:
        if not column.is_required:
            measures[f"missing_{column.name}"] = f"count(*) - count({quote_name(column.name)})"
    select = ", ".join(f"{sql} as {quote_name(name)}" for name, sql in measures.items())
    row = connection.execute(f"select {select} from judged where len(_broken) = 0").fetchone()
    assert row is not None
    return dict(zip(measures, row, strict=True))


def _explain(
    connection: duckdb.DuckDBPyConnection, compiled: CompiledContract, columns: list[str]
) -> list[QuarantinedRow]:
    contract = compiled.contract
    cells = ", ".join(quote_name(cell_name(name)) for name in columns)
    rows = connection.execute(
        f"select _source_line, _source_column, _read_error, _broken, {cells} from judged"
        " where len(_broken) > 0 order by _source_line, _source_column"
    ).fetchall()
    explained = []
    for line, source_column, read_error, broken, *values in rows:
        cell = dict(zip(columns, values, strict=True))
        rules = [compiled.rules[number] for number in broken[:MAX_EXPLAINED_RULES]]
        misshapen = {rule.column for rule in rules if rule.name in SHAPE_RULES}
        shown = {
            name: _show(contract, name, value, misshapen, bool(read_error))
            for name, value in cell.items()
        }
        explained.append(
            QuarantinedRow(
                source_line=line,
                source_column=source_column,
                row_key=make_row_key(contract, cell),
                cells=shown,
                rules=[
                    {
                        "rule": rule.name,
                        "column": _delivered_column(rule.column, source_column, contract),
                        "value": shown.get(rule.column),
                        "expected": rule.expected,
                        "message": read_error if rule.name == "field_count"
                        else f"{rule.column} {rule.message}".strip(),
                    }
                    for rule in rules
                ],
            )
        )
    return explained


def _delivered_column(column: str, source_column: str | None, contract: Contract) -> str | None:
    """The column as the sender knows it: that of the wide file where the cell was a column."""
    if source_column and column in ("quantity", contract.measure):
        return source_column
    return column or None


def _show(
    contract: Contract, name: str, value: str | None, misshapen: set[str], is_shifted: bool
) -> str | None:
    """The text of a cell; of a personal record only where it has the declared shape."""
    if value is None or not contract.is_personal:
        return value
    if name in misshapen or is_shifted:
        return f"[withheld, {len(value)} characters]" if value else value
    return value


def make_row_key(contract: Contract, cells: Mapping[str, str | None]) -> str | None:
    """The key of a row as one text, null where a part is missing; 007 and 7 stay apart."""
    parts = [(cells.get(key) or "").strip() for key in contract.keys if key != "food_bank_id"]
    return "|".join(parts) if all(parts) else None


def find_accepted_keys(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    accepted: Path,
    origin: Origin,
    keys: list[str],
) -> list[str]:
    """Which of these keys were accepted with this delivery."""
    path = accepted_path(accepted, contract, origin)
    if not keys or not path.exists():
        return []
    parts = [quote_name(key) for key in contract.keys if key != "food_bank_id"]
    expression = " || '|' || ".join(f"{part}::VARCHAR" for part in parts) or "''"
    rows = connection.execute(
        f"select distinct {expression} from read_parquet('{path}')"
        f" where {expression} in (select unnest($keys::VARCHAR[]))",
        {"keys": keys},
    ).fetchall()
    return [row[0] for row in rows]
