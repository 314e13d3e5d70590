"""Published data have one door: it opens what `CURRENT` names, and nothing beside it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from data_contracts.publications import (
    NoPublicationError,
    PublicationError,
    open_current,
    open_publication,
    read_pointer,
    read_refusal,
)
from tests.fixtures.told import tell

FIRST, SECOND = "a" * 32, "b" * 32


def put(published: Path, publication_id: str, value: int) -> None:
    folder = published / publication_id / "data_team"
    folder.mkdir(parents=True)
    pl.DataFrame({"value": [value]}).write_parquet(folder / "mart_boxes.parquet")
    sha256 = hashlib.sha256((folder / "mart_boxes.parquet").read_bytes()).hexdigest()
    marts = [{"mart": "mart_boxes", "rows": 1, "sha256": sha256}]
    manifest = json.dumps({"publication_id": publication_id, "marts": marts})
    (folder.parent / "manifest.json").write_text(manifest, encoding="utf-8")


def point(published: Path, publication_id: str, at: str = "2024-06-25T03:00:00+00:00") -> None:
    pointer = {"publication_id": publication_id, "published_at": at}
    (published / "CURRENT").write_text(json.dumps(pointer), encoding="utf-8")


@pytest.fixture
def published(tmp_path: Path) -> Path:
    put(tmp_path, FIRST, 1)
    put(tmp_path, SECOND, 2)
    point(tmp_path, SECOND)
    pl.DataFrame({"secret": [1]}).write_parquet(tmp_path / "mart_secret.parquet")
    return tmp_path


def test_where_nothing_is_published_the_error_says_what_to_run(tmp_path: Path) -> None:
    assert read_pointer(tmp_path) is None
    with pytest.raises(NoPublicationError, match="collecto refresh"):
        open_current(tmp_path)


def test_the_current_publication_is_opened(published: Path) -> None:
    publication = open_current(published)
    assert publication.publication_id == SECOND
    assert publication.published_at == datetime(2024, 6, 25, 3, tzinfo=UTC)
    assert publication.marts() == ["mart_boxes"]
    assert publication.read("mart_boxes").rows() == [(2,)]


def test_an_open_publication_stays_the_same_when_another_is_put_in_place(published: Path) -> None:
    publication = open_current(published)
    point(published, FIRST)
    assert publication.read("mart_boxes").rows() == [(2,)]
    assert open_current(published).read("mart_boxes").rows() == [(1,)]


def test_an_earlier_publication_is_opened_without_a_time(published: Path) -> None:
    publication = open_publication(published, FIRST)
    assert (publication.read("mart_boxes").item(), publication.published_at) == (1, None)


@pytest.mark.parametrize(
    "publication_id",
    ["", "..", "../x", "a/../" + FIRST, FIRST + "\n", FIRST + "/", "A" * 32, "/etc", "a" * 15,
     ".draft-" + FIRST, FIRST + "\x00"],
)  # fmt: skip
def test_an_identifier_cannot_leave_the_folder(published: Path, publication_id: str) -> None:
    with pytest.raises(PublicationError, match="is not the identifier"):
        open_publication(published, publication_id)


def test_a_publication_that_is_not_kept_says_so(published: Path) -> None:
    with pytest.raises(PublicationError, match="is not kept"):
        open_publication(published, "c" * 32)


@pytest.mark.parametrize(
    "mart",
    ["mart_absent", "../../mart_secret", "mart_../../../mart_secret", "mart_secret", "*", "mart_*",
     "mart_boxes\n", "/mart_boxes", "", "mart_boxes.parquet"],
)  # fmt: skip
def test_a_mart_that_the_audience_does_not_have_is_refused(published: Path, mart: str) -> None:
    with pytest.raises(PublicationError, match="it has mart_boxes"):
        open_current(published).read(mart)


def test_an_audience_without_a_folder_has_nothing(published: Path) -> None:
    with pytest.raises(PublicationError, match="has nothing for public"):
        open_current(published, "public")


def test_a_flipped_bit_is_found_before_it_is_shown(published: Path) -> None:
    publication = open_current(published)
    assert publication.read("mart_boxes").height == 1
    path = published / SECOND / "data_team" / "mart_boxes.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(PublicationError, match=r"mart_boxes .* was altered since"):
        publication.read("mart_boxes")


def test_an_altered_manifest_is_found_before_it_is_shown(published: Path) -> None:
    path = published / SECOND / "manifest.json"
    pointer = {**(read_pointer(published) or {})}
    pointer["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (published / "CURRENT").write_text(json.dumps(pointer), encoding="utf-8")
    assert open_current(published).marts() == ["mart_boxes"]
    path.write_text(path.read_text(encoding="utf-8").replace('"rows": 1', '"rows": 2'))
    with pytest.raises(PublicationError, match=r"manifest of publication .* was altered"):
        open_current(published)


@pytest.mark.parametrize("audience", ["metropole/..", "../data_team", "", "food_banks/../x"])
def test_only_known_audiences_are_opened(published: Path, audience: str) -> None:
    with pytest.raises(PublicationError, match="is not an audience: data_team"):
        open_current(published, audience)


def test_a_damaged_pointer_is_one_clear_error(published: Path) -> None:
    (published / "CURRENT").write_text("{", encoding="utf-8")
    with pytest.raises(PublicationError, match="CURRENT was damaged") as raised:
        open_current(published)
    assert tell(raised.value.reason).endswith("CURRENT ne se lit plus ; à restaurer")


def test_a_refusal_is_told_until_a_later_publication(published: Path) -> None:
    assert read_refusal(published) is None
    refusal = {"refused_at": "2024-06-26T03:00:00+00:00", "reasons": ["too few rows"]}
    (published / "STATUS.json").write_text(json.dumps({"refusal": refusal}), encoding="utf-8")
    assert read_refusal(published) == refusal
    point(published, FIRST, "2024-06-27T03:00:00+00:00")
    assert read_refusal(published) is None
