"""Where recalled food is: in stock, with partners by delivery note, in parcels, removed.

A lot, a product or a supplier's food is followed through the published lines of food. Where a line
names no lot, it is `possible` for as long as food of the recall may have stood at its site: nothing
that may hold it is left out. Parcels are told by their number, never by their household.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from data_contracts.publications import Publication

# Where the food is, in the order in which somebody has to act, and the lines that say so.
PLACES = {
    "stock": "in_stock",
    "delivery": "delivered",
    "parcel": "parcel",
    "transfer_shipment": "in_transit",
    "transfer_away": "other_food_bank",
    "transformation_input": "transformed",
    "removal": "removed",
}
CERTAIN, POSSIBLE = "certain", "possible"
PRODUCT = ("food_bank_id", "product_code")
LOT = ("food_bank_id", "lot_id")
SITE = ("food_bank_id", "product_code", "site_id")
DOCUMENT = ("food_bank_id", "document_id", "line_no")


class RecallError(Exception):
    """Nothing can be followed; the message says why and what to do."""


@dataclass(frozen=True)
class Sought:
    """What is recalled: exactly one of a lot, a product and a supplier, received in these days.

    `first`, `last`: days of receipt, both included; None: any. `food_banks`: empty for all.
    """

    lot: str | None = None
    product: str | None = None
    supplier: str | None = None
    first: date | None = None
    last: date | None = None
    food_banks: Sequence[str] = ()

    def named(self) -> tuple[str, str]:
        """Which of the three is sought, and its code."""
        return next(
            (kind, value)
            for kind, value in (
                ("lot", self.lot), ("product", self.product), ("supplier", self.supplier)
            )
            if value is not None
        )  # fmt: skip

    def describe(self) -> str:
        """In words, for messages."""
        return " ".join(self.named())


def seek(kind: str, code: str, food_banks: Sequence[str]) -> Sought:
    """What is recalled, by its kind: `lot`, `product` or `supplier`. Raises KeyError for others."""
    return {
        "lot": Sought(lot=code, food_banks=food_banks),
        "product": Sought(product=code, food_banks=food_banks),
        "supplier": Sought(supplier=code, food_banks=food_banks),
    }[kind]


def find_sought(publication: Publication, food_bank_id: str, text: str) -> Sought | None:
    """The lot, product or donor whose code, or whole name, a text is; None for anything else."""
    wanted = text.strip().casefold()
    if not wanted:
        return None

    def read(mart: str, code: str, label: str, *conditions: pl.Expr) -> dict[str, str]:
        rows = (
            publication.scan(mart)
            .filter(pl.col("food_bank_id") == food_bank_id, *conditions)
            .select(code, pl.col(label).alias("label"))
            .unique()
            .collect()
        )
        return dict(rows.iter_rows())

    is_donor = pl.col("place_kind") == "supplier"
    known = (
        ("lot", read("mart_lots", "lot_id", "lot_id")),
        ("product", read("mart_products", "product_code", "label")),
        ("supplier", read("mart_places", "place_id", "name", is_donor)),
    )
    for kind, labels in known:
        for code, label in sorted(labels.items()):
            if wanted in (code.casefold(), (label or "").casefold()):
                return seek(kind, code, (food_bank_id,))
    return None


@dataclass(frozen=True)
class RecallRow:
    """One place of recalled food. `certainty`: `certain` by its lot, else `possible`.

    `weight_kg`: net of what the partner refused; of stock at most, as exits may lack their lot.
    `document`: delivery note, parcel, removal, transfer or batch, with its line.
    """

    place: str
    certainty: str
    food_bank_id: str
    site_id: str | None
    holder: str | None
    document: str | None
    line_no: int | None
    day: date | None
    product_code: str
    product: str | None
    lot_id: str | None
    weight_kg: Decimal


def follow_recall(publication: Publication, sought: Sought) -> list[RecallRow]:
    """Every place of recalled food, certain ones first in each kind of place, then by day.

    Raises RecallError where nothing was received under what is sought.
    """
    traced = publication.scan("mart_traced_food")
    if sought.food_banks:
        traced = traced.filter(pl.col("food_bank_id").is_in(list(sought.food_banks)))
    recalled = traced.filter(pl.col("movement_kind") == "receipt", *_conditions(sought)).collect()
    if recalled.is_empty():
        raise RecallError(
            f"nothing was received under {sought.describe()}"
            + (" in these days" if sought.first or sought.last else "")
            + "; look it up by product and days: collecto recall --product P --from D --to D"
        )
    lines = traced.join(recalled.select(PRODUCT).unique().lazy(), on=PRODUCT, how="semi").collect()
    data_dates = publication.read("mart_food_banks").select("food_bank_id", "data_date")
    lots = recalled.filter(pl.col("lot_id").is_not_null()).select(LOT).unique()
    lines = lines.join(_find_windows(recalled, data_dates), on=PRODUCT).join(
        lots.with_columns(is_of_lot=pl.lit(True)), on=LOT, how="left"
    )
    sites = _find_sites(recalled, lines)
    lines = lines.join(sites.with_columns(was_here=pl.lit(True)), on=SITE, how="left")
    found = _find_places(publication, _net_of_returns(lines))
    return [RecallRow(**row) for row in found.iter_rows(named=True)]


def _conditions(sought: Sought) -> list[pl.Expr]:
    column = {"lot": "lot_id", "product": "product_code", "supplier": "other_id"}
    kind, value = sought.named()
    conditions = [pl.col(column[kind]) == value]
    if sought.first:
        conditions.append(pl.col("moved_on") >= sought.first)
    if sought.last:
        conditions.append(pl.col("moved_on") <= sought.last)
    return conditions


def _find_windows(recalled: pl.DataFrame, data_dates: pl.DataFrame) -> pl.DataFrame:
    """Days on which food of the recall may have been handed out, by product.

    A use-by date ends them, any other date does not.
    """
    ends = pl.when(pl.col("date_kind") == "use_by").then("expires_on")
    return (
        recalled.join(data_dates, on="food_bank_id")
        .with_columns(ends_on=pl.coalesce(ends, "data_date"))
        .group_by(PRODUCT)
        .agg(first_day=pl.col("moved_on").min(), last_day=pl.col("ends_on").max())
    )


def _find_sites(recalled: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Sites that food of the recall may have reached: where it came in, and on by transfers."""
    shipped = lines.filter(
        pl.col("movement_kind") == "transfer_shipment",
        pl.col("moved_on") >= pl.col("first_day"),
        pl.col("lot_id").is_null() | pl.col("is_of_lot"),
    )
    sites = recalled.select(SITE).unique()
    while True:
        onwards = shipped.join(sites, on=SITE, how="semi").select(
            *PRODUCT, pl.col("other_id").alias("site_id")
        )
        reached = pl.concat([sites, onwards.drop_nulls()]).unique()
        if reached.height == sites.height:
            return sites
        sites = reached


def _net_of_returns(lines: pl.DataFrame) -> pl.DataFrame:
    """Delivered lines less what their partner sent back; shipments that arrived are left out."""
    returned = (
        lines.filter(pl.col("movement_kind") == "delivery_return")
        .group_by(DOCUMENT)
        .agg(returned_kg=pl.col("weight_kg").sum())
        .with_columns(movement_kind=pl.lit("delivery"))
    )
    arrived = (
        lines.filter(pl.col("movement_kind").is_in(["transfer_arrival", "transfer_away"]))
        .select(DOCUMENT)
        .unique()
        .with_columns(movement_kind=pl.lit("transfer_shipment"), has_arrived=pl.lit(True))
    )
    return (
        lines.join(returned, on=(*DOCUMENT, "movement_kind"), how="left")
        .join(arrived, on=(*DOCUMENT, "movement_kind"), how="left")
        .filter(pl.col("has_arrived").is_null())
        .with_columns(pl.col("weight_kg") - pl.col("returned_kg").fill_null(0))
    )


def _find_places(publication: Publication, lines: pl.DataFrame) -> pl.DataFrame:
    """The lines of a recall that say where food is, with names."""
    partners = (
        publication.read("mart_places")
        .filter(pl.col("place_kind") == "partner")
        .select("food_bank_id", pl.col("place_id").alias("other_id"), holder_name="name")
    )
    labels = publication.read("mart_products").select(*PRODUCT, product="label")
    is_stock, is_removal = (pl.col("movement_kind") == kind for kind in ("stock", "removal"))
    is_possible = (
        pl.col("lot_id").is_null()
        & pl.col("was_here").is_not_null()
        & (is_stock | (pl.col("moved_on") >= pl.col("first_day")))
        & (is_stock | is_removal | (pl.col("moved_on") <= pl.col("last_day")))
    )
    return (
        lines.filter(
            pl.col("movement_kind").is_in(list(PLACES)),
            pl.col("is_of_lot").fill_null(False) | is_possible,
        )
        .join(partners, on=("food_bank_id", "other_id"), how="left")
        .join(labels, on=PRODUCT, how="left")
        .with_columns(
            place=pl.col("movement_kind").replace_strict(PLACES),
            certainty=pl.when(pl.col("lot_id").is_null())
            .then(pl.lit(POSSIBLE))
            .otherwise(pl.lit(CERTAIN)),
            position=pl.col("movement_kind").replace_strict(
                {kind: position for position, kind in enumerate(PLACES)}
            ),
            day=pl.when(~is_stock).then("moved_on"),
        )
        .sort("position", "certainty", "day", "food_bank_id", "site_id", "document_id", "line_no",
              "lot_id", "product_code", "weight_kg")
        .select(
            "place", "certainty", "food_bank_id", "site_id",
            pl.coalesce("holder_name", "other_id").alias("holder"),
            pl.col("document_id").alias("document"), "line_no", "day", "product_code", "product",
            "lot_id", "weight_kg",
        )
    )  # fmt: skip


def add_up(rows: Sequence[RecallRow]) -> list[dict[str, Any]]:
    """Kilograms and lines by place and certainty, in the order of PLACES."""
    sums: dict[tuple[str, str], list[Decimal]] = {}
    for row in rows:
        sums.setdefault((row.place, row.certainty), []).append(row.weight_kg)
    return [
        {
            "place": place,
            "certainty": certainty,
            "lines": len(sums[place, certainty]),
            "weight_kg": sum(sums[place, certainty], Decimal(0)),
        }
        for place in PLACES.values()
        for certainty in (CERTAIN, POSSIBLE)
        if (place, certainty) in sums
    ]
