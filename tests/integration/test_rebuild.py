"""A rebuild, any order of arrival and a killed build give the publication that refreshes gave."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.conftest import DataFolder, start_folder
from tests.fixtures.histories import DeliveredFile, make_history

REFRESHES = 3


def hash_publication(folder: DataFolder) -> tuple[str, dict[str, str]]:
    """The current publication: its identifier and the SHA-256 of each of its files."""
    published = folder.path / "published"
    publication_id = json.loads((published / "CURRENT").read_text())["publication_id"]
    root = published / publication_id
    return publication_id, {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def deliver(folder: DataFolder, files: list[DeliveredFile]) -> None:
    for file in files:
        folder.deliver(file.name, file.text)


@pytest.fixture
def petite(published_petite: DataFolder, tmp_path: Path) -> DataFolder:
    return published_petite.copy_to(tmp_path / "petite")


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(1, 8))
def test_refreshes_a_rebuild_and_one_delivery_of_all_give_the_same_bytes(
    tmp_path: Path, parsed_project: Path, seed: int
) -> None:
    files = make_history(seed, REFRESHES)
    stepwise = start_folder(tmp_path / "stepwise", parsed_project)
    for refresh in range(REFRESHES):
        deliver(stepwise, [file for file in files if file.refresh == refresh])
        answer = stepwise.collecto("refresh", "--json")
        assert answer.status == 0 and answer.json["is_new"], answer
        # Two versions of one document in one file, which disagree on its day, are held back.
        assert answer.json["rows"]["quarantined"] <= 20
        assert answer.json["rows"]["accepted"] > 50
    expected = hash_publication(stepwise)
    assert "data_team/mart_mass_balance_monthly.parquet" in expected[1]

    rebuilt = stepwise.copy_to(tmp_path / "rebuilt")
    shutil.rmtree(rebuilt.path / "published" / expected[0])
    answer = rebuilt.collecto("rebuild", "--json")
    assert answer.status == 0, answer
    assert hash_publication(rebuilt) == expected

    at_once = start_folder(tmp_path / "at_once", parsed_project)
    deliver(at_once, files)
    assert at_once.collecto("refresh").status == 0
    assert hash_publication(at_once) == expected


@pytest.mark.sweep
def test_a_rebuild_from_raw_leaves_the_publication_that_stands(petite: DataFolder) -> None:
    expected = hash_publication(petite)
    pointer = (petite.path / "published" / "CURRENT").read_bytes()
    shutil.rmtree(petite.path / "accepted")
    shutil.rmtree(petite.path / "warehouse")
    answer = petite.collecto("rebuild", "--json")
    assert (answer.status, answer.json["is_new"], answer.json["refused"]) == (0, False, None)
    assert answer.json["deliveries"] == {}
    assert hash_publication(petite) == expected
    assert (petite.path / "published" / "CURRENT").read_bytes() == pointer
    assert [path.name for path in (petite.path / "warehouse").glob("*.duckdb*")] == [
        "observatory.duckdb"
    ]


def test_a_rebuild_refuses_to_give_another_verdict(
    petite: DataFolder, project_copy: Callable[[], Path]
) -> None:
    accepted = next((petite.path / "accepted" / "receipts").glob("petite-*.parquet"))
    accepted.unlink()
    changed = DataFolder(petite.path, project_copy())
    contract = changed.project / "data_contracts" / "records" / "receipts.odcs.yaml"
    text = contract.read_text(encoding="utf-8")
    stricter = text.replace("- retail_pickup\n", "- retail\n", 1)
    assert stricter != text
    contract.write_text(stricter, encoding="utf-8")
    answer = changed.run_process("rebuild", "--json")
    assert answer.status == 1
    assert "petite/receipts/receipts.csv (receipts) are gone" in answer.err
    assert not accepted.exists()


@pytest.mark.sweep
def test_other_bytes_of_the_same_inputs_are_refused(petite: DataFolder) -> None:
    publication_id, _ = hash_publication(petite)
    manifest = petite.path / "published" / publication_id / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text(manifest.read_text().replace('"rows": 1,', '"rows": 2,', 1))
    answer = petite.collecto("rebuild", "--json")
    assert answer.status == 4
    assert answer.json["refused"] == [
        "manifest.json: the same inputs gave other bytes when they were published"
    ]


def kill_in_the_middle(folder: DataFolder, command: str, model: str) -> None:
    """Start a command in a process of its own and kill it as soon as dbt has built `model`."""
    log = folder.path / "warehouse" / "logs" / "dbt.log"
    log.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", command],
        cwd=folder.project,
        env=folder.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    done = f"OK created sql incremental model main.{model}"
    deadline = time.monotonic() + 300
    while not (log.exists() and done in log.read_text(encoding="utf-8", errors="replace")):
        assert process.poll() is None, "the command ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()


@pytest.mark.sweep
@pytest.mark.parametrize("killed", ["refresh", "rebuild"])
def test_a_killed_build_is_run_again_and_ends_the_same(
    petite: DataFolder, tmp_path: Path, killed: str
) -> None:
    petite.deliver(
        "petite/receipts/correction.csv",
        "receipt_id,line_no,received_at,site_id,supplier_id,channel,product_code,quantity,unit,"
        "updated_at\n"
        "R1,1,2024-06-03T09:00:00,S1,D1,retail_pickup,POM,30,kg,2024-06-11T08:00:00\n",
    )
    undisturbed = petite.copy_to(tmp_path / "undisturbed")
    assert undisturbed.collecto("refresh").status == 0
    expected = hash_publication(undisturbed)
    former = hash_publication(petite)

    kill_in_the_middle(petite, killed, "int_food_movements")
    assert hash_publication(petite) == former
    standing = petite.collecto("deliveries", "list", "--state", "judged", "--json").json
    assert [row["source_name"] for row in standing] == ["receipts/correction.csv"]

    assert petite.collecto("refresh").status == 0
    assert hash_publication(petite) == expected


@pytest.mark.sweep
def test_changed_code_builds_every_month_anew(
    petite: DataFolder, project_copy: Callable[[], Path]
) -> None:
    changed = DataFolder(petite.path, project_copy())
    model = changed.project / "dbt_project" / "models" / "intermediate" / "int_receipts.sql"
    text = model.read_text(encoding="utf-8")
    doubled = text.replace(
        "    weight_kg,\n", "    cast(2 * weight_kg as decimal(14, 3)) as weight_kg,\n", 1
    )
    assert doubled != text
    model.write_text(doubled, encoding="utf-8")
    # The conservation of mass is a data test of its own, which this model breaks.
    (changed.project / "dbt_project/tests/assert_ledger_holds_every_accepted_kilogram.sql").unlink()
    answer = changed.run_process("refresh", "--json")
    assert answer.status == 0, answer
    with duckdb.connect(
        str(petite.path / "warehouse" / "observatory.duckdb"), read_only=True
    ) as db:
        [(movements,)] = db.execute(
            "select sum(weight_kg) from int_food_movements where movement_kind = 'receipt'"
        ).fetchall()
    assert movements == 2 * (100 + 20 + 50 + 12)
