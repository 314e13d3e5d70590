"""Which alerts were sent today, by address: what keeps them to seven a day and to once each.

Kept twice, the copy beside the file, so that what was sent is known where one was damaged.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.store.files import write_json


class AlertLogError(Exception):
    """The file of what was sent was damaged; the message says what to do."""


class AlertLog(BaseModel):
    """`sent`: keys of the alerts that an address was sent on `day`; `failures`: why one was not.

    `damage`: what became of a damaged file on that day, and what is known of the alerts in it.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    day: date
    sent: dict[str, list[str]] = Field(default_factory=dict)
    failures: dict[str, str] = Field(default_factory=dict)
    damage: str = ""

    def write(self, file: Path) -> None:
        """Put the file and its copy in place, each at once."""
        for path in (file, _name_copy(file)):
            write_json(path, self.model_dump(mode="json"))


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


def read_alerts_of_day(file: Path, at: datetime, *, is_kept: bool = True) -> AlertLog:
    """What was sent on the day of `at` (UTC), by the file, else by its copy.

    Damaged files are put aside, or left where they are (`is_kept` False). Where both were damaged,
    the alerts of a day are known to be none only if neither was written on that day.
    """
    found: list[AlertLog | None] = []
    damaged: list[Path] = []
    is_of_day = False
    for path in (file, _name_copy(file)):
        try:
            found.append(read_alert_log(path))
        except AlertLogError:
            damaged.append(path)
            is_of_day |= datetime.fromtimestamp(path.stat().st_mtime, UTC).date() >= at.date()
    known = next((log for log in found if log is not None), None)
    log = known if known is not None and known.day == at.date() else AlertLog(day=at.date())
    log.failures = {}
    if not damaged:
        return log
    names = [_put_aside(path, at).name if is_kept else path.name for path in damaged]
    what = (
        "what was sent today is known from the other copy"
        if known is not None
        else "what was sent today is not known: each person may get up to seven more"
        if is_of_day
        else "nothing was sent today before"
    )
    log.damage = f"damaged, kept as {' and '.join(names)}; {what}"
    if is_kept:
        log.write(file)
    return log


def _name_copy(file: Path) -> Path:
    return file.with_suffix(f".copy{file.suffix}")


def _put_aside(file: Path, at: datetime) -> Path:
    aside = file.with_name(f"{file.name}.damaged-{at:%Y%m%dT%H%M%S}")
    file.replace(aside)
    return aside
