"""What was audited is what is published, at once or not at all; the same inputs, the same bytes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from data_contracts.loader import load_marts
from data_contracts.publications import open_current, open_publication, read_pointer, read_refusal
from data_contracts.reasons import read_reasons
from pipelines.publish.audit import Check, read_audit, write_audit
from pipelines.publish.draft import draft_folder, read_drafted, write_draft
from pipelines.publish.identity import describe_inputs, hash_project, make_publication_id
from pipelines.publish.log import read_log
from pipelines.publish.pointer import (
    AuditError,
    is_current,
    is_in_place,
    publish_draft,
    put_back,
    refuse_draft,
    release,
    roll_back,
)
from pipelines.settings import PROJECT_DIR, Settings
from pipelines.store import StaleEpochError, hash_file, hold_writer_lock
from pipelines.warehouse.build import NodeResult
from tests.fixtures.intake import make_profile
from tests.fixtures.publication import build_marts, contract_schema
from tests.fixtures.told import tell

FIRST, SECOND = "a" * 32, "b" * 32
AT = datetime(2024, 6, 26, 3, tzinfo=UTC)
INPUTS = {"as_of": "2024-06-26"}
GOOD = [Check("mass_balances", True, 1)]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished build of a small world, as the file of its warehouse."""
    path = tmp_path_factory.mktemp("warehouse") / "observatory.duckdb"
    marts = build_marts()
    with duckdb.connect(str(path)) as connection:
        for mart in load_marts():
            rows = list(marts.get(mart, []))
            random.Random(mart).shuffle(rows)
            connection.register("given", pl.DataFrame(rows, contract_schema(mart)).to_arrow())
            connection.execute(f"create table {mart} as from given")
        connection.execute(
            "create table fct_donations_monthly as select month, food_bank_id, channel,"
            " network_family, is_food, number as supplier_id, commune_code,"
            " cast(sum(weight_kg) / 4 as decimal(18, 3)) as weight_kg from mart_flows_monthly"
            " cross join (values ('a'), ('b'), ('c'), ('d')) as suppliers(number)"
            " where flow = 'received' group by all"
        )
        connection.execute(
            "create table fct_households_quarterly_shown as from mart_households_quarterly"
        )
    return path


@pytest.fixture
def settings(warehouse: Path, tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path / "data", as_of=date(2024, 6, 26), _env_file=None)  # type: ignore[call-arg]
    settings.warehouse_dir.mkdir(parents=True)
    settings.warehouse_file.symlink_to(warehouse)
    return settings


def prepare(settings: Settings, publication_id: str = FIRST, checks: list[Check] = GOOD) -> Path:
    write_draft(settings, publication_id)
    write_audit(settings, publication_id, checks)
    return draft_folder(settings, publication_id) / "data_team"


def publish(settings: Settings, publication_id: str = FIRST, at: datetime = AT) -> Path:
    prepare(settings, publication_id)
    with hold_writer_lock(settings) as epoch:
        return publish_draft(settings, publication_id, epoch, at, INPUTS)


def read_all(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# identity


def outcome(delivery_id: str = "d1", **changed: Any) -> dict[str, Any]:
    values = {
        "delivery_id": delivery_id, "food_bank_id": "petite", "record": "orders", "stream": "bons",
        "contract_version": "1.0.0", "rows_delivered": 3, "rows_accepted": 2,
        "rows_quarantined": 1, "rows_replayed": 0, "grams_accepted": 2500, "state": "judged",
        "lines_read": 4, "rows_filtered": 1, "lines_mapped": 3, "rows_replaced": 0,
        "grams_delivered": 3000, "grams_quarantined": 500, "grams_replayed": 0,
        "received_at": "2024-06-26T03:00:00+00:00", "arrival_no": 1, "source_name": "a.csv",
    }  # fmt: skip
    return {**values, **changed}


def identify(settings: Settings, *outcomes: dict[str, Any]) -> str:
    return make_publication_id(describe_inputs(settings, list(outcomes)))


def test_the_identity_is_that_of_deliveries_and_not_of_time_names_or_order(
    settings: Settings,
) -> None:
    expected = identify(settings, outcome("d1"), outcome("d2"))
    assert len(expected) == 32
    assert identify(settings, outcome("d2"), outcome("d1")) == expected
    later = {"received_at": "2025-01-01T00:00:00+00:00", "source_name": "z.csv"}
    assert identify(settings, outcome("d1", **later), outcome("d2", arrival_no=9)) == expected
    included = [outcome("d1", state="included"), outcome("d2", state="included")]
    assert identify(settings, *included) == expected
    aside = outcome("d3", state="set_aside")
    assert identify(settings, outcome("d1"), outcome("d2"), aside) == expected


@pytest.mark.parametrize(
    "changed",
    [{"delivery_id": "d9"}, {"rows_accepted": 3}, {"rows_quarantined": 0}, {"grams_accepted": 1},
     {"contract_version": "1.0.1"}, {"food_bank_id": "grande"}, {"rows_replayed": 1}],
)  # fmt: skip
def test_the_identity_changes_with_a_delivery_or_its_verdict(
    settings: Settings, changed: dict[str, Any]
) -> None:
    assert identify(settings, outcome(**changed)) != identify(settings, outcome())


def test_the_identity_changes_with_the_date_and_with_one_more_delivery(settings: Settings) -> None:
    tomorrow = settings.model_copy(update={"as_of": date(2024, 6, 27)})
    found = {identify(settings, outcome()), identify(tomorrow, outcome()), identify(settings),
             identify(settings, outcome(), outcome("d2"))}  # fmt: skip
    assert len(found) == 4


def test_the_identity_changes_with_the_calendar_by_which_records_are_late(
    settings: Settings, tmp_path: Path
) -> None:
    file = {"name": "bons", "match": "bons*", "record": "orders", "columns": {"a": {"source": "a"}}}
    found = []
    for kind, expected in (("bons", {}), ("bons", {"every": "month"}), ("bons", {"every": "week"}),
                           ("others", {"every": "week"})):  # fmt: skip
        (profile,) = make_profile(
            {**file, "name": kind, **({"expected": expected} if expected else {})}
        ).values()
        text = profile.model_dump_json(exclude={"fingerprint"})
        (tmp_path / "petite.yaml").write_text(text, encoding="utf-8")
        found.append(identify(settings.model_copy(update={"sources_dir": tmp_path}), outcome()))
    # a calendar of files that never came says nothing
    assert found[3] == found[0] and len(set(found)) == 3


def test_the_identity_holds_code_contracts_and_reference_data() -> None:
    assert set(hash_project()) == {"pipelines", "dbt_project", "data_contracts"}
    assert all(len(digest) == 64 for digest in hash_project().values())


# draft


def test_a_draft_has_every_mart_in_the_order_of_its_key(settings: Settings) -> None:
    rows = write_draft(settings, FIRST)
    assert set(rows) == set(load_marts())
    for mart, contract in load_marts().items():
        frame = read_drafted(settings, FIRST, mart)
        assert frame.height == rows[mart]
        assert frame.schema == contract_schema(mart)
        keys = frame.select(contract.keys)
        assert keys.rows() == sorted(keys.rows())


def test_a_draft_written_twice_has_the_same_bytes(settings: Settings) -> None:
    write_draft(settings, FIRST)
    before = read_all(draft_folder(settings, FIRST))
    leftover = draft_folder(settings, FIRST) / "data_team" / "mart_leftover.parquet"
    leftover.write_bytes(b"of a run that was killed")
    write_draft(settings, FIRST)
    assert read_all(draft_folder(settings, FIRST)) == before
    write_draft(settings, SECOND)
    assert read_all(draft_folder(settings, SECOND)) == before


def test_a_draft_has_the_same_bytes_in_another_zone_language_and_number_of_threads(
    settings: Settings,
) -> None:
    write_draft(settings, FIRST)
    before = read_all(draft_folder(settings, FIRST))
    code = (
        "import sys; from datetime import date; from pathlib import Path;"
        "from pipelines.publish.draft import write_draft; from pipelines.settings import Settings;"
        "write_draft(Settings(data_dir=Path(sys.argv[1]), as_of=date(2024, 6, 26),"
        " _env_file=None), sys.argv[2])"
    )
    environment = {
        **os.environ, "TZ": "Pacific/Auckland", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8",
        "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "7",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code, str(settings.data), SECOND], env=environment,
        cwd=PROJECT_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert read_all(draft_folder(settings, SECOND)) == before


def test_an_audit_is_bound_to_the_files_as_they_stood(settings: Settings) -> None:
    folder = prepare(settings).parent
    marts, checks = read_audit(settings, FIRST)
    assert {f"{mart.audience}/{mart.mart}": mart.sha256 for mart in marts} == {
        path.relative_to(folder).with_suffix("").as_posix(): hash_file(path)
        for path in folder.rglob("*.parquet")
    }
    assert checks == GOOD
    write_draft(settings, FIRST)
    with pytest.raises(FileNotFoundError):
        read_audit(settings, FIRST)


# publication


def test_a_published_draft_is_what_readers_open(settings: Settings) -> None:
    folder = publish(settings)
    pointer = read_pointer(settings.published)
    assert pointer is not None
    assert pointer == {
        "publication_id": FIRST, "path": FIRST, "sha256": hash_file(folder / "manifest.json"),
        "epoch": 1, "published_at": AT.isoformat(),
    }  # fmt: skip
    publication = open_current(settings.published)
    assert publication.marts() == sorted(load_marts())
    assert publication.manifest["data_up_to"] == {"bourgogne": "2024-06-25"}
    assert publication.manifest["inputs"] == INPUTS
    assert is_current(settings, FIRST)
    assert not is_current(settings, SECOND)
    assert not draft_folder(settings, FIRST).exists()


def test_published_files_are_read_only(settings: Settings) -> None:
    folder = publish(settings)
    modes = {path.stat().st_mode & 0o222 for path in folder.rglob("*") if path.is_file()}
    assert modes == {0}


def test_the_folder_does_not_depend_on_when_or_how_often_it_was_published(
    settings: Settings,
) -> None:
    before = read_all(publish(settings))
    publish(settings, SECOND)
    folder = publish(settings, FIRST, AT.replace(year=2025))
    assert read_all(folder) == before
    assert is_current(settings, FIRST)
    assert open_publication(settings.published, SECOND).marts()


def alter(path: Path) -> None:
    rows = pl.read_parquet(path)
    rows.head(rows.height - 1).write_parquet(path)


def test_a_file_altered_after_its_audit_is_not_published(settings: Settings) -> None:
    publish(settings, SECOND)
    before = (settings.published / "CURRENT").read_bytes()
    changes: list[Callable[[Path], object]] = [
        lambda folder: alter(folder / "mart_indicators.parquet"),
        lambda folder: (folder / "mart_register.parquet").unlink(),
        lambda folder: (folder / "mart_other.parquet").write_bytes(b"x"),
    ]
    for change in changes:
        change(prepare(settings))
        with hold_writer_lock(settings) as epoch, pytest.raises(AuditError, match="audit"):
            publish_draft(settings, FIRST, epoch, AT, INPUTS)
        assert (settings.published / "CURRENT").read_bytes() == before
        assert not (settings.published / FIRST).exists()


def test_a_draft_with_a_failed_check_is_not_published(settings: Settings) -> None:
    prepare(settings, FIRST, [*GOOD, Check("small_counts_are_hidden", False, 1)])
    with hold_writer_lock(settings) as epoch, pytest.raises(AuditError, match="small_counts"):
        publish_draft(settings, FIRST, epoch, AT, INPUTS)
    assert read_pointer(settings.published) is None


def test_a_draft_that_was_not_audited_is_not_published(settings: Settings) -> None:
    write_draft(settings, FIRST)
    with hold_writer_lock(settings) as epoch, pytest.raises(FileNotFoundError):
        publish_draft(settings, FIRST, epoch, AT, INPUTS)
    assert read_pointer(settings.published) is None


def test_a_writer_that_wakes_up_late_publishes_nothing(settings: Settings) -> None:
    with hold_writer_lock(settings) as old:
        prepare(settings)
    publish(settings, SECOND)
    before = (settings.published / "CURRENT").read_bytes()
    with pytest.raises(StaleEpochError):
        publish_draft(settings, FIRST, old, AT, INPUTS)
    assert (settings.published / "CURRENT").read_bytes() == before
    assert read_refusal(settings.published) is None


def test_a_refusal_leaves_the_last_publication_and_says_why(settings: Settings) -> None:
    publish(settings, SECOND)
    before = (settings.published / "CURRENT").read_bytes()
    prepare(settings)
    refuse_draft(settings, FIRST, AT.replace(hour=4), ["mass does not balance"])
    assert (settings.published / "CURRENT").read_bytes() == before
    assert open_current(settings.published).publication_id == SECOND
    refusal = read_refusal(settings.published)
    assert refusal is not None
    assert (refusal["publication_id"], refusal["reasons"]) == (FIRST, ["mass does not balance"])
    assert (refusal["codes"], read_reasons(refusal)) == ([None], ["mass does not balance"])
    assert not draft_folder(settings, FIRST).exists()
    publish(settings, FIRST, AT.replace(hour=5))
    assert read_refusal(settings.published) is None
    log = (settings.published / "log" / "publications.jsonl").read_text(encoding="utf-8")
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert events == ["published", "refused", "published"]


def test_a_refusal_can_be_told_in_the_words_of_a_reader(settings: Settings) -> None:
    node = NodeResult("t", "mass_balances", "test", "fail", "Got 2 results", 0.1)
    model = NodeResult("m", "fct_lots", "model", "error", "Binder Error", 0.1)
    refuse_draft(settings, FIRST, AT, [node.reason, model.reason, "a sentence"])
    refusal = read_refusal(settings.published)
    assert refusal is not None
    assert refusal["reasons"] == ["mass_balances: Got 2 results", "fct_lots: Binder Error",
                                  "a sentence"]  # fmt: skip
    assert refusal["codes"][0] == {"code": "test", "values": {"name": "mass_balances"}}
    assert [tell(text) for text in read_reasons(refusal)[:2]] == [
        "le contrôle mass_balances de l'entrepôt a échoué",
        "le modèle fct_lots n'a pas pu être construit ;"
        " « collecto publications list » dit pourquoi",
    ]
    assert refusal["codes"][2] is None


def test_a_first_refusal_leaves_nothing_current(settings: Settings) -> None:
    refuse_draft(settings, FIRST, AT, ["too few rows"])
    assert read_pointer(settings.published) is None
    assert not is_current(settings, FIRST)


def test_the_manifest_names_the_marts_of_the_data_team_once(settings: Settings) -> None:
    manifest = json.loads((publish(settings) / "manifest.json").read_text(encoding="utf-8"))
    assert [entry["mart"] for entry in manifest["marts"]] == sorted(load_marts())


@pytest.mark.parametrize("name", ["aa.txt", "zz.txt"])
def test_a_file_that_came_after_the_audit_is_not_published(settings: Settings, name: str) -> None:
    prepare(settings)
    (draft_folder(settings, FIRST) / "public" / name).write_text("more")
    with hold_writer_lock(settings) as epoch, pytest.raises(AuditError, match=name):
        publish_draft(settings, FIRST, epoch, AT, INPUTS)


def test_what_waits_behind_a_hold_is_in_place(settings: Settings) -> None:
    publish(settings, FIRST)
    publish(settings, SECOND)
    assert not is_in_place(settings, FIRST)
    roll_back(settings, FIRST, AT, "essai")
    assert is_in_place(settings, SECOND)
    assert not is_in_place(settings, "c" * 32)
    assert release(settings, AT)
    assert not is_in_place(settings, SECOND)
    with hold_writer_lock(settings) as epoch:
        put_back(settings, SECOND, epoch, AT)
    last = list(read_log(settings))[-1]
    manifest = settings.published / SECOND / "manifest.json"
    assert (last["event"], last["manifest_sha256"]) == ("published", hash_file(manifest))
    assert open_current(settings.published).publication_id == SECOND
