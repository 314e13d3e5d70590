"""No identifier is left anywhere; keys are rotated and households erased without losing a gram."""

from __future__ import annotations

import gzip
import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest
import zstandard
from pydantic import SecretStr

from pipelines.defs.resources import take_writer
from pipelines.defs.schedules import monthly_retention
from pipelines.privacy import (
    PrivacyError,
    erase,
    erase_expired,
    find_expired,
    require_keys,
    rotate,
)
from pipelines.settings import Settings, SettingsError
from pipelines.store import DeliveryStore, hash_file, load_pseudonymizer, open_store
from tests.conftest import TEST_KEY, DataFolder
from tests.fixtures.intake import Intake
from tests.integration.test_rebuild import hash_publication

NEW_KEY = "another key of at least thirty-two characters, for tests"
AT = datetime(2024, 6, 26, 3, tzinfo=UTC)
CANARIES = ("FOYER-CANARI-0001", "FOYER-CANARI-0002", "Ñandú-CANARI-3", "UTIL-CANARI-9")
PARCELS = (
    "parcel_id,line_no,requested_at,handed_over_at,site_id,household_id,household_size,children,"
    "insee_code,product_code,weight_kg,telephone\n"
    "C1,1,2024-06-03T09:00:00,2024-06-04T09:00:00,S1,FOYER-CANARI-0001,3,1,21231,RIZ,2.5,CANARI\n"
    "C2,1,2024-06-03T09:00:00,2024-06-05T09:00:00,S1,FOYER-CANARI-0001,4,1,21231,RIZ,1.5,CANARI\n"
    "C3,1,2024-06-03T09:00:00,2024-06-04T09:00:00,S1,FOYER-CANARI-0002,2,,21171,RIZ,lourd,CANARI\n"
    "C4,1,2024-06-03T09:00:00,2024-06-04T09:00:00,S1,Ñandú-CANARI-3,2,,21171,RIZ,2.0,CANARI\n"
    "C5,1,2021-01-03T09:00:00,2021-01-04T09:00:00,S1,FOYER-CANARI-0002,1,,21171,RIZ,3.0,CANARI\n"
    "C6,1,2024-06-03T09:00:00,2024-06-04T09:00:00,S1,,FOYER-CANARI-0001,1,21231,RIZ,2.5,CANARI,x\n"
)
SESSIONS = "session_id,user_id,partner_id,started_at\nZ1,UTIL-CANARI-9,P1,2024-06-03T09:00:00\n"


# a search of its own: every byte, also where it is packed


def unpack(path: Path, data: bytes) -> Iterator[bytes]:
    """The bytes of a file, and what lies in them where it is an archive, a table or a database."""
    yield data
    if data[:4] == b"\x28\xb5\x2f\xfd":
        inner = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        yield from unpack(path, inner)
    elif data[:2] == b"\x1f\x8b":
        yield from unpack(path, gzip.decompress(data))
    elif data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield from unpack(path, archive.read(name))
    elif data[:4] == b"PAR1":
        table = pl.read_parquet(io.BytesIO(data))
        for column in table.columns:
            values = table[column].cast(pl.String, strict=False).drop_nulls().to_list()
            yield "\n".join([column, *values]).encode()
    elif data[:15] == b"SQLite format 3":
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            yield "\n".join(db.iterdump()).encode()
    elif data[8:12] == b"DUCK":
        with duckdb.connect(str(path), read_only=True) as db:
            for schema, table_name in db.execute(
                "select schema_name, table_name from duckdb_tables()"
            ).fetchall():
                rows = db.execute(f'select * from "{schema}"."{table_name}"').fetchall()
                yield "\n".join(str(row) for row in rows).encode()


def search(folder: Path, words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Files below a folder (but for landing, where senders write) that hold one of the words."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or "landing" in path.relative_to(folder).parts:
            continue
        for part in unpack(path, path.read_bytes()):
            found += [
                (path.relative_to(folder).as_posix(), word)
                for word in words
                if word.encode() in part or word.encode("utf-16-le") in part
            ]
    return found


def test_the_search_finds_what_is_packed(tmp_path: Path) -> None:
    word = b"FOYER-CANARI-0001"
    (tmp_path / "a.zst").write_bytes(zstandard.compress(b"x" + word))
    (tmp_path / "b.gz").write_bytes(gzip.compress(word))
    pl.DataFrame({"a": [word.decode()] * 3}).write_parquet(tmp_path / "c.parquet")
    with duckdb.connect(str(tmp_path / "d.duckdb")) as db:
        db.execute("create table t as select ? as a", [word.decode()])
    with sqlite3.connect(tmp_path / "e.sqlite") as db2:
        db2.execute("create table t (a)")
        db2.execute("insert into t values (?)", [word.decode()])
    db2.close()
    with zipfile.ZipFile(tmp_path / "f.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("g.csv", word)
    assert {name for name, _ in search(tmp_path, CANARIES)} == {
        "a.zst", "b.gz", "c.parquet", "d.duckdb", "e.sqlite", "f.zip"
    }  # fmt: skip


def plant(petite: DataFolder) -> None:
    petite.deliver("petite/parcels/p.csv", PARCELS)
    petite.deliver("petite/platform_sessions/s.csv", SESSIONS)
    petite.deliver("petite/parcels/q.csv.gz", gzip.compress(PARCELS.encode()[:-40]))
    petite.deliver("petite/parcels/photo.csv", b"\x89PNG\r\n\x1a\n FOYER-CANARI-0001")


@pytest.mark.slow
def test_canaries_are_nowhere_after_a_refresh(
    published_petite: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    petite = published_petite.copy_to(tmp_path / "petite")
    plant(petite)
    done = petite.run_process("refresh", "--json")
    assert done.status in (0, 3), done.err
    asked = (["quarantine", "list"], ["deliveries", "list", "--json"],
             ["quarantine", "export", "-o", str(tmp_path / "out")])  # fmt: skip
    for answer in (done, *(petite.collecto(*arguments) for arguments in asked)):
        assert "CANARI" not in answer.out + answer.err
    assert search(petite.path, ("CANARI", *CANARIES)) == []
    assert search(tmp_path / "out", ("CANARI",)) == []

    # erased: nothing of its pseudonym is left, kilograms are as before, publications stay
    pseudonym = find_pseudonyms(petite.path)["C1"]
    assert search(petite.path, (pseudonym,)) != []
    before = {
        code: petite.value(code, "2024-06", "petite")
        for code in ("parcel_tonnes", "parcels", "households_helped", "tonnes_in_stock")
    }
    publications = {path.name: hash_publication_folder(path) for path in publications_of(petite)}
    monkeypatch.setattr("sys.stdin", io.StringIO("FOYER-CANARI-0001\n"))
    erased = petite.collecto("erase", "--food-bank", "petite", "--by", "Essai", "--json")
    assert erased.status == 0, erased.err
    assert "CANARI" not in erased.out and pseudonym not in erased.out
    certificate = erased.json["certificates"][0]
    assert certificate["kilograms_before"] == certificate["kilograms_after"]
    assert certificate["rows"]["accepted"] >= 2
    assert search(petite.path, (pseudonym, "CANARI")) == []
    assert before == {code: petite.value(code, "2024-06", "petite") for code in before}
    assert publications.items() <= {
        path.name: hash_publication_folder(path) for path in publications_of(petite)
    }.items()  # fmt: skip
    rows = pl.read_parquet(next((petite.path / "accepted" / "parcels").glob("petite-*.parquet")))
    gone = rows.filter(pl.col("parcel_id").is_in(["C1", "C2"]))
    assert gone["insee_code"].to_list() == [None] * gone.height
    assert gone["household_size"].to_list() == [None] * gone.height
    assert all(check["ok"] for check in petite.collecto("verify", "--json").json)

    # rotated: no household is new, the publication is the same to the byte
    former = hash_publication(petite)
    keys = {
        "COLLECTO_PSEUDONYM_KEY": NEW_KEY, "COLLECTO_PSEUDONYM_FORMER_KEYS": TEST_KEY,
    }  # fmt: skip
    old = find_pseudonyms(petite.path)["C4"]
    petite.deliver("petite/parcels/later.csv", PARCELS.replace("C4,1", "C7,1"))
    refused = petite.collecto("refresh", **keys)
    assert refused.status == 2 and "collecto rotate" in refused.err
    (petite.landing / "petite/parcels/later.csv").unlink()
    rotated = petite.collecto("rotate", "--by", "Essai", "--json", **keys)
    assert rotated.status == 0, rotated.err
    assert hash_publication(petite) == former
    assert search(petite.path, (old,)) == []
    assert find_pseudonyms(petite.path)["C4"] != old
    assert all(check["ok"] for check in petite.collecto("verify", "--json", **keys).json)


def find_pseudonyms(folder: Path) -> dict[str, str]:
    rows = pl.concat(
        pl.read_parquet(path).select("parcel_id", "household_id")
        for path in (folder / "accepted" / "parcels").glob("petite-*.parquet")
    )
    return dict(rows.drop_nulls().iter_rows())


def publications_of(folder: DataFolder) -> list[Path]:
    return [path.parent for path in (folder.path / "published").glob("*/manifest.json")]


def hash_publication_folder(folder: Path) -> str:
    return "".join(hash_file(path) for path in sorted(folder.rglob("*")) if path.is_file())


# without a warehouse: quick


@pytest.fixture
def intake(tmp_path: Path) -> Intake:
    intake = Intake(tmp_path)
    intake.deliver("parcels/p.csv", PARCELS.replace(",telephone", "").replace(",CANARI", ""))
    intake.deliver("platform_sessions/s.csv", SESSIONS)
    intake.take()
    return intake


def with_keys(settings: Settings, key: str, former: str | None = None) -> Settings:
    return settings.model_copy(
        update={
            "pseudonym_key": SecretStr(key),
            "pseudonym_former_keys": SecretStr(former) if former else None,
        }
    )


def households(intake: Intake) -> dict[str, str | None]:
    paths = sorted((intake.settings.accepted / "parcels").glob("*-*.parquet"))
    rows = pl.concat(pl.read_parquet(path) for path in paths)
    return dict(rows.select("parcel_id", "household_id").iter_rows())


def held(store: DeliveryStore) -> list[str]:
    return [json.loads(row["cells"])["household_id"] for row in store.list_quarantine()]


def test_a_rotation_chains(intake: Intake) -> None:
    settings = intake.settings
    with open_store(settings) as store:
        require_keys(settings, store)
        before, before_held = households(intake), held(store)
        key = settings.pseudonym_key
        assert key is not None
        new = with_keys(settings, NEW_KEY, key.get_secret_value())
        with pytest.raises(SettingsError, match="collecto rotate"):
            require_keys(new, store)
        certificates = rotate(new, store, "Essai", AT)
        assert all(entry.is_balanced for entry in certificates)
        after, after_held = households(intake), held(store)
        require_keys(new, store)
    names = [value for value in before.values() if value]
    assert not set(names) & set(after.values())
    same = {k: [i for i, v in before.items() if v == before[k]] for k in before}
    assert same == {k: [i for i, v in after.items() if v == after[k]] for k in after}
    assert before_held != after_held
    # what arrives afterwards, also in a workbook exported before, finds its household again
    keys = load_pseudonymizer(new, "petite")
    assert keys.hash_identity("FOYER-CANARI-0001") == after["C1"]
    assert keys.follow(str(before["C1"]), 1) == after["C1"]


def test_a_rotation_that_was_killed_goes_on(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = intake.settings
    with open_store(settings) as store:
        require_keys(settings, store)
        key = settings.pseudonym_key
        assert key is not None
        new = with_keys(settings, NEW_KEY, key.get_secret_value())
        calls = 0
        record = DeliveryStore.replace_archive_hash

        def die(self: DeliveryStore, delivery_id: str, sha256: str) -> None:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise KeyboardInterrupt
            record(self, delivery_id, sha256)

        monkeypatch.setattr(DeliveryStore, "replace_archive_hash", die)
        with pytest.raises(KeyboardInterrupt):
            rotate(new, store, "Essai", AT)
        monkeypatch.undo()
        rotate(new, store, "Essai", AT)
        keys = load_pseudonymizer(new, "petite")
        assert households(intake)["C1"] == keys.hash_identity("FOYER-CANARI-0001")
        archives = [entry for entry in store.list_deliveries() if entry.archive]
        for entry in archives:
            assert hash_file(settings.raw / str(entry.archive)) == entry.archive_sha256


def test_a_key_that_was_changed_silently_is_refused(intake: Intake) -> None:
    with open_store(intake.settings) as store:
        require_keys(intake.settings, store)
        with pytest.raises(SettingsError, match="every household would"):
            require_keys(with_keys(intake.settings, NEW_KEY), store)
        with pytest.raises(PrivacyError, match="no newer key"):
            rotate(intake.settings, store, "Essai", AT)


def test_nobody_is_erased_under_an_unknown_identifier(intake: Intake) -> None:
    with open_store(intake.settings) as store:
        with pytest.raises(PrivacyError, match="nobody is stored"):
            erase(intake.settings, store, "petite", "FOYER-INCONNU", "Essai", AT)
        with pytest.raises(PrivacyError, match="has delivered nothing"):
            erase(intake.settings, store, "ailleurs", "FOYER-INCONNU", "Essai", AT)


def test_only_who_has_expired_is_erased_by_retention(intake: Intake) -> None:
    """C5 of 2021 is the only counted row of its household: the other one is held back."""
    before = households(intake)
    with open_store(intake.settings) as store:
        done = erase_expired(intake.settings, store, date(2024, 6, 26), "Essai", AT)
        assert next(entry.rows for entry in done)["accepted"] == 1
        assert erase_expired(intake.settings, store, date(2021, 6, 26), "Essai", AT) == []
        # who was erased has no retention any more, and follows no key
        assert find_expired(intake.settings, store, date(2024, 6, 26)) == {}
        erased = households(intake)["C5"]
        key = intake.settings.pseudonym_key
        assert key is not None
        rotate(with_keys(intake.settings, NEW_KEY, key.get_secret_value()), store, "Essai", AT)
        assert households(intake)["C5"] == erased
        before |= {name: value for name, value in households(intake).items() if name != "C5"}
    after = households(intake)
    assert {name for name in before if before[name] != after[name]} == {"C5"}


def test_an_erasure_that_was_killed_ends_with_the_value_it_began_with(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = PARCELS.replace(",telephone", "").replace(",CANARI", "")
    intake.deliver("parcels/more.csv", re.sub("^C", "D", rows, flags=re.MULTILINE))
    intake.take()
    with open_store(intake.settings) as store:
        values = {households(intake)["C1"], households(intake)["D1"]}
        record, calls = DeliveryStore.replace_accepted_hash, 0

        def die(self: DeliveryStore, *arguments: str) -> None:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise KeyboardInterrupt
            record(self, *arguments)

        monkeypatch.setattr(DeliveryStore, "replace_accepted_hash", die)
        with pytest.raises(KeyboardInterrupt):
            erase(intake.settings, store, "petite", "FOYER-CANARI-0001", "Essai", AT)
        monkeypatch.undo()
        certificate = erase(intake.settings, store, "petite", "FOYER-CANARI-0001", "Essai", AT)
        after = households(intake)
    # two rows of each delivery, whichever run changed them
    assert certificate.rows["accepted"] == 4
    assert len(values) == 1
    assert after["C1"] == after["D1"]
    assert after["C1"] not in values
    # nothing that leads back is kept
    state = b"".join(path.read_bytes() for path in intake.settings.data.rglob("*.sqlite*"))
    assert b"erasure of" not in state


def test_retention_runs_by_the_schedule_where_somebody_has_expired(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = intake.settings.pseudonym_key
    assert key is not None
    monkeypatch.setenv("COLLECTO_DATA_DIR", str(intake.settings.data))
    monkeypatch.setenv("COLLECTO_PSEUDONYM_KEY", key.get_secret_value())
    with open_store(intake.settings) as store:
        require_keys(intake.settings, store)
    for as_of, expected in (("2021-06-26", dg.SkipReason), ("2024-06-26", dg.RunRequest)):
        monkeypatch.setenv("COLLECTO_AS_OF", as_of)
        assert isinstance(monthly_retention(), expected)
    before = households(intake)["C5"]
    with take_writer("rebuild") as writer:
        assert writer.is_rebuild
        assert households(intake)["C5"] == before
    with take_writer("retention") as writer:
        assert writer.is_rebuild
        assert households(intake)["C5"] != before
