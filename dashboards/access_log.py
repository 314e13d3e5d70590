"""What is written of every sign-in, view, export and refusal: who, role, page, filters, source.

Here lives what an entry says. Texts are cut and cleaned here; the chain, its segments and its lock
are in `data_contracts/access_log.py`. Without `COLLECTO_ACCESS_LOG_DIR` nothing is written: only a
server for this machine alone may run so.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dashboards.access import Principal
from dashboards.filters import PAGE_PARAMETERS, PARAMETERS
from data_contracts.access_log import append_access
from data_contracts.publications import Publication

ACCESS_LOG_VARIABLE = "COLLECTO_ACCESS_LOG_DIR"
LONGEST_TEXT = 80
# Nobody who did not sign in may fill the disk: what is refused beyond it is counted.
ANONYMOUS_A_MINUTE = 60
ANONYMOUS = "anonymous"


class NotLoggedError(Exception):
    """An access could not be written: it is not given."""


class _Anonymous:
    """Counts refusals of unknown readers by the minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute = 0
        self._count = 0

    def admit(self, now: datetime) -> int | None:
        """How many of the minutes before were not written; None where this one is not."""
        minute = int(now.timestamp() // 60)
        with self._lock:
            left_out = 0
            if minute != self._minute:
                left_out = max(0, self._count - ANONYMOUS_A_MINUTE)
                self._minute, self._count = minute, 0
            self._count += 1
            return left_out if self._count <= ANONYMOUS_A_MINUTE else None


_ANONYMOUS = _Anonymous()


def log_access(
    event: str,
    reader: str,
    role: str,
    scope: tuple[str, ...],
    *,
    page: str = "",
    parameters: Mapping[str, str] | None = None,
    publication: Publication | None = None,
    figure: str = "",
    file_format: str = "",
    reason: str = "",
) -> None:
    """Write one entry: `sign_in`, `sign_out`, `sign_in_refused`, `view`, `export`, `approval` or
    `refused`. Raises NotLoggedError where it cannot be written."""
    folder = os.environ.get(ACCESS_LOG_VARIABLE, "")
    if not folder:
        return
    now = datetime.now(UTC)
    entry: dict[str, Any] = {"event": event, "reader": reader, "role": role}
    if reader == ANONYMOUS:
        left_out = _ANONYMOUS.admit(now)
        if left_out is None:
            return
        if left_out:
            entry["left_out"] = left_out
    if scope:
        entry["scope"] = list(scope)
    for name, value in (
        ("page", page), ("figure", figure), ("format", file_format), ("reason", reason),
    ):  # fmt: skip
        if value:
            entry[name] = clean_text(value)
    known = (*PARAMETERS, *PAGE_PARAMETERS)
    filters = {
        name: clean_text(value) for name, value in (parameters or {}).items() if name in known
    }
    if filters:
        entry["filters"] = filters
    if publication is not None:
        entry["publication_id"] = publication.publication_id
        if publication.edition is not None:
            entry["edition"] = f"{publication.edition.territory}-{publication.edition.number}"
    try:
        append_access(Path(folder), entry, now)
    except (OSError, ValueError) as error:
        raise NotLoggedError(type(error).__name__) from error


def log_reading(event: str, principal: Principal, **what: Any) -> None:
    """Write what a principal reads or was refused; `what` as for `log_access`."""
    log_access(event, principal.reader, principal.role, principal.scope, **what)


def clean_text(text: str) -> str:
    """A text of the address as it is kept: short, without what is no letter or sign."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:LONGEST_TEXT])
