"""Published figures are looked up as they are; only months are added, where that has a meaning."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from data_contracts.periods import PeriodError, parse_period
from data_contracts.publications import NoPublicationError
from pipelines.publish.figures import KEYS, FigureError, read_indicator
from tests.fixtures.publication import PUBLICATION_ID, build_marts, write_publication

BANKS = ("petite", "grande")


def indicator(scope: str, code: str, period: str, value: str | None, **changed: Any) -> dict:
    spanned = parse_period(period)
    row = {
        "scope_kind": "network" if scope == "network" else "food_bank", "scope_id": scope,
        "indicator_code": code, "variant": "", "period_kind": spanned.kind,
        "period_start": spanned.start, "period_end": spanned.natural_end,
        "value": value and Decimal(value), "numerator": None, "denominator": None, "unit": "t",
        "definition": None, "low": None, "high": None, "is_partial": False,
        "is_suppressed": False, "quality": "measured", "method_version": "1.0",
        "data_date": date(2024, 6, 25),
    }  # fmt: skip
    return {**row, **changed}


INDICATORS = [
    indicator("network", "tonnes_distributed", "2024-05", "30.5"),
    indicator("grande", "tonnes_distributed", "2024-05", "20"),
    indicator("petite", "tonnes_distributed", "2024-05", "10.500000"),
    indicator("petite", "tonnes_distributed", "2024-04", "0.250"),
    indicator("petite", "tonnes_distributed", "2024-to-date", "847.000000"),
    indicator("242100410", "tonnes_distributed", "2024-05", "3", scope_kind="territory"),
    indicator("petite", "tonnes_distributed", "2024-01", None),
    indicator("petite", "tonnes_distributed", "2024-02", None),
    indicator("petite", "households_helped", "2024-05", "12", unit="count"),
    indicator("petite", "loss_share", "2024-05", "0.020000", numerator=Decimal("1.50"),
              denominator=Decimal(75)),
]  # fmt: skip


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    bank = build_marts()["mart_food_banks"][0]
    banks = [
        {**bank, "food_bank_id": name, "position": position, "is_demonstration": name == "grande"}
        for position, name in enumerate(BANKS)
    ]
    write_publication(folder, changes={"mart_food_banks": banks, "mart_indicators": INDICATORS})
    return folder


def ask(published: Path, code: str, period: str | None, **options: Any) -> list[tuple[str, Any]]:
    rows = read_indicator(published, code, period, **options)
    return [(row["scope_id"], row["value"]) for row in rows]


def test_food_banks_come_in_their_order_and_the_network_last(published: Path) -> None:
    assert ask(published, "tonnes_distributed", "2024-05") == [
        ("petite", Decimal("10.5")), ("grande", 20), ("network", Decimal("30.5")),
    ]  # fmt: skip


def test_only_the_food_banks_asked_for_and_territories_only_where_asked(published: Path) -> None:
    assert ask(published, "tonnes_distributed", "2024-05", food_banks=["grande"]) == [
        ("grande", 20)
    ]
    found = ask(published, "tonnes_distributed", "2024-05", by="territory")
    assert [scope for scope, _ in found] == ["petite", "grande", "242100410", "network"]


def test_a_row_has_every_key_that_scripts_rely_on(published: Path) -> None:
    rows = read_indicator(published, "loss_share", "2024-05")
    assert list(rows[0]) == list(KEYS)
    assert rows[0]["publication_id"] == PUBLICATION_ID
    assert (rows[0]["numerator"], rows[0]["denominator"]) == (Decimal("1.5"), 75)


def test_a_figure_says_whether_it_rests_on_demonstration_records(published: Path) -> None:
    rows = read_indicator(published, "tonnes_distributed", "2024-05")
    assert [row["is_demonstration"] for row in rows] == [False, True, True]


@pytest.mark.parametrize(
    ("code", "period", "written"),
    [("tonnes_distributed", "2024-to-date", "847"), ("loss_share", "2024-05", "0.02"),
     ("tonnes_distributed", "2024-05", "10.5")],
)  # fmt: skip
def test_a_decimal_is_the_shortest_exact_one(
    published: Path, code: str, period: str, written: str
) -> None:
    assert str(read_indicator(published, code, period)[0]["value"]) == written


def test_the_default_period_is_the_year_to_the_data_date(published: Path) -> None:
    assert ask(published, "tonnes_distributed", None) == [("petite", 847)]


def test_months_are_added_where_the_register_says_so(published: Path) -> None:
    petite, *_ = read_indicator(published, "tonnes_distributed", "2024-04..2024-05")
    assert (petite["value"], petite["is_partial"]) == (Decimal("10.75"), False)
    assert (petite["period_start"], petite["period_end"]) == (date(2024, 4, 1), date(2024, 5, 31))
    assert petite["numerator"] is None


def test_a_span_with_a_month_missing_is_partial_and_one_without_any_is_no_zero(
    published: Path,
) -> None:
    petite, *_ = read_indicator(published, "tonnes_distributed", "2024-02..2024-05")
    assert (petite["value"], petite["is_partial"]) == (Decimal("10.75"), True)
    (petite,) = read_indicator(published, "tonnes_distributed", "2024-01..2024-02")
    assert (petite["value"], petite["is_partial"]) == (None, True)


@pytest.mark.parametrize(
    ("code", "period", "options", "said"),
    [
        ("tonnes", "2024", {}, "'tonnes' is not in the register; it has tonnes_distributed"),
        ("tonnes_distributed", "2024", {"variant": "net"}, "has no variant 'net'"),
        ("tonnes_distributed", "2024", {"by": "site"}, "only `territory` is published"),
        ("tonnes_distributed", "2019-01", {}, "months from 2024-01 to 2024-05 are"),
        ("tonnes_distributed", "2024-05", {"food_banks": ["x"]}, "'x' is not a published"),
        ("households_helped", "2024-04..2024-05", {}, "cannot be added over months"),
        ("orders", "2024-05", {}, "rests on records that no food bank supplied"),
    ],
)
def test_what_cannot_be_given_is_refused_with_what_can(
    published: Path, code: str, period: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(FigureError, match=said):
        read_indicator(published, code, period, **options)


def test_a_wrong_period_and_an_empty_folder_are_told_apart(published: Path, tmp_path: Path) -> None:
    with pytest.raises(PeriodError):
        read_indicator(published, "tonnes_distributed", "last month")
    with pytest.raises(NoPublicationError):
        read_indicator(tmp_path, "tonnes_distributed", "2024")
