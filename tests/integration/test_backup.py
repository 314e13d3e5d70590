"""The drill: a data folder is lost, its backup is restored, and the same publication stands."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from pipelines.backup import BackupError, make_backup, restore_backup
from pipelines.settings import Settings
from pipelines.store import StoreBusyError, hash_file, hold_writer_lock, open_store
from tests.conftest import DataFolder
from tests.fixtures.intake import Intake
from tests.integration.test_rebuild import hash_publication

AT = datetime(2024, 6, 26, 3, tzinfo=UTC)
PARCELS = (
    "parcel_id,line_no,requested_at,handed_over_at,site_id,household_id,product_code,weight_kg\n"
    "C1,1,2024-06-03T09:00:00,2024-06-04T09:00:00,S1,FOYER-1,RIZ,2.5\n"
    "C2,1,2024-06-03T09:00:00,2024-06-04T09:00:00,S1,FOYER-2,RIZ,lourd\n"
)


@pytest.fixture
def petite(published_petite: DataFolder, tmp_path: Path) -> DataFolder:
    return published_petite.copy_to(tmp_path / "data")


@pytest.mark.slow
def test_a_lost_folder_comes_back_and_publishes_the_same(
    petite: DataFolder, tmp_path: Path
) -> None:
    file = tmp_path / "backup" / "petite.tar.zst"
    expected = hash_publication(petite)
    answer = petite.collecto("backup", "-o", str(file), "--json")
    assert (answer.status, answer.json["publication_id"]) == (0, expected[0])
    lost = DataFolder(tmp_path / "new")
    shutil.rmtree(petite.path)
    answer = lost.collecto("restore", str(file), "--json")
    assert answer.status == 0, answer.err
    assert hash_publication(lost) == expected
    answer = lost.collecto("rebuild", "--json")
    assert (answer.status, answer.json["is_new"], answer.json["refused"]) == (0, False, None)
    assert hash_publication(lost) == expected
    assert lost.collecto("verify").status == 0
    # what comes afterwards is known, or new, as before
    answer = lost.collecto("refresh", "--json")
    assert (answer.status, answer.json["is_new"]) == (0, False)


@pytest.fixture
def intake(tmp_path: Path) -> Intake:
    intake = Intake(tmp_path / "old")
    intake.deliver("parcels/p.csv", PARCELS)
    intake.take()
    return intake


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    return Intake(tmp_path / "new").settings


def read_members(file: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    data = zstandard.ZstdDecompressor().decompressobj().decompress(file.read_bytes())
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        opened = [(member, archive.extractfile(member)) for member in archive]
        return [(member, content.read()) for member, content in opened if content is not None]


def write_members(file: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    file.write_bytes(zstandard.ZstdCompressor().compress(buffer.getvalue()))


def is_untouched(settings: Settings) -> bool:
    return not any(path.is_file() for path in settings.data.rglob("*"))


def test_a_backup_holds_state_and_rows_and_no_key(
    intake: Intake, empty: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "b.tar.zst"
    (intake.settings.data / "secrets").mkdir(exist_ok=True)
    intake.settings.key_file.write_text("a secret that nobody may find in a backup")
    made = make_backup(intake.settings, file, AT)
    members = read_members(file)
    names = [member.name for member, _ in members]
    assert made.files == len(names) - 1
    assert not any(name.startswith(("secrets", "warehouse", "landing")) for name in names)
    assert b"nobody may find" not in b"".join(content for _, content in members)
    assert b"FOYER-1" not in b"".join(content for _, content in members)
    restore_backup(empty, file)
    with open_store(intake.settings) as old, open_store(empty) as new:
        assert new.list_outcomes() == old.list_outcomes()
        assert new.list_quarantine() == old.list_quarantine()
    for path in intake.settings.accepted.rglob("*.parquet"):
        assert hash_file(empty.data / path.relative_to(intake.settings.data)) == hash_file(path)


@pytest.mark.parametrize("part", [0.2, 0.6, 0.95])
def test_a_backup_that_was_cut_short_restores_nothing(
    intake: Intake, empty: Settings, tmp_path: Path, part: float
) -> None:
    file = tmp_path / "b.tar.zst"
    make_backup(intake.settings, file, AT)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(BackupError):
        restore_backup(empty, file)
    assert is_untouched(empty)


def test_a_backup_that_was_altered_restores_nothing(
    intake: Intake, empty: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "b.tar.zst"
    make_backup(intake.settings, file, AT)
    members = read_members(file)
    number = next(n for n, (member, _) in enumerate(members) if member.name.startswith("accepted"))
    altered = [
        (member, content[:-1] + b"x" if place == number else content)
        for place, (member, content) in enumerate(members)
    ]
    write_members(file, altered)
    with pytest.raises(BackupError, match="was altered"):
        restore_backup(empty, file)
    assert is_untouched(empty)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "secrets/key", "raw/../../x"])
def test_a_file_that_is_not_its_own_is_refused(
    intake: Intake, empty: Settings, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "b.tar.zst"
    make_backup(intake.settings, file, AT)
    [(first, listed), *others] = read_members(file)
    manifest = json.loads(listed)
    manifest["files"].append({"path": name, "size": 1, "sha256": "0" * 64})
    stranger = (tarfile.TarInfo(name), b"x")
    write_members(file, [(first, json.dumps(manifest).encode()), stranger, *others])
    with pytest.raises(BackupError, match="not its own"):
        restore_backup(empty, file)
    assert is_untouched(empty)
    assert not (tmp_path / "outside").exists()


def test_nothing_is_overwritten(intake: Intake, empty: Settings, tmp_path: Path) -> None:
    file = tmp_path / "b.tar.zst"
    with pytest.raises(BackupError, match="holds nothing to keep"):
        make_backup(empty, file, AT)
    make_backup(intake.settings, file, AT)
    with pytest.raises(BackupError, match="is there already"):
        make_backup(intake.settings, file, AT)
    with pytest.raises(BackupError, match="into an empty folder"):
        restore_backup(intake.settings, file)
    file.write_bytes(b"no backup")
    with pytest.raises(BackupError, match="is no backup"):
        restore_backup(empty, file)


def test_a_backup_waits_for_no_refresh(intake: Intake, tmp_path: Path) -> None:
    file = tmp_path / "b.tar.zst"
    with hold_writer_lock(intake.settings), pytest.raises(StoreBusyError):
        make_backup(intake.settings, file, AT)
    assert not file.exists()
