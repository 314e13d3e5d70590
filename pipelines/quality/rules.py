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
    """One rule of one pass. `broken` is SQL, true where a row breaks the rule.

    Sentences say what is wrong and what is expected, in English and in French.
    """

    name: str
    column: str
    broken: str
    expected: str
    message: str
    expected_fr: str
    message_fr: str


@dataclass(frozen=True)
class CompiledContract:
    """`select_typed` gives typed columns from cells; `rules` refer to those columns, and to the
    relation `inconsistent` (documents whose lines disagree) where `headers` are compared."""

    contract: Contract
    select_typed: str
    typed_columns: tuple[str, ...]
    rules: tuple[Rule, ...]
    headers: tuple[str, ...]

    @property
    def document(self) -> tuple[str, ...]:
        """The key of a document: the delivery, and the key of a line but its last part."""
        return ("_delivery_id", *self.contract.keys[:-1])

    def select_inconsistent(self, relation: str) -> str:
        """SQL for the documents of a relation of typed rows whose lines disagree on a header: its
        key and, per header, whether it differs."""
        keys = ", ".join(quote_name(key) for key in self.document)
        named = ", ".join(
            f"{quote_name(key)} as {quote_name(f'document {key}')}" for key in self.document
        )
        differs = {name: f"min({_as_text(name)}) <> max({_as_text(name)})" for name in self.headers}
        flags = ", ".join(
            f"{sql} as {quote_name(f'differs {name}')}" for name, sql in differs.items()
        )
        where = " or ".join(differs.values())
        return f"select {named}, {flags} from {relation} group by {keys} having {where}"  # nosec B608

    def join_inconsistent(self, relation: str) -> str:
        """SQL that joins `inconsistent` to a relation of typed rows."""
        same = " and ".join(
            f"inconsistent.{quote_name(f'document {key}')} = {relation}.{quote_name(key)}"
            for key in self.document
        )
        return f"left join inconsistent on {same}"


def quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def quote_text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _as_text(name: str) -> str:
    return f"coalesce(cast({quote_name(name)} as VARCHAR), '')"


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


def _local_date(name: str, has_cell: bool, zone: str) -> str:
    """SQL for the local day of a moment; one written without an offset has it in its first part."""
    moved = f"cast(timezone({zone}, timezone('UTC', {quote_name(name)})) as DATE)"
    if not has_cell:
        return moved
    cell = _cell(name)
    is_local = f"regexp_full_match({cell}, {quote_text(_DATE + _TIME)})"
    return f"case when {is_local} then try_cast(left({cell}, 10) as DATE) else {moved} end"


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
_TYPE_NAMES_FR = {
    "number": ("un nombre", ", par exemple 12,5"),
    "integer": ("un nombre entier", ", par exemple 3"),
    "date": ("une date qui existe", ", par exemple 25/06/2024"),
    "timestamp": ("une date et une heure qui existent", ", par exemple 25/06/2024 14:30"),
    "boolean": ("oui ou non", ""),
}


def _column_rules(column: Column, has_cell: bool) -> list[Rule]:
    name, typed = column.name, quote_name(column.name)
    label = column.label_fr or name
    rules: list[Rule] = []

    def add(
        rule: str, broken: str, expected: str, message: str, expected_fr: str, message_fr: str
    ) -> None:
        sentence = f"{label} : {message_fr}"
        rules.append(Rule(rule, name, broken, expected, message, expected_fr, sentence))

    if has_cell and column.logical_type in _TYPE_NAMES:
        wanted = _TYPE_NAMES[column.logical_type]
        wanted_fr, example_fr = _TYPE_NAMES_FR[column.logical_type]
        broken = f"{_cell(name)} is not null and {typed} is null"
        add(
            "type",
            broken,
            wanted,
            f"is not {wanted}",
            wanted_fr + example_fr,
            f"ce n'est pas {wanted_fr}",
        )
    if column.is_required:
        missing = f"{_cell(name)} is null" if has_cell else f"{typed} is null"
        add("required", missing, "a value", "is missing", "une valeur", "la valeur manque")
    if column.codes:
        codes = ", ".join(column.codes)
        broken = f"{typed} not in {_in_list(column.codes)}"
        add("code", broken, codes, "is not one of the codes",
            f"un de ces codes : {codes}", "ce n'est pas un des codes")  # fmt: skip
    if column.pattern:
        broken = f"not regexp_matches({typed}, {quote_text(column.pattern)})"
        wanted_fr = column.expected_fr or f"la forme {column.pattern}"
        add("pattern", broken, column.pattern, "is misshapen",
            wanted_fr, "la valeur n'a pas la forme attendue")  # fmt: skip
    if column.max_length is not None and column.logical_type == "string":
        limit = column.max_length
        add("max_length", f"length({typed}) > {limit}", f"{limit} characters", "is too long",
            f"{limit} caractères au plus", "le texte est trop long")  # fmt: skip
    if column.minimum is not None:
        limit_fr = f"{column.minimum}".replace(".", ",")
        add("minimum", f"{typed} < {column.minimum}", f">= {column.minimum}", "is too small",
            f"{limit_fr} ou plus", "la valeur est trop petite")  # fmt: skip
    if column.maximum is not None:
        limit_fr = f"{column.maximum}".replace(".", ",")
        add("maximum", f"{typed} > {column.maximum}", f"<= {column.maximum}", "is too large",
            f"{limit_fr} ou moins", "la valeur est trop grande")  # fmt: skip
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
            "kg, g, t ou lb, ou un produit dont le poids de l'unité, du colis ou de la palette"
            " est connu",
            "Unité : le poids de cette unité n'est pas connu pour ce produit",
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
            "un poids plausible",
            "Quantité : le poids en kilogrammes est trop grand",
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
                    "".join(_TYPE_NAMES_FR["number"]),
                    f"{column.label_fr} : ce n'est pas {_TYPE_NAMES_FR['number'][0]}",
                )
            )
            _add_conversion(column.name, quantity, unit, f"{stem}_kg_per_unit", typed, rules)
            rules += _column_rules(column, has_cell=False)
            continue
        typed[column.name] = (
            _type_expression(column, zone) if has_cell else f"cast(null as {column.physical_type})"
        )
        if has_local_date(column):
            typed[local_date_name(column.name)] = _local_date(column.name, has_cell, zone)
        rules += _column_rules(column, has_cell)
    if has_quantity(contract):
        _add_conversion("weight_kg", "quantity", "unit", "kg_per_unit", typed, rules)
    rules += [
        Rule(rule.name, "", f"not ({rule.sql})", rule.sql, rule.message_en, "", rule.message_fr)
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
                "une date passée",
                f"{contract.column(contract.date_column).label_fr} : la date est dans l'avenir",
            )
        )
    headers = tuple(name for name in contract.header_columns if name in columns)
    for name in headers:
        rules.append(
            Rule(
                "same_on_every_line",
                name,
                f"inconsistent.{quote_name(f'differs {name}')}",
                "the same value on every line of the document",
                "differs between the lines of one document",
                "la même valeur sur toutes les lignes du document",
                f"{contract.column(name).label_fr} : la valeur change d'une ligne à l'autre du même"
                " document",
            )
        )
    rules.append(
        Rule(
            "field_count",
            "",
            "_read_error is not null",
            "",
            "_read_error",
            "une ligne complète, lisible d'une seule façon",
            "La ligne ne peut pas être lue telle quelle",
        )
    )
    select = ",\n  ".join(f"{sql} as {quote_name(name)}" for name, sql in typed.items())
    return CompiledContract(contract, select, tuple(typed), tuple(rules), headers)
