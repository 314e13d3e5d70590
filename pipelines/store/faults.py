"""Named points at which a test lets the process die, as a power cut would.

Nothing happens unless `COLLECTO_FAULT_AT` names a point (`parse.staged`, or `parse.staged:3` for
the third time that it is reached).
"""

from __future__ import annotations

import os
import signal
from collections import Counter

POINTS = (
    "claim.listed", "claim.copied", "claim.seen", "claim.recorded",
    "parse.started", "parse.archived", "parse.staged",
    "judge.mapped", "judge.accepted_written", "judge.recorded", "judge.checked",
    "include.inputs_written", "include.built", "include.marked",
    "publish.exported", "publish.drafted", "publish.audited", "publish.sealed",
    "publish.renamed", "publish.swapped", "publish.logged", "publish.pruned",
)  # fmt: skip
_reached: Counter[str] = Counter()


def reach(point: str) -> None:
    """Die here without a word, if a test asked for it."""
    wanted = os.environ.get("COLLECTO_FAULT_AT")
    if not wanted:
        return
    assert point in POINTS, point  # nosec B101
    _reached[point] += 1
    name, _, number = wanted.partition(":")
    if name == point and _reached[point] == int(number or 1):
        os.kill(os.getpid(), signal.SIGKILL)
