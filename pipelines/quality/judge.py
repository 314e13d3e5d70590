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
    Rule,
    cell_name,
    compile_contract,
    list_typed_columns,
    quote_name,
    quote_text,
    reporting_date_name,
)
from pipelines.store import (
    QuarantinedRow,
    RecordOutcome,
    hash_file,
    reach,
    write_atomically,
    write_json,
)

DEFAULT_TIMEZONE = "Europe/Paris"
SHAPE_RULES = ("type", "code", "pattern", "max_length", "unit_factor")


CELL_COLUMNS = (
    "_delivery_id", "_source_line", "_source_column", "_read_error", "_adjustment", "_corrects",
)  # fmt: skip
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
    "_adjustment": "DECIMAL(18,6)",
}


# Counts the sets of technical columns there have been.
SCHEMA_NUMBER = 2


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
        stamp = accepted / contract.name / f"_schema-{contract.version}-{SCHEMA_NUMBER}.json"
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
        """,  # nosec B608
        [food_bank_id],
    ).pl()
    zone = connection.execute(
        f"""
        select timezone
        from read_parquet({quote_text(f"{accepted}/food_banks/*.parquet")}, union_by_name = true)
        where food_bank_id = ? and timezone in (select name from pg_timezone_names())
        order by {latest} limit 1
        """,  # nosec B608
        [food_bank_id],
    ).fetchone()
    return FoodBankContext(str(zone[0]) if zone else DEFAULT_TIMEZONE, factors)


@dataclass(frozen=True)
class DeliveredRows:
    """The rows of one record in one delivery, as text: in memory, or in a Parquet file.

    `cells` has the columns of CELL_COLUMNS but the delivery beside the record's. `lines`: lines of
    the file that these rows come from.
    """

    origin: Origin
    cells: pl.DataFrame | Path
    rows_filtered: int = 0
    lines: int = 0
    stream: str = "own columns"
    replaces: str = "rows"

    @property
    def rows(self) -> int:
        if isinstance(self.cells, Path):
            return int(pq.read_metadata(self.cells).num_rows)
        return self.cells.height


@dataclass(frozen=True)
class JudgedRows:
    """The outcome of one record of one delivery, the rows held back, and the numbers of rows held
    back earlier that its accepted rows correct by name.

    `refusal`: why the delivery cannot be taken row by row (too many rows are held back).
    """

    outcome: RecordOutcome
    held_back: Sequence[QuarantinedRow]
    released: Sequence[int] = ()
    refusal: str | None = None


def judge_rows(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    batch: Sequence[DeliveredRows],
    context: FoodBankContext,
    accepted: Path,
    today: date,
    ending: str = "",
) -> list[JudgedRows]:
    """Judge deliveries of one record, of one food bank, with the same columns, in one pass.

    Writes the accepted rows, one file a delivery (`ending` before its suffix). Gives for each
    delivery its outcome and the rows held back; accepted and held back add up to the rows given,
    and so do their grams.
    """
    columns = _register(connection, batch)
    compiled = compile_contract(contract, columns, context.timezone, today.isoformat())
    connection.register("factors", context.factors.to_arrow())
    connection.execute(_judging_sql(compiled, columns))
    connection.unregister("factors")
    profiles = _profile(connection, contract)
    refusals = _refuse_hopeless(connection, compiled)
    held_back = _explain(connection, compiled, columns)
    released = _find_released(connection)
    connection.execute("drop view if exists delivered")
    reach("judge.mapped")
    results = []
    for rows in batch:
        delivery_id = rows.origin.delivery_id
        own = held_back.get(delivery_id, [])
        counted = profiles.get(delivery_id, {"rows": 0, "grams": 0, "all_grams": 0})
        profile = {name: value for name, value in counted.items() if "grams" not in name}
        path = accepted_path(accepted, contract, rows.origin, ending)
        path.unlink(missing_ok=True)
        files = {}
        if profile["rows"]:
            _write_accepted(connection, compiled, rows.origin, path)
            files[path.name] = hash_file(path)
        reach("judge.accepted_written")
        has_measure = contract.measure is not None
        outcome = RecordOutcome(
            record=contract.name,
            contract_version=contract.version,
            rows_delivered=rows.rows,
            rows_filtered=rows.rows_filtered,
            rows_accepted=profile["rows"],
            rows_quarantined=len(own),
            grams_accepted=counted["grams"] if has_measure else None,
            grams_delivered=counted["all_grams"] if has_measure else None,
            grams_quarantined=sum(row.grams or 0 for row in own) if has_measure else None,
            profile=profile,
            lines_mapped=rows.lines,
            stream=rows.stream,
            replaces=rows.replaces,
            files=files,
        )
        results.append(
            JudgedRows(outcome, own, released.get(delivery_id, []), refusals.get(delivery_id))
        )
    connection.execute("drop table judged")
    return results


def _register(connection: duckdb.DuckDBPyConnection, batch: Sequence[DeliveredRows]) -> list[str]:
    """Make the view `delivered` of a batch; give the columns of the record that it has."""
    frames = [
        rows.cells.with_columns(pl.lit(rows.origin.delivery_id).alias("_delivery_id"))
        for rows in batch
        if isinstance(rows.cells, pl.DataFrame)
    ]
    parts = [
        f"select *, {quote_text(rows.origin.delivery_id)} as _delivery_id"
        f" from read_parquet({quote_text(str(rows.cells))})"  # nosec B608
        for rows in batch
        if isinstance(rows.cells, Path)
    ]
    if frames:
        connection.register("delivered_frames", pl.concat(frames).to_arrow())
        parts.append("select * from delivered_frames")
    connection.execute(
        f"create or replace temp view delivered as {' union all by name '.join(parts)}"
    )
    described = connection.execute("describe delivered").fetchall()
    return [str(row[0]) for row in described if not str(row[0]).startswith("_")]


def accepted_path(accepted: Path, contract: Contract, origin: Origin, ending: str = "") -> Path:
    """Where the accepted rows of one record of one delivery lie."""
    name = f"{origin.food_bank_id}-{origin.delivery_id}{ending}.parquet"
    return accepted / contract.name / name


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
    # Nearly every row is good: what is said of the others is made for them alone.
    is_broken = (
        "coalesce(" + " or ".join(f"({rule.broken})" for rule in compiled.rules) + ", false)"
    )
    kept = ", ".join(
        f"typed.{quote_name(name)}" for name in [*compiled.typed_columns, *CELL_COLUMNS]
    )
    with_documents, documents = "", ""
    if compiled.headers:
        with_documents = f", inconsistent as ({compiled.select_inconsistent('typed')})"
        documents = compiled.join_inconsistent("typed")
    materialized = "materialized" if compiled.headers else ""
    return f"""
    create or replace temp table judged as
    with typed as {materialized} (
      select cells.*, {compiled.select_typed}
      from (select {renamed}, {", ".join(CELL_COLUMNS)} from delivered) as cells
      {join}
    ){with_documents}
    select {kept},
      case when {is_broken} then list_filter([{numbered}], rule -> rule is not null) end as _broken
    from typed
    {documents}
    """  # nosec B608


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
    with write_atomically(path) as temporary:
        connection.execute(
            f"""
            copy (
              select {selected}, {literals}, _source_line,
                $received_at::TIMESTAMP as _received_at, $sent_at::TIMESTAMP as _sent_at,
                $arrival_no::BIGINT as _arrival_no, _adjustment
              from (
                select {selected}, _source_line,
                  try_cast(_adjustment as DECIMAL(18,6)) as _adjustment
                from judged where _broken is null and judged._delivery_id = $delivery_id
                order by {order}, _source_line, _source_column
              )
            ) to {quote_text(str(temporary))}
            (format parquet, compression zstd, row_group_size 100000)
            """,  # nosec B608
            {
                **{name.strip("_"): value for name, value in values.items()},
                "received_at": origin.received_at.replace(tzinfo=None),
                "sent_at": origin.sent_at.replace(tzinfo=None) if origin.sent_at else None,
                "arrival_no": origin.arrival_no,
            },
        )


MAX_PRODUCTS_COMPARED = 60
MAX_HELD_BACK = 200_000
MAX_ROWS_COMPARED = 500_000


def _profile(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> dict[str, dict[str, Any]]:
    """By delivery, figures by which it is compared with earlier ones: of its accepted rows, but
    `all_grams`, which is of all rows of which grams can be read."""
    good = "_broken is null"
    sampled = f"{good} and {_sample(connection)}"
    measures = {"rows": f"count(*) filter ({good})"}
    if contract.measure:
        name = quote_name(contract.measure)
        grams = "cast(coalesce(sum({}) {}, 0) * 1000 as BIGINT)"
        measures["all_grams"] = grams.format(name, "")
        measures["grams"] = grams.format(name, f"filter ({good})")
        for label, rank in (("low", 0.1), ("median", 0.5), ("high", 0.9)):
            measures[f"{label}_kg"] = f"quantile_disc({name}, {rank}) filter ({sampled})::VARCHAR"
        measures["maximum_kg"] = f"(max({name}) filter ({good}))::VARCHAR"
    reporting_date = reporting_date_name(contract)
    if reporting_date:
        local = quote_name(reporting_date)
        measures |= {
            "first_date": f"(min({local}) filter ({good}))::VARCHAR",
            "last_date": f"(max({local}) filter ({good}))::VARCHAR",
        }
    if any(column.name == "product_code" for column in contract.columns):
        measures["unmapped"] = f"count(*) filter ({good} and product_code = 'unmapped')"
    for column in contract.columns:
        if not column.is_required:
            missing = f"{good} and {quote_name(column.name)} is null"
            measures[f"missing_{column.name}"] = f"count(*) filter ({missing})"
    for key in contract.keys[1:]:
        measures[f"lost_{key}"] = f"count(*) filter ({quote_name(key)} is null)"
    select = ", ".join(f"{sql} as {quote_name(name)}" for name, sql in measures.items())
    rows = connection.execute(
        f"select _delivery_id, {select} from judged group by _delivery_id"  # nosec B608
    ).fetchall()
    profiles = {delivery_id: dict(zip(measures, row, strict=True)) for delivery_id, *row in rows}
    for delivery_id, medians in _find_medians(connection, contract).items():
        profiles[delivery_id]["medians"] = medians
    return profiles


def _sample(connection: duckdb.DuckDBPyConnection) -> str:
    """SQL that is true for every row of ordinary deliveries, and for some hundred thousand of the
    largest, always the same: a quantile holds its values in memory."""
    [(rows,)] = connection.execute("select count(*) from judged").fetchall()
    return f"_source_line % {max(1, rows // MAX_ROWS_COMPARED)} = 0"


def _find_medians(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> dict[str, dict[str, list[Any]]]:
    """By delivery, for the products with most lines: how many lines, and their median kilograms.

    Lines delivered in another unit than kilograms are left out: what they were converted from says
    its own unit.
    """
    if not contract.measure:
        return {}
    names = {column.name for column in contract.columns}
    product = "product_code" if "product_code" in names else "''"
    unit = "and unit = 'kg'" if "unit" in names else ""
    measure = quote_name(contract.measure)
    rows = connection.execute(
        f"""
        from (
          select _delivery_id, {product} as product, count(*) as lines,
            quantile_disc({measure}, 0.5)::VARCHAR as median
          from judged where _broken is null and {measure} > 0 {unit} and {_sample(connection)}
          group by _delivery_id, product
        )
        qualify row_number() over (partition by _delivery_id order by lines desc, product)
          <= {MAX_PRODUCTS_COMPARED}
        """  # nosec B608
    ).fetchall()
    medians: dict[str, dict[str, list[Any]]] = {}
    for delivery_id, code, lines, median in rows:
        medians.setdefault(delivery_id, {})[code] = [lines, median]
    return medians


def _refuse_hopeless(
    connection: duckdb.DuckDBPyConnection, compiled: CompiledContract
) -> dict[str, str]:
    """By delivery, one sentence where more rows are held back than anybody can correct.

    Their rows are dropped from the pass: the file stays in raw, and comes in once its source
    profile (or the export) is put right.
    """
    counted = connection.execute(
        "select _delivery_id, count(*) as held, min(_source_line) as line,"
        " arg_min(_broken[1], _source_line), arg_min(_read_error, _source_line)"
        " from judged where _broken is not null group by _delivery_id having held > ?",
        [MAX_HELD_BACK],
    ).fetchall()
    refusals = {}
    for delivery_id, held, line, number, read_error in counted:
        rule = compiled.rules[number]
        wrong = read_error or f"{rule.column} {rule.message}".strip()
        refusals[delivery_id] = (
            f"{held} rows would be held back, the first on line {line} ({wrong}): the source"
            " profile does not fit this export"
        )
    connection.execute(
        "delete from judged where _delivery_id in (select unnest($ids::VARCHAR[]))",
        {"ids": list(refusals)},
    )
    return refusals


def _explain(
    connection: duckdb.DuckDBPyConnection, compiled: CompiledContract, columns: list[str]
) -> dict[str, list[QuarantinedRow]]:
    """By delivery, the rows held back, with every rule that they broke, in order of line."""
    contract = compiled.contract
    grams = f"cast({quote_name(contract.measure)} * 1000 as BIGINT)" if contract.measure else "null"
    place = ("_delivery_id", "_source_line", "_source_column")
    same = " and ".join(f"held.{name} is not distinct from delivered.{name}" for name in place)
    cells = ", ".join(f"{quote_name(c)} := delivered.{quote_name(c)}" for c in columns)
    # The cells of the few rows held back are looked up by their place.
    result = connection.execute(
        f"""
        with held as (
          select {", ".join(place)}, _read_error, _adjustment, _broken, {grams} as grams
          from judged where _broken is not null
        )
        select held.*, struct_pack({cells})
        from held inner join delivered on {same}
        order by held._source_line, held._source_column
        """  # nosec B608
    )
    explained: dict[str, list[QuarantinedRow]] = {}
    while rows := result.fetchmany(10_000):
        for delivery_id, line, source_column, read_error, added, broken, gram, cell in rows:
            rules = [compiled.rules[number] for number in broken]
            misshapen = {rule.column for rule in rules if rule.name in SHAPE_RULES}
            shown = {
                name: _show(contract, name, value, misshapen, bool(read_error))
                for name, value in cell.items()
            }
            if added:
                shown["_adjustment"] = added
            explained.setdefault(delivery_id, []).append(
                QuarantinedRow(
                    source_line=line,
                    source_column=source_column,
                    row_key=_make_safe_key(contract, cell, misshapen),
                    cells=shown,
                    rules=[
                        _describe_rule(rule, shown, source_column, read_error, contract)
                        for rule in rules
                    ],
                    grams=gram,
                )
            )
    return explained


def _find_released(connection: duckdb.DuckDBPyConnection) -> dict[str, list[int]]:
    """By delivery, the numbers of quarantined rows that accepted rows say they correct."""
    rows = connection.execute(
        "select _delivery_id, try_cast(_corrects as BIGINT) as row_id from judged"
        " where _broken is null and row_id is not null order by row_id"
    ).fetchall()
    released: dict[str, list[int]] = {}
    for delivery_id, row_id in rows:
        released.setdefault(delivery_id, []).append(row_id)
    return released


def _describe_rule(
    rule: Rule,
    shown: Mapping[str, str | None],
    source_column: str | None,
    read_error: str | None,
    contract: Contract,
) -> dict[str, Any]:
    is_unread = rule.name == "field_count"
    return {
        "rule": rule.name,
        "column": _delivered_column(rule.column, source_column, contract),
        "value": shown.get(rule.column),
        "expected": rule.expected,
        "message": read_error if is_unread else f"{rule.column} {rule.message}".strip(),
        "expected_fr": rule.expected_fr,
        "message_fr": f"{rule.message_fr} ({read_error})" if is_unread else rule.message_fr,
    }


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
        f" where {expression} in (select unnest($keys::VARCHAR[]))",  # nosec B608
        {"keys": keys},
    ).fetchall()
    return [row[0] for row in rows]
