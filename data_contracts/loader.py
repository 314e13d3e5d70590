"""Reads contracts, source profiles and the register of indicators into frozen values.

The YAML files beside this module are the one home of shapes, codes and labels. What is done with
them (row rules, suites, mapping) belongs in `pipelines`; published data are opened in
`publications`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from open_data_contract_standard.model import (
    CustomProperty,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
)
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

CONTRACTS_DIR = Path(__file__).parent
MAX_YAML_BYTES = 2_000_000


class ContractError(Exception):
    """A contract, profile or register cannot be used; the message names file and place."""


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that refuses duplicate keys and aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, "aliases are refused", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | date | None):
                raise yaml.MarkedYAMLError(None, None, "a key is no text", key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """Read one YAML file strictly.

    Raises ContractError with file and line where it is not plain YAML in UTF-8.
    """
    if path.stat().st_size > MAX_YAML_BYTES:
        raise ContractError(f"{path.name}: larger than {MAX_YAML_BYTES} bytes")
    return parse_yaml(path.read_bytes(), path.name)


def parse_yaml(data: bytes, name: str) -> Any:
    """Read YAML strictly; `name`: what messages call it. Raises ContractError with the line."""
    if len(data) > MAX_YAML_BYTES:
        raise ContractError(f"{name}: larger than {MAX_YAML_BYTES} bytes")
    try:
        return yaml.load(data.decode("utf-8"), Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)  # nosec B506
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ContractError(f"{name}, line {line}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ContractError(f"{name}: not plain YAML in UTF-8: {reason}") from error


@dataclass(frozen=True)
class Column:
    """One column of a contract. `unit` is that of the values (kg, EUR, km) or None; `expected_fr`
    says in French what the pattern asks for."""

    name: str
    logical_type: str
    physical_type: str
    description: str
    label_fr: str
    label_en: str
    is_required: bool
    is_key: bool
    is_personal: bool
    pattern: str | None
    minimum: int | float | None
    maximum: int | float | None
    max_length: int | None
    codes: tuple[str, ...]
    unit: str | None
    reference: str | None
    expected_fr: str | None = None

    @property
    def is_mass(self) -> bool:
        """A mass in kilograms, which may be delivered as a quantity and a unit instead."""
        return self.name.endswith("_kg")


@dataclass(frozen=True)
class RowRule:
    """A rule over several columns of one row: SQL that is true or null where the row is good."""

    name: str
    sql: str
    message_fr: str
    message_en: str


@dataclass(frozen=True)
class Contract:
    """The contract of one record or mart.

    `late_after_days`: how many days after its last row a food bank's record is late (its SLA);
    `retention_months`: how long after their last row people can be recognised by it.
    """

    name: str
    version: str
    description: str
    columns: tuple[Column, ...]
    row_rules: tuple[RowRule, ...]
    kind: Literal["reference", "event", "mart"]
    date_column: str | None
    measure: str | None
    header_columns: tuple[str, ...]
    judge_order: int
    minimum_rows: int
    late_after_days: int | None = None
    retention_months: int | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.is_key)

    @cached_property
    def is_personal(self) -> bool:
        return any(column.is_personal for column in self.columns)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _property(properties: list[CustomProperty] | None, name: str, default: Any = None) -> Any:
    for entry in properties or []:
        if entry.property == name:
            return entry.value
    return default


def _read_column(entry: SchemaProperty) -> Column:
    options: Mapping[str, Any] = entry.logicalTypeOptions or {}
    codes: tuple[str, ...] = ()
    for quality in entry.quality or []:
        if quality.metric == "invalidValues" and quality.arguments:
            codes = tuple(str(code) for code in quality.arguments["validValues"])
    references = [str(relation.to) for relation in entry.relationships or []]
    description = str(entry.description or entry.name).rstrip(".")
    return Column(
        name=str(entry.name),
        logical_type=str(entry.logicalType),
        physical_type=str(entry.physicalType),
        description=description,
        label_fr=str(_property(entry.customProperties, "labelFr", entry.businessName or "")),
        label_en=str(_property(entry.customProperties, "labelEn", description)),
        is_required=bool(entry.required),
        is_key=bool(entry.primaryKey),
        is_personal=entry.classification == "personal",
        pattern=options.get("pattern"),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        max_length=options.get("maxLength"),
        codes=codes,
        unit=_property(entry.customProperties, "unit"),
        reference=references[0] if references else None,
        expected_fr=_property(entry.customProperties, "expectedFr"),
    )


def _read_minimum_rows(table: SchemaObject) -> int:
    for quality in table.quality or []:
        if quality.metric == "rowCount" and quality.mustBeGreaterOrEqualTo is not None:
            return int(quality.mustBeGreaterOrEqualTo)
    return 0


def _read_service_level(odcs: OpenDataContractStandard, name: str, unit: str) -> int | None:
    """A number among the service levels of a contract: `latency` in days, `retention` in months."""
    for entry in odcs.slaProperties or []:
        if entry.property == name and entry.unit == unit:
            return int(str(entry.value))
    return None


def load_contract(path: Path) -> Contract:
    """Read one ODCS file.

    Raises ContractError where it is not an ODCS 3.1 contract of exactly one table.
    """
    try:
        odcs = OpenDataContractStandard.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ContractError(f"{path.name}: {place}: {first['msg']}") from error
    if odcs.apiVersion != "v3.1.0" or not odcs.schema_ or len(odcs.schema_) != 1:
        raise ContractError(f"{path.name}: an ODCS v3.1.0 contract of one table is expected")
    table = odcs.schema_[0]
    for number, entry in enumerate(table.properties or []):
        for name in ("name", "logicalType", "physicalType"):
            if not getattr(entry, name):
                raise ContractError(f"{path.name}: schema.0.properties.{number}: {name} is missing")
    rules = tuple(
        RowRule(
            name=str(quality.name),
            sql=str(quality.implementation),
            message_fr=str(_property(quality.customProperties, "messageFr", "")),
            message_en=str(_property(quality.customProperties, "messageEn", "")),
        )
        for quality in table.quality or []
        if quality.type == "custom" and quality.engine == "duckdb"
    )
    return Contract(
        name=str(table.name),
        version=str(odcs.version),
        description=str(table.description or ""),
        columns=tuple(_read_column(entry) for entry in table.properties or []),
        row_rules=rules,
        kind=_property(odcs.customProperties, "recordKind", "mart"),
        date_column=_property(odcs.customProperties, "dateColumn"),
        measure=_property(odcs.customProperties, "measure"),
        header_columns=tuple(_property(odcs.customProperties, "headerColumns", [])),
        judge_order=int(_property(odcs.customProperties, "judgeOrder", 0)),
        minimum_rows=_read_minimum_rows(table),
        late_after_days=_read_service_level(odcs, "latency", "d"),
        retention_months=_read_service_level(odcs, "retention", "m"),
    )


def _load_folder(folder: str) -> dict[str, Contract]:
    contracts = [load_contract(path) for path in (CONTRACTS_DIR / folder).glob("*.odcs.yaml")]
    ordered = sorted(contracts, key=lambda contract: (contract.judge_order, contract.name))
    return {contract.name: contract for contract in ordered}


@cache
def load_records() -> dict[str, Contract]:
    """Contracts of the operational records, in the order in which they are judged."""
    return _load_folder("records")


@cache
def load_marts() -> dict[str, Contract]:
    """Contracts of the published marts, by name."""
    return _load_folder("marts")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ValuesFrom(_Strict):
    """A map kept in a CSV file beside the profile: what is written in `key` becomes `value`."""

    file: str
    key: str
    value: str

    @field_validator("file")
    @classmethod
    def _stays_in_its_folder(cls, value: str) -> str:
        if Path(value).is_absolute() or ".." in Path(value).parts or not value.endswith(".csv"):
            raise ValueError(f"{value!r} is no CSV file beside the profile")
        return value


class ColumnSource(_Strict):
    """Where a column of the record comes from: a source column, a constant or a template.

    `template` joins source columns and the parts of a wide column name: `{ResponseId}-{hall}`.
    `extract` keeps the first group of an expression: `^(.+)/\\d+$` takes a key out of `BL7/2`.
    `date_format` is one of strptime, `excel` or `excel_1904` (serial numbers).
    `values` (or `values_from`, a file) maps what is written to a code; what it does not name
    becomes `otherwise`, or stays as it is where `otherwise` is not given.
    """

    source: str | None = None
    constant: str | None = None
    template: str | None = None
    extract: str | None = None
    date_format: str | None = None
    values: dict[str, str] | None = None
    values_from: ValuesFrom | None = None
    otherwise: str | None = None

    @field_validator("source", "constant", "template", "otherwise", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, (int, float)) else value

    @field_validator("extract")
    @classmethod
    def _has_a_group(cls, value: str | None) -> str | None:
        if value is not None and _compile_expression(value).groups < 1:
            raise ValueError(f"{value!r} has no group in brackets to take out")
        return value

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> ColumnSource:
        places = [self.source, self.constant, self.template]
        if sum(place is not None for place in places) > 1:
            raise ValueError("give one of source, constant and template")
        if self.values is not None and self.values_from is not None:
            raise ValueError("give one of values and values_from")
        return self


def _compile_expression(value: str) -> re.Pattern[str]:
    try:
        return re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from error


class Unpivot(_Strict):
    """Wide to long: every column whose name matches becomes a row of its own.

    Named groups of the expression can be used as source columns, `value` holds the cell, and
    `position` the number of the column from 1 on. Empty cells are no rows.
    """

    columns: str
    value: str = "value"
    position: str = "position"

    @field_validator("columns")
    @classmethod
    def _as_expression(cls, value: str) -> str:
        _compile_expression(value)
        return value


class Adjustment(_Strict):
    """What is added to a number of each row (a tare is negative), by day and by place.

    `add` is per row, or per unit of the source column `per` (crates, pallets). It counts for rows
    whose record columns hold the values of `where`, dated from `first_day` to `last_day`.
    """

    column: str
    add: Decimal
    per: str | None = None
    where: dict[str, list[str]] = {}
    first_day: date | None = None
    last_day: date | None = None
    reason: str

    @field_validator("add", mode="before")
    @classmethod
    def _exact(cls, value: Any) -> Any:
        # 0.1 of YAML is a binary number: its shortest text is what was meant.
        return str(value) if isinstance(value, float) else value

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Adjustment:
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValueError("last_day lies before first_day")
        return self


class Join(_Strict):
    """Columns of another file (`lookup`), found by a key: a record from several files.

    `by` names the column of this file by the column of the other; `columns` are taken over.
    """

    lookup: str
    # YAML reads a bare `on` as true: the key has another name.
    by: dict[str, str] = Field(min_length=1, max_length=4)
    columns: list[str] = Field(min_length=1)


class SentAt(_Strict):
    """When a file was sent: a stamp in its name (`name`, an expression with one group) or the
    latest moment of a column; local to the food bank where no offset is written."""

    name: str | None = None
    column: str | None = None
    date_format: str

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> SentAt:
        if (self.name is None) == (self.column is None):
            raise ValueError("give one of name and column")
        if self.name is not None and _compile_expression(self.name).groups != 1:
            raise ValueError("name: one group in brackets takes the stamp")
        return self


class Control(_Strict):
    """Control totals that the file carries in a line of its own (`rows`, as in `drop_rows`).

    The numbers of `sums` in that line must be those of the rows, `count` the number of rows.
    """

    rows: dict[str, list[str]] = Field(min_length=1)
    sums: list[str] = []
    count: str | None = None

    @model_validator(mode="after")
    def _checks_something(self) -> Control:
        if not self.sums and self.count is None:
            raise ValueError("give sums, count or both")
        return self


class Expected(_Strict):
    """When a file is expected: every day (of `weekdays`, 1 to 7), week or month, at the latest
    `days` after the end of its period; `closed` days are left out."""

    every: Literal["day", "week", "month"]
    weekdays: list[int] = [1, 2, 3, 4, 5, 6, 7]
    days: int = Field(default=1, ge=0, le=60)
    closed: list[date] = []

    @field_validator("weekdays")
    @classmethod
    def _are_weekdays(cls, value: list[int]) -> list[int]:
        if not value or not set(value) <= set(range(1, 8)):
            raise ValueError("weekdays are numbers from 1 (Monday) to 7")
        return value


class FileProfile(_Strict):
    """How one kind of file of a food bank becomes rows of one record.

    `skip_rows` lines (titles) stand above the `header_rows` (else the header is found by the names
    of its columns); `sheet` names the sheet of a workbook (else its first). Rows count where each
    column of `keep_rows` holds one of its values and no column of `drop_rows` does (lines of
    totals). A file with `lookup` instead of `record` is kept for the joins of others.
    `replaces`: a new file stands for its rows (by key), for whole documents (all lines of a key
    but its last part) or for all rows of the days (or months) that it holds.
    """

    name: str
    match: str
    record: str | None = None
    lookup: str | None = None
    encoding: Literal["utf-8", "cp1252"] | None = None
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    decimal: Literal[".", ","] | None = None
    date_order: Literal["dmy", "mdy", "ymd"] | None = None
    header_rows: int = Field(default=1, ge=1, le=20)
    skip_rows: int | None = Field(default=None, ge=0, le=100)
    sheet: str | None = None
    ends_without_newline: bool = False
    keep_rows: dict[str, list[str]] = {}
    drop_rows: dict[str, list[str]] = {}
    control: Control | None = None
    unpivot: Unpivot | None = None
    join: Join | None = None
    adjustments: list[Adjustment] = []
    replaces: Literal["rows", "document", "days", "month"] = "rows"
    sent_at: SentAt | None = None
    expected: Expected | None = None
    columns: dict[str, ColumnSource]

    @model_validator(mode="after")
    def _is_a_record_or_a_lookup(self) -> FileProfile:
        if (self.record is None) == (self.lookup is None):
            raise ValueError("give one of record and lookup")
        if self.lookup is not None and (self.unpivot or self.join or self.adjustments):
            raise ValueError("a lookup has columns and row filters only")
        return self

    @property
    def target_name(self) -> str:
        """The record, or the lookup under a name that no record has."""
        return self.record or f"lookup {self.lookup}"


class SourceProfile(_Strict):
    """A food bank's way of writing its records. `fingerprint` changes with all that it says."""

    food_bank_id: str
    version: str
    timezone: str | None = None
    reference: dict[str, list[dict[str, str]]] = {}
    files: list[FileProfile] = []
    fingerprint: str = ""

    @model_validator(mode="after")
    def _has_its_lookups(self) -> SourceProfile:
        known = {file.lookup for file in self.files if file.lookup}
        for file in self.files:
            if file.join and file.join.lookup not in known:
                raise ValueError(f"{file.name}: no file is the lookup {file.join.lookup!r}")
        names = [file.name for file in self.files]
        if len(names) > len(set(names)):
            raise ValueError(f"two files are called {max(names, key=names.count)!r}")
        return self


def load_profile(path: Path) -> SourceProfile:
    """Read one source profile, with the maps that stand in files beside it.

    Raises ContractError with file, line and place where it does not have the declared shape.
    """
    content = read_yaml(path)
    digest = hashlib.sha256(path.read_bytes())
    try:
        profile = SourceProfile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        place = [part for part in first["loc"] if not str(part).startswith("function-")]
        line = find_line(path, place)
        written = ".".join(str(part) for part in place) or "the profile"
        raise ContractError(f"{path.name}, line {line}: {written}: {message}") from error
    files = []
    for number, file in enumerate(profile.files):
        columns = {}
        for name, source in file.columns.items():
            if source.values_from is not None:
                place = ["files", number, "columns", name, "values_from"]
                values = _read_values(path, source.values_from, place)
                digest.update(repr(sorted(values.items())).encode())
                source = source.model_copy(update={"values": values})
            columns[name] = source
        files.append(file.model_copy(update={"columns": columns}))
    return profile.model_copy(update={"files": files, "fingerprint": digest.hexdigest()[:16]})


def find_line(path: Path, place: list[Any]) -> int:
    """The line on which a value of a YAML file stands; that of the nearest one above it."""
    return find_line_in(path.read_text(encoding="utf-8"), place)


def find_line_in(text: str, place: list[Any]) -> int:
    """As `find_line`, in the text of a file."""
    node = yaml.compose(text, Loader=_StrictLoader)
    line = 1
    for part in place:
        children: list[tuple[Any, yaml.Node, yaml.Node]] = []
        if isinstance(node, yaml.MappingNode):
            children = [(key.value, key, value) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            children = [(number, value, value) for number, value in enumerate(node.value)]
        found = [(at, value) for name, at, value in children if str(name) == str(part)]
        if not found:
            break
        line, node = found[0][0].start_mark.line + 1, found[0][1]
    return line


def _read_values(path: Path, wanted: ValuesFrom, place: list[Any]) -> dict[str, str]:
    """The map of a CSV file beside a profile (UTF-8, `,` or `;`)."""
    where = f"{path.name}, line {find_line(path, place)}: {wanted.file}"
    try:
        text = (path.parent / wanted.file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else "cannot be read"
        raise ContractError(f"{where} {reason}") from error
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    values: dict[str, str] = {}
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    for name in (wanted.key, wanted.value):
        if name not in (reader.fieldnames or []):
            raise ContractError(f"{where} has no column {name!r}")
    for row in reader:
        key, value = (row[wanted.key] or "").strip(), (row[wanted.value] or "").strip()
        if values.setdefault(key, value) != value:
            raise ContractError(f"{where}, line {reader.line_num}: {key!r} has two values")
    return values


def load_profiles(folder: Path | None = None) -> dict[str, SourceProfile]:
    """Source profiles by food bank, from `folder` or the profiles of the project."""
    paths = sorted((folder or CONTRACTS_DIR / "sources").glob("*.yaml"))
    profiles = {}
    for path in paths:
        profile = load_profile(path)
        if path.stem != profile.food_bank_id:
            raise ContractError(f"{path.name}: food_bank_id is {profile.food_bank_id!r}")
        profiles[profile.food_bank_id] = profile
    return profiles


class FormerMethod(_Strict):
    """A method that another one replaced, and why (in both languages)."""

    method_version: str
    valid_from: str
    replaced_fr: str
    replaced_en: str


class Indicator(_Strict):
    """One entry of the register of indicators.

    A period is computed by the method that is valid on its last day; `history` holds the former
    methods, oldest first. What a new method computes is not comparable with what a former one did:
    series show a break.
    """

    code: str
    label_fr: str
    label_en: str
    definition_fr: str
    definition_en: str
    formula: str
    unit: str
    good_direction: Literal["up", "down", "none"]
    axis: Literal[
        "supply", "distribution", "support", "funding", "logistics", "environment", "quality"
    ]
    audience: list[str]
    grain: str
    dimensions: list[str]
    additive_over: list[str]
    territory_basis: Literal["received", "distributed", "household", "transport", "none"]
    mart: str
    column: str
    numerator: str | None
    denominator: str | None
    variants: list[str]
    disclosure_rule: Literal["whole_food_bank_exact", "people", "contains_parcels", "donors"]
    method_version: str
    valid_from: str
    source: str
    history: list[FormerMethod] = []

    @model_validator(mode="after")
    def _check_history(self) -> Indicator:
        days = [*(former.valid_from for former in self.history), self.valid_from]
        versions = [*(former.method_version for former in self.history), self.method_version]
        if days != sorted(set(days)) or len(versions) != len(set(versions)):
            raise ValueError(f"{self.code}: each method of the history follows the one before it")
        return self


@cache
def load_register() -> dict[str, Indicator]:
    """The register of indicators by code, in the order of screens."""
    path = CONTRACTS_DIR / "indicators.yaml"
    try:
        indicators = [Indicator.model_validate(entry) for entry in read_yaml(path)["indicators"]]
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ContractError(f"{path.name}: {place}: {first['msg']}") from error
    return {indicator.code: indicator for indicator in indicators}
