"""Which lot an outflow comes from: first in, first out within a site and product.

Here lives the matching of outflows with what came in before. An outflow that straddles two lots
has none: nobody scanned both labels. Quantities are decided in `supply.py` and `outflows.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pipelines.demo.catalogue import Catalogue
from pipelines.demo.households import Parcels
from pipelines.demo.outflows import Outflows
from pipelines.demo.places import MAIN_SITE, SITES
from pipelines.demo.supply import Supply
from pipelines.demo.working_days import IntArray, Period, open_stream

UNSCANNED_SHARE = 0.2
# Kind of date in the frames of `Supply`.
USE_BY = 1
_SPAN = 10**13  # grams: more than any product ever adds up to
_FLOWS = ("parcels", "deliveries", "removals", "transfers", "adjustments")


@dataclass(frozen=True)
class Lots:
    """The lot of each line (-1 unknown), in the order of the frames of `Outflows`.

    Lots from `opening_base` on are those of the opening count, by product.
    """

    parcels: IntArray
    deliveries: IntArray
    removals: IntArray
    transfers: IntArray
    opening_base: int


def _cumulate(product: IntArray, grams: IntArray) -> IntArray:
    """Running grams within each product of sorted rows, made unique by product."""
    total = np.cumsum(grams)
    first = np.flatnonzero(np.diff(product, prepend=-1))
    base = np.repeat(total[first] - grams[first], np.diff(np.append(first, len(product))))
    return np.asarray(product * _SPAN + total - base, dtype=np.int64)


def match_lots(inflow: pl.DataFrame, outflow: pl.DataFrame) -> IntArray:
    """The lot of each outflow row; both frames have product, day, grams and sort by `rank` last."""
    came = inflow.filter(pl.col("grams") > 0).sort(["product", "day", "rank"], maintain_order=True)
    left = outflow.with_row_index("row").sort(["product", "day", "rank", "row"])
    product, grams = left["product"].to_numpy(), left["grams"].to_numpy()
    ends = _cumulate(came["product"].to_numpy(), came["grams"].to_numpy())
    end = _cumulate(product, grams)
    first = np.searchsorted(ends, end - grams, side="right")
    last = np.searchsorted(ends, end, side="left")
    lot = came["lot"].to_numpy()
    found = np.where(first == last, lot[np.minimum(first, len(lot) - 1)], -1)
    ordered = np.empty(len(found), dtype=np.int64)
    ordered[left["row"].to_numpy()] = found
    return ordered


def _list_flow(
    product: IntArray, day: IntArray, grams: IntArray, lot: IntArray | int, rank: int
) -> pl.DataFrame:
    size = len(product)
    return pl.DataFrame(
        {
            "product": product,
            "day": day,
            "grams": grams,
            "lot": np.broadcast_to(np.asarray(lot, dtype=np.int64), (size,)),
            "rank": np.full(size, rank, dtype=np.int64),
        }
    )


def _list_inflows(
    period: Period, supply: Supply, outflows: Outflows, catalogue: Catalogue, site: int, base: int
) -> list[pl.DataFrame]:
    lines = supply.receipts
    stored = (lines["gross"] - lines["refused"]).to_numpy().copy()
    np.subtract.at(stored, supply.sorting["row"].to_numpy(), supply.sorting["grams"].to_numpy())
    here = lines["site"].to_numpy() == site
    opened = outflows.opening.filter(pl.col("site") == site)
    product = opened["product"].to_numpy()
    lot = np.where(catalogue.is_eu[product], base + product, -1)
    back = outflows.deliveries.filter((pl.col("site") == site) & (pl.col("refused") > 0))
    found = outflows.counts.filter(
        (pl.col("site") == site) & (pl.col("counted") > pl.col("theoretical"))
    )
    surplus = (found["counted"] - found["theoretical"]).to_numpy()
    return [
        _list_flow(
            product, np.full(len(product), period.first - 1), opened["grams"].to_numpy(), lot, 0
        ),
        _list_flow(
            lines["product"].to_numpy()[here],
            lines["day"].to_numpy()[here],
            stored[here],
            lines["lot"].to_numpy()[here],
            1,
        ),
        _list_flow(
            back["product"].to_numpy(), back["day"].to_numpy(), back["refused"].to_numpy(), -1, 3
        ),
        _list_flow(found["product"].to_numpy(), found["day"].to_numpy(), surplus, -1, 4),
    ]


def _list_outflows(outflows: Outflows, parcels: Parcels, site: int) -> list[pl.DataFrame]:
    """The five flows out of a site in the order of `_FLOWS`, each with its row in its frame."""
    number = outflows.parcels["parcel"].to_numpy()
    handed = outflows.parcels.with_columns(day=parcels.day[number], site=parcels.site[number])
    shipped = outflows.transfers.with_columns(
        site=pl.lit(MAIN_SITE, dtype=pl.Int64), grams=pl.col("shipped")
    )
    missing = outflows.counts.with_columns(grams=pl.col("theoretical") - pl.col("counted"))
    frames = (handed, outflows.deliveries, outflows.removals, shipped, missing)
    return [
        frame.with_row_index("source")
        .filter((pl.col("site") == site) & (pl.col("grams") > 0))
        .select(
            "product",
            "day",
            "grams",
            "source",
            flow=pl.lit(flow, dtype=pl.Int64),
            rank=pl.lit(flow, dtype=pl.Int64),
        )
        for flow, frame in enumerate(frames)
    ]


def _arrive(outflows: Outflows, lots: IntArray, site: int) -> pl.DataFrame:
    sent = outflows.transfers.with_columns(lot=lots).filter(pl.col("to") == site)
    return sent.select(
        "product", day="arrives", grams="received", lot="lot", rank=pl.lit(2, dtype=pl.Int64)
    )


def assign_lots(
    seed: int,
    period: Period,
    supply: Supply,
    outflows: Outflows,
    parcels: Parcels,
    catalogue: Catalogue,
) -> Lots:
    """Lots of every outflow line: the main site first, since antennas receive its lots."""
    base = len(supply.receipts)
    sizes = (
        len(outflows.parcels),
        len(outflows.deliveries),
        len(outflows.removals),
        len(outflows.transfers),
        len(outflows.counts),
    )
    found = [np.full(size, -1, dtype=np.int64) for size in sizes]
    for site in range(len(SITES)):
        came = _list_inflows(period, supply, outflows, catalogue, site, base)
        if site != MAIN_SITE:
            came.append(_arrive(outflows, found[_FLOWS.index("transfers")], site))
        left = pl.concat(_list_outflows(outflows, parcels, site))
        lot = match_lots(pl.concat(came), left)
        flow, source = left["flow"].to_numpy(), left["source"].to_numpy()
        for number in range(len(_FLOWS)):
            found[number][source[flow == number]] = lot[flow == number]
    stream = open_stream(seed, "lots")
    kept = [
        _forget(stream, lot, catalogue.is_eu[frame["product"].to_numpy()])
        for lot, frame in zip(
            found[:3], (outflows.parcels, outflows.deliveries, outflows.removals), strict=True
        )
    ]
    return Lots(kept[0], kept[1], kept[2], found[3], base)


def keep_dates(supply: Supply, lots: Lots, outflows: Outflows, parcels: Parcels) -> Supply:
    """The receipts with use-by dates that what was handed out of them respects.

    A lot that was handed out later than its drawn date bears a date up to two days after.
    """
    receipts = supply.receipts
    handed = parcels.day[outflows.parcels["parcel"].to_numpy()]
    days = (outflows.deliveries["day"].to_numpy(), handed)
    last = (
        pl.DataFrame(
            {"lot": np.concatenate([lots.deliveries, lots.parcels]), "last": np.concatenate(days)}
        )
        .filter(pl.col("lot") >= 0)
        .group_by("lot")
        .agg(pl.col("last").max())
    )
    kept = pl.max_horizontal("expires", pl.col("last") + pl.col("last") % 3)
    dated = receipts.join(last, on="lot", how="left", maintain_order="left").with_columns(
        expires=pl.when(pl.col("date_kind") == USE_BY).then(kept).otherwise("expires")
    )
    return replace(supply, receipts=dated.drop("last"))


def _forget(stream: np.random.Generator, lot: IntArray, is_eu: IntArray) -> IntArray:
    """Some labels are not scanned; those of the European programme always are."""
    return np.where((stream.random(len(lot)) < UNSCANNED_SHARE) & ~is_eu, -1, lot)
