"""Where the dashboards find published data, and what they keep of it in memory.

Here live the one reading of `COLLECTO_PUBLISHED_DIR`, the opening of a publication or an edition
for a principal, and the caches, whose first argument is always what was opened for whom. What a
page says belongs in `page_models/`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path

import polars as pl

from dashboards.access import ForbiddenError, Principal, check_page
from dashboards.filters import (
    NO_TERRITORY,
    Choices,
    Filters,
    FoodBank,
    IgnoredValue,
    Period,
    resolve_filters,
)
from dashboards.language.words import read_words
from dashboards.page_models.page import PageModel, mark_lacking
from dashboards.pages import PAGES
from data_contracts.publications import (
    Door,
    Edition,
    NoEditionError,
    Publication,
    PublicationError,
    find_log,
)

PUBLISHED_DIR_VARIABLE = "COLLECTO_PUBLISHED_DIR"
FRESH_FOR = timedelta(hours=24)
EDITION_CODE = re.compile(r"([0-9]{2,9})-([0-9]{1,4})")


@dataclass(frozen=True)
class Source:
    """What was opened and for whom: the key of every cache.

    `door`: what its reader may open; `history` changes with the editions and the log, which pages
    show beside the publication.
    """

    door: Door
    publication_id: str
    audience: str
    territory: str | None = None
    number: int | None = None
    history: str = ""

    @classmethod
    def of(cls, publication: Publication, door: Door | None = None) -> Source:
        """The key of what was opened; without a door, one to the same folder and no other."""
        edition = publication.edition
        return cls(
            door or Door(publication.published_dir, frozenset({publication.audience})),
            publication.publication_id,
            publication.audience,
            edition.territory if edition else None,
            edition.number if edition else None,
            _describe_history(publication.published_dir),
        )

    def open(self) -> Publication:
        """The publication, or the edition, again."""
        if self.territory is not None:
            return self.door.open_edition(self.territory, self.audience, self.number)
        return self.door.open_publication(self.publication_id, self.audience)


@dataclass(frozen=True)
class Opened:
    """A publication as a principal reads it. `is_archive`: neither current nor the last edition."""

    publication: Publication
    is_archive: bool
    principal: Principal
    corrected_by: Edition | None = None

    @cached_property
    def source(self) -> Source:
        """The key under which what is read of it is kept."""
        door = self.principal.open_door(self.publication.published_dir)
        return Source.of(self.publication, door)


def _describe_history(folder: Path) -> str:
    """Names of the editions and the length of the log."""
    names = sorted(str(path.relative_to(folder)) for path in folder.glob("editions/*/*.json"))
    log = find_log(folder, "publications")
    return "|".join([*names, str(log.stat().st_size if log.exists() else 0)])


def published_dir() -> Path:
    """The folder of publications."""
    return Path(os.environ.get(PUBLISHED_DIR_VARIABLE, "data/published")).absolute()


def write_edition_code(edition: Edition) -> str:
    """An edition in the address: `242100410-1`."""
    return f"{edition.territory}-{edition.number}"


def open_asked(parameters: Mapping[str, str], principal: Principal) -> Opened:
    """What the address asks for, else the current publication or the last edition.

    Raises PublicationError where it is not kept, NoPublicationError or NoEditionError where there
    is none, ForbiddenError where the principal may not read it.
    """
    if parameters.get("edition") or principal.reads_editions_only:
        return _open_edition(parameters, principal)
    audience = _audience_of(parameters, principal)
    door = principal.open_door(published_dir())
    current = door.open_current(audience)
    asked = parameters.get("pub")
    if not asked or asked == current.publication_id:
        return Opened(current, False, principal)
    return Opened(door.open_publication(asked, audience), True, principal)


def _audience_of(parameters: Mapping[str, str], principal: Principal) -> str:
    if principal.role == "data_team":
        return "data_team"
    asked = parameters.get("food_bank") or principal.scope[0]
    if asked not in principal.scope:
        raise ForbiddenError(f"food bank {asked}")
    return f"food_banks/{asked}"


def _open_edition(parameters: Mapping[str, str], principal: Principal) -> Opened:
    """An edition as the metropole reads it; the public reads its own folder."""
    found = EDITION_CODE.fullmatch(parameters.get("edition", ""))
    if parameters.get("edition") and not found:
        raise NoEditionError(f"{parameters['edition']!r} is not the code of an edition")
    door = principal.open_door(published_dir())
    editions = door.list_editions()
    if found:
        territory, number = found[1], int(found[2])
    else:
        territory, number = _choose_territory(parameters.get("territory"), principal, door), 0
        if not territory:
            raise NoEditionError("no edition was approved yet; `collecto editions propose`")
        number = max((e.number for e in editions if e.territory == territory), default=0)
    audience = "public" if principal.role == "public" else f"metropole/{territory}"
    publication = door.open_edition(territory, audience, number or None)
    later = [e for e in editions if e.territory == territory and e.number > number]
    same = [e for e in later if publication.edition and e.period == publication.edition.period]
    return Opened(publication, bool(later), principal, same[-1] if same else None)


def _choose_territory(asked: str | None, principal: Principal, door: Door) -> str:
    """The territory that the address asks for, else the first with an edition; may be none.

    What an official asks for is theirs or refused; the public is shown what there is.
    """
    known = list(dict.fromkeys(edition.territory for edition in door.list_editions()))
    if principal.role != "metropole":
        return asked if asked and asked in known else _first_territory(door, known)
    if asked and asked not in (*principal.scope, NO_TERRITORY):
        raise ForbiddenError(f"edition of {asked}")
    in_scope = [code for code in principal.scope if code in known] or list(principal.scope)
    return asked if asked in principal.scope else in_scope[0]


def _first_territory(door: Door, territories: list[str]) -> str:
    """The territory of the food bank that stands first, where several have editions."""
    positions: dict[str, int] = {}
    for territory in territories:
        audience = "public" if "public" in door.audiences else f"metropole/{territory}"
        banks = door.open_edition(territory, audience).read("mart_food_banks")
        positions[territory] = banks["position"].to_list()[0] if banks.height else 10**6
    return min(positions, key=lambda territory: (positions[territory], territory), default="")


def find_first_food_bank() -> str:
    """The food bank of the current publication that stands first."""
    door = Principal("data_team").open_door(published_dir())
    banks = door.open_current("data_team").read("mart_food_banks").sort("position", "food_bank_id")
    return str(banks["food_bank_id"].to_list()[0])


def find_first_territory() -> str:
    """The territory with an edition whose food bank stands first; empty where there is none."""
    public = Principal("public")
    return _choose_territory(None, public, public.open_door(published_dir()))


def list_edition_territories(principal: Principal) -> list[str]:
    """Territories with an edition that the principal may open."""
    door = principal.open_door(published_dir())
    return sorted({edition.territory for edition in door.list_editions()})


def find_latest_edition(source: Source, territory: str | None) -> Edition | None:
    """The last edition of a territory that the reader may open, None where there is none (or
    none can be read)."""
    try:
        return None if territory is None else _find_latest_edition(source, territory)
    except PublicationError:
        return None


@lru_cache(maxsize=128)
def _find_latest_edition(source: Source, territory: str) -> Edition | None:
    editions = source.door.list_editions(territory)
    return editions[-1] if editions else None


def name_food_banks(principal: Principal) -> dict[str, str]:
    """The food banks of a director by identifier; one that published nothing has no name yet."""
    door = principal.open_door(published_dir())
    names = {}
    for food_bank_id in principal.scope:
        try:
            source = Source.of(door.open_current(f"food_banks/{food_bank_id}"), door)
            banks = read_choices(source).food_banks
            names[food_bank_id] = next((bank.name for bank in banks), food_bank_id)
        except (PublicationError, KeyError, pl.exceptions.PolarsError):
            names[food_bank_id] = food_bank_id
    return names


def is_stale(publication: Publication, now: datetime | None = None) -> bool:
    """Whether a publication is more than 24 hours old; an edition is not stale, it is dated."""
    if publication.published_at is None or publication.edition is not None:
        return False
    published_at = publication.published_at
    if published_at.tzinfo is None:
        published_at = published_at.replace(tzinfo=UTC)
    return (now or datetime.now(UTC)) - published_at > FRESH_FOR


def read_filters(
    parameters: Mapping[str, str], opened: Opened, choices: Choices
) -> tuple[Filters, tuple[IgnoredValue, ...]]:
    """What the address asks of what was opened; the territory of an edition is the edition's."""
    edition = opened.publication.edition
    if edition is not None:
        parameters = {**parameters, "territory": edition.territory}
    return resolve_filters(parameters, choices)


def read_page(opened: Opened, page: str, filters: Filters) -> PageModel:
    """The view model of a page, kept in memory for what was opened and the filters.

    Raises ForbiddenError where the page is not the principal's.
    """
    check_page(opened.principal, page)
    return read_page_of(opened.source, page, filters)


@lru_cache(maxsize=128)
def read_choices(source: Source) -> Choices:
    """What can be chosen in what was opened."""
    publication = source.open()
    food_banks = tuple(
        FoodBank(
            food_bank_id=row["food_bank_id"],
            name=row["name"],
            territory_codes=tuple(filter(None, (row["territory_codes"] or "").split("|"))),
            is_demonstration=row["is_demonstration"],
            first_date=row["first_date"],
            data_date=row["data_date"],
        )
        for row in publication.read("mart_food_banks")
        .sort("position", "food_bank_id")
        .iter_rows(named=True)
    )
    rows = (
        publication.scan("mart_indicators")
        .filter(pl.col("scope_kind") == "food_bank")
        .group_by("scope_id", "period_kind", "period_start")
        .agg(pl.col("period_end").max(), pl.col("is_partial").any())
        .sort("scope_id", "period_kind", "period_start")
        .collect()
    )
    periods: dict[str, list[Period]] = {bank.food_bank_id: [] for bank in food_banks}
    for scope_id, kind, start, end, is_partial in rows.iter_rows():
        if scope_id in periods:
            periods[scope_id].append(Period(kind, start, end, is_partial))
    territories = (
        publication.scan("mart_communes")
        .filter(pl.col("epci_code").is_not_null())
        .group_by("epci_code")
        .agg(pl.col("epci_name").first())
        .sort("epci_code")
        .collect()
    )
    return Choices(
        food_banks=tuple(bank for bank in food_banks if periods[bank.food_bank_id]),
        periods={bank_id: tuple(found) for bank_id, found in periods.items()},
        territories=dict(territories.iter_rows()),
    )


@lru_cache(maxsize=512)
def read_page_of(source: Source, page: str, filters: Filters) -> PageModel:
    """The view model of a page for whom it was checked that they may open it."""
    publication = replace(source.open(), lacked=set())
    words = read_words(filters.language)
    entry = PAGES[page]
    model = entry.build(publication, filters, words)
    lacked = publication.lacked
    return mark_lacking(words, model, lacked, entry.figures) if lacked else model
