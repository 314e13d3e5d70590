"""Random deliveries, corrections and orders of arrival: every row and gram is somewhere, once, and
what counts in the end does not depend on what came first."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures.intake import RECEIPTS_HEADER, Intake, receipt

QUANTITIES = ["5", "12.5", "0.001", "-3", "x", "", "1e9", "7"]
STAMPS = ["", "2024-06-05T08:00:00", "2024-06-06T08:00:00", "2024-06-07T08:00:00"]


@dataclass(frozen=True)
class Line:
    """One delivered line: its key, its quantity as written, when it changed, whether deleted."""

    key: int
    quantity: str
    updated_at: str
    is_deleted: bool

    @property
    def is_good(self) -> bool:
        return self.quantity in ("5", "12.5", "0.001", "7")


LINES = st.builds(
    Line,
    key=st.integers(1, 6),
    quantity=st.sampled_from(QUANTITIES),
    updated_at=st.sampled_from(STAMPS),
    is_deleted=st.booleans(),
)
# A file: its lines, and the day on which it was sent (0: it does not say).
FILES = st.lists(
    st.tuples(st.lists(LINES, min_size=1, max_size=6), st.integers(0, 3)), min_size=1, max_size=5
)


def write(lines: list[Line]) -> str:
    rows = "".join(
        receipt(f"R{line.key}", 1, line.quantity).rstrip("\n")
        + f",{line.updated_at},{'true' if line.is_deleted else ''}\n"
        for line in lines
    )
    return f"{RECEIPTS_HEADER},updated_at,is_deleted\n{rows}"


def name(number: int, sent: int) -> str:
    stamp = f"_2024-06-1{sent}T08-00-00Z" if sent else ""
    return f"receipts/f{number}{stamp}.csv"


def current(folder: Path, files: list[tuple[str, str]]) -> tuple[Intake, dict[str, Decimal]]:
    """Take the files one by one; what counts in the end."""
    intake = Intake(folder)
    for file, text in files:
        intake.deliver(file, text)
        intake.take()
    found = intake.current()
    rows = found.to_dicts() if found.height else []
    return intake, {row["receipt_id"]: row["weight_kg"] for row in rows}


CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
Files = list[tuple[list[Line], int]]


@pytest.mark.parametrize("stamped", [True, False])
@settings(max_examples=8, deadline=None, suppress_health_check=CHECKS)
@given(files=FILES, seed=st.integers(0, 1000))
def test_rows_and_grams_are_conserved_and_order_changes_nothing(
    files: Files, seed: int, stamped: bool, tmp_path: Path
) -> None:
    check(files, seed, stamped, tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize("stamped", [True, False])
@settings(max_examples=120, deadline=None, suppress_health_check=CHECKS)
@given(files=FILES, seed=st.integers(0, 1000))
def test_many_more_histories_are_conserved(
    files: Files, seed: int, stamped: bool, tmp_path: Path
) -> None:
    check(files, seed, stamped, tmp_path)


def check(files: Files, seed: int, stamped: bool, tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    # Without a stamp the order of arrival counts: it is then the same both times.
    written = [
        (name(number, sent or 1 if stamped else 0), write(lines))
        for number, (lines, sent) in enumerate(files)
    ]
    intake, first = current(folder / "a", written)
    lines = [line for number, (found, _) in enumerate(files) for line in found
             if write(found) not in [text for _, text in written[:number]]]  # fmt: skip
    outcomes = intake.outcomes()
    assert sum(row["rows_delivered"] for row in outcomes) == len(lines)
    assert sum(row["rows_accepted"] for row in outcomes) == sum(line.is_good for line in lines)
    held = sum(row["rows_quarantined"] for row in outcomes)
    assert held == sum(not line.is_good for line in lines)
    assert len(intake.quarantine(None)) == held
    readable = {"5": 5000, "12.5": 12_500, "0.001": 1, "7": 7000, "-3": -3000}
    grams = sum(readable.get(line.quantity, 0) for line in lines)
    assert sum(row["grams_delivered"] for row in outcomes) == grams
    accepted = intake.accepted()
    kept = accepted["weight_kg"].sum() * 1000 if accepted.height else 0
    assert sum(row["grams_accepted"] for row in outcomes) == kept
    # Held back rows are shown as they were delivered, each with its rules.
    for row in intake.quarantine(None):
        assert json.loads(row["cells"])["quantity"] in QUANTITIES
        assert json.loads(row["rules"])
    shuffled = list(written)
    if stamped:
        random.Random(seed).shuffle(shuffled)
    _, second = current(folder / "b", shuffled)
    assert first == second
    # The same bytes again, under other names, have no effect.
    again = [(f"receipts/again-{number}.csv", text) for number, (_, text) in enumerate(written)]
    for file, text in again:
        intake.deliver(file, text)
    assert len(intake.take()) == len(outcomes)
    shutil.rmtree(folder)
