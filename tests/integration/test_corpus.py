"""The corpus of odd and bad files: each has the outcome that it must have, none a wrong value."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.fixtures.corpus import TRUTH, CorpusFile, make_corpus
from tests.fixtures.intake import Intake

CORPUS = make_corpus()


@pytest.fixture(scope="module")
def taken(shared_between_workers: Path) -> dict[str, dict[str, Any]]:
    """By file: its delivery, its accepted rows, its rows held back. All in one refresh.

    One worker takes them for all.
    """
    kept = shared_between_workers / "corpus.pickle"
    with FileLock(shared_between_workers / "corpus.lock"):
        if not kept.exists():
            kept.write_bytes(pickle.dumps(take_corpus(shared_between_workers / "corpus")))
    found: dict[str, dict[str, Any]] = pickle.loads(kept.read_bytes())
    return found


def take_corpus(folder: Path) -> dict[str, dict[str, Any]]:
    folder.mkdir()
    intake = Intake(folder)
    for file in CORPUS:
        intake.deliver(f"receipts/{file.name}", file.content)
    deliveries = intake.take()
    accepted, held = intake.accepted(), intake.quarantine()
    found = {}
    for delivery in deliveries:
        rows = [row for row in accepted.to_dicts() if row["_delivery_id"] == delivery.delivery_id]
        own = [row for row in held if row["delivery_id"] == delivery.delivery_id]
        found[delivery.source_name] = {"delivery": delivery, "accepted": rows, "held": own}
    return found


def test_the_corpus_is_large_and_made_from_its_seed() -> None:
    assert len(CORPUS) >= 400
    again, other = make_corpus(), make_corpus(2)
    assert [file.name for file in again] == [file.name for file in CORPUS]
    # Workbooks carry the moment at which they were written.
    texts = {file.name: file.content for file in CORPUS if file.name.endswith(".csv")}
    texts = {name: content for name, content in texts.items() if name[0] in "DCFTB"}
    assert {file.name: file.content for file in again if file.name in texts} == texts
    assert [file.name for file in other] != [file.name for file in CORPUS]


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_a_file_of_the_corpus_has_its_outcome(
    file: CorpusFile, taken: dict[str, dict[str, Any]]
) -> None:
    found = taken[f"receipts/{file.name}"]
    delivery = found["delivery"]
    truth = {row.line: row for row in TRUTH}
    if not file.name.startswith("B900"):
        for row in found["accepted"]:
            expected = truth[row["line_no"]]
            # No silently wrong value, whatever else becomes of the file.
            assert (row["weight_kg"], row["received_date"]) == (expected.kilograms, expected.day)
    if file.is_refused:
        assert delivery.state == "set_aside", delivery
        assert file.said in str(delivery.reason)
        assert "\n" not in str(delivery.reason)
        assert found["accepted"] == []
        return
    assert delivery.state == "judged", delivery.reason
    if not file.name.startswith("B900"):
        assert {row["line_no"] for row in found["accepted"]} == file.accepted
    assert len(found["held"]) == file.held, found["held"]
    if file.said:
        assert any(file.said in row["rules"] for row in found["held"]), found["held"]
