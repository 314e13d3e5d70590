"""Agreements that pay vouchers, and what was delivered, do not tell what few households got."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from data_contracts.disclosure import load_policy
from pipelines.publish.disclosure import make_outside
from pipelines.publish.people import Key
from pipelines.publish.with_vouchers import HiddenVouchers
from tests.fixtures.protected import BANK, TERRITORY, make_sources
from tests.fixtures.publication import contract_schema

POLICY = load_policy()
TERRITORIES = {TERRITORY: [BANK]}
MONTHS = [date(2023, month, 1) for month in (1, 2, 3, 4)]
HOUSEHOLDS = dict(zip(MONTHS, (120, 4, 90, 140), strict=True))
PER_HOUSEHOLD = Decimal("31.50")


def redeemed(month: date) -> Decimal:
    return HOUSEHOLDS[month] * PER_HOUSEHOLD


def table(mart: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=contract_schema(mart), orient="row")


def show() -> dict[str, pl.DataFrame]:
    """What leaves of a food bank with an agreement of which nothing but vouchers is paid."""
    sources = make_sources({"21001": 301}, {"71001": 26})
    marts = dict(sources.marts)
    marts["mart_vouchers_monthly"] = table("mart_vouchers_monthly", [
        {"month": month, "food_bank_id": BANK, "commune_code": "21001", "merchant_kind": "epicerie",
         "vouchers": 2 * count, "voucher_households": count, "issued_eur": redeemed(month),
         "redeemed_eur": redeemed(month)}
        for month, count in HOUSEHOLDS.items()
    ])  # fmt: skip
    marts["mart_funding_monthly"] = table("mart_funding_monthly", [
        {"month": month, "food_bank_id": BANK, "funding_id": "A1", "territory_code": TERRITORY,
         "agreed_eur": Decimal(50_000), "used_eur": redeemed(month)}
        for month in MONTHS
    ])  # fmt: skip
    rows = []
    for code in ("funding_used_share", "public_eur_per_tonne", "tonnes_received"):
        for month in MONTHS:
            end = month.replace(day=28)
            for scope in (("food_bank", BANK), ("network", "network")):
                rows.append(
                    {"indicator_code": code, "variant": "", "scope_kind": scope[0],
                     "scope_id": scope[1], "period_kind": "month", "period_start": month,
                     "period_end": end, "unit": "x", "value": Decimal(1), "is_partial": False,
                     "numerator": redeemed(month), "denominator": Decimal(100),
                     "is_suppressed": False, "quality": "measured", "method_version": "1.0",
                     "data_date": end}
                )  # fmt: skip
    marts["mart_indicators"] = pl.concat([marts["mart_indicators"], table("mart_indicators", rows)])
    marts["mart_supplied_records"] = table("mart_supplied_records", [
        {"food_bank_id": BANK, "record": record, "is_supplied": True, "count_rows": 17}
        for record in ("parcels", "receipts", "vouchers")
    ])  # fmt: skip
    return make_outside(type(sources)(marts, sources.donations, sources.neighbourhoods), POLICY)


def test_used_euros_of_a_month_of_hidden_vouchers_are_rounded() -> None:
    tables = show()
    vouchers = {row["month"]: row for row in tables["mart_vouchers_monthly"].rows(named=True)}
    hidden = {month for month, row in vouchers.items() if row["redeemed_eur"] is None}
    assert date(2023, 2, 1) in hidden and hidden < set(MONTHS)
    for row in tables["mart_funding_monthly"].rows(named=True):
        if row["month"] in hidden:
            assert row["used_eur"] % POLICY.people.household_eur == 0
            assert abs(row["used_eur"] - redeemed(row["month"])) <= POLICY.people.household_eur / 2
        else:
            assert row["used_eur"] == redeemed(row["month"])


def test_indicators_of_used_euros_do_not_tell_hidden_vouchers() -> None:
    tables = show()
    vouchers = tables["mart_vouchers_monthly"].filter(pl.col("redeemed_eur").is_null())
    hidden = set(vouchers["month"].to_list())
    seen = 0
    for row in tables["mart_indicators"].rows(named=True):
        code, month = row["indicator_code"], row["period_start"]
        is_hidden = {
            "funding_used_share": month >= min(hidden),
            "public_eur_per_tonne": month in hidden,
            "tonnes_received": False,
        }.get(code)
        if is_hidden is not None:
            assert row["is_suppressed"] == is_hidden, (code, month)
            values = (row["value"], row["numerator"], row["denominator"])
            assert (values == (None, None, None)) == is_hidden, (code, month)
            seen += 1
    assert seen == 24


def test_rows_of_records_of_people_are_not_counted_outside() -> None:
    rows = show()["mart_supplied_records"].select("record", "count_rows").rows()
    assert rows == [("parcels", None), ("receipts", 17), ("vouchers", None)]


def key(scope: tuple[Any, str], month: date, **changed: Any) -> Key:
    cell = Key(*scope, "whole", "month", month, month, "vouchers", "redeemed_eur")
    return cell._replace(**changed)


def test_what_is_hidden_of_a_territory_is_hidden_of_its_food_banks() -> None:
    january, march = date(2023, 1, 1), date(2023, 3, 1)
    found = HiddenVouchers.among(
        [key(("territory", TERRITORY), january), key(("food_bank", "other"), march),
         key(("network", "network"), march), key(("food_bank", BANK), march, family="parcels"),
         key(("food_bank", BANK), march, area="commune_code=21001"),
         key(("food_bank", BANK), march, period_kind="year")],
        TERRITORIES, POLICY.people,
    )  # fmt: skip
    assert found.months == {(BANK, january), ("other", march)}


@pytest.mark.parametrize(
    ("scope", "start", "end", "since_the_beginning", "of_the_period"),
    [
        (("food_bank", BANK), date(2023, 2, 1), date(2023, 2, 28), True, True),
        (("food_bank", BANK), date(2023, 1, 1), date(2023, 12, 31), True, True),
        (("food_bank", BANK), date(2023, 2, 26), date(2023, 3, 25), True, True),
        (("food_bank", BANK), date(2023, 3, 1), date(2023, 3, 31), True, False),
        (("food_bank", BANK), date(2023, 1, 1), date(2023, 1, 31), False, False),
        (("food_bank", "other"), date(2023, 2, 1), date(2023, 2, 28), False, False),
        (("territory", TERRITORY), date(2023, 2, 1), date(2023, 2, 28), True, True),
        (("territory", "other"), date(2023, 2, 1), date(2023, 2, 28), False, False),
        (("network", "network"), date(2023, 2, 1), date(2023, 2, 28), True, True),
    ],
)
def test_a_period_holds_the_months_that_it_counts(
    scope: tuple[str, str], start: date, end: date, since_the_beginning: bool, of_the_period: bool
) -> None:
    vouchers = HiddenVouchers(POLICY.people, frozenset({(BANK, date(2023, 2, 1))}))
    row = {"scope_kind": scope[0], "scope_id": scope[1], "period_start": start, "period_end": end}
    for code, is_in in (
        ("funding_used_share", since_the_beginning), ("public_eur_per_tonne", of_the_period),
        ("food_value_per_public_euro", of_the_period), ("cost_per_tonne", False),
    ):  # fmt: skip
        assert vouchers.is_in({**row, "indicator_code": code}, TERRITORIES) is is_in, code
