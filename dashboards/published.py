"""Where the dashboards find published data, and what they keep of it in memory.

Here live the one reading of `COLLECTO_PUBLISHED_DIR`, the opening of a publication and the caches,
whose first argument is always the publication. What a page says belongs in `page_models/`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import polars as pl

from dashboards.filters import Choices, Filters, FoodBank, Period
from dashboards.language.words import read_words
from dashboards.page_models.essentiel import EssentielPage, build_essentiel
from dashboards.page_models.mise_a_disposition import (
    MiseADispositionPage,
    build_mise_a_disposition,
)
from data_contracts.publications import Publication, open_current, open_publication

PUBLISHED_DIR_VARIABLE = "COLLECTO_PUBLISHED_DIR"
FRESH_FOR = timedelta(hours=24)

PageModel = EssentielPage | MiseADispositionPage
BUILDERS: Mapping[str, Callable[..., PageModel]] = {
    "essentiel": build_essentiel,
    "mise-a-disposition": build_mise_a_disposition,
}


def published_dir() -> Path:
    """The folder of publications."""
    return Path(os.environ.get(PUBLISHED_DIR_VARIABLE, "data/published")).resolve()


def open_asked(parameters: Mapping[str, str]) -> tuple[Publication, bool]:
    """The publication of the address, else the current one; whether it is an archive.

    Raises PublicationError where it is not kept, NoPublicationError where there is none.
    """
    current = open_current(published_dir())
    asked = parameters.get("pub")
    if not asked or asked == current.publication_id:
        return current, False
    return open_publication(published_dir(), asked), True


def is_stale(publication: Publication, now: datetime | None = None) -> bool:
    """Whether a publication is more than 24 hours old; an archive is not stale, it is dated."""
    if publication.published_at is None:
        return False
    published_at = publication.published_at
    if published_at.tzinfo is None:
        published_at = published_at.replace(tzinfo=UTC)
    return (now or datetime.now(UTC)) - published_at > FRESH_FOR


def read_choices(publication: Publication) -> Choices:
    """What can be chosen in a publication."""
    return _read_choices(publication.publication_id, publication.audience, published_dir())


def read_page(publication: Publication, page: str, filters: Filters) -> PageModel:
    """The view model of a page, kept in memory for the publication and the filters."""
    return _read_page(
        publication.publication_id, publication.audience, published_dir(), page, filters
    )


@lru_cache(maxsize=16)
def _read_choices(publication_id: str, audience: str, folder: Path) -> Choices:
    publication = open_publication(folder, publication_id, audience)
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


@lru_cache(maxsize=256)
def _read_page(
    publication_id: str, audience: str, folder: Path, page: str, filters: Filters
) -> PageModel:
    publication = open_publication(folder, publication_id, audience)
    return BUILDERS[page](publication, filters, read_words(filters.language))
