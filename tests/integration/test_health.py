"""What a data team asks in the morning: is it whole, what is late, what was altered, what next."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.health import describe_status, examine, verify
from tests.fixtures.intake import RECEIPTS_HEADER, Intake, make_profile, receipt
from tests.fixtures.told import tell


@pytest.fixture
def intake(tmp_path: Path) -> Intake:
    intake = Intake(tmp_path)
    lines = [receipt("R1"), receipt("R2", quantity="x"), receipt("R3", quantity="-2")]
    intake.deliver("receipts/a.csv", f"{RECEIPTS_HEADER}\n" + "".join(lines))
    intake.take()
    return intake


def wrong(intake: Intake) -> dict[str, str]:
    return {entry["check"]: entry["detail"] for entry in examine(intake.settings)
            if not entry["ok"]}  # fmt: skip


def test_status_counts_lines_rows_and_kilograms_and_says_that_they_add_up(intake: Intake) -> None:
    status = describe_status(intake.settings)
    assert status["rows"] == {"delivered": 3, "accepted": 1, "quarantined": 2, "replayed": 0}
    assert status["kilograms"] == {
        "delivered": 3.0, "accepted": 5.0, "quarantined": -2.0, "replayed": 0.0,
    }  # fmt: skip
    assert status["lines"] == {"read": 3, "filtered": 0, "mapped": 3}
    assert status["imbalances"] == []


def test_a_delivery_that_does_not_add_up_is_named(intake: Intake) -> None:
    with intake.store() as store, store.transaction() as db:
        db.execute("update delivery_records set rows_accepted = 2, grams_accepted = 4999")
    said = describe_status(intake.settings)["imbalances"]
    assert said == [
        "petite/receipts/a.csv (receipts): rows 3 is not 2 + 2 + 0",
        "petite/receipts/a.csv (receipts): grams 3000 is not 4999 + -2000 + 0",
    ]
    assert "rows 3 is not" in wrong(intake)["balance"]
    assert tell(said[0]) == (
        "les lignes ou les kilogrammes d'un envoi ne s'additionnent pas :"
        " petite/receipts/a.csv, réceptions"
    )


def test_the_doctor_says_what_to_do_next(intake: Intake) -> None:
    intake.deliver("receipts/photo.csv", b"\x89PNG\r\n\x1a\n" + bytes(20))
    (intake.settings.landing / "Petite Banque").mkdir()
    found = wrong(intake)
    assert "2 lines to correct: collecto quarantine export" in found["quarantine"]
    assert "a food bank's folder has a short name" in found["landing"]
    assert "nothing is published yet" in found["publication"]
    # The last receipt is of the fourth of June, today the twenty-sixth.
    assert found["late"] == "1 records are late: petite/receipts; ask their senders"
    intake.take()
    assert "1 deliveries; tell their senders" in wrong(intake)["set_aside"]
    assert "key" not in wrong(intake) and "disk" not in wrong(intake)


def test_the_calendar_of_a_profile_goes_before_the_contract(tmp_path: Path) -> None:
    columns = {name: {"source": name} for name in RECEIPTS_HEADER.split(",")}
    file = {"name": "bons", "match": "bons*", "record": "receipts", "columns": columns,
            "expected": {"every": "month", "days": 20}}  # fmt: skip
    intake = Intake(tmp_path, make_profile(file))
    intake.deliver("bons.csv", f"{RECEIPTS_HEADER}\n" + receipt("R1"))
    intake.take()
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "petite.yaml").write_text(
        intake.profiles["petite"].model_dump_json(exclude={"fingerprint"}), encoding="utf-8"
    )
    settings = intake.settings.model_copy(update={"sources_dir": sources})
    [row] = describe_status(settings)["lateness"]
    assert (row["due_on"], row["is_late"]) == ("2024-08-20", False)


def test_verify_names_what_was_altered_or_is_gone(intake: Intake) -> None:
    assert [entry["check"] for entry in verify(intake.settings)] == ["raw", "accepted", "published"]
    assert all(entry["ok"] for entry in verify(intake.settings))
    [raw] = intake.settings.raw.rglob("*.zst")
    raw.chmod(0o644)
    content = bytearray(raw.read_bytes())
    content[-1] ^= 1
    raw.write_bytes(bytes(content))
    [accepted] = intake.settings.accepted.rglob("petite-*.parquet")
    accepted.unlink()
    found = {entry["check"]: entry["detail"] for entry in verify(intake.settings)
             if not entry["ok"]}  # fmt: skip
    assert found == {
        raw.relative_to(intake.folder).as_posix(): "was altered since it was written",
        "raw": "1 files, 1 altered or gone",
        accepted.relative_to(intake.folder).as_posix(): "is gone",
        "accepted": "1 files, 1 altered or gone",
    }
