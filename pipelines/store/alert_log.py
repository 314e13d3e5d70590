"""Which alerts were sent today, by address: what keeps them to seven a day and to once each."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.store.files import write_json


class AlertLogError(Exception):
    """The file of what was sent was damaged; the message says what to do."""


class AlertLog(BaseModel):
    """`sent`: keys of the alerts that an address was sent on `day`; `failures`: why one was not."""

    model_config = ConfigDict(extra="forbid", strict=True)

    day: date
    sent: dict[str, list[str]] = Field(default_factory=dict)
    failures: dict[str, str] = Field(default_factory=dict)

    def write(self, file: Path) -> None:
        """Put it in place at once."""
        write_json(file, self.model_dump(mode="json"))


def read_alert_log(file: Path) -> AlertLog | None:
    """What was sent on the last day that anything was; None where nothing ever was.

    Raises AlertLogError where the file was damaged.
    """
    try:
        return AlertLog.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise AlertLogError(
            f"{file} was damaged ({error.errors()[0]['msg']}); `collecto alerts` puts it aside"
        ) from error


def put_aside(file: Path, at: datetime) -> Path:
    """Keep a damaged file under another name, and give that name."""
    aside = file.with_name(f"{file.name}.damaged-{at:%Y%m%dT%H%M%S}")
    file.replace(aside)
    return aside
