"""Accepted rows of every record, and which version of a row counts.

Written from records.md: the row with the latest `updated_at` wins, then the later delivery, then
the later line; rows whose latest version is deleted do not count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

KEYS = {
    "food_banks": (),
    "sites": ("site_id",),
    "partners": ("partner_id",),
    "suppliers": ("supplier_id",),
    "products": ("product_code",),
    "vehicles": ("vehicle_id",),
    "receipts": ("receipt_id", "line_no"),
    "orders": ("order_id", "line_no"),
    "deliveries": ("delivery_id", "line_no"),
    "parcels": ("parcel_id", "line_no"),
    "removals": ("removal_id", "line_no"),
    "transfers": ("transfer_id", "line_no"),
    "transformations": ("batch_id", "line_no"),
    "stock_counts": ("count_id", "line_no"),
    "sorting_sessions": ("session_id",),
    "rounds": ("round_id",),
    "round_stops": ("round_id", "stop_no"),
    "beneficiary_reports": ("partner_id", "month"),
    "vouchers": ("voucher_id",),
    "site_energy": ("site_id", "meter", "period_start"),
    "refrigerant_top_ups": ("top_up_id",),
    "platform_sessions": ("session_id",),
    "funding": ("funding_id",),
    "offers": ("offer_id", "line_no"),
    "shared_resources": ("use_id",),
    "volunteer_shifts": ("shift_id",),
    "support_activities": ("activity_id",),
    "expenses": ("expense_id",),
    "temperature_checks": ("check_id",),
}
EARLIEST = datetime.fromisoformat("0001-01-01")
Row = dict[str, Any]


@dataclass
class Bank:
    """One food bank: current rows by record, and the records that it has ever supplied."""

    food_bank_id: str
    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    supplied: set[str] = field(default_factory=set)

    def by_id(self, record: str) -> dict[Any, Row]:
        """Rows of a record whose key is one column."""
        (column,) = KEYS[record]
        return {row[column]: row for row in self.rows[record]}


def read_banks(accepted: Path, deliveries: Collection[str] | None = None) -> dict[str, Bank]:
    """Every food bank by its id. `deliveries`: the ids of those that count, all where not given."""
    banks: dict[str, Bank] = {}
    for record, key in KEYS.items():
        versions: dict[tuple[Any, ...], Row] = {}
        for path in sorted((accepted / record).glob("*.parquet")):
            for row in pl.read_parquet(path).iter_rows(named=True):
                if deliveries is not None and row["_delivery_id"] not in deliveries:
                    continue
                food_bank_id = row["food_bank_id"]
                bank = banks.setdefault(food_bank_id, Bank(food_bank_id))
                bank.supplied.add(record)
                identity = (food_bank_id, *(row[column] for column in key))
                former = versions.get(identity)
                if former is None or _rank(row) >= _rank(former):
                    versions[identity] = row
        for identity, row in versions.items():
            if not row.get("is_deleted"):
                banks[identity[0]].rows[record].append(row)
    return banks


def _rank(row: Row) -> tuple[Any, ...]:
    """The greatest rank among versions of a row is the version that counts."""
    return (
        row.get("updated_at") or EARLIEST,
        row["_sent_at"] or EARLIEST,
        row["_arrival_no"],
        row["_source_line"],
    )


def grams(kilograms: Decimal | None) -> int:
    """Kilograms of a row as whole grams, exactly."""
    return 0 if kilograms is None else int(kilograms * 1000)


def month_of(day: date) -> date:
    return day.replace(day=1)
