"""Documents and days that a file replaces, in any order of arrival; what takes too much waits."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from pipelines.intake import DecisionError, decide_held
from tests.fixtures.intake import RECEIPTS_HEADER, Intake, make_profile, receipt

COLUMNS = {
    name: {"source": name} for name in (*RECEIPTS_HEADER.split(","), "updated_at", "is_deleted")
}
SENT = {"name": r"_(\d{8})\.csv$", "date_format": "%Y%m%d"}


def make_intake(folder: Path, replaces: str) -> Intake:
    file = {
        "name": "bons", "match": "bons_*.csv", "record": "receipts", "columns": COLUMNS,
        "replaces": replaces, "sent_at": SENT,
    }  # fmt: skip
    return Intake(folder, make_profile(file))


def bons(*lines: str, updated_at: str = "") -> str:
    rows = "".join(line.rstrip("\n") + f",{updated_at},\n" for line in lines)
    return f"{RECEIPTS_HEADER},updated_at,is_deleted\n{rows}"


def kilograms(intake: Intake) -> dict[tuple[str, int], float]:
    return {
        (row["receipt_id"], row["line_no"]): float(row["weight_kg"])
        for row in intake.current().to_dicts()
    }


MONDAY = "2024-06-03T08:00:00"
FILES = {
    "bons_20240604.csv": bons(
        receipt("R1", 1, "10"), receipt("R1", 2, "20"), receipt("R1", 3, "3"),
        receipt("R2", 1, "5"), receipt("R0", 1, "7", received_at=MONDAY),
    ),
    "bons_20240605.csv": bons(receipt("R1", 1, "11"), receipt("R1", 2, "21")),
    "bons_20240606.csv": bons(receipt("R2", 1, "6"), receipt("R3", 1, "9")),
}  # fmt: skip


def take_approving(intake: Intake, order: tuple[str, ...]) -> None:
    """Take the files one by one; somebody approves each that waits."""
    for name in order:
        intake.deliver(name, FILES[name])
        for delivery in intake.take():
            if delivery.state == "held":
                with intake.store() as store:
                    decide_held(store, delivery.delivery_id, "vu", True)
        intake.take()


@pytest.mark.parametrize("order", list(permutations(sorted(FILES))))
def test_a_document_is_replaced_whole_whatever_came_first(
    tmp_path: Path, order: tuple[str, ...]
) -> None:
    intake = make_intake(tmp_path, "document")
    take_approving(intake, order)
    assert kilograms(intake) == {
        ("R0", 1): 7, ("R1", 1): 11, ("R1", 2): 21, ("R2", 1): 6, ("R3", 1): 9,
    }  # fmt: skip


@pytest.mark.parametrize("order", list(permutations(sorted(FILES))))
def test_all_rows_of_the_days_that_a_file_holds_are_replaced(
    tmp_path: Path, order: tuple[str, ...]
) -> None:
    intake = make_intake(tmp_path, "days")
    take_approving(intake, order)
    # The last file holds the fourth of June; the third is as it was.
    assert kilograms(intake) == {("R0", 1): 7, ("R2", 1): 6, ("R3", 1): 9}


def test_rows_alone_are_corrected_where_nothing_else_is_said(tmp_path: Path) -> None:
    intake = make_intake(tmp_path, "rows")
    for name, text in FILES.items():
        intake.deliver(name, text)
    intake.take()
    assert kilograms(intake) == {
        ("R0", 1): 7, ("R1", 1): 11, ("R1", 2): 21, ("R1", 3): 3, ("R2", 1): 6, ("R3", 1): 9,
    }  # fmt: skip


def test_a_month_is_replaced_whole(tmp_path: Path) -> None:
    intake = make_intake(tmp_path, "month")
    may = receipt("R8", 1, "8", received_at="2024-05-31T08:00:00")
    intake.deliver("bons_20240604.csv", bons(may, *(receipt(f"R{n}") for n in range(5))))
    intake.deliver("bons_20240605.csv", bons(*(receipt(f"R{n}") for n in range(1, 6))))
    intake.take()
    assert sorted(key for key, _ in kilograms(intake)) == ["R1", "R2", "R3", "R4", "R5", "R8"]


@pytest.fixture
def held(tmp_path: Path) -> Intake:
    """A file that takes ten lines of fifty kilograms away but one, and waits."""
    intake = make_intake(tmp_path, "days")
    intake.deliver("bons_20240604.csv", bons(*(receipt(f"R{n}") for n in range(10))))
    intake.take()
    intake.deliver("bons_20240605.csv", bons(receipt("R1")))
    intake.take()
    return intake


def test_a_replacement_that_loses_more_than_a_fifth_waits_for_approval(held: Intake) -> None:
    found = held.take()[-1]
    assert found.state == "held"
    assert "10 rows and 50 kg become 1 rows and 5 kg (90% lost)" in str(found.reason)
    assert "deliveries approve" in str(found.reason)
    assert len(kilograms(held)) == 10


def test_an_approved_replacement_counts(held: Intake) -> None:
    waiting = held.take()[-1].delivery_id
    with held.store() as store:
        decide_held(store, waiting[:8], "inventaire refait", True)
    found = held.take()[-1]
    assert (found.state, found.reason) == ("judged", None)
    assert "inventaire refait" in str(found.approval)
    assert kilograms(held) == {("R1", 1): 5}
    # History is kept: the lines that were taken away are still there.
    assert held.accepted()["receipt_id"].n_unique() == 10


def test_a_refused_replacement_takes_nothing_away(held: Intake) -> None:
    waiting = held.take()[-1].delivery_id
    with held.store() as store:
        decide_held(store, waiting, "fichier coupé", False)
        with pytest.raises(DecisionError, match="no delivery waits"):
            decide_held(store, waiting, "", True)
    found = held.take()[-1]
    assert (found.state, found.reason) == ("set_aside", "refused: fichier coupé")
    assert len(kilograms(held)) == 10


def test_mass_that_is_lost_counts_as_rows_do(tmp_path: Path) -> None:
    intake = make_intake(tmp_path, "document")
    intake.deliver("bons_20240604.csv", bons(receipt("R1", 1, "100"), receipt("R1", 2, "100")))
    intake.deliver("bons_20240605.csv", bons(receipt("R1", 1, "100"), receipt("R1", 2, "59")))
    assert [found.state for found in intake.take()] == ["judged", "held"]


def test_a_row_changed_later_than_the_replacement_stays(tmp_path: Path) -> None:
    intake = make_intake(tmp_path, "document")
    changed = bons(receipt("R1", 1, "10"), receipt("R1", 2, "1"), updated_at="2024-06-09T08:00:00")
    intake.deliver("bons_20240604.csv", changed)
    stale = bons(receipt("R1", 1, "12"), updated_at="2024-06-05T08:00:00")
    intake.deliver("bons_20240605.csv", stale)
    [_, second] = intake.take()
    assert second.state == "held"
    with intake.store() as store:
        decide_held(store, second.delivery_id, "", True)
    intake.take()
    assert kilograms(intake) == {("R1", 1): 10, ("R1", 2): 1}
