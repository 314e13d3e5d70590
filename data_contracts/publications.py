"""The only door to published data: opens one audience's folder of one publication or edition.

A publication is a folder of Parquet files that nobody changes once `CURRENT` names it. Readers
resolve `CURRENT` once and keep that publication for the whole of their work; each file is hashed
before it is read. The metropole and the public read editions. Writing belongs in
`pipelines/publish`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from data_contracts.chained_log import read_entries
from data_contracts.disclosure import contract_for, load_policy
from data_contracts.loader import Contract
from data_contracts.reasons import Reason

PUBLICATION_ID = re.compile(r"^[0-9a-f]{16,64}$")
MART_NAME = re.compile(r"^mart_[a-z_0-9]{1,60}$")
AUDIENCE = re.compile(
    r"^(data_team|public|metropole/[0-9]{2,9}|food_banks/[a-z0-9][a-z0-9_-]{0,40})$"
)
TERRITORY = re.compile(r"^[0-9]{2,9}$")


class PublicationError(Exception):
    """Published data cannot be opened; the message says what is missing and what to do.

    `reason`: the message, with its code where what was published is damaged or gone.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ForbiddenError(Exception):
    """The reader may not see what was asked for."""


class NoPublicationError(PublicationError):
    """Nothing was ever published in this data folder."""


class NoEditionError(PublicationError):
    """No edition of this territory was approved yet."""


@dataclass(frozen=True)
class Edition:
    """What the food banks of a territory approved: one publication, to a stated day.

    `approvals`: who, for which food bank, when, with which comment; `reason`: why it corrects the
    edition `replaces`.
    """

    territory: str
    number: int
    period: str
    end: date
    food_banks: tuple[str, ...]
    publication_id: str
    manifest_sha256: str
    approvals: tuple[dict[str, Any], ...]
    published_at: datetime
    reason: str | None = None
    replaces: int | None = None


@dataclass(frozen=True)
class Publication:
    """One audience's view of one publication, or of an edition of it.

    `folder` holds a Parquet file per mart; `published_at` is known for the current publication and
    for editions (times lie in `CURRENT`, never in the folder). Of an edition there are the rows of
    its food banks and of periods that ended by its day. `lacked`: None, or marts that were read and
    did not exist yet when it was made: they then have no row, instead of being an error.
    """

    publication_id: str
    audience: str
    folder: Path
    manifest: dict[str, Any] = field(repr=False)
    published_at: datetime | None = None
    edition: Edition | None = None
    lacked: set[str] | None = field(default=None, repr=False, compare=False)

    @property
    def published_dir(self) -> Path:
        """The folder of publications that this one lies in."""
        return self.folder.parents[len(Path(self.audience).parts)]

    def list_editions(self, territory: str | None = None) -> list[Edition]:
        """Approved editions that this audience may know of, of one territory or of all.

        A metropole knows its own, a food bank those that it has a part in.
        """
        kind, _, name = self.audience.partition("/")
        return [
            entry
            for entry in list_editions(self.published_dir, territory)
            if kind in ("data_team", "public")
            or (kind == "metropole" and entry.territory == name)
            or (kind == "food_banks" and name in entry.food_banks)
        ]

    def marts(self) -> list[str]:
        """Names of the marts that this audience may read, in order."""
        return sorted(path.stem for path in self.folder.glob("mart_*.parquet"))

    def scan(self, mart: str) -> pl.LazyFrame:
        """Lazy frame of one mart.

        Raises PublicationError where the audience has no such mart, or its file was altered.
        """
        path = self.folder / f"{mart}.parquet"
        hashes = {entry["mart"]: entry["sha256"] for entry in self.manifest.get("marts", ())}
        if self.lacked is not None and mart not in hashes and self._may_read(mart):
            self.lacked.add(mart)
            return pl.LazyFrame(schema=read_schema(contract_for(mart, self.audience)))
        if not MART_NAME.fullmatch(mart) or not path.is_file():
            raise PublicationError(
                f"publication {self.publication_id} has no {mart} for {self.audience}; "
                f"it has {', '.join(self.marts())}"
            )
        status = path.stat()
        if _hash(path, status.st_ino, status.st_mtime_ns, status.st_size) != hashes.get(mart):
            raise PublicationError(
                Reason(
                    f"{mart} of publication {self.publication_id} was altered since it was"
                    " published; `collecto verify` names what is, `collecto publications rollback`"
                    " takes another",
                    "damaged.altered", what=mart, publication=self.publication_id,
                )
            )  # fmt: skip
        frame = pl.scan_parquet(path, glob=False)
        return frame if self.edition is None else self._limit(frame, self.edition)

    def read(self, mart: str) -> pl.DataFrame:
        """All rows of one mart, in the order of its key."""
        return self.scan(mart).collect()

    def _may_read(self, mart: str) -> bool:
        return mart in load_policy().marts_of(self.audience)

    def _limit(self, frame: pl.LazyFrame, edition: Edition) -> pl.LazyFrame:
        columns = frame.collect_schema().names()
        banks = list(edition.food_banks)
        if "scope_kind" in columns:
            is_bank = (pl.col("scope_kind") == "food_bank") & pl.col("scope_id").is_in(banks)
            is_territory = (pl.col("scope_kind") == "territory") & (
                pl.col("scope_id") == edition.territory
            )
            frame = frame.filter(is_bank | is_territory)
        elif "food_bank_id" in columns:
            frame = frame.filter(pl.col("food_bank_id").is_in(banks))
        if (end := _end_of_period(columns)) is None:
            return frame
        days = [date.fromisoformat(day) for day in self.manifest.get("data_up_to", {}).values()]
        last = pl.lit(max(days, default=edition.end))
        return frame.filter(pl.min_horizontal(end, last) <= edition.end)


def read_schema(contract: Contract) -> pl.Schema:
    """Columns and types of a contract, as its Parquet file has them."""
    return pl.Schema({column.name: _read_type(column.physical_type) for column in contract.columns})


def _read_type(physical_type: str) -> pl.DataType:
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", physical_type)
    if decimal:
        return pl.Decimal(int(decimal[1]), int(decimal[2]))
    types: dict[str, pl.DataType] = {
        "DATE": pl.Date(),
        "VARCHAR": pl.String(),
        "BOOLEAN": pl.Boolean(),
        "BIGINT": pl.Int64(),
    }
    return types[physical_type]


@dataclass(frozen=True)
class Door:
    """The way into a folder of publications for one reader: everything else stays shut.

    `audiences`: the folders that are open, `metropole/*` for that of every territory; besides, the
    editions of which all food banks are among `food_banks`, as the metropole reads them.
    """

    published_dir: Path
    audiences: frozenset[str]
    food_banks: frozenset[str] = frozenset()

    def open_current(self, audience: str) -> Publication:
        """As `open_current`; raises ForbiddenError where the audience is not the reader's."""
        self._check(audience)
        return open_current(self.published_dir, audience)

    def open_publication(self, publication_id: str, audience: str) -> Publication:
        """As `open_publication`; raises ForbiddenError where the audience is not the reader's."""
        self._check(audience)
        return open_publication(self.published_dir, publication_id, audience)

    def open_edition(self, territory: str, audience: str, number: int | None = None) -> Publication:
        """As `open_edition`; raises ForbiddenError where the edition is not the reader's."""
        if not self._has_audience(audience):
            editions = list_editions(self.published_dir, territory)
            chosen = [entry for entry in editions if number in (None, entry.number)]
            if not chosen or not set(chosen[-1].food_banks) <= self.food_banks:
                raise ForbiddenError(f"edition of {territory}")
        return open_edition(self.published_dir, territory, audience, number)

    def list_editions(self, territory: str | None = None) -> list[Edition]:
        """Approved editions that the reader may open, of one territory or of all."""
        return [
            entry
            for entry in list_editions(self.published_dir, territory)
            if "public" in self.audiences
            or self._has_audience(f"metropole/{entry.territory}")
            or set(entry.food_banks) <= self.food_banks
        ]

    def _check(self, audience: str) -> None:
        if not self._has_audience(audience):
            raise ForbiddenError(f"folder {audience}")

    def _has_audience(self, audience: str) -> bool:
        return audience in self.audiences or (
            audience.startswith("metropole/") and "metropole/*" in self.audiences
        )


def _end_of_period(columns: list[str]) -> pl.Expr | None:
    """The last day of what a row counts, by the columns of its table; None where it has no time."""
    starts = {"month": "1mo", "quarter_start": "3mo", "year_start": "12mo", "week_start": "1w"}
    if "period_end" in columns:
        return pl.col("period_end")
    for column, length in starts.items():
        if column in columns:
            return pl.col(column).dt.offset_by(length).dt.offset_by("-1d")
    if {"period_kind", "period_start"} <= set(columns):
        lengths = pl.col("period_kind").replace_strict(
            {"month": "1mo", "quarter": "3mo", "year": "12mo", "year_to_date": "12mo"}
        )
        return pl.col("period_start").dt.offset_by(lengths).dt.offset_by("-1d")
    return None


@lru_cache(maxsize=4096)
def _hash(path: Path, inode: int, modified: int, size: int) -> str:
    """SHA-256 of a file, once for the file as it stands."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_pointer(published_dir: Path) -> dict[str, Any] | None:
    """The content of `CURRENT`: `{publication_id, path, sha256, epoch, published_at}`, or None."""
    pointer: dict[str, Any] | None = _read_optional(published_dir / "CURRENT")
    return pointer


def read_hold(published_dir: Path) -> dict[str, Any] | None:
    """The hold that a rollback set, or None: `{publication_id, held_at, reason}`."""
    hold: dict[str, Any] | None = _read_optional(published_dir / "HOLD.json")
    return hold


def read_refusal(published_dir: Path) -> dict[str, Any] | None:
    """The last refused publication, where it is later than the current one, else None.

    Keys: `refused_at`, `publication_id`, `reasons` (list of sentences), `codes` (code and values of
    each, or None; read by `reasons.read_reasons`; files of earlier versions have none).
    """
    status = _read_optional(published_dir / "STATUS.json")
    refusal: dict[str, Any] | None = (status or {}).get("refusal")
    current = read_pointer(published_dir) if refusal else None
    if refusal and current and current["published_at"] > refusal["refused_at"]:
        return None
    return refusal


def _read_optional(path: Path) -> Any:
    try:
        return _read_json(path.read_bytes(), path)
    except FileNotFoundError:
        return None


def _read_json(data: bytes, path: Path) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        message = f"{path} was damaged (not JSON): {error}; restore it"
        raise PublicationError(Reason(message, "damaged.file", file=str(path))) from error


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
    return _open(
        published_dir, pointer["publication_id"], audience, published_at, pointer.get("sha256")
    )


def open_publication(
    published_dir: Path, publication_id: str, audience: str = "data_team"
) -> Publication:
    """Open an earlier publication by its identifier.

    Raises PublicationError where it does not exist or is no longer kept.
    """
    if not PUBLICATION_ID.fullmatch(publication_id):
        raise PublicationError(f"{publication_id!r} is not the identifier of a publication")
    return _open(published_dir, publication_id, audience)


def open_edition(
    published_dir: Path, territory: str, audience: str = "public", number: int | None = None
) -> Publication:
    """Open an edition of a territory (the last one, or by its number) as one audience reads it.

    `audience`: `public`, `metropole/<territory>`, or `food_banks/<id>` of a food bank that approved
    it. Raises NoEditionError where none was approved.
    """
    editions = list_editions(published_dir, territory)
    banks = {f"food_banks/{bank}" for edition in editions for bank in edition.food_banks}
    if audience not in {"public", f"metropole/{territory}", *banks}:
        raise PublicationError(f"{audience!r} reads no edition of {territory}")
    chosen = [entry for entry in editions if number in (None, entry.number)]
    if not chosen:
        which = "no edition" if number is None else f"no edition {number}"
        raise NoEditionError(
            f"{which} of {territory} was approved; `collecto editions propose` prepares one"
        )
    edition = chosen[-1]
    opened = _open(
        published_dir, edition.publication_id, audience, edition.published_at,
        edition.manifest_sha256,
    )  # fmt: skip
    return Publication(
        opened.publication_id, audience, opened.folder, opened.manifest, edition.published_at,
        edition,
    )  # fmt: skip


def list_editions(published_dir: Path, territory: str | None = None) -> list[Edition]:
    """Approved editions, of one territory or of all, by territory and number."""
    if territory is not None and not TERRITORY.fullmatch(territory):
        raise PublicationError(f"{territory!r} is not the code of a territory")
    return sorted(
        _read_editions(published_dir, territory or "*"), key=lambda e: (e.territory, e.number)
    )


def find_log(published_dir: Path, name: str) -> Path:
    """The file of a log: `publications` or `editions`."""
    return published_dir / "log" / f"{name}.jsonl"


def read_publication_log(published_dir: Path) -> list[dict[str, Any]]:
    """Entries of the log of publications, the oldest first; a line cut short by a crash is none."""
    # A refusal of the first logs has its time under the name that STATUS.json gives it.
    return [
        {"at": entry.get("refused_at"), **entry}
        for entry in _read_log(published_dir, "publications")
    ]


def read_proposal(published_dir: Path, territory: str) -> dict[str, Any] | None:
    """The proposal of an edition that waits, with its `approvals`; None where none does."""
    if not TERRITORY.fullmatch(territory):
        raise PublicationError(f"{territory!r} is not the code of a territory")
    proposal: dict[str, Any] | None = None
    for entry in _read_log(published_dir, "editions"):
        if entry.get("territory") != territory:
            continue
        if entry["event"] == "proposed":
            proposal = {**entry, "approvals": []}
        elif entry["event"] == "approved" and proposal and entry["number"] == proposal["number"]:
            others = [
                approval
                for approval in proposal["approvals"]
                if approval["food_bank_id"] != entry["food_bank_id"]
            ]
            names = ("food_bank_id", "by", "comment", "at")
            proposal["approvals"] = [*others, {name: entry[name] for name in names}]
        elif entry["event"] == "edition" and proposal and entry["number"] == proposal["number"]:
            proposal = None
    return proposal


def _read_log(published_dir: Path, name: str) -> list[dict[str, Any]]:
    try:
        return list(read_entries(find_log(published_dir, name)))
    except ValueError:
        raise PublicationError(f"the log of {name} was damaged") from None


def _read_editions(published_dir: Path, territory: str) -> Iterator[Edition]:
    for path in (published_dir / "editions").glob(f"{territory}/*.json"):
        if path.stem.isdigit():
            status = path.stat()
            yield _read_edition(path, status.st_ino, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)
def _read_edition(path: Path, inode: int, modified: int, size: int) -> Edition:
    """An edition, once for the file as it stands."""
    entry = _read_json(path.read_bytes(), path)
    try:
        return Edition(
            territory=entry["territory"],
            number=int(entry["number"]),
            period=entry["period"],
            end=date.fromisoformat(entry["end"]),
            food_banks=tuple(entry["food_banks"]),
            publication_id=entry["publication_id"],
            manifest_sha256=entry["manifest_sha256"],
            approvals=tuple(entry["approvals"]),
            published_at=datetime.fromisoformat(entry["published_at"]),
            reason=entry.get("reason"),
            replaces=entry.get("replaces"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PublicationError(f"{path} was damaged: {error}; restore it") from error


def _open(
    published_dir: Path,
    publication_id: str,
    audience: str,
    published_at: datetime | None = None,
    sha256: str | None = None,
) -> Publication:
    """`sha256`: what the manifest of the whole publication must be, where it is known."""
    if not AUDIENCE.fullmatch(audience):
        raise PublicationError(
            f"{audience!r} is not an audience: data_team, food_banks/<id>, metropole/<code>, public"
        )
    folder = published_dir / publication_id
    try:
        found, manifest = _read_manifest(folder / "manifest.json")
        if sha256 not in (None, found):
            raise PublicationError(
                Reason(
                    f"the manifest of publication {publication_id} was altered since it was"
                    " published; `collecto publications rollback` takes another",
                    "damaged.altered", what="manifest.json", publication=publication_id,
                )
            )  # fmt: skip
        if audience != "data_team":
            wanted = manifest.get("audiences", {}).get(audience)
            if wanted is None:
                raise PublicationError(f"publication {publication_id} has nothing for {audience}")
            found, manifest = _read_manifest(folder / audience / "manifest.json")
            if found != wanted:
                raise PublicationError(
                    Reason(
                        f"the manifest of {audience} in publication {publication_id} was altered"
                        " since it was published; `collecto publications rollback` takes another",
                        "damaged.altered", what=f"{audience}/manifest.json",
                        publication=publication_id,
                    )
                )  # fmt: skip
    except FileNotFoundError:
        text = f"publication {publication_id} is not kept in {published_dir}"
        reason = Reason(text, "damaged.gone", publication=publication_id)
        raise PublicationError(reason) from None
    return Publication(publication_id, audience, folder / audience, manifest, published_at)


def _read_manifest(path: Path) -> tuple[str, dict[str, Any]]:
    """SHA-256 and content of a manifest. Raises FileNotFoundError."""
    status = path.stat()
    return _parse_manifest(path, status.st_ino, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=16)
def _parse_manifest(path: Path, inode: int, modified: int, size: int) -> tuple[str, dict[str, Any]]:
    """A manifest, once for the file as it stands: it names every file that was read."""
    data = path.read_bytes()
    return hashlib.sha256(data).hexdigest(), _read_json(data, path)
