"""Drift is refused until somebody accepts it; the log is a chain; old publications go."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.loader import load_marts
from data_contracts.publications import PublicationError
from pipelines.publish.history import (
    FIGURE,
    accept_drift,
    check_drift,
    find_publication,
    list_publications,
)
from pipelines.publish.log import append_log, find_breaks, log_file, read_log
from pipelines.publish.pointer import KEPT, cite, prune, roll_back, sweep_leftovers
from pipelines.settings import Settings
from pipelines.store import hash_file, hold_writer_lock, write_json
from tests.fixtures.generations import make_settings, name_generation, publish_generation
from tests.fixtures.publication import contract_schema
from tests.fixtures.told import tell

AT = datetime(2024, 6, 26, 3, tzinfo=UTC)
NEW = "b" * 32


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


def figures(folder: Path, values: dict[tuple[str, str, int], int | None]) -> None:
    """Write the indicators of a data team: `(food bank, code, year) -> value`."""
    rows: list[dict[str, Any]] = [
        {
            "scope_kind": "food_bank", "scope_id": bank, "indicator_code": code,
            "variant": "gross" if code == "tonnes_received" else "", "period_kind": "year",
            "period_start": date(year, 1, 1), "period_end": date(year, 12, 31), "unit": "t",
            "value": None if value is None else Decimal(value), "is_partial": year == 2024,
            "is_suppressed": False, "quality": "measured", "method_version": "1.0",
            "data_date": date(2024, 6, 25),
        }
        for (bank, code, year), value in values.items()
    ]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    table = pl.DataFrame(rows, schema=contract_schema("mart_indicators"))
    table.write_parquet(folder / "mart_indicators.parquet")


def publish_figures(settings: Settings, values: dict[tuple[str, str, int], int | None]) -> None:
    """A current publication of these figures alone."""
    name = "a" * 32
    folder = settings.published / name
    figures(folder / "data_team", values)
    sha256 = hash_file(folder / "data_team" / "mart_indicators.parquet")
    write_json(folder / "manifest.json", {
        "publication_id": name,
        "marts": [{"mart": "mart_indicators", "rows": len(values), "sha256": sha256}],
    })  # fmt: skip
    write_json(settings.published / "CURRENT", {
        "publication_id": name, "path": name, "sha256": hash_file(folder / "manifest.json"),
        "epoch": 1, "published_at": AT.isoformat(),
    })  # fmt: skip


BEFORE = {
    ("petite", "tonnes_received", 2023): 100, ("petite", "tonnes_distributed", 2023): 80,
    ("petite", "households_helped", 2023): 50, ("petite", "tonnes_received", 2024): 40,
    ("grande", "tonnes_received", 2023): 900,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({("petite", "tonnes_received", 2023): 80}, []),
        ({("petite", "tonnes_received", 2023): 79}, ["tonnes_received of petite in 2023 was 100"]),
        ({("petite", "tonnes_received", 2023): 300}, []),
        # a year that runs may still move
        ({("petite", "tonnes_received", 2024): 1}, []),
        ({("petite", "households_helped", 2023): None}, ["households_helped of petite in 2023"]),
        ({("grande", "tonnes_received", 2023): "gone"}, ["food bank grande is gone"]),
    ],
)
def test_a_closed_year_that_lost_more_than_a_fifth_is_refused(
    settings: Settings, changes: dict[Any, Any], found: list[str]
) -> None:
    publish_figures(settings, BEFORE)
    now = {key: value for key, value in {**BEFORE, **changes}.items() if value != "gone"}
    figures(settings.published / f".draft-{NEW}" / "data_team", now)
    failures = check_drift(settings, NEW).failures
    assert len(failures) == len(found)
    for failure, beginning in zip(failures, found, strict=True):
        assert beginning in failure and f"publications accept {NEW[:8]}" in failure
        assert f"collecto publications accept {NEW[:8]}" in tell(failure)
    accept_drift(settings, NEW)
    assert check_drift(settings, NEW).failures == ()
    # what stands in the manifest does not tell what came before
    assert check_drift(settings, NEW).as_check() == check_drift(settings, "a" * 32).as_check()


def test_the_first_publication_is_compared_with_nothing(settings: Settings) -> None:
    assert check_drift(settings, NEW).failures == ()


def test_figures_are_found_by_the_key_of_their_mart() -> None:
    assert set(FIGURE) == set(load_marts()["mart_indicators"].keys)


# the log


def test_the_log_is_a_chain(settings: Settings) -> None:
    for number in range(4):
        append_log(settings, {"event": "published", "publication_id": f"{number}", "at": AT})
    path = log_file(settings)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert find_breaks(settings) == []
    assert [json.loads(line)["at"] for line in lines] == [AT.isoformat()] * 4
    for altered in (
        [lines[0], lines[2], lines[3]],  # one left out
        [lines[1], lines[0], lines[2], lines[3]],  # changed places
        [lines[0].replace('"0"', '"9"'), *lines[1:]],  # another text
        [lines[0], lines[1].replace("published", "refused"), *lines[2:]],
        ["no entry", *lines],
    ):
        path.write_text("\n".join(altered) + "\n", encoding="utf-8")
        assert find_breaks(settings) != []


def test_a_line_that_a_crash_cut_short_is_no_entry(settings: Settings) -> None:
    append_log(settings, {"event": "published", "publication_id": "1"})
    path = log_file(settings)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    assert [entry["publication_id"] for entry in read_log(settings)] == ["1"]
    append_log(settings, {"event": "published", "publication_id": "2"})
    assert [entry["publication_id"] for entry in read_log(settings)] == ["1", "2"]
    assert find_breaks(settings) == []


def test_entries_from_before_the_chain_are_bound_by_the_first_of_it(settings: Settings) -> None:
    path = log_file(settings)
    path.parent.mkdir(parents=True)
    path.write_text('{"event": "published", "publication_id": "0"}\n', encoding="utf-8")
    append_log(settings, {"event": "published", "publication_id": "1"})
    assert find_breaks(settings) == []
    path.write_text(path.read_text().replace('"0"}', '"7"}'), encoding="utf-8")
    assert find_breaks(settings) != []


# retention


def test_thirty_editions_cited_and_the_current_one_are_kept(settings: Settings) -> None:
    for generation in range(1, KEPT + 6):
        with hold_writer_lock(settings) as epoch:
            publish_generation(settings, generation, epoch)
    cite(settings, name_generation(2), "rapport d'activité", AT)
    removed = prune(settings, editions=[name_generation(4)])
    assert removed == [name_generation(number) for number in (1, 3, 5)]
    assert not (settings.published / name_generation(1)).exists()
    with pytest.raises(PublicationError, match="is not kept"):
        roll_back(settings, name_generation(1), AT, "")
    roll_back(settings, name_generation(2), AT, "")
    with hold_writer_lock(settings):
        sweep_leftovers(settings)
    # the one gone back to counts among the last thirty now
    assert prune(settings, editions=[name_generation(4)]) == [name_generation(6)]
    states = {row["id"]: row["state"] for row in list_publications(settings)}
    assert states[name_generation(1)] == "removed"
    assert states[name_generation(2)] == "current"
    assert find_breaks(settings) == []


def test_a_publication_is_named_by_its_beginning(settings: Settings) -> None:
    for name in ("ab" * 16, "ac" * 16):
        append_log(settings, {"event": "published", "publication_id": name, "at": AT})
    assert find_publication(settings, "ab") == "ab" * 16
    for name in ("a", "", "x"):
        with pytest.raises(PublicationError, match="publications list"):
            find_publication(settings, name)
