"""What of a table is coarse or left out where kilograms of parcels are hidden."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from data_contracts.disclosure import load_policy
from pipelines.publish.disclosure import Decisions
from pipelines.publish.people import Key
from pipelines.publish.with_parcels import HiddenParcels


def hide(*months: tuple[date, date], shown: tuple[tuple[date, date], ...] = ()) -> HiddenParcels:
    """Hidden and shown months of parcels of a food bank, by first and last day."""
    keys = [
        Key("food_bank", "petite", "whole", "month", start, end, "parcels", "parcel_kg")
        for start, end in (*months, *shown)
    ]
    cells = dict.fromkeys(keys, Decimal(50))
    visible = {key: None if key[4:6] in months else Decimal(50) for key in keys}
    return HiddenParcels(load_policy().people, cells, visible, {}, {}, {}, frozenset())


def hide_november(stand_in: int) -> HiddenParcels:
    """November 2023 with its 50 kg hidden, and what stands in for them."""
    first, last = date(2023, 11, 1), date(2023, 11, 30)
    hidden = hide((first, last))
    (key,) = hidden.months.values()
    kilograms = Decimal(stand_in)
    return replace(hidden, stand_ins={key: kilograms}, with_hygiene={("petite", first): kilograms})


def test_a_month_whose_data_end_on_its_first_day_is_hidden_too() -> None:
    first = date(2023, 12, 1)
    hidden = hide((first, first))
    assert hidden.touched == {("food_bank", "petite", "month", first)}


def test_only_growths_of_what_is_distributed_compare_with_hidden_parcels() -> None:
    """Others of the same period are shown, and so is a growth on a year without hidden parcels."""
    before, now = date(2022, 12, 1), date(2023, 12, 1)
    hidden = hide((before, date(2022, 12, 31)), shown=((now, date(2023, 12, 31)),))

    def is_exact(code: str, start: date = now) -> bool:
        row: dict[str, Any] = {
            "indicator_code": code, "variant": "distributed_standard", "scope_kind": "food_bank",
            "scope_id": "petite", "period_kind": "month", "period_start": start,
            "period_end": date(start.year, 12, 31), "value": Decimal("0.123456"),
            "numerator": None, "denominator": None, "low": None, "high": None,
        }  # fmt: skip
        return hidden.show_indicator(row, {}, {}) and row["value"] == Decimal("0.123456")

    assert not is_exact("fresh_tonnes_growth")
    assert is_exact("fresh_tonnes_growth", date(2024, 12, 1))
    assert is_exact("food_value_eur")


def test_what_a_count_found_is_left_out_after_hidden_parcels() -> None:
    """It holds what their stand-ins cut off; other flows of the month do not."""
    hidden = hide_november(0)
    flows = pl.DataFrame(
        {"month": [date(2023, 12, 1)] * 2, "food_bank_id": ["petite"] * 2,
         "flow": ["delivered", "unexplained"], "weight_kg": [Decimal(70), Decimal(-50)]}
    )  # fmt: skip
    shown = hidden.show_unexplained(flows, {"petite": [date(2023, 12, 1)]})
    assert dict(shown.select("flow", "weight_kg").iter_rows()) == {
        "delivered": Decimal(70), "unexplained": None
    }  # fmt: skip


def test_stock_within_a_hidden_month_is_not_shown() -> None:
    """What its stand-in cuts off is known of the whole month only."""
    hidden = hide_november(40)

    def show(end: date) -> tuple[bool, Decimal]:
        row: dict[str, Any] = {
            "indicator_code": "tonnes_in_stock", "variant": "", "scope_kind": "food_bank",
            "scope_id": "petite", "period_kind": "year_to_date", "period_start": date(2023, 1, 1),
            "period_end": end, "value": Decimal(9), "numerator": None, "denominator": None,
        }  # fmt: skip
        return hidden.show_indicator(row, {}, {}), row["value"]

    assert show(date(2023, 11, 15))[0] is False
    # 10 kg too high: 40 of 50 kg are taken from it
    assert show(date(2023, 11, 30)) == (True, Decimal("9.01"))


def test_what_is_carried_is_that_of_one_food_bank() -> None:
    """Of 60 and of 10 kg of two food banks in one month neither makes a multiple of 100."""
    first = date(2023, 11, 1)
    keys = [
        Key("food_bank", bank, "whole", "month", first, date(2023, 11, 30), "parcels", "parcel_kg")
        for bank in ("a", "b")
    ]
    decisions = Decisions(
        dict.fromkeys(keys, Decimal(5)), dict.fromkeys(keys),
        {("a", first): Decimal(60), ("b", first): Decimal(10)},
    )  # fmt: skip
    hidden = decisions.hidden_parcels(load_policy().people)
    assert hidden.with_hygiene == {("a", first): 0, ("b", first): 0}
