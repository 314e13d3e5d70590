"""Damaged files of every kind: only typed refusals in one sentence, or a table; never a crash."""

from __future__ import annotations

import random

import pytest

from pipelines.ingest.containers import UnreadableError
from pipelines.ingest.parsing import parse_table
from tests.fixtures.corpus import make_corpus

WHOLE = {
    file.name: file.content
    for file in make_corpus()
    if file.name in ("X000.xlsx", "X401.xlsx", "L000.xls", "P001.parquet", "P005.parquet",
                     "Z000.csv.gz", "Z001.zip", "J000.jsonl", "D000.csv", "D030.csv")
}  # fmt: skip


def damage(content: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, dropped, doubled or cut off."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data))
        kind = chance.randrange(5)
        if kind == 0:
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at : at + chance.randint(1, 40)]
        elif kind == 2:
            data[at:at] = data[at : at + chance.randint(1, 40)]
        elif kind == 3:
            data[at : at + 4] = b"\xff\xff\xff\xff"
        elif len(data) > 100:
            del data[chance.randrange(60, len(data)) :]
        if len(data) < 10:
            break
    return bytes(data)


def check(name: str, seeds: range) -> None:
    for seed in seeds:
        content = damage(WHOLE[name], random.Random(f"{name}{seed}"))
        try:
            table = parse_table(content)
        except UnreadableError as error:
            assert str(error), (name, seed)
            assert "\n" not in str(error), (name, seed)
        else:
            assert table.columns, (name, seed)


@pytest.mark.parametrize("name", list(WHOLE))
def test_a_damaged_file_is_a_table_or_is_refused(name: str) -> None:
    check(name, range(40))


@pytest.mark.sweep
@pytest.mark.parametrize("name", list(WHOLE))
def test_many_more_damaged_files(name: str) -> None:
    check(name, range(40, 1_500))
