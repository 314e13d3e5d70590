"""Reads `disclosure.yaml`: who may read which mart, and what a mart looks like outside.

How the rules are applied belongs in `pipelines/publish/disclosure.py`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from data_contracts.loader import (
    CONTRACTS_DIR,
    Column,
    Contract,
    ContractError,
    load_marts,
    read_yaml,
)

OutsideAudience = Literal["metropole", "public"]
Form = Literal[
    "whole", "people", "flows", "indicators", "key_figures", "with_parcels", "places",
    "agreements", "supplied",
]  # fmt: skip
SUPPRESSED = "is_suppressed"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Exemption(_Strict):
    """Cells that stay exact by policy, and why."""

    name: str
    area: Literal["whole"]
    reason_fr: str
    reason_en: str


class PeoplePolicy(_Strict):
    """How counts of people are protected; see the comments of the file."""

    threshold: int = Field(ge=2)
    rounding: int = Field(ge=1)
    possible_values: int = Field(ge=2)
    household_kg: int = Field(ge=1)
    household_eur: int = Field(ge=1)
    hidden_parcels_rounding_kg: int = Field(ge=1)
    inside_only: list[str] = []
    edition_months: int = Field(ge=1)
    exceptions: list[Exemption] = []

    def step_of(self, measure: str) -> int:
        """What a measure is rounded to: counts of people, kilograms, euros."""
        if measure.endswith("_kg"):
            return self.household_kg
        return self.household_eur if measure.endswith("_eur") else self.rounding


class DonorPolicy(_Strict):
    """What a cell of given food needs to be shown outside."""

    minimum_donors: int = Field(ge=1)
    maximum_share: float = Field(gt=0, le=1)
    merged_code: str
    channels_without_donors: list[str]


class MartPolicy(_Strict):
    """Who reads a mart outside the food bank, in which form, without its `dropped` columns."""

    outside: list[OutsideAudience]
    form: Form
    dropped: list[str] = []


class Policy(_Strict):
    """The whole of `disclosure.yaml`."""

    version: str
    people: PeoplePolicy
    donors: DonorPolicy
    marts: dict[str, MartPolicy]

    @model_validator(mode="after")
    def _names_every_mart(self) -> Policy:
        contracts = load_marts()
        if other := sorted(contracts.keys() ^ self.marts.keys()):
            raise ValueError(f"{other[0]}: every mart, and no other, has its line")
        for name, mart in self.marts.items():
            unknown = set(mart.dropped) - {column.name for column in contracts[name].columns}
            if unknown:
                raise ValueError(f"{name} has no column {min(unknown)}")
        return self

    def marts_of(self, audience: str) -> list[str]:
        """Names of the marts that an audience reads, in order."""
        kind = audience.partition("/")[0]
        if kind in ("data_team", "food_banks"):
            return sorted(self.marts)
        return sorted(name for name, mart in self.marts.items() if kind in mart.outside)


def read_policy(path: Path) -> Policy:
    """Read one policy.

    Raises ContractError where it does not have the declared shape.
    """
    try:
        return Policy.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the policy"
        message = first["msg"].removeprefix("Value error, ")
        raise ContractError(f"{path.name}: {place}: {message}") from error


@cache
def load_policy() -> Policy:
    """The policy of the project."""
    return read_policy(CONTRACTS_DIR / "disclosure.yaml")


@cache
def contract_for(mart: str, audience: str) -> Contract:
    """What an audience may rely on: the mart's contract, less what is dropped for it outside.

    A form of people has `is_suppressed` at its end, and its measures may be empty.
    """
    contract = load_marts()[mart]
    if audience.partition("/")[0] in ("data_team", "food_banks"):
        # A food bank may have no row where all of them together have some.
        return replace(contract, minimum_rows=0) if audience != "data_team" else contract
    policy = load_policy().marts[mart]
    columns = [
        _outside_column(column, policy)
        for column in contract.columns
        if column.name not in policy.dropped
    ]
    if policy.form == "people":
        flag = next(
            column
            for column in load_marts()["mart_indicators"].columns
            if column.name == SUPPRESSED
        )
        columns.append(flag)
    return replace(contract, columns=tuple(columns), minimum_rows=0)


def _outside_column(column: Column, policy: MartPolicy) -> Column:
    if policy.form == "people" and not column.is_key:
        column = replace(column, is_required=False)
    if policy.form == "flows":
        if column.codes and column.is_key:
            codes = (*column.codes, load_policy().donors.merged_code)
            column = replace(column, codes=tuple(dict.fromkeys(codes)))
        if not column.is_key:
            column = replace(column, is_required=False)
    if policy.form in ("with_parcels", "key_figures", "supplied") and not column.is_key:
        column = replace(column, is_required=False)
    return column
