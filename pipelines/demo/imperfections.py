"""What goes wrong in real exports: unreadable rows, corrections, a deletion, a moved receipt.

Here live the mistakes planted on purpose. Bad rows are extra rows with keys of their own: no
key figure needs them. The corrected values are the true ones. Honest records belong in
`records.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import polars as pl

from pipelines.demo.working_days import Period, count_days

Months = dict[tuple[str, str], pl.DataFrame]


@dataclass(frozen=True)
class PlantedBadRow:
    """A row that breaks its contract: where it is, its key, the column and the value planted."""

    record: str
    month: str
    key: str
    column: str
    value: str


@dataclass(frozen=True)
class PlantedCorrection:
    """What a correction file does to the document of a key."""

    record: str
    month: str
    key: str
    change: str


class _Bad(NamedTuple):
    record: str
    month: str
    column: str
    value: str


_BAD_ROWS: tuple[_Bad, ...] = (
    _Bad("receipts", "2022-09", "quantity", "-12.500"),
    _Bad("receipts", "2022-12", "channel", "collecte_magasin"),
    _Bad("receipts", "2023-02", "received_at", "2023-02-30T09:15:00"),
    _Bad("receipts", "2023-05", "product_code", ""),
    _Bad("receipts", "2023-08", "quantity", "9..4"),
    _Bad("receipts", "2023-11", "unit", "carton"),
    _Bad("receipts", "2024-01", "quantity", "-3.200"),
    _Bad("receipts", "2024-03", "channel", "ramasse"),
    _Bad("receipts", "2024-05", "quantity", "9..4"),
    _Bad("deliveries", "2022-10", "weight_kg", "-8.000"),
    _Bad("deliveries", "2023-03", "product_code", ""),
    _Bad("deliveries", "2023-07", "weight_kg", "9..4"),
    _Bad("deliveries", "2023-12", "delivered_at", "2023-12-32T10:00:00"),
    _Bad("deliveries", "2024-04", "weight_kg", "-25.500"),
    _Bad("deliveries", "2024-06", "mode", "navette"),
    _Bad("orders", "2023-11", "status", "livrée"),
    _Bad("orders", "2024-03", "product_code", ""),
    _Bad("parcels", "2023-06", "weight_kg", "-0.500"),
    _Bad("parcels", "2024-02", "handed_over_at", "2024-02-30T11:00:00"),
    _Bad("removals", "2022-11", "reason", "perdu"),
    _Bad("removals", "2023-09", "weight_kg", "9..4"),
    _Bad("removals", "2024-01", "destination", "poubelle"),
    _Bad("transfers", "2023-04", "shipped_kg", "-150.000"),
    _Bad("rounds", "2023-10", "kind", "tournée"),
    _Bad("platform_sessions", "2024-02", "started_at", "2024-02-30T08:10:00"),
)
_KEY_COLUMN = {
    "receipts": "receipt_id",
    "orders": "order_id",
    "deliveries": "delivery_id",
    "parcels": "parcel_id",
    "removals": "removal_id",
    "transfers": "transfer_id",
    "rounds": "round_id",
    "platform_sessions": "session_id",
}
# References that a bad row does without, so that nothing hangs on it.
_REFERENCES = (
    "order_id",
    "order_line_no",
    "round_id",
    "household_id",
    "household_size",
    "children",
    "insee_code",
    "receipt_id",
    "supplier_id",
)


def plant_bad_rows(months: Months) -> list[PlantedBadRow]:
    """Put each bad row in the file of its month, where the period has one."""
    planted = []
    for number, bad in enumerate(_BAD_ROWS, start=1):
        frame = months.get((bad.record, bad.month))
        if frame is None or frame.is_empty():
            continue
        key = f"ERR-{number:03d}"
        changes = {bad.column: bad.value, _KEY_COLUMN[bad.record]: key}
        if "line_no" in frame.columns:
            changes["line_no"] = "1"
        required = ("receipts", "supplier_id")
        for name in _REFERENCES:
            if name in frame.columns and name not in changes and (bad.record, name) != required:
                changes[name] = ""
        row = frame[:1].with_columns(**{name: pl.lit(value) for name, value in changes.items()})
        at = min(5 * number, len(frame))
        months[(bad.record, bad.month)] = pl.concat([frame[:at], row, frame[at:]])
        planted.append(PlantedBadRow(bad.record, bad.month, key, bad.column, bad.value))
    return planted


def _wrong_weight(column: str) -> pl.Expr:
    """The weight as it was typed by mistake, with a 1 in front: a tonne too many, or more."""
    whole = pl.col(column).str.split(".").list.first()
    return pl.lit("1") + whole.str.zfill(3) + "." + pl.col(column).str.split(".").list.last()


def _split_correction(
    months: Months,
    record: str,
    month: str,
    keys: list[str],
    wrong: dict[str, pl.Expr],
    sent_at: str,
) -> pl.DataFrame:
    """Put the wrong values in the month's file; return the true rows as they are redelivered."""
    frame = months[(record, month)]
    chosen = pl.col(_KEY_COLUMN[record]).is_in(keys)
    true = frame.filter(chosen).with_columns(updated_at=pl.lit(sent_at))
    months[(record, month)] = frame.with_columns(
        **{
            name: pl.when(chosen).then(value).otherwise(pl.col(name))
            for name, value in wrong.items()
        }
    )
    return true.with_columns(is_deleted=pl.lit("false"))


def _list_keys(
    frame: pl.DataFrame, record: str, condition: pl.Expr, step: int, count: int
) -> list[str]:
    found = frame.filter(condition)[_KEY_COLUMN[record]].unique(maintain_order=True)
    return [str(key) for key in found.to_list()[::step][:count]]


def _describe(record: str, month: str, keys: list[str], change: str) -> list[PlantedCorrection]:
    return [PlantedCorrection(record, month, key, change) for key in keys]


def _correct_receipts(months: Months) -> tuple[pl.DataFrame, list[PlantedCorrection]]:
    month, sent_at = "2023-10", "2023-11-06T09:00:00"
    frame = months[("receipts", month)]
    keys = _list_keys(frame, "receipts", pl.col("unit") == "kg", 37, 10)
    true = _split_correction(
        months, "receipts", month, keys, {"quantity": _wrong_weight("quantity")}, sent_at
    )
    moved, key = _move_receipt(months, month, sent_at)
    deleted = _duplicate_receipt(months, month, sent_at)
    planted = [
        *_describe("receipts", month, keys, "quantity"),
        *_describe("receipts", month, [key], "received_at"),
        *_describe("receipts", month, ["R900001"], "is_deleted"),
    ]
    return pl.concat([true, moved, deleted]), planted


def _move_receipt(months: Months, month: str, sent_at: str) -> tuple[pl.DataFrame, str]:
    """A receipt of early November that was first dated in October, hence in October's file."""
    later = months[("receipts", "2023-11")]
    bulk = pl.col("round_id") == ""
    key = str(later.filter(bulk).sort("received_at", maintain_order=True)["receipt_id"][0])
    mine = pl.col("receipt_id") == key
    true = later.filter(mine)
    wrong = true.with_columns(
        month=pl.lit(month),
        received_at=pl.lit("2023-10-30T10:05:00"),
        updated_at=pl.lit("2023-10-30T11:00:00"),
    )
    months[("receipts", "2023-11")] = later.filter(~mine)
    months[("receipts", month)] = pl.concat([months[("receipts", month)], wrong])
    return true.with_columns(updated_at=pl.lit(sent_at), is_deleted=pl.lit("false")), key


def _duplicate_receipt(months: Months, month: str, sent_at: str) -> pl.DataFrame:
    """A receipt typed twice, under another number: the second one is deleted later."""
    frame = months[("receipts", month)]
    twice = frame.filter(pl.col("channel") == "platform")[:1].with_columns(
        receipt_id=pl.lit("R900001"), line_no=pl.lit("1"), lot_id=pl.lit("")
    )
    months[("receipts", month)] = pl.concat([frame, twice])
    return twice.with_columns(updated_at=pl.lit(sent_at), is_deleted=pl.lit("true"))


def _correct_deliveries(months: Months) -> tuple[pl.DataFrame, list[PlantedCorrection]]:
    month, sent_at = "2024-02", "2024-03-05T14:30:00"
    frame = months[("deliveries", month)]
    keys = _list_keys(frame, "deliveries", pl.col("order_id") != "", 41, 8)
    wrong = {"weight_kg": _wrong_weight("weight_kg")}
    true = _split_correction(months, "deliveries", month, keys, wrong, sent_at)
    return true, _describe("deliveries", month, keys, "weight_kg")


def _correct_orders(months: Months) -> tuple[pl.DataFrame, list[PlantedCorrection]]:
    month, sent_at = "2024-03", "2024-04-08T08:45:00"
    frame = months[("orders", month)]
    keys = _list_keys(frame, "orders", pl.col("status") == "delivered", 29, 5)
    wrong = {"status": pl.lit("prepared")}
    true = _split_correction(months, "orders", month, keys, wrong, sent_at)
    return true, _describe("orders", month, keys, "status")


_CORRECTIONS = (
    ("receipts", "2023-10", date(2023, 11, 6), _correct_receipts),
    ("deliveries", "2024-02", date(2024, 3, 5), _correct_deliveries),
    ("orders", "2024-03", date(2024, 4, 8), _correct_orders),
)


def plant_corrections(period: Period, months: Months) -> tuple[Months, list[PlantedCorrection]]:
    """Correction files, by record and month, of those that were sent within the period."""
    files: Months = {}
    planted: list[PlantedCorrection] = []
    for record, month, sent_on, correct in _CORRECTIONS:
        if period.last >= count_days(sent_on):
            files[(record, month)], described = correct(months)
            planted.extend(described)
    return files, planted
