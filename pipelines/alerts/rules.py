"""The settings file of alerts: people, what they are told, thresholds, the mail server.

Read safely (YAML, pydantic). The server's password is no part of it: it comes from the environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from data_contracts.loader import ContractError, find_line, read_yaml

Kind = Literal["publication", "disk", "backup", "use_by", "late", "edition_corrected"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(_Strict):
    """An SMTP server. `security` none is for a server on this machine."""

    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    sender: str = Field(pattern=r"^[^\s@<>,;]+@[^\s@<>,;]+$")

    @field_validator("security")
    @classmethod
    def _keep_plain_text_local(cls, value: str, info: Any) -> str:
        if value == "none" and info.data.get("host") not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("without TLS only to a server on this machine")
        return value


class Person(_Strict):
    """Who is told what. `food_bank_id` None: the data team, who are told of all."""

    email: str = Field(pattern=r"^[^\s@<>,;]+@[^\s@<>,;]+$")
    food_bank_id: str | None = Field(pattern=r"^[a-z0-9_-]+$")
    language: Literal["fr", "en"] = "fr"
    rules: tuple[Kind, ...] = Field(min_length=1)


class AlertRules(_Strict):
    """Everything in the file. `use_by_days`: lots whose day is nearer than that."""

    server: Server
    pages: str = Field(pattern=r"^https?://[^\s/]+$")
    use_by_days: int = Field(default=7, ge=0, le=365)
    people: tuple[Person, ...]


def load_rules(path: Path) -> AlertRules:
    """Read the file.

    Raises ContractError with file, line and place.
    """
    try:
        return AlertRules.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = list(first["loc"])
        written = ".".join(str(part) for part in place) or "the file"
        message = first["msg"].removeprefix("Value error, ")
        raise ContractError(
            f"{path.name}, line {find_line(path, place)}: {written}: {message}"
        ) from error
