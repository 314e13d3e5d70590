"""The settings file of alerts: which rules, whose they are, thresholds, people, the mail server.

Read safely (YAML, pydantic). The server's password is no part of it: it comes from the environment.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data_contracts.decisions import MISSED_PICKUPS
from data_contracts.loader import ContractError, find_line, read_yaml
from pipelines.health import BACKUP_DAYS, LOW_DISK_BYTES

Task = Literal["warehouse", "logistics", "partners", "donors", "data", "director", "platform"]


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


class Rule(_Strict):
    """Whose an alert is: the people who have this task are told."""

    owner: Task


class DaysRule(Rule):
    """Told from so many days on: late, after the month's end."""

    days: int = Field(default=0, ge=0, le=365)


class CorrectionRule(Rule):
    """Told for so many days after the day of the new edition."""

    days: int = Field(default=0, ge=0, le=365)


class UseByRule(Rule):
    """Lots whose day is that near."""

    days: int = Field(default=7, ge=0, le=365)


class StoreRule(Rule):
    """Stores with as many missed pickups in the last month."""

    pickups: int = Field(default=MISSED_PICKUPS, ge=MISSED_PICKUPS)


class PartnerRule(Rule):
    """Silent partners that took as many kilograms a month before."""

    kg: Decimal = Field(default=Decimal(0), ge=0)


class AccreditationRule(Rule):
    """As many partners whose accreditation has ended or ends soon."""

    partners: int = Field(default=1, ge=1)


class DiskRule(Rule):
    """Less room than that."""

    gigabytes: Decimal = Field(default=Decimal(LOW_DISK_BYTES) / 10**9, gt=0)


class BackupRule(Rule):
    """The last backup is older than that."""

    days: int = Field(default=BACKUP_DAYS, ge=1, le=365)


class Rules(_Strict):
    """The ten alerts, the most urgent first; one that is left out is told to nobody."""

    publication: Rule | None = None
    disk: DiskRule | None = None
    use_by: UseByRule | None = None
    late: DaysRule | None = None
    store_missed: StoreRule | None = None
    partner_silent: PartnerRule | None = None
    accreditation: AccreditationRule | None = None
    closing: DaysRule | None = None
    backup: BackupRule | None = None
    edition_corrected: CorrectionRule | None = None


KINDS = tuple(Rules.model_fields)


class Person(_Strict):
    """Who is told what. `food_bank_id` None: the data team, who are told of all."""

    email: str = Field(pattern=r"^[^\s@<>,;]+@[^\s@<>,;]+$")
    food_bank_id: str | None = Field(pattern=r"^[a-z0-9_-]+$")
    language: Literal["fr", "en"] = "fr"
    tasks: tuple[Task, ...] = Field(min_length=1)


class AlertRules(_Strict):
    """Everything in the file."""

    server: Server
    pages: str = Field(pattern=r"^https?://[^\s/]+$")
    people: tuple[Person, ...]
    rules: Rules

    def find_owner(self, kind: str) -> Task | None:
        """Whose alerts of a kind are; None where nobody is told."""
        rule: Rule | None = getattr(self.rules, kind)
        return rule.owner if rule else None

    @model_validator(mode="after")
    def _tell_somebody(self) -> AlertRules:
        held = {task for person in self.people for task in person.tasks}
        emails = [person.email for person in self.people]
        for kind in KINDS:
            owner = self.find_owner(kind)
            if owner is not None and owner not in held:
                raise ValueError(f"nobody has the task {owner}, which owns the rule {kind}")
        if len(set(emails)) < len(emails):
            raise ValueError("an address stands twice: give one entry all its tasks")
        return self


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
