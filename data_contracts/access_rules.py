"""Who is who among those that sign in: from an identity to a role and scope, denied by default.

Here lives the file that says so (`COLLECTO_ACCESS_FILE`): its shape, its errors with their line,
and which entry of it is a person's. Which pages and folders a role opens belongs in
`dashboards/access.py`; how somebody signs in, in `dashboards/sign_in.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from data_contracts.loader import ContractError, find_line_in, parse_yaml

FoodBankId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
TerritoryCode = Annotated[str, Field(pattern=r"^[0-9]{2,9}$")]
Role = Literal["data_team", "food_bank", "metropole", "public"]


class AccessRulesError(Exception):
    """The file cannot be used; the message names file, line and what is wrong. Nobody gets in."""


class Entry(BaseModel):
    """Whose role it is (one person, or everybody with a value of the claim) and what it opens."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    role: Role
    claim: str | None = Field(None, min_length=1, max_length=200)
    subject: str | None = Field(None, min_length=1, max_length=255)
    issuer: str | None = Field(None, min_length=1, max_length=500)
    food_banks: tuple[FoodBankId, ...] = ()
    territories: tuple[TerritoryCode, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.claim is None) == (self.subject is None):
            raise ValueError("name either a subject (with its issuer) or a value of the claim")
        if (self.subject is None) != (self.issuer is None):
            raise ValueError("a subject and its issuer stand together")
        for role, name, values in (
            ("food_bank", "food_banks", self.food_banks),
            ("metropole", "territories", self.territories),
        ):
            if self.role == role and not values:
                raise ValueError(f"the role {role} needs {name}")
            if self.role != role and values:
                raise ValueError(f"the role {self.role} has no {name}")
        return self

    @property
    def scope(self) -> tuple[str, ...]:
        """Food banks of a director, territories of an official."""
        return self.food_banks or self.territories

    def is_of(self, issuer: str, subject: str, values: frozenset[str]) -> bool:
        """Whether the entry is that of a person, or of one of the values of the claim."""
        if self.subject is not None:
            return (self.issuer, self.subject) == (issuer, subject)
        return self.claim in values


class AccessRules(BaseModel):
    """The whole file. `contact`: whom to ask for access, shown to who has none. `public`: whether
    the pages of the public are open without signing in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contact: str = Field(min_length=3, max_length=200)
    public: bool = False
    entries: tuple[Entry, ...] = Field(alias="access")

    def find_role(
        self, issuer: str, subject: str, values: frozenset[str]
    ) -> tuple[Role, tuple[str, ...]] | None:
        """Role and scope of a person, None where no entry is theirs.

        An entry of the person goes before those of the claim, then the order of the file; further
        entries of the same role add their scope.
        """
        mine = [entry for entry in self.entries if entry.is_of(issuer, subject, values)]
        mine.sort(key=lambda entry: entry.subject is None)
        if not mine:
            return None
        if mine[0].subject is not None:
            mine = [entry for entry in mine if entry.subject is not None]
        role = mine[0].role
        scope = [code for entry in mine if entry.role == role for code in entry.scope]
        return role, tuple(dict.fromkeys(scope))


def load_access_rules(path: Path) -> AccessRules:
    """Read the file as it stands now; what was read before is kept while no byte changes.

    Raises AccessRulesError with file and line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise AccessRulesError(f"{path}: cannot be read ({reason}); nobody gets in") from error
    return _parse(path.name, data)


@lru_cache(maxsize=4)
def _parse(name: str, data: bytes) -> AccessRules:
    try:
        content = parse_yaml(data, name)
    except ContractError as error:
        raise AccessRulesError(str(error)) from error
    try:
        return AccessRules.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = list(first["loc"])
        line = find_line_in(data.decode("utf-8"), place)
        written = ".".join(str(part) for part in place) or "the file"
        message = first["msg"].removeprefix("Value error, ")
        raise AccessRulesError(f"{name}, line {line}: {written}: {message}") from error


def read_claim(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """The values of a claim: one text or a list of texts; `a.b` walks into objects (Keycloak's
    `realm_access.roles`). A claim whose own name holds dots is found first."""
    value: Any = claims.get(name)
    if value is None:
        value = claims
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    values = value if isinstance(value, list | tuple) else [value]
    return frozenset(item for item in values if isinstance(item, str) and item)
