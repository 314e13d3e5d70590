"""What leaves of a world with a row of every rule is, line by line, what was looked at."""

from __future__ import annotations

from decimal import Decimal
from difflib import unified_diff

import polars as pl

from data_contracts.disclosure import load_policy
from pipelines.publish.attacker import attack
from pipelines.publish.disclosure import make_outside
from pipelines.publish.people import read_cells
from tests.fixtures.protected import OUTSIDE, find_again, make_rich_sources, write_outside

POLICY = load_policy()


def test_what_leaves_of_the_rich_world_is_what_was_looked_at() -> None:
    found = write_outside(make_outside(make_rich_sources(), POLICY))
    changes = unified_diff(
        OUTSIDE.read_text().splitlines(), found.splitlines(), "looked at", "found", n=0, lineterm=""
    )
    assert list(changes) == []


def test_the_attacker_finds_nothing_in_the_rich_world() -> None:
    sources = make_rich_sources()
    outside = make_outside(sources, POLICY)
    cells, truth = read_cells(outside.get), read_cells(sources.marts.get)
    assert find_again(sources, outside) == []
    shown = [value for key, value in cells.items() if value and not key.measure.endswith("kg")]
    assert min(shown) >= POLICY.people.threshold
    # What is protected is there to be found inside.
    assert any(value and value < POLICY.people.threshold for value in truth.values())


def test_the_attacker_finds_the_rich_world_as_it_is() -> None:
    sources = make_rich_sources()
    cells = read_cells(sources.marts.get)
    found = attack([cells], POLICY.people, sources.territories(), sources.communes(), set())
    small = {finding.key.area for finding in found if finding.kind == "below_threshold"}
    assert {"commune_code=39009"} <= small
    indicators = sources.marts["mart_indicators"]
    few = indicators.filter(
        (pl.col("indicator_code") == "households_helped") & (pl.col("value") < Decimal(11))
    )
    assert few.height
