"""Landing files are claimed once, whole, without following links; raw keeps what was sent."""

from __future__ import annotations

import io
import os
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from data_contracts.loader import SourceProfile
from pipelines.ingest import landing
from pipelines.ingest.landing import (
    claim_landing,
    has_new_files,
    hash_landing_file,
    list_landing_files,
    open_staged,
)
from pipelines.settings import Settings
from pipelines.store import Delivery, DeliveryStore, load_pseudonymizer

ROWS = "receipt_id,line_no,quantity\nR1,1,5\n"
PEOPLE = "parcel_id,line_no,household_id,nom\nC1,1,F7,Durand\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", pseudonym_key="k" * 40, _env_file=None)  # type: ignore[arg-type, call-arg]


@pytest.fixture
def store(settings: Settings) -> Iterator[DeliveryStore]:
    opened = DeliveryStore(settings.state_file)
    yield opened
    opened.close()


def deliver(
    settings: Settings, name: str, content: str | bytes = ROWS, *, is_old: bool = True
) -> Path:
    path = settings.landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if is_old:
        moment = time.time() - 60
        os.utime(path, (moment, moment))
    return path


def list_names(settings: Settings) -> list[str]:
    return [file.name for file in list_landing_files(settings.landing)]


def read_raw(
    settings: Settings, delivery: Delivery, profile: SourceProfile | None = None
) -> pl.DataFrame:
    """The table of a delivery, read back from raw."""
    shutil.rmtree(settings.staged, ignore_errors=True)
    staged = open_staged(settings, delivery, profile)
    return pl.concat(list(staged.batches()))


def claim(settings: Settings, store: DeliveryStore, *profiles: SourceProfile) -> list[Delivery]:
    claimed = claim_landing(
        settings, store, {profile.food_bank_id: profile for profile in profiles}
    )
    return [found for found in store.list_deliveries() if found.delivery_id in claimed]


# which files count


def test_files_are_listed_by_food_bank_and_name(settings: Settings) -> None:
    for name in ("petite/orders/b.csv", "petite/orders/a.csv", "grande/deep/er/x.csv"):
        deliver(settings, name)
    assert list_names(settings) == [
        "grande/deep/er/x.csv", "petite/orders/a.csv", "petite/orders/b.csv",
    ]  # fmt: skip


def test_without_a_landing_folder_nothing_has_landed(settings: Settings) -> None:
    assert list_names(settings) == []


@pytest.mark.parametrize(
    "name",
    ["petite/receipts/.hidden.csv", "petite/.cache/receipts/a.csv", "petite/receipts/a.csv.part",
     "petite/receipts/a.csv.tmp", "petite/receipts/a.csv~", "petite/receipts/~$bons.xlsx",
     "petite/receipts/a.csv.filepart", "petite/receipts/a.csv.done", ".petite/receipts/a.csv",
     "Petite/receipts/a.csv", "petite.csv"],
)  # fmt: skip
def test_hidden_and_temporary_names_are_left_alone(settings: Settings, name: str) -> None:
    deliver(settings, name)
    assert list_names(settings) == []


def test_links_are_not_followed(settings: Settings, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(ROWS, encoding="utf-8")
    deliver(settings, "petite/receipts/a.csv")
    folder = settings.landing / "petite" / "receipts"
    (folder / "link.csv").symlink_to(outside / "secret.csv")
    (folder / "broken.csv").symlink_to(outside / "absent.csv")
    (settings.landing / "petite" / "orders").symlink_to(outside, target_is_directory=True)
    os.mkfifo(folder / "pipe.csv")
    assert list_names(settings) == ["petite/receipts/a.csv"]


def test_a_file_turned_into_a_link_after_it_was_listed_is_not_followed(
    settings: Settings, store: DeliveryStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = deliver(settings, "petite/receipts/a.csv")
    listed = list(list_landing_files(settings.landing))
    path.unlink()
    path.symlink_to(tmp_path / "secret.csv")
    monkeypatch.setattr(landing, "list_landing_files", lambda _: listed)
    with pytest.raises(OSError, match="symbolic links"):
        claim(settings, store)
    with pytest.raises(OSError, match="symbolic links"):
        hash_landing_file(listed[0], load_pseudonymizer(settings, "petite"))


def test_a_recent_file_that_stands_still_is_taken(settings: Settings) -> None:
    deliver(settings, "petite/receipts/a.csv", is_old=False)
    assert list_names(settings) == ["petite/receipts/a.csv"]


def test_a_file_that_grows_waits_for_the_next_run(settings: Settings) -> None:
    path = deliver(settings, "petite/receipts/a.csv", is_old=False)
    is_over = threading.Event()

    def grow() -> None:
        while not is_over.wait(0.01):
            with path.open("a", encoding="utf-8") as handle:
                handle.write("R2,1,5\n")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        assert list_names(settings) == []
    finally:
        is_over.set()
        writer.join()


def test_done_beside_a_file_says_that_it_is_finished(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(settings, "petite/receipts/a.csv", is_old=False)
    deliver(settings, "petite/receipts/a.csv.done", "")
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("nothing needs a second look"))
    assert list_names(settings) == ["petite/receipts/a.csv"]


def test_a_file_that_its_sender_renames_meanwhile_does_not_stop_the_others(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deliver(settings, "petite/receipts/a.csv", is_old=False)
    deliver(settings, "petite/receipts/b.csv", is_old=False)
    monkeypatch.setattr(time, "sleep", lambda _: path.rename(path.with_name("c.csv")))
    assert list_names(settings) == ["petite/receipts/b.csv"]


def test_a_file_that_changes_between_listing_and_claim_waits(
    settings: Settings, store: DeliveryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deliver(settings, "petite/receipts/a.csv")
    other = deliver(settings, "petite/receipts/b.csv", ROWS + "R2,1,5\n")
    listed = list(list_landing_files(settings.landing))
    path.write_text(ROWS + "R1,2,", encoding="utf-8")
    other.unlink()
    monkeypatch.setattr(landing, "list_landing_files", lambda _: listed)
    assert claim(settings, store) == []
    assert store.list_deliveries() == []


def test_a_name_that_is_not_utf_8_is_claimed(settings: Settings, store: DeliveryStore) -> None:
    deliver(settings, os.fsdecode(b"petite/receipts/d\xe9c.csv"))
    assert [found.source_name for found in claim(settings, store)] == ["receipts/d\\xe9c.csv"]


# claiming


def test_a_claimed_file_is_stored_with_a_keyed_hash_of_its_bytes(
    settings: Settings, store: DeliveryStore
) -> None:
    deliver(settings, "petite/receipts/a_2024-06-25T18-00-00Z.csv")
    assert has_new_files(settings, store)
    (found,) = claim(settings, store)
    expected = load_pseudonymizer(settings, "petite").hash_content(ROWS.encode())
    assert (found.delivery_id, found.food_bank_id, found.state) == (expected, "petite", "parsed")
    assert found.sent_at == datetime(2024, 6, 25, 18, tzinfo=UTC)
    assert found.source_name == "receipts/a_2024-06-25T18-00-00Z.csv"
    assert not has_new_files(settings, store)
    assert claim(settings, store) == []


def test_a_stamp_that_is_no_moment_is_no_moment(settings: Settings, store: DeliveryStore) -> None:
    deliver(settings, "petite/receipts/20241399T000000Z.csv")
    assert claim(settings, store)[0].sent_at is None


def test_identifiers_do_not_depend_on_names_times_or_order(tmp_path: Path) -> None:
    found = []
    for number, names in enumerate([("a", "b"), ("z", "c")]):
        settings = Settings(data_dir=tmp_path / str(number), pseudonym_key="k" * 40, _env_file=None)  # type: ignore[call-arg]
        contents = [ROWS, ROWS.replace("5", "6")]
        for name, content in zip(names, contents, strict=True):
            deliver(settings, f"petite/receipts/{name}.csv", content)
        store = DeliveryStore(settings.state_file)
        found.append(sorted(claim_landing(settings, store, {})))
        store.close()
    assert found[0] == found[1]
    assert len(found[0]) == 2


def test_the_same_bytes_of_two_food_banks_are_two_deliveries(
    settings: Settings, store: DeliveryStore
) -> None:
    deliver(settings, "petite/receipts/a.csv")
    deliver(settings, "grande/receipts/a.csv")
    assert len({found.delivery_id for found in claim(settings, store)}) == 2


def test_the_same_bytes_again_are_a_duplicate(settings: Settings, store: DeliveryStore) -> None:
    deliver(settings, "petite/receipts/a.csv")
    claim(settings, store)
    deliver(settings, "petite/receipts/encore.csv")
    assert claim(settings, store) == []
    assert store.count_duplicates() == 1
    assert [row["path"] for row in store.list_file_duplicates()] == ["petite/receipts/encore.csv"]
    assert not has_new_files(settings, store)


def test_a_claim_that_stopped_half_way_goes_on_and_is_no_duplicate(
    settings: Settings, store: DeliveryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(settings, "petite/receipts/a.csv")
    with monkeypatch.context() as patch:
        patch.setattr(store, "record_file", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            claim(settings, store)
    claim(settings, store)
    assert [found.state for found in store.list_deliveries()] == ["parsed"]
    assert store.count_duplicates() == 0
    assert not has_new_files(settings, store)


def test_a_file_that_changes_its_content_is_another_delivery(
    settings: Settings, store: DeliveryStore
) -> None:
    deliver(settings, "petite/receipts/a.csv")
    claim(settings, store)
    deliver(settings, "petite/receipts/a.csv", ROWS.replace("5", "50"))
    assert len(claim(settings, store)) == 1
    assert [found.arrival_no for found in store.list_deliveries()] == [1, 2]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("receipts/photo.csv", b"\x89PNG\x00", "the file is not text"),
        ("receipts/vide.csv", b"", "the file is empty"),
        ("receipts/bons.xlsx", b"PK\x03\x04...", "cut or damaged on its way"),
        ("divers/bons.csv", ROWS, "no source profile of this food bank takes"),
        ("bons.csv", ROWS, "no source profile of this food bank takes"),
        ("receipts/twice.csv", "Line_No,line_no\n1,1\n", "names line_no twice"),
    ],
)
def test_a_file_that_cannot_be_read_is_set_aside_with_a_sentence_and_the_others_go_on(
    settings: Settings, store: DeliveryStore, name: str, content: str | bytes, said: str
) -> None:
    deliver(settings, f"petite/{name}", content)
    deliver(settings, "petite/receipts/zz.csv", ROWS + "R2,1,5\n")
    aside, stored = claim(settings, store)
    assert (aside.state, aside.archive, stored.state) == ("set_aside", None, "parsed")
    assert aside.reason is not None
    assert said in aside.reason
    assert "\n" not in aside.reason
    assert claim(settings, store) == []


def test_only_the_food_banks_that_were_asked_for_are_claimed(
    settings: Settings, store: DeliveryStore
) -> None:
    deliver(settings, "petite/receipts/a.csv")
    deliver(settings, "grande/receipts/a.csv")
    claim_landing(settings, store, {}, ["grande"])
    assert [found.food_bank_id for found in store.list_deliveries()] == ["grande"]


def test_reference_rows_of_a_profile_arrive_once_as_a_delivery_of_their_own(
    settings: Settings, store: DeliveryStore
) -> None:
    suppliers: list[dict[str, str]] = [{"supplier_id": f"D{number}"} for number in range(150)]
    suppliers[149]["name"] = "Last"
    profile = SourceProfile.model_validate(
        {"food_bank_id": "petite", "version": "3", "reference": {"suppliers": suppliers}}
    )
    deliver(settings, "petite/receipts/a.csv")
    reference, _ = claim(settings, store, profile)
    assert reference.source_name == "suppliers/source profile 3"
    assert reference.archive is not None
    rows = read_raw(settings, reference)
    assert rows.height == 150
    assert rows["name"][149] == "Last"
    deliver(settings, "petite/receipts/b.csv", ROWS + "R2,1,5\n")
    assert len(claim(settings, store, profile)) == 1


# raw


def test_raw_keeps_the_bytes_as_sent_and_gives_the_same_table_back(
    settings: Settings, store: DeliveryStore
) -> None:
    path = deliver(settings, "petite/receipts/a.csv")
    (found,) = claim(settings, store)
    assert found.archive == f"petite/{found.delivery_id}.csv.zst"
    assert read_raw(settings, found).rows() == [("R1", "1", "5", 2, None)]
    assert path.read_text(encoding="utf-8") == ROWS


def test_a_workbook_is_kept_as_sent_and_read_as_its_profile_says(
    settings: Settings, store: DeliveryStore
) -> None:
    memory = io.BytesIO()
    workbook = xlsxwriter.Workbook(memory)
    sheet = workbook.add_worksheet("Bons")
    for row, cells in enumerate([["Ramasse de mai"], ["Bon", "Ligne", "Poids"], ["R1", 1, 5.5]]):
        sheet.write_row(row, 0, cells)
    workbook.close()
    profile = SourceProfile.model_validate(
        {
            "food_bank_id": "petite",
            "version": "1",
            "files": [
                {
                    "name": "bons",
                    "match": "*.xlsx",
                    "record": "receipts",
                    "sheet": "Bons",
                    "skip_rows": 1,
                    "columns": {
                        "receipt_id": {"source": "Bon"},
                        "line_no": {"source": "Ligne"},
                        "quantity": {"source": "Poids"},
                    },
                }
            ],
        }
    )
    deliver(settings, "petite/mai.xlsx", memory.getvalue())
    (found,) = claim(settings, store, profile)
    assert found.archive == f"petite/{found.delivery_id}.xlsx.zst"
    assert read_raw(settings, found, profile).rows() == [("R1", "1", "5.5", 3, None)]


def test_raw_keeps_a_personal_file_as_its_redacted_table_only(
    settings: Settings, store: DeliveryStore
) -> None:
    deliver(settings, "petite/parcels/a.csv", PEOPLE.replace(",", ";").encode("utf-8-sig"))
    (found,) = claim(settings, store)
    assert found.archive == f"petite/{found.delivery_id}.parquet"
    assert found.notes == ("columns that are not known and were not kept: nom",)
    table = read_raw(settings, found)
    assert table.columns[:3] == ["parcel_id", "line_no", "household_id"]
    assert (found.encoding, found.delimiter) == ("utf-8", ";")
    assert "F7" not in str(table.rows())
    assert table["_source_line"].to_list() == [2]


def test_a_personal_file_without_header_leaves_no_name_anywhere(
    settings: Settings, store: DeliveryStore
) -> None:
    deliver(settings, "petite/parcels/a.csv", "C1,Durand,Dijon\nC2,Martin,Lyon\n")
    claim(settings, store)
    store.close()
    for path in settings.data.rglob("*"):
        if path.is_file() and settings.landing not in path.parents:
            assert b"Durand" not in path.read_bytes(), path


def test_raw_is_read_only_and_is_never_written_again(
    settings: Settings, store: DeliveryStore
) -> None:
    deliver(settings, "petite/receipts/a.csv")
    deliver(settings, "petite/parcels/a.csv", PEOPLE)
    archives = [settings.raw / str(found.archive) for found in claim(settings, store)]
    assert len(archives) == 2
    assert all(path.stat().st_mode & 0o222 == 0 for path in archives)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in archives}
    deliver(settings, "petite/receipts/b.csv", ROWS.replace("5", "6"))
    deliver(settings, "petite/receipts/c.csv")
    claim(settings, store)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in archives} == before
    assert len(list(settings.raw.rglob("*.*"))) == 3
