"""The only door to published data: opens one audience's folder of one publication.

A publication is a folder of Parquet files that nobody changes once `CURRENT` names it. Readers
resolve `CURRENT` once and keep that publication for the whole of their work. Writing publications
belongs in `pipelines/publish`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

PUBLICATION_ID = re.compile(r"^[0-9a-f]{16,64}$")
MART_NAME = re.compile(r"^mart_[a-z_]{1,60}$")
AUDIENCES = ("data_team",)


class PublicationError(Exception):
    """Published data cannot be opened; the message says what is missing and what to do."""


class NoPublicationError(PublicationError):
    """Nothing was ever published in this data folder."""


@dataclass(frozen=True)
class Publication:
    """One audience's view of one publication.

    `folder` holds a Parquet file per mart; `published_at` is known for the current publication
    only (times lie in `CURRENT`, never in the folder).
    """

    publication_id: str
    audience: str
    folder: Path
    manifest: dict[str, Any] = field(repr=False)
    published_at: datetime | None = None

    def marts(self) -> list[str]:
        """Names of the marts that this audience may read, in order."""
        return sorted(path.stem for path in self.folder.glob("mart_*.parquet"))

    def scan(self, mart: str) -> pl.LazyFrame:
        """Lazy frame of one mart.

        Raises PublicationError where the audience has no such mart.
        """
        path = self.folder / f"{mart}.parquet"
        if not MART_NAME.fullmatch(mart) or not path.is_file():
            raise PublicationError(
                f"publication {self.publication_id} has no {mart} for {self.audience}; "
                f"it has {', '.join(self.marts())}"
            )
        return pl.scan_parquet(path, glob=False)

    def read(self, mart: str) -> pl.DataFrame:
        """All rows of one mart, in the order of its key."""
        return self.scan(mart).collect()


def read_pointer(published_dir: Path) -> dict[str, Any] | None:
    """The content of `CURRENT`: `{publication_id, path, sha256, epoch, published_at}`, or None."""
    try:
        text = (published_dir / "CURRENT").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    pointer: dict[str, Any] = _read_json(text, published_dir / "CURRENT")
    return pointer


def read_refusal(published_dir: Path) -> dict[str, Any] | None:
    """The last refused publication, where it is later than the current one, else None.

    Keys: `refused_at`, `publication_id`, `reasons` (list of sentences).
    """
    try:
        text = (published_dir / "STATUS.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    refusal: dict[str, Any] | None = _read_json(text, published_dir / "STATUS.json").get("refusal")
    current = read_pointer(published_dir) if refusal else None
    if refusal and current and current["published_at"] > refusal["refused_at"]:
        return None
    return refusal


def _read_json(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise PublicationError(f"{path} was damaged (not JSON): {error.msg}; restore it") from error


def open_current(published_dir: Path, audience: str = "data_team") -> Publication:
    """Open the publication that `CURRENT` names.

    Raises NoPublicationError where nothing was published yet.
    """
    pointer = read_pointer(published_dir)
    if pointer is None:
        raise NoPublicationError(
            f"nothing is published in {published_dir}; run `collecto refresh` first"
        )
    published_at = datetime.fromisoformat(pointer["published_at"])
    return _open(published_dir, pointer["publication_id"], audience, published_at)


def open_publication(
    published_dir: Path, publication_id: str, audience: str = "data_team"
) -> Publication:
    """Open an earlier publication by its identifier.

    Raises PublicationError where it does not exist or is no longer kept.
    """
    if not PUBLICATION_ID.fullmatch(publication_id):
        raise PublicationError(f"{publication_id!r} is not the identifier of a publication")
    return _open(published_dir, publication_id, audience, None)


def _open(
    published_dir: Path, publication_id: str, audience: str, published_at: datetime | None
) -> Publication:
    if audience not in AUDIENCES:
        raise PublicationError(f"{audience!r} is not an audience: {', '.join(AUDIENCES)}")
    folder = published_dir / publication_id / audience
    try:
        path = folder.parent / "manifest.json"
        manifest = _read_json(path.read_text(encoding="utf-8"), path)
    except FileNotFoundError:
        raise PublicationError(
            f"publication {publication_id} is not kept in {published_dir}"
        ) from None
    return Publication(publication_id, audience, folder, manifest, published_at)
