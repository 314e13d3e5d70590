"""Judges the rows of one delivery under the contract of their record, in one DuckDB pass.

Accepted rows become Parquet with typed columns; a row that breaks a rule is held back whole, as
text, with every rule that it broke. The rules themselves are compiled in `rules`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    quote_name,
    quote_text,
    reporting_date_name,
)
from pipelines.store import QuarantinedRow, RecordOutcome, write_atomically, write_json

DEFAULT_TIMEZONE = "Europe/Paris"
SHAPE_RULES = ("type", "code", "pattern", "max_length", "unit_factor")


CELL_COLUMNS = "_delivery_id, _source_line, _source_column, _read_error"
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
        from read_parquet({quote_text(f"{accepted}/products/*.parquet")}, union_by_name = true)
        where food_bank_id = ?
        qualify row_number() over (partition by product_code order by {latest}) = 1
        """,
        [food_bank_id],
    ).pl()
    zone = connection.execute(
        f"""
        select timezone
        from read_parquet({quote_text(f"{accepted}/food_banks/*.parquet")}, union_by_name = true)
        where food_bank_id = ? and timezone in (select name from pg_timezone_names())
        order by {latest} limit 1
        """,
        [food_bank_id],
    ).fetchone()
    return FoodBankContext(str(zone[0]) if zone else DEFAULT_TIMEZONE, factors)


@dataclass(frozen=True)
class DeliveredRows:
    """The rows of one record in one delivery, as text.

    `cells` has `_source_line`, `_source_column` and `_read_error` beside the columns.
    """

    origin: Origin
    cells: pl.DataFrame
    rows_filtered: int = 0


def judge_rows(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    batch: Sequence[DeliveredRows],
    context: FoodBankContext,
    accepted: Path,
    today: date,
) -> list[tuple[RecordOutcome, list[QuarantinedRow]]]:
    """Judge deliveries of one record, of one food bank, with the same columns, in one pass.

    Writes the accepted rows, one file a delivery. Gives for each delivery its outcome and the rows
    held back; accepted and held back add up to the rows given.
    """
    cells = pl.concat(
        rows.cells.with_columns(pl.lit(rows.origin.delivery_id).alias("_delivery_id"))
        for rows in batch
    )
    columns = [column for column in cells.columns if not column.startswith("_")]
    compiled = compile_contract(contract, columns, context.timezone, today.isoformat())
    connection.register("delivered", cells.to_arrow())
    connection.register("factors", context.factors.to_arrow())
    connection.execute(_judging_sql(compiled, columns))
    connection.unregister("delivered")
    connection.unregister("factors")
    profiles = _profile(connection, contract)
    held_back = _explain(connection, compiled, columns)
    results = []
    for rows in batch:
        delivery_id = rows.origin.delivery_id
        profile = profiles.get(delivery_id, {"rows": 0})
        grams = profile.pop("grams", 0 if contract.measure else None)
        path = accepted_path(accepted, contract, rows.origin)
        path.unlink(missing_ok=True)
        if profile["rows"]:
            _write_accepted(connection, compiled, rows.origin, path)
        outcome = RecordOutcome(
            record=contract.name,
            contract_version=contract.version,
            rows_delivered=rows.cells.height,
            rows_filtered=rows.rows_filtered,
            rows_accepted=profile["rows"],
            rows_quarantined=len(held_back.get(delivery_id, [])),
            grams_accepted=grams,
            profile=profile,
        )
        results.append((outcome, held_back.get(delivery_id, [])))
    return results


def accepted_path(accepted: Path, contract: Contract, origin: Origin) -> Path:
    """Where the accepted rows of one record of one delivery lie."""
    return accepted / contract.name / f"{origin.food_bank_id}-{origin.delivery_id}.parquet"


def count_accepted(accepted: Path, verdict: Mapping[str, Any]) -> int:
    """How many accepted rows of one record of one delivery are stored."""
    name = f"{verdict['food_bank_id']}-{verdict['delivery_id']}.parquet"
    path = accepted / verdict["record"] / name
    return int(pq.read_metadata(path).num_rows) if path.is_file() else 0


def _judging_sql(compiled: CompiledContract, columns: list[str]) -> str:
    join = ""
    if "factors." in compiled.select_typed:
        product = quote_name(cell_name("product_code"))
        same = f"factors.product_code = trim({product})" if "product_code" in columns else "false"
        join = f"left join factors on {same}"
    renamed = ", ".join(f"{quote_name(c)} as {quote_name(cell_name(c))}" for c in columns)
    numbered = ", ".join(
        f"case when {rule.broken} then {number} end" for number, rule in enumerate(compiled.rules)
    )
    return f"""
    create or replace temp table judged as
    with typed as (
      select cells.*, {compiled.select_typed}
      from (select {renamed}, {CELL_COLUMNS} from delivered) as cells
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
        from judged where len(_broken) = 0 and judged._delivery_id = $delivery_id
        order by {order}, _source_line, _source_column
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


def _profile(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> dict[str, dict[str, Any]]:
    """By delivery, figures of its accepted rows by which it is compared with earlier ones."""
    measures = {"rows": "count(*)"}
    if contract.measure:
        name = quote_name(contract.measure)
        measures["grams"] = f"cast(coalesce(sum({name}), 0) * 1000 as BIGINT)"
        measures["median_kg"] = f"quantile_disc({name}, 0.5)::VARCHAR"
        measures["maximum_kg"] = f"max({name})::VARCHAR"
    reporting_date = reporting_date_name(contract)
    if reporting_date:
        local = quote_name(reporting_date)
        measures |= {"first_date": f"min({local})::VARCHAR", "last_date": f"max({local})::VARCHAR"}
    for column in contract.columns:
        if not column.is_required:
            measures[f"missing_{column.name}"] = f"count(*) - count({quote_name(column.name)})"
    select = ", ".join(f"{sql} as {quote_name(name)}" for name, sql in measures.items())
    rows = connection.execute(
        f"select _delivery_id, {select} from judged where len(_broken) = 0 group by _delivery_id"
    ).fetchall()
    return {delivery_id: dict(zip(measures, row, strict=True)) for delivery_id, *row in rows}


def _explain(
    connection: duckdb.DuckDBPyConnection, compiled: CompiledContract, columns: list[str]
) -> dict[str, list[QuarantinedRow]]:
    """By delivery, the rows held back, with every rule that they broke, in order of line."""
    contract = compiled.contract
    cells = ", ".join(quote_name(cell_name(name)) for name in columns)
    rows = connection.execute(
        f"select {CELL_COLUMNS}, _broken, {cells} from judged"
        " where len(_broken) > 0 order by _source_line, _source_column"
    ).fetchall()
    explained: dict[str, list[QuarantinedRow]] = {}
    for delivery_id, line, source_column, read_error, broken, *values in rows:
        cell = dict(zip(columns, values, strict=True))
        rules = [compiled.rules[number] for number in broken]
        misshapen = {rule.column for rule in rules if rule.name in SHAPE_RULES}
        shown = {
            name: _show(contract, name, value, misshapen, bool(read_error))
            for name, value in cell.items()
        }
        explained.setdefault(delivery_id, []).append(
            QuarantinedRow(
                source_line=line,
                source_column=source_column,
                row_key=_make_safe_key(contract, cell, misshapen),
                cells=shown,
                rules=[
                    {
                        "rule": rule.name,
                        "column": _delivered_column(rule.column, source_column, contract),
                        "value": shown.get(rule.column),
                        "expected": rule.expected,
                        "message": read_error
                        if rule.name == "field_count"
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


def _make_safe_key(
    contract: Contract, cells: Mapping[str, str | None], misshapen: set[str]
) -> str | None:
    """The key of a row; of a personal record only where its parts have the declared shape."""
    if contract.is_personal and misshapen & set(contract.keys):
        return None
    return make_row_key(contract, cells)


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
        f"select distinct {expression} from read_parquet({quote_text(str(path))})"
        f" where {expression} in (select unnest($keys::VARCHAR[]))",
        {"keys": keys},
    ).fetchall()
    return [row[0] for row in rows]
