"""A recall finds every kilogram that may hold what is recalled, and says which are certain.

What is expected is worked out from accepted rows as the oracle reads them, never by the SQL.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.publications import open_current
from tests.conftest import DataFolder
from tests.oracle.accepted import Bank, read_banks

pytestmark = pytest.mark.slow

DATA_DATE = date(2024, 6, 25)


@pytest.fixture(scope="module")
def bank(demonstration: DataFolder) -> Bank:
    return read_banks(demonstration.path / "accepted")["bourgogne"]


@pytest.fixture(scope="module")
def lot(bank: Bank) -> dict[str, Any]:
    """The receipt of the lot that most deliveries name."""
    deliveries: dict[str, int] = defaultdict(int)
    for row in bank.rows["deliveries"]:
        if row["lot_id"]:
            deliveries[row["lot_id"]] += 1
    received = {row["lot_id"]: row for row in bank.rows["receipts"] if row["lot_id"]}
    code = max((code for code in deliveries if code in received), key=lambda c: deliveries[c])
    return received[code]


def recall(demonstration: DataFolder, *arguments: str) -> dict[str, Any]:
    answer = demonstration.collecto("recall", *arguments, "--food-bank", "bourgogne", "--json")
    assert answer.status == 0, answer.err
    found: dict[str, Any] = json.loads(answer.out, parse_float=Decimal)
    return found


def list_documents(found: dict[str, Any], place: str, certainty: str) -> set[tuple[str, int]]:
    return {
        (row["document"], row["line_no"])
        for row in found["rows"]
        if (row["place"], row["certainty"]) == (place, certainty)
    }


def test_every_delivery_of_a_lot_is_named_with_its_note(
    demonstration: DataFolder, bank: Bank, lot: dict[str, Any]
) -> None:
    found = recall(demonstration, "--lot", lot["lot_id"])
    expected = {
        (row["delivery_id"], row["line_no"]): row
        for row in bank.rows["deliveries"]
        if row["lot_id"] == lot["lot_id"]
    }
    assert list_documents(found, "delivered", "certain") == set(expected)
    names = {row["partner_id"]: row["name"] for row in bank.rows["partners"]}
    for row in found["rows"]:
        if row["place"] == "delivered" and row["certainty"] == "certain":
            delivery = expected[row["document"], row["line_no"]]
            assert row["holder"] == names[delivery["partner_id"]]
            assert row["weight_kg"] == delivery["weight_kg"] - (delivery["refused_kg"] or 0)
            assert row["day"] == delivery["delivered_date"].isoformat()
    sums = {(s["place"], s["certainty"]): s["weight_kg"] for s in found["sums"]}
    assert sums["delivered", "certain"] == sum(
        row["weight_kg"] - (row["refused_kg"] or 0) for row in expected.values()
    )


def test_lines_without_a_lot_are_possible_while_it_may_have_stood_there(
    demonstration: DataFolder, bank: Bank, lot: dict[str, Any]
) -> None:
    found = recall(demonstration, "--lot", lot["lot_id"])
    receipts = [row for row in bank.rows["receipts"] if row["lot_id"] == lot["lot_id"]]
    first = min(row["received_date"] for row in receipts)
    ends = [row["expires_on"] if row["date_kind"] == "use_by" else DATA_DATE for row in receipts]
    sites = {row["site_id"] for row in receipts}
    while True:
        onwards = {
            row["to_site_id"]
            for row in bank.rows["transfers"]
            if row["product_code"] == lot["product_code"] and row["from_site_id"] in sites
            and row["shipped_date"] >= first and row["lot_id"] in (None, lot["lot_id"])
            and row["to_site_id"]
        }  # fmt: skip
        if onwards <= sites:
            break
        sites |= onwards
    expected = {
        (row["delivery_id"], row["line_no"])
        for row in bank.rows["deliveries"]
        if row["product_code"] == lot["product_code"] and row["lot_id"] is None
        and first <= row["delivered_date"] <= max(ends) and row["site_id"] in sites
    }  # fmt: skip
    assert list_documents(found, "delivered", "possible") == expected


def test_a_supplier_and_days_hold_every_lot_that_came(
    demonstration: DataFolder, bank: Bank, lot: dict[str, Any]
) -> None:
    day = lot["received_date"].isoformat()
    found = recall(
        demonstration, "--supplier", lot["supplier_id"], "--from", day, "--to", day
    )  # fmt: skip
    lots = {
        row["lot_id"]
        for row in bank.rows["receipts"]
        if row["supplier_id"] == lot["supplier_id"] and row["received_date"] == lot["received_date"]
    }
    expected = {
        (row["delivery_id"], row["line_no"])
        for row in bank.rows["deliveries"]
        if row["lot_id"] in lots - {None}
    }
    assert list_documents(found, "delivered", "certain") == expected
    assert {row["lot_id"] for row in found["rows"] if row["certainty"] == "certain"} <= lots
    # nobody is told by a parcel
    assert "household" not in json.dumps(found, default=str)


def test_a_product_without_days_holds_all_that_is_in_stock(
    demonstration: DataFolder, lot: dict[str, Any]
) -> None:
    found = recall(demonstration, "--product", lot["product_code"])
    stock = [row for row in found["rows"] if row["place"] == "in_stock"]
    assert all(row["weight_kg"] > 0 and row["site_id"] for row in stock)
    order = [row["place"] for row in found["rows"]]
    places = list(dict.fromkeys(order))
    assert order == sorted(order, key=places.index)


def test_the_proof_is_a_file_of_one_food_bank(
    demonstration: DataFolder, lot: dict[str, Any], tmp_path: Path
) -> None:
    proof = tmp_path / "proof.pdf"
    recall(demonstration, "--lot", lot["lot_id"], "-o", str(proof))
    assert proof.read_bytes().startswith(b"%PDF-")
    wrong = demonstration.collecto("recall", "--lot", lot["lot_id"], "-o", str(tmp_path / "p.doc"))
    assert wrong.status == 2
    assert "as .pdf or .xlsx" in wrong.err


def test_stock_without_a_lot_is_possible(demonstration: DataFolder) -> None:
    """What stands at a site that the recalled product came to, and names no lot, may be it."""
    risk = open_current(demonstration.path / "published").read("mart_lots_at_risk")
    rows = risk.filter(pl.col("food_bank_id") == "bourgogne", pl.col("lot_id") == "")
    product, site = rows.select("product_code", "site_id").row(0)
    found = recall(demonstration, "--product", product)
    here = [
        row
        for row in found["rows"]
        if (row["place"], row["site_id"], row["lot_id"]) == ("in_stock", site, None)
    ]
    assert here
    assert all(row["certainty"] == "possible" and row["weight_kg"] > 0 for row in here)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "one of --lot, --product, --supplier"),
        (("--lot", "L1", "--product", "P1"), "one of --lot, --product, --supplier"),
        (("--lot", "INCONNU"), "nothing was received under lot INCONNU"),
        (("--product", "P0001", "--from", "2030-01-01"), "in these days"),
    ],
)
def test_what_cannot_be_followed_says_why(
    demonstration: DataFolder, arguments: tuple[str, ...], text: str
) -> None:
    answer = demonstration.collecto("recall", *arguments)
    assert answer.status == 2
    assert text in answer.err


def test_without_a_publication_it_says_what_to_run(tmp_path: Any) -> None:
    answer = DataFolder(tmp_path).collecto("recall", "--lot", "L1")
    assert answer.status == 1
    assert "collecto refresh" in answer.err
