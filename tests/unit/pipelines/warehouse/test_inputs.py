"""What a build is given: the register and the versions of its methods."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from data_contracts.loader import FormerMethod, load_register
from pipelines.warehouse import build


def test_every_indicator_has_the_method_in_force() -> None:
    table = build.make_method_table()
    assert table.filter(pl.col("valid_to").is_null())["indicator_code"].to_list() == list(
        load_register()
    )


def test_a_former_method_is_valid_until_the_day_before_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = load_register()["tonnes_distributed"]
    former = [
        FormerMethod(method_version=version, valid_from=day, replaced_fr="non", replaced_en="no")
        for version, day in (("0.8", "2019-01-01"), ("0.9", "2020-03-01"))
    ]
    changed = entry.model_copy(update={"history": former})
    monkeypatch.setattr(build, "load_register", lambda: {changed.code: changed})
    assert build.make_method_table().rows() == [
        ("tonnes_distributed", "0.8", date(2019, 1, 1), date(2020, 2, 29), "non", "no"),
        ("tonnes_distributed", "0.9", date(2020, 3, 1), date(2021, 12, 31), "non", "no"),
        ("tonnes_distributed", "1.0", date(2022, 1, 1), None, None, None),
    ]
