"""Nobody sees anything of another scope: by address, cache, export, error text or tooltip."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from dashboards.access import ForbiddenError, Principal
from dashboards.approvals import INBOX_VARIABLE, read_approvals
from dashboards.exports import find_export, write_csv
from dashboards.language import read_words
from dashboards.pages import PAGES
from dashboards.published import (
    PUBLISHED_DIR_VARIABLE,
    find_latest_edition,
    list_edition_territories,
    name_food_banks,
    open_asked,
    read_choices,
    read_filters,
    read_page,
)
from data_contracts.publications import Door, PublicationError, open_current
from tests.fixtures.publication import FOOD_BANK, TERRITORY
from tests.fixtures.scopes import (
    BANKS,
    EARLIER_ID,
    TERRITORIES,
    Seen,
    find_canaries,
    write_scopes,
)

TRIES = 5_000
SEED = 7
JOINT = "200070000"


@dataclass(frozen=True)
class Reader:
    """A principal, and the folders and editions of which they may see something."""

    principal: Principal
    folders: frozenset[str]
    editions: frozenset[str]


def of_food_banks(*banks: str) -> Reader:
    whole = {code for code, members in TERRITORIES.items() if set(members) <= set(banks)}
    folders = {f"food_banks/{bank}" for bank in banks} | {f"metropole/{code}" for code in whole}
    known = {code for code, members in TERRITORIES.items() if set(members) & set(banks)}
    return Reader(Principal("food_bank", banks), frozenset(folders), frozenset(known))


def of_territories(*codes: str) -> Reader:
    folders = frozenset(f"metropole/{code}" for code in codes)
    return Reader(Principal("metropole", codes), folders, frozenset(codes))


ALL = frozenset(TERRITORIES)
READERS = (
    Reader(
        Principal("data_team"),
        frozenset({"data_team", *(f"metropole/{code}" for code in TERRITORIES)}), ALL,
    ),
    Reader(Principal("public"), frozenset({"public"}), ALL),
    of_food_banks(FOOD_BANK), of_food_banks("isere"), of_food_banks("herault"),
    of_food_banks(FOOD_BANK, "isere"),
    of_territories(TERRITORY), of_territories("243400017"), of_territories(JOINT, "200040715"),
)  # fmt: skip

# Whose pages are many: the data team opens all there is, and is refused little.
WEIGHTS = (1, 2, 4, 4, 4, 4, 4, 4, 4)


@pytest.fixture(scope="module")
def scopes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scopes")
    write_scopes(folder)
    return folder


@pytest.fixture(autouse=True)
def _read_scopes(scopes: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(PUBLISHED_DIR_VARIABLE, str(scopes))
    monkeypatch.setenv(INBOX_VARIABLE, str(tmp_path / "inbox"))


def draw_parameters(rng: random.Random) -> dict[str, str]:
    """An address that somebody curious would write: of others mostly."""
    choices = {
        "food_bank": [*BANKS, *BANKS, "", "nobody", f"../{FOOD_BANK}", "*"],
        "territory": [*TERRITORIES, "none", "00", "*"],
        "edition": [f"{code}-{number}" for code in TERRITORIES for number in (2, 2, 2, 3)] + ["x"],
        "pub": [EARLIER_ID, EARLIER_ID[:16], "../../data_team", f"{EARLIER_ID}/public"],
        "period": ["2023", "2024-05", "9999"],
        "lang": ["en"],
        "partner": ["P1"], "donor": ["D1"], "site": ["dijon", "chalon"], "commune": ["21231"],
        "lot": ["L1"],
    }  # fmt: skip
    weights = {"food_bank": 0.6, "territory": 0.25, "edition": 0.4, "pub": 0.1}
    return {
        name: rng.choice(values)
        for name, values in choices.items()
        if rng.random() < weights.get(name, 0.002)
    }


def read_everything(
    principal: Principal, page: str, parameters: dict[str, str], export: bool
) -> list[str]:
    """All that a try may give: choices, filters, the page with its tooltips, files; error texts."""
    said = []
    words = read_words("fr")
    try:
        opened = open_asked(parameters, principal)
        choices = read_choices(opened.source)
        filters, ignored = read_filters(parameters, opened, choices)
        said += [repr(choices), repr(filters), repr(ignored), repr(opened.corrected_by)]
        said.append(repr(opened.publication.edition))
        said.append(repr(find_latest_edition(opened.source, filters.territory_code)))
        said.append(repr(read_approvals(opened, filters, words)))
        model = read_page(opened, page, filters)
        said.append(repr(model))
        for figure in model.exported if export else ():
            found = find_export(parameters, figure.figure_id, principal)
            said += [write_csv(found), json.dumps(found.metadata, default=str), found.stem]
    except (ForbiddenError, PublicationError) as error:
        said.append(f"{type(error).__name__}: {error}")
    return said


def find_all(texts: list[str]) -> Seen:
    found = [find_canaries(text) for text in texts]
    return Seen(
        frozenset().union(*(seen.folders for seen in found)),
        frozenset().union(*(seen.editions for seen in found)),
    )


@dataclass
class Tally:
    """What tries came to."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)


def test_five_thousand_tries_find_nothing_of_another_scope() -> None:
    rng = random.Random(SEED)
    tally = Tally()
    for number in range(TRIES):
        reader = rng.choices(READERS, weights=WEIGHTS)[0]
        page = rng.choice(tuple(PAGES))
        parameters = draw_parameters(rng)
        texts = read_everything(reader.principal, page, parameters, number % 25 == 0)
        seen = find_all(texts)
        where = (reader.principal, page, parameters)
        assert seen.folders <= reader.folders, where
        assert seen.editions <= reader.editions, where
        tally.outcomes["refused" if any("Error: " in text for text in texts) else "shown"] += 1
        tally.seen.update((reader.principal.role, folder) for folder in seen.folders)
    # the tries are tries: many were answered, many refused, and every reader saw what is theirs
    assert tally.outcomes["shown"] > TRIES / 8 and tally.outcomes["refused"] > TRIES / 8
    own = {(r.principal.role, folder) for r in READERS for folder in r.folders}
    assert set(tally.seen) == own


def test_a_canary_is_found_where_it_is() -> None:
    """The search itself: what the data team reads tells of every folder that it opens."""
    texts = read_everything(Principal("data_team"), "essentiel", {}, True)
    assert find_all(texts) == Seen(frozenset({"data_team"}), frozenset({TERRITORY}))
    assert find_canaries("271\u202f828,3 kg").folders == {f"food_banks/{FOOD_BANK}"}
    assert find_canaries("27,2 t").folders == set()


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: "-".join(
    [reader.principal.role, *reader.principal.scope]))  # fmt: skip
def test_the_door_opens_the_readers_folders_and_no_other(reader: Reader, scopes: Path) -> None:
    door = reader.principal.open_door(scopes)
    inside = ["data_team", "public", *(f"food_banks/{bank}" for bank in BANKS)]
    for audience in inside:
        for enter in (door.open_current, partial(door.open_publication, EARLIER_ID)):
            if audience in reader.folders:
                assert enter(audience).audience == audience
            else:
                with pytest.raises(ForbiddenError):
                    enter(audience)
    for code in TERRITORIES:
        audience = f"metropole/{code}"
        if audience in reader.folders:
            assert door.open_edition(code, audience).audience == audience
        else:
            with pytest.raises(ForbiddenError):
                door.open_edition(code, audience)
        is_known = audience in reader.folders or "public" in reader.folders
        assert bool(door.list_editions(code)) == is_known
        assert (code in list_edition_territories(reader.principal)) == is_known
    names = name_food_banks(reader.principal) if reader.principal.role == "food_bank" else {}
    assert find_canaries(repr(names)).folders <= reader.folders
    assert set(names) <= set(reader.principal.scope)


def test_a_door_without_folders_opens_nothing(scopes: Path) -> None:
    shut = Door(scopes, frozenset())
    with pytest.raises(ForbiddenError):
        shut.open_current("public")
    assert open_current(scopes, "public").audience == "public"
    # a folder that lies beneath an open one is not open
    with pytest.raises(ForbiddenError):
        Door(scopes, frozenset({"food_banks"})).open_current("food_banks/isere")


def test_what_one_reader_read_is_not_kept_for_another() -> None:
    """The caches of a process serve many readers: the same address, asked in turn."""
    both = of_food_banks(FOOD_BANK, "isere").principal
    for address in ({}, {"food_bank": "isere"}, {"pub": EARLIER_ID}):
        for principal in (Principal("data_team"), both, Principal("food_bank", (FOOD_BANK,))):
            texts = read_everything(principal, "pilotage", dict(address), True)
            allowed = next((r.folders for r in READERS if r.principal == principal), frozenset())
            assert find_all(texts).folders <= allowed
