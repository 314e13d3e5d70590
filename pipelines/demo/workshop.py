"""Sorting sessions, and the workshop that cooks what would have been thrown away.

The workshop takes part of what was damaged or sorted out at the main site on its three days a week:
those lines leave `removals` and become inputs, of the same day, lot and weight. What it makes is
collected the same evening, so that no stock of it is ever counted and no other record changes.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from pipelines.demo.places import MAIN_SITE, SITES
from pipelines.demo.records import Activity
from pipelines.demo.working_days import open_stream, read_day

WORKSHOP_FROM = date(2023, 1, 9)
WORKSHOP_WEEKDAYS = (1, 2, 4)
LARGEST_INPUT_GRAMS = 220_000
YIELD = (0.74, 0.86)
KILOGRAMS_PER_PERSON_AND_HOUR = 145
# Family that goes in: what is made of it.
RECIPES = {
    "fruit_vegetables_fresh": ("A0001", "Soupe de légumes de l'atelier", "ready_meals", "soups"),
    "bread_pastries": ("A0002", "Chapelure de l'atelier", "grocery_savoury", "bread_pastries"),
}
_REASONS = ("sorting", "damaged", "packaging")


def write_products() -> pl.DataFrame:
    """Products that exist because the workshop makes them."""
    return pl.DataFrame(
        [
            {
                "product_code": code,
                "label": label,
                "network_family": family,
                "storage": "chilled" if family == "ready_meals" else "ambient",
                "is_food": "true",
                "unit_weight_kg": "1.000",
                "case_weight_kg": "12.000",
                "pallet_weight_kg": "",
                "carbon_group": group,
                "nutrition_group": "",
                "active_from": "2023-01-09",
                "active_to": "",
            }
            for code, label, family, group in RECIPES.values()
        ]
    )


def _grams(column: str) -> pl.Expr:
    return pl.col(column).str.replace(".", "", literal=True).cast(pl.Int64)


def _kilograms(grams: int) -> str:
    return f"{grams // 1000}.{grams % 1000:03d}"


def run_workshop(activity: Activity, events: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The same events with the workshop at work: fewer removals, its batches, its deliveries."""
    stream = open_stream(activity.seed, "transformations")
    families = dict(zip(activity.catalogue.codes, activity.catalogue.family, strict=True))
    removals = events["removals"].with_row_index("row")
    day = pl.col("removed_at").str.slice(0, 10)
    able = removals.filter(
        (pl.col("site_id") == SITES[MAIN_SITE].site_id)
        & pl.col("reason").is_in(_REASONS)
        & (day >= WORKSHOP_FROM.isoformat())
        & day.str.to_date().dt.weekday().is_in(WORKSHOP_WEEKDAYS)
        & pl.col("product_code").replace_strict(families).is_in(list(RECIPES))
        & (_grams("weight_kg") <= LARGEST_INPUT_GRAMS)
    )
    batches: list[dict[str, str]] = []
    collected: list[dict[str, str]] = []
    partners = [
        partner_id
        for partner_id, site, chilled in zip(
            activity.partners.ids,
            activity.partners.site,
            activity.partners.stores_chilled,
            strict=True,
        )
        if site == MAIN_SITE and chilled
    ][:12]
    for number, (made_on, lines) in enumerate(
        able.with_columns(day=day).partition_by("day", as_dict=True, maintain_order=True).items(),
        start=1,
    ):
        batch = f"B{number:05d}"
        # Once the last of it was taken out of the crates.
        made_at = datetime.fromisoformat(str(lines["removed_at"].max()))
        stamp, leaves_at = made_at.isoformat(), (made_at + timedelta(minutes=45)).isoformat()
        month = str(made_on[0])[:7]
        made: dict[str, int] = {}
        for line, row in enumerate(lines.iter_rows(named=True), start=1):
            batches.append(
                _batch(month, batch, line, stamp, "input", row["product_code"], row["lot_id"],
                       row["weight_kg"])
            )  # fmt: skip
            recipe = RECIPES[families[row["product_code"]]][0]
            made[recipe] = made.get(recipe, 0) + int(row["weight_kg"].replace(".", ""))
        line = len(lines)
        partner = partners[int(stream.integers(0, len(partners)))]
        for at, (product, grams) in enumerate(sorted(made.items()), start=1):
            output = int(grams * stream.uniform(*YIELD)) // 100 * 100
            if output <= 0:
                continue
            lot = f"{product}-{number:05d}"
            batches.append(
                _batch(month, batch, line + at, stamp, "output", product, lot, _kilograms(output))
            )
            collected.append(
                {
                    "month": month,
                    "delivery_id": f"DA{number:05d}",
                    "line_no": str(at),
                    "order_id": "",
                    "order_line_no": "",
                    "prepared_at": stamp,
                    "delivered_at": leaves_at,
                    "site_id": SITES[MAIN_SITE].site_id,
                    "partner_id": partner,
                    "mode": "collected_by_partner",
                    "round_id": "",
                    "product_code": product,
                    "lot_id": lot,
                    "weight_kg": _kilograms(output),
                    "refused_kg": "",
                    "updated_at": leaves_at,
                }
            )
    kept = removals.filter(~pl.col("row").is_in(able["row"].implode())).drop("row")
    deliveries = events["deliveries"]
    return {
        **events,
        "removals": kept,
        "deliveries": pl.concat([deliveries, pl.DataFrame(collected, schema=deliveries.schema)]),
        "transformations": pl.DataFrame(batches, schema=dict.fromkeys(_BATCH_COLUMNS, pl.String)),
    }


_BATCH_COLUMNS = (
    "month", "batch_id", "line_no", "made_at", "site_id", "direction", "product_code", "lot_id",
    "weight_kg",
)  # fmt: skip


def _batch(
    month: str, batch: str, line: int, stamp: str, direction: str, product: str, lot: str, kg: str
) -> dict[str, str]:
    values = (month, batch, str(line), stamp, SITES[MAIN_SITE].site_id, direction, product, lot, kg)
    return dict(zip(_BATCH_COLUMNS, values, strict=True))


def write_sorting(activity: Activity) -> pl.DataFrame:
    """A session for what each site received on a day: so many people, for so long."""
    stream = open_stream(activity.seed, "sorting_sessions")
    received = (
        activity.supply.receipts.with_columns(grams=pl.col("gross") - pl.col("refused"))
        .group_by("day", "site")
        .agg(pl.col("grams").sum())
        .filter(pl.col("grams") > 50_000)
        .sort("day", "site")
    )
    rows = []
    for number, (day, site, grams) in enumerate(received.iter_rows(), start=1):
        # Bulk pallets are put away, not sorted.
        sorted_grams = min(int(grams * stream.uniform(0.55, 0.8)), 9_000_000)
        people = int(np.clip(round(sorted_grams / 450_000), 2, 14))
        pace = KILOGRAMS_PER_PERSON_AND_HOUR * stream.lognormal(0, 0.18)
        seconds = int(np.clip(sorted_grams / 1000 / pace / people * 3600, 1200, 6 * 3600))
        start = int(stream.integers(8 * 3600, 9 * 3600 + 1800))
        when = read_day(day)
        rows.append(
            {
                "month": f"{when:%Y-%m}",
                "session_id": f"Q{number:05d}",
                "site_id": SITES[site].site_id,
                "started_at": f"{when}T{_clock(start)}",
                "ended_at": f"{when}T{_clock(start + seconds)}",
                "people": str(people),
                "sorted_kg": _kilograms(sorted_grams),
            }
        )
    return pl.DataFrame(rows)


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
