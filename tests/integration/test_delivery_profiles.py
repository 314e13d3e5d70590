"""A delivery beside its food bank's own history: another unit is set aside, what is odd warns."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import intake as intake_module
from pipelines.intake import check_profiles, decide_held
from pipelines.quality.suites import SuiteResult
from pipelines.store import open_store
from tests.fixtures.intake import RECEIPTS_HEADER, Intake, receipt

PRODUCTS = {"POM": 40.0, "PAIN": 6.0, "LAIT": 15.0, "RIZ": 80.0}


def make_day(day: int, lines: int, seed: int = 1, factor: float = 1.0, mix: float = 1.0) -> str:
    """A day's pickups: weights of each product scatter by a factor of two and more."""
    chance = random.Random(seed * 1000 + day)
    moment = date(2024, 1, 1) + timedelta(day)
    rows = [
        receipt(
            f"D{day}-{line}",
            1,
            f"{chance.lognormvariate(0, 0.7) * PRODUCTS[code] * factor:.3f}",
            received_at=f"{moment}T08:00:00",
            product_code=code,
        )
        for line in range(lines)
        for code in [chance.choices(list(PRODUCTS), [mix, 1, 1, 1])[0]]
    ]
    return f"{RECEIPTS_HEADER}\n" + "".join(rows)


@pytest.fixture
def usual(tmp_path: Path) -> Intake:
    """Ten days of 320 lines."""
    intake = Intake(tmp_path / "data")
    for day in range(10):
        intake.deliver(f"receipts/{day:02d}.csv", make_day(day, 320))
    assert {found.state for found in intake.take(checks=True)} == {"judged"}
    return intake


def check(intake: Intake, text: str) -> tuple[str, list[str]]:
    """The state of one more delivery, and the names of the checks that it did not pass."""
    intake.deliver("receipts/new.csv", text)
    found = intake.take(checks=True)[-1]
    with open_store(intake.settings) as store:
        verdicts = [row for row in store.list_verdicts() if not row["has_passed"]]
    failed = [row["check_name"] for row in verdicts if row["delivery_id"] == found.delivery_id]
    return found.state, failed


@pytest.mark.parametrize(
    ("factor", "lines"),
    [(1000.0, 320), (0.001, 320), (1000.0, 40), (0.001, 40), (2.20462, 320), (0.453592, 320)],
)
def test_a_file_in_another_unit_is_set_aside(usual: Intake, factor: float, lines: int) -> None:
    state, failed = check(usual, make_day(20, lines, seed=7, factor=factor))
    assert state == "set_aside"
    assert "unit_shift" in failed
    reason = str(usual.take(checks=True)[-1].reason)
    assert reason.startswith("receipts: Kilograms per line are of the size of earlier deliveries")


def test_what_was_set_aside_counts_once_somebody_says_that_it_is_right(usual: Intake) -> None:
    state, _ = check(usual, make_day(20, 320, seed=7, factor=2.20462))
    assert (state, usual.current().height) == ("set_aside", 3200)
    waiting = usual.take(checks=True)[-1]
    assert f"deliveries approve {waiting.delivery_id[:12]}" in str(waiting.reason)
    with usual.store() as store:
        decide_held(store, waiting.delivery_id, "palettes entières", True)
    found = usual.take(checks=True)[-1]
    assert (found.state, found.reason) == ("judged", None)
    assert usual.current().height == 3520
    assert usual.outcomes()[-1]["is_pending"]


@pytest.mark.parametrize("seed", range(2, 8))
def test_an_ordinary_day_passes_also_with_other_products(usual: Intake, seed: int) -> None:
    assert check(usual, make_day(20, 320, seed=seed)) == ("judged", [])


def test_another_mix_of_products_is_no_other_unit(usual: Intake) -> None:
    state, failed = check(usual, make_day(20, 320, seed=9, mix=30.0))
    assert state == "judged"
    assert "unit_shift" not in failed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (make_day(20, 30), "volume"),
        (make_day(20, 320).replace("POM", "unmapped"), "unmapped"),
    ],
)
def test_what_is_odd_warns_and_counts(usual: Intake, text: str, expected: str) -> None:
    state, failed = check(usual, text)
    assert state == "judged"
    assert expected in failed


def test_a_file_that_has_lost_its_keys_is_set_aside(usual: Intake) -> None:
    text = make_day(20, 320)
    lost = "\n".join(
        line if number % 3 == 0 else "," + line.split(",", 1)[1]
        for number, line in enumerate(text.splitlines())
    )
    state, failed = check(usual, lost + "\n")
    assert state == "set_aside"
    assert {"lost_keys", "quarantined_share"} <= set(failed)


def test_with_little_history_nothing_is_set_aside(tmp_path: Path) -> None:
    intake = Intake(tmp_path / "data")
    for day in range(7):
        intake.deliver(f"receipts/{day:02d}.csv", make_day(day, 320))
    intake.take(checks=True)
    assert check(intake, make_day(20, 320, factor=1000.0))[0] == "judged"


def test_a_verdict_is_given_once(usual: Intake) -> None:
    check(usual, make_day(20, 320, factor=1000.0))
    with open_store(usual.settings) as store:
        before = store.list_verdicts()
        assert {entry.deliveries for entry in check_profiles(usual.settings, store)} == {0}
        assert store.list_verdicts() == before


def test_what_set_aside_is_no_history(usual: Intake) -> None:
    for number in range(3):
        usual.deliver(f"receipts/g{number}.csv", make_day(30 + number, 320, factor=1000.0))
        assert usual.take(checks=True)[-1].state == "set_aside"


def test_a_check_that_could_not_run_sets_nothing_aside(
    usual: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, *_: Any) -> SuiteResult:
        return SuiteResult(name, 1, (), (f"{name}: it could not be checked: boom",))

    monkeypatch.setattr(intake_module, "run_suite", fail)
    usual.deliver("receipts/new.csv", make_day(20, 320, factor=1000.0))
    with usual.store() as store:
        intake_module.take_deliveries(usual.settings, store, {})
        [found] = [entry for entry in check_profiles(usual.settings, store) if entry.deliveries]
    assert found.errors == ("receipts: it could not be checked: boom",)
    assert usual.take()[-1].state == "judged"


def test_what_a_file_set_aside_had_corrected_waits_again_until_it_counts(usual: Intake) -> None:
    usual.deliver("receipts/bad.csv", f"{RECEIPTS_HEADER}\n" + receipt("D20-3", quantity="x"))
    usual.take(checks=True)
    state, _ = check(usual, make_day(20, 320, factor=1000.0))
    assert state == "set_aside"
    assert [row["source_name"] for row in usual.quarantine()] == ["receipts/bad.csv"]
    with usual.store() as store:
        decide_held(store, usual.take()[-1].delivery_id, "en grammes", True)
    assert usual.quarantine() == []
    assert len(usual.quarantine("corrected")) == 1
