"""Requests that a page leaves in the inbox, and what became of them.

Here lives the shape of the one request there is (a food bank approves the proposal of an edition),
its file, and how it is written: whole, under a name of its own. What a request does belongs in
`pipelines/editions.py`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from data_contracts.files import write_atomically

LONGEST_COMMENT = 2000
LONGEST_NAME = 120
Outcome = Literal["none", "waiting", "refused"]


@dataclass(frozen=True)
class ApprovalRequest:
    """A food bank approves a proposal by name.

    `number` and `attempt` tell the proposal that was seen, `reader` who signed in (as the log of
    accesses writes it), `asked_at` when (ISO, UTC).
    """

    territory: str
    number: int
    attempt: int
    publication_id: str
    food_bank_id: str
    by: str
    comment: str
    reader: str
    asked_at: str
    action: str = "approve"

    @property
    def file_name(self) -> str:
        """One file a proposal and food bank: asked twice is asked once."""
        return name_approval(self.territory, self.number, self.attempt, self.food_bank_id)


def name_approval(territory: str, number: int, attempt: int, food_bank_id: str) -> str:
    """The file of an approval."""
    return f"approve-{territory}-{number}-{attempt}-{food_bank_id}.json"


def write_request(inbox: Path, request: ApprovalRequest) -> Path:
    """Leave a request in the inbox, whole.

    Raises ValueError for a name or a comment that is too short or too long, OSError where it
    cannot be written.
    """
    if not 2 <= len(request.by.strip()) <= LONGEST_NAME:
        raise ValueError("by")
    if len(request.comment) > LONGEST_COMMENT:
        raise ValueError("comment")
    path = inbox / request.file_name
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(asdict(request)) + "\n", encoding="utf-8")
    return path


def find_outcome(inbox: Path, file_name: str) -> tuple[Outcome, str]:
    """What became of a request: it waits, or it was refused and why. Done is told by the log."""
    if (inbox / file_name).exists():
        return "waiting", ""
    try:
        reason = (inbox / "refused" / f"{file_name}.reason.txt").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "none", ""
    return "refused", reason.strip()
