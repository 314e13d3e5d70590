"""Reads contracts, source profiles and the register of indicators into frozen values.

The YAML files beside this module are the one home of shapes, codes and labels. What is done with
them (row rules, suites, mapping) belongs in `pipelines`; published data are opened in
`publications`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
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
    try:
        text = path.read_text(encoding="utf-8")
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ContractError(f"{path.name}, line {line}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ContractError(f"{path.name}: not plain YAML in UTF-8: {reason}") from error


@dataclass(frozen=True)
class Column:
    """One column of a contract. `unit` is that of the values (kg, EUR, km) or None."""

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
    """The contract of one record or mart."""

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

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.is_key)

    @property
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
    )


def _read_minimum_rows(table: SchemaObject) -> int:
    for quality in table.quality or []:
        if quality.metric == "rowCount" and quality.mustBeGreaterOrEqualTo is not None:
            return int(quality.mustBeGreaterOrEqualTo)
    return 0


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


class ColumnSource(_Strict):
    """Where a column of the record comes from: a source column, a constant or a template.

    `template` joins source columns and the parts of a wide column name: `{ResponseId}-{hall}`.
    `values` maps what is written to a code; what it does not name becomes `otherwise`, or stays
    as it is where `otherwise` is not given.
    """

    source: str | None = None
    constant: str | None = None
    template: str | None = None
    date_format: str | None = None
    values: dict[str, str] | None = None
    otherwise: str | None = None

    @field_validator("source", "constant", "template", "otherwise", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, (int, float)) else value


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
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is no regular expression: {error}") from error
        return value


class FileProfile(_Strict):
    """How one kind of file of a food bank becomes rows of one record.

    `skip_rows` lines (titles) stand above the `header_rows`; `sheet` names the sheet of a workbook
    (else its first). Rows count where each column of `keep_rows` holds one of its values and no
    column of `drop_rows` does (lines of totals).
    """

    name: str
    match: str
    record: str
    encoding: Literal["utf-8", "cp1252"] | None = None
    delimiter: Literal[",", ";"] | None = None
    decimal: Literal[".", ","] | None = None
    header_rows: int = Field(default=1, ge=1, le=20)
    skip_rows: int = Field(default=0, ge=0, le=100)
    sheet: str | None = None
    keep_rows: dict[str, list[str]] = {}
    drop_rows: dict[str, list[str]] = {}
    unpivot: Unpivot | None = None
    columns: dict[str, ColumnSource]


class SourceProfile(_Strict):
    """A food bank's way of writing its records."""

    food_bank_id: str
    version: str
    timezone: str | None = None
    reference: dict[str, list[dict[str, str]]] = {}
    files: list[FileProfile] = []


def load_profile(path: Path) -> SourceProfile:
    """Read one source profile.

    Raises ContractError with file and place where it does not have the declared shape.
    """
    try:
        return SourceProfile.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ContractError(f"{path.name}: {place}: {first['msg']}") from error


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
    disclosure_rule: str
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
