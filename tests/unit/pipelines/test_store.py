"""The data folder: whole files or none, one writer at a time, states that move one way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipelines.settings import PROJECT_DIR, Settings, SettingsError, load_settings
from pipelines.store import (
    DeliveryStore,
    QuarantinedRow,
    RecordOutcome,
    StaleEpochError,
    StateError,
    StoreBusyError,
    hold_writer_lock,
    read_epoch,
    require_epoch,
    write_atomically,
    write_json,
)
from tests.fixtures.deliveries import add_parsed

AT = datetime(2024, 6, 26, 3, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", _env_file=None)  # type: ignore[call-arg]


@pytest.fixture
def store(settings: Settings) -> Iterator[DeliveryStore]:
    opened = DeliveryStore(settings.state_file)
    yield opened
    opened.close()


# files


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_put_in_place_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "x.txt"
    with write_atomically(path) as temporary:
        temporary.write_text("whole", encoding="utf-8")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text(encoding="utf-8") == "whole"
    assert list_names(path.parent) == ["x.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("former", [None, "former"])
def test_a_body_that_raises_leaves_the_former_file_and_nothing_beside_it(
    tmp_path: Path, error: type[BaseException], former: str | None
) -> None:
    path = tmp_path / "x.txt"
    if former:
        path.write_text(former, encoding="utf-8")
    with pytest.raises(error), write_atomically(path) as temporary:
        temporary.write_text("torn", encoding="utf-8")
        raise error
    assert list_names(tmp_path) == (["x.txt"] if former else [])
    assert not former or path.read_text(encoding="utf-8") == former


def test_a_body_that_writes_nothing_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), write_atomically(tmp_path / "x.txt"):
        pass
    assert list_names(tmp_path) == []


def test_json_is_canonical(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"b": "é", "a": [1]})
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert text == '{\n  "a": [\n    1\n  ],\n  "b": "é"\n}\n'


# lock and epoch


def test_each_writer_has_a_later_epoch(settings: Settings) -> None:
    assert read_epoch(settings) == 0
    for expected in (1, 2, 3):
        with hold_writer_lock(settings) as epoch:
            assert (epoch, read_epoch(settings)) == (expected, expected)
            require_epoch(settings, epoch)
    with pytest.raises(StaleEpochError):
        require_epoch(settings, 2)


def test_the_epoch_goes_on_from_a_file_of_another_width(settings: Settings) -> None:
    settings.lock_file.parent.mkdir(parents=True)
    settings.lock_file.write_text("41", encoding="utf-8")
    with hold_writer_lock(settings) as epoch:
        assert (epoch, read_epoch(settings)) == (42, 42)


HOLD = """
import sys
from pathlib import Path
from pipelines.settings import Settings
from pipelines.store import hold_writer_lock
with hold_writer_lock(Settings(data_dir=Path(sys.argv[1]), _env_file=None)) as epoch:
    print(epoch, flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_kept_out_until_the_first_ends_or_dies(settings: Settings) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(settings.data)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT_DIR,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "1\n"
        with (
            pytest.raises(StoreBusyError, match="another refresh is at work"),
            hold_writer_lock(settings),
        ):
            pytest.fail("two writers at once")
        assert read_epoch(settings) == 1
    finally:
        holder.kill()
        holder.communicate()
    with hold_writer_lock(settings) as epoch:
        assert epoch == 2


def test_the_lock_falls_with_an_error(settings: Settings) -> None:
    with pytest.raises(ValueError, match="broken"), hold_writer_lock(settings):
        raise ValueError("broken")
    with hold_writer_lock(settings):
        pass


# states


def add(
    store: DeliveryStore,
    delivery_id: str,
    reason: str | None = None,
    food_bank_id: str = "petite",
) -> None:
    add_parsed(
        store,
        delivery_id,
        f"orders/{delivery_id}.csv",
        AT,
        food_bank_id=food_bank_id,
        reason=reason,
    )


def judge(
    store: DeliveryStore,
    delivery_id: str,
    *held_back: QuarantinedRow,
    accepted: int = 1,
    corrected: dict[str, list[str]] | None = None,
) -> None:
    outcome = RecordOutcome(
        "orders", "1.0.0", accepted + len(held_back), 0, accepted, len(held_back), 2500, {"rows": 1}
    )
    store.record_judgement(
        delivery_id,
        "own columns",
        [],
        [outcome],
        {"orders": list(held_back)},
        corrected or {},
    )


def hold(key: str | None, line: int = 2) -> QuarantinedRow:
    rule = {"rule": "type", "column": "ordered_kg", "value": "x", "expected": "", "message": "é"}
    return QuarantinedRow(line, None, key, {"order_id": "O1", "ordered_kg": None}, [rule])


def states(store: DeliveryStore) -> dict[str, str]:
    return {found.delivery_id: found.state for found in store.list_deliveries()}


def test_a_delivery_goes_from_parsed_to_judged_to_included(store: DeliveryStore) -> None:
    add(store, "d1")
    assert states(store) == {"d1": "parsed"}
    judge(store, "d1")
    assert states(store) == {"d1": "judged"}
    store.mark_included(["d1"])
    assert states(store) == {"d1": "included"}
    (found,) = store.list_deliveries("included")
    assert (found.arrival_no, found.received_at, found.sent_at) == (1, AT, None)
    assert found.profile_version == "own columns"


def test_states_never_move_back(store: DeliveryStore) -> None:
    for delivery_id in ("d1", "d2", "d3"):
        add(store, delivery_id, "not text" if delivery_id == "d3" else None)
    store.mark_included(["d1", "d2", "d3"])
    assert states(store) == {"d1": "parsed", "d2": "parsed", "d3": "set_aside"}
    judge(store, "d1")
    store.mark_included(["d1"])
    with pytest.raises(StateError, match="d1 is not seen or stored"):
        store.set_aside("d1", "too late")
    for delivery_id in ("d1", "d3", "unknown"):
        with pytest.raises(StateError, match="is not parsed"):
            judge(store, delivery_id, accepted=9)
    assert states(store) == {"d1": "included", "d2": "parsed", "d3": "set_aside"}
    assert [row["rows_accepted"] for row in store.list_outcomes()] == [1]
    store.set_aside("d2", "the key column order_id is missing")
    assert store.list_deliveries("set_aside")[0].reason == "the key column order_id is missing"


def test_a_delivery_is_added_once(store: DeliveryStore) -> None:
    add(store, "d1")
    with pytest.raises(Exception, match="UNIQUE"):
        add(store, "d1")
    assert len(store.list_deliveries()) == 1


def test_a_step_that_fails_leaves_no_part_of_itself(store: DeliveryStore) -> None:
    add(store, "d1")
    broken = QuarantinedRow(2, None, "O1|1", {"order_id": "O1"}, [{"value": {1, 2}}])
    with pytest.raises(TypeError):
        judge(store, "d1", broken)
    assert states(store) == {"d1": "parsed"}
    assert store.list_outcomes() == []
    assert store.list_quarantine() == []


def test_states_outlive_the_process(settings: Settings, store: DeliveryStore) -> None:
    add(store, "d1")
    judge(store, "d1", hold("O1|1"))
    store.close()
    again = DeliveryStore(settings.state_file)
    assert states(again) == {"d1": "judged"}
    (row,) = again.list_quarantine("open")
    assert json.loads(row["cells"]) == {"order_id": "O1", "ordered_kg": None}
    assert (row["source_name"], row["source_line"]) == ("orders/d1.csv", 2)
    again.close()


def test_rows_are_released_by_their_key_in_their_food_bank_and_record(
    store: DeliveryStore,
) -> None:
    add(store, "d1")
    judge(store, "d1", hold("O1|1"), hold("O2|1", 3), hold(None, 4), accepted=0)
    assert store.list_open_keys("petite", "orders") == ["O1|1", "O2|1"]
    add(store, "d2", food_bank_id="grande")
    judge(store, "d2", corrected={"orders": ["O1|1"]})
    add(store, "d3")
    judge(store, "d3", corrected={"receipts": ["O1|1"]})
    assert store.list_open_keys("petite", "orders") == ["O1|1", "O2|1"]
    add(store, "d4")
    judge(store, "d4", corrected={"orders": ["O1|1", "O9|1"]})
    assert store.list_open_keys("petite", "orders") == ["O2|1"]
    assert [row["status"] for row in store.list_quarantine()] == ["corrected", "open", "open"]
    assert len(store.list_quarantine("open")) == 2


def test_landing_files_are_known_as_they_stood(store: DeliveryStore) -> None:
    add(store, "d1")
    store.record_file("petite/orders/a.csv", 10, 1, "d1", False)
    assert store.knows_file("petite/orders/a.csv", 10, 1)
    assert not store.knows_file("petite/orders/a.csv", 11, 1)
    assert not store.knows_file("petite/orders/a.csv", 10, 2)
    assert store.has_file_of("d1")
    assert not store.has_file_of("d2")
    assert store.count_duplicates() == 0


# settings


def test_folders_follow_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, _env_file=None)  # type: ignore[call-arg]
    assert settings.landing == tmp_path / "landing"
    moved = Settings(data_dir=tmp_path, landing_dir=tmp_path / "in", _env_file=None)  # type: ignore[call-arg]
    assert moved.landing == tmp_path / "in"
    with pytest.raises(ValidationError):
        settings.data_dir = tmp_path / "other"  # type: ignore[misc]


def test_an_empty_setting_is_one_that_is_not_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LANDING_DIR", "PSEUDONYM_KEY", "AS_OF", "SOURCES_DIR"):
        monkeypatch.setenv(f"COLLECTO_{name}", "")
    settings = load_settings()
    assert settings.landing == tmp_path / "data" / "landing"
    assert settings.pseudonym_key is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("AS_OF", "yesterday"), ("MEMORY_LIMIT", "much"), ("AUTH_MODE", "open"), ("TARGET", "oracle")],
)
def test_a_wrong_setting_is_named_without_its_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"COLLECTO_{name}", value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert str(error.value).startswith(f"COLLECTO_{name}: ")
    assert value not in str(error.value)


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, pseudonym_key="s" * 40, _env_file=None)  # type: ignore[call-arg, arg-type]
    assert "sss" not in repr(settings) + str(settings.model_dump())
