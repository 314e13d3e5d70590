"""Compiles the contract of a record into one SQL pass: types and every rule of every row.

The pass reads text columns (named by `cell_name`) and gives typed columns and, per row, the numbers
of the rules that it breaks. Wording, codes and limits stand in the contract, never here.
"""

from __future__ import annotations

from dataclasses import dataclass

from data_contracts.loader import Column, Contract

MASS_FACTORS = {"kg": "1", "g": "0.001", "t": "1000", "lb": "0.45359237"}
COUNT_UNITS = ("unit", "case", "pallet")
FACTOR_TYPE = "DECIMAL(18,9)"
QUANTITY_TYPE = "DECIMAL(18,6)"
MAX_KG = 100_000_000_000

_NUMBER = r"[+-]?\d{1,12}(\.\d{1,18})?"
_INTEGER = r"[+-]?\d{1,9}(\.0+)?"
_DATE = r"(19|[2-9]\d)\d{2}-\d{2}-\d{2}"
_TIME = r"([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?"
_OFFSET = r"(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
_TRUE = ("true", "1", "yes", "oui", "vrai", "t", "y", "o")
_FALSE = ("false", "0", "no", "non", "faux", "f", "n")


@dataclass(frozen=True)
class Rule:
    """One rule of one pass. `broken` is SQL, true where a row breaks the rule."""

    name: str
    column: str
    broken: str
    expected: str
    message: str


@dataclass(frozen=True)
class CompiledContract:
    """`select_typed` gives typed columns from cells; `rules` refer to those columns."""

    contract: Contract
    select_typed: str
    typed_columns: tuple[str, ...]
    rules: tuple[Rule, ...]


def quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def quote_text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def cell_name(name: str) -> str:
    """The name of a delivered cell beside the typed column of the same name."""
    return f"cell {name}"


def _cell(name: str) -> str:
    return f"nullif(trim({quote_name(cell_name(name))}), '')"


def _in_list(values: tuple[str, ...]) -> str:
    return "(" + ", ".join(quote_text(value) for value in values) + ")"


def _type_expression(column: Column, zone: str) -> str:
    """SQL that gives the typed value of a cell, null where the cell cannot be read."""
    cell = _cell(column.name)
    if column.logical_type == "number":
        return (
            f"case when regexp_full_match({cell}, {quote_text(_NUMBER)})"
            f" then try_cast({cell} as {column.physical_type}) end"
        )
    if column.logical_type == "integer":
        return (
            f"case when regexp_full_match({cell}, {quote_text(_INTEGER)})"
            f" then try_cast(try_cast({cell} as DECIMAL(18,3)) as {column.physical_type}) end"
        )
    if column.logical_type == "date":
        return (
            f"case when regexp_full_match({cell}, {quote_text(_DATE)})"
            f" then try_cast({cell} as DATE) end"
        )
    if column.logical_type == "timestamp":
        return (
            f"case when regexp_full_match({cell}, {quote_text(_DATE + _TIME)})"
            f" then timezone('UTC', timezone({zone}, try_cast({cell} as TIMESTAMP)))"
            f" when regexp_full_match({cell}, {quote_text(_DATE + _TIME + _OFFSET)})"
            f" then timezone('UTC', try_cast({_with_seconds(cell)} as TIMESTAMPTZ)) end"
        )
    if column.logical_type == "boolean":
        return (
            f"case when lower({cell}) in {_in_list(_TRUE)} then true"
            f" when lower({cell}) in {_in_list(_FALSE)} then false end"
        )
    return cell


def _with_seconds(cell: str) -> str:
    """DuckDB reads an offset only after seconds: `08:00Z` becomes `08:00:00Z`."""
    return rf"regexp_replace({cell}, '([T ]\d{{2}}:\d{{2}})(Z|[+-])', '\1:00\2')"


_TYPE_NAMES = {
    "number": "a number with a decimal point (where it is a comma, the source profile says so)",
    "integer": "a whole number",
    "date": "a date that exists, YYYY-MM-DD",
    "timestamp": "a date and time that exist, YYYY-MM-DDTHH:MM:SS",
    "boolean": "true or false",
}


def _column_rules(column: Column, has_cell: bool) -> list[Rule]:
    name, typed = column.name, quote_name(column.name)
    rules: list[Rule] = []

    def add(rule: str, broken: str, expected: str, message: str) -> None:
        rules.append(Rule(rule, name, broken, expected, message))

    if has_cell and column.logical_type in _TYPE_NAMES:
        wanted = _TYPE_NAMES[column.logical_type]
        add("type", f"{_cell(name)} is not null and {typed} is null", wanted, f"is not {wanted}")
    if column.is_required:
        missing = f"{_cell(name)} is null" if has_cell else f"{typed} is null"
        add("required", missing, "a value", "is missing")
    if column.codes:
        codes = ", ".join(column.codes)
        add("code", f"{typed} not in {_in_list(column.codes)}", codes, "is not one of the codes")
    if column.pattern:
        pattern = quote_text(column.pattern)
        add("pattern", f"not regexp_matches({typed}, {pattern})", column.pattern, "is misshapen")
    if column.max_length is not None and column.logical_type == "string":
        limit = str(column.max_length)
        add("max_length", f"length({typed}) > {limit}", f"{limit} characters", "is too long")
    if column.minimum is not None:
        add("minimum", f"{typed} < {column.minimum}", f">= {column.minimum}", "is too small")
    if column.maximum is not None:
        add("maximum", f"{typed} > {column.maximum}", f"<= {column.maximum}", "is too large")
    return rules


def _conversion(unit: str) -> str:
    """SQL for the kilograms per unit; products give what a unit, case or pallet weighs."""
    masses = " ".join(
        f"when {quote_text(name)} then {factor}::{FACTOR_TYPE}"
        for name, factor in MASS_FACTORS.items()
    )
    counts = " ".join(f"when {quote_text(n)} then factors.{n}_weight_kg" for n in COUNT_UNITS)
    return f"case {unit} {masses} {counts} end::{FACTOR_TYPE}"


def _add_conversion(
    target: str, quantity: str, unit: str, factor: str, typed: dict[str, str], rules: list[Rule]
) -> None:
    """Kilograms from a quantity and a unit. A contract that has the unit requires it itself."""
    present = f"{quote_name(unit)} is not null" if unit == "unit" else "true"
    typed[factor] = _conversion(unit)
    typed[target] = (
        f"try_cast({quote_name(quantity)}::DECIMAL(22,6) * {quote_name(factor)}::DECIMAL(16,9)"
        " as DECIMAL(14,3))"
    )
    rules.append(
        Rule(
            "unit_factor",
            unit,
            f"{quote_name(quantity)} is not null and {present} and {quote_name(factor)} is null",
            "a unit of mass, or a product whose unit, case or pallet weight is known",
            "has no known weight for this product",
        )
    )
    rules.append(
        Rule(
            "maximum",
            quantity,
            f"{quote_name(quantity)} is not null and {quote_name(factor)} is not null"
            f" and {quote_name(target)} is null",
            f"below {MAX_KG} kilograms",
            "is too large in kilograms",
        )
    )


def list_typed_columns(contract: Contract) -> dict[str, str]:
    """Columns of an accepted row with their types: the contract's, and what is derived.

    Derived: a local date beside every time (but `updated_at`), and for a quantity with a unit the
    kilograms and the factor used.
    """
    columns: dict[str, str] = {}
    for column in contract.columns:
        columns[column.name] = column.physical_type
        if has_local_date(column):
            columns[local_date_name(column.name)] = "DATE"
    if has_quantity(contract):
        columns |= {"kg_per_unit": FACTOR_TYPE, "weight_kg": "DECIMAL(14,3)"}
    return columns


def has_local_date(column: Column) -> bool:
    return column.logical_type == "timestamp" and column.name != "updated_at"


def local_date_name(name: str) -> str:
    """`received_at` (UTC) stands beside `received_date` (local reporting date)."""
    return name.removesuffix("_at") + "_date"


def reporting_date_name(contract: Contract) -> str | None:
    """The column with the local day that a row counts for, None where the record has none.

    `received_at` is reported on its `received_date`; a column that is a date (`month`) is its own.
    """
    if contract.date_column is None:
        return None
    column = contract.column(contract.date_column)
    return local_date_name(column.name) if has_local_date(column) else column.name


def has_quantity(contract: Contract) -> bool:
    return {"quantity", "unit"} <= {column.name for column in contract.columns}


def compile_contract(
    contract: Contract, columns: list[str], timezone: str, today: str
) -> CompiledContract:
    """Compile a contract for cells that have `columns`.

    Times without an offset are local to `timezone`; an event dated after `today` (YYYY-MM-DD) is
    held back. Where quantities are converted, the pass needs a relation `factors` (product_code,
    unit_weight_kg, case_weight_kg, pallet_weight_kg).
    """
    zone = quote_text(timezone)
    typed: dict[str, str] = {}
    rules: list[Rule] = []
    for column in contract.columns:
        has_cell = column.name in columns
        stem = column.name.removesuffix("_kg")
        quantity, unit = f"{stem}_quantity", f"{stem}_unit"
        if not has_cell and column.is_mass and {quantity, unit} <= set(columns):
            typed[quantity] = (
                f"case when regexp_full_match({_cell(quantity)}, {quote_text(_NUMBER)})"
                f" then try_cast({_cell(quantity)} as {QUANTITY_TYPE}) end"
            )
            typed[unit] = f"lower({_cell(unit)})"
            rules.append(
                Rule(
                    "type",
                    quantity,
                    f"{_cell(quantity)} is not null and {quote_name(quantity)} is null",
                    _TYPE_NAMES["number"],
                    f"is not {_TYPE_NAMES['number']}",
                )
            )
            _add_conversion(column.name, quantity, unit, f"{stem}_kg_per_unit", typed, rules)
            rules += _column_rules(column, has_cell=False)
            continue
        typed[column.name] = (
            _type_expression(column, zone) if has_cell else f"cast(null as {column.physical_type})"
        )
        if has_local_date(column):
            typed[local_date_name(column.name)] = (
                f"cast(timezone({zone}, timezone('UTC', {quote_name(column.name)})) as DATE)"
            )
        rules += _column_rules(column, has_cell)
    if has_quantity(contract):
        _add_conversion("weight_kg", "quantity", "unit", "kg_per_unit", typed, rules)
    rules += [
        Rule(rule.name, "", f"not ({rule.sql})", rule.sql, rule.message_en)
        for rule in contract.row_rules
    ]
    reporting_date = reporting_date_name(contract)
    if contract.date_column and reporting_date:
        rules.append(
            Rule(
                "not_in_the_future",
                contract.date_column,
                # "Today" is of UTC: somewhere the next day has begun.
                f"{quote_name(reporting_date)} > date {quote_text(today)} + 1",
                f"{today}, the day after or earlier",
                "lies in the future",
            )
        )
    document = ", ".join(["_delivery_id", *(quote_name(key) for key in contract.keys[:-1])])
    for name in contract.header_columns:
        value = f"coalesce(cast({quote_name(name)} as VARCHAR), '')"
        rules.append(
            Rule(
                "same_on_every_line",
                name,
                f"min({value}) over (partition by {document})"
                f" <> max({value}) over (partition by {document})",
                "the same value on every line of the document",
                "differs between the lines of one document",
            )
        )
    rules.append(Rule("field_count", "", "_read_error is not null", "", "_read_error"))
    select = ",\n  ".join(f"{sql} as {quote_name(name)}" for name, sql in typed.items())
    return CompiledContract(contract, select, tuple(typed), tuple(rules))
