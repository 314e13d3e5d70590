"""The simulation written as records: the exact columns, as text, one frame a record.

Here live keys, times of the day, units and codes as a food bank's tools would export them.
What happened is decided in the modules of each activity; mistakes and corrections belong in
`imperfections.py`, files in `write.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.demo.catalogue import Catalogue
from pipelines.demo.directory import Partners, Suppliers, Vehicles
from pipelines.demo.households import Households, Parcels
from pipelines.demo.logistics import CONSUMPTION, PLACE_KINDS, ROUND_KINDS, Logistics
from pipelines.demo.lots import Lots
from pipelines.demo.outflows import REMOVAL_REASONS, Outflows
from pipelines.demo.places import COMMUNES, MAIN_SITE, SITES
from pipelines.demo.platform import ORDER_STATUSES, Orders, Visits
from pipelines.demo.supply import (
    CHANNEL_CODES,
    DATE_KINDS,
    NEIGHBOUR_FOOD_BANK,
    OUTCOMES,
    REFUSALS,
    UNITS,
    Supply,
)
from pipelines.demo.working_days import (
    OPENING_COUNT_ON,
    IntArray,
    Period,
    count_days,
    open_stream,
)

DAY = 86_400
COUNT_SECOND = 23 * 3600 + 1800
SITE_IDS = tuple(site.site_id for site in SITES)
LABELS = ("", "organic", "pdo_pgi", "other")
SHORT_REASONS = ("", "partial_stock", "out_of_stock")
DESTINATIONS = ("methanisation", "animal_feed", "composting", "incineration", "landfill", "unknown")
_DESTINATION_SHARES = (0.36, 0.25, 0.19, 0.15, 0.02, 0.03)
_COLLECTORS = (
    "Méthaniseur de démonstration",
    "Éleveur de démonstration",
    "Composteur de démonstration",
    "Valorisation énergétique de démonstration",
    "Traitement des déchets de démonstration",
    "",
)
# Columns whose values a repetition of the activity makes its own (see `write.py`).
OWN_COLUMNS: dict[str, tuple[str, ...]] = {
    "receipts": ("receipt_id", "round_id", "lot_id"),
    "orders": ("order_id",),
    "deliveries": ("delivery_id", "order_id", "round_id", "lot_id"),
    "parcels": ("parcel_id", "household_id", "lot_id"),
    "removals": ("removal_id", "receipt_id", "lot_id"),
    "transfers": ("transfer_id", "round_id", "lot_id"),
    "stock_counts": ("lot_id",),
    "rounds": ("round_id",),
    "round_stops": ("round_id",),
    "platform_sessions": ("session_id", "user_id"),
    "transformations": ("batch_id", "lot_id"),
    "sorting_sessions": ("session_id",),
    "vouchers": ("voucher_id", "household_id"),
    "site_energy": ("meter",),
    "refrigerant_top_ups": ("top_up_id",),
}


@dataclass(frozen=True)
class Activity:
    """All that happened, as the other modules decided it."""

    seed: int
    period: Period
    catalogue: Catalogue
    partners: Partners
    suppliers: Suppliers
    vehicles: Vehicles
    supply: Supply
    visits: Visits
    orders: Orders
    sessions: pl.DataFrame
    households: Households
    parcels: Parcels
    outflows: Outflows
    lots: Lots
    logistics: Logistics


def _name(values: tuple[str, ...], at: IntArray) -> pl.Series:
    """The name at each position; empty where the position is -1."""
    return pl.Series([*values, ""], dtype=pl.String).gather(np.where(at < 0, len(values), at))


def _number(prefix: str, numbers: IntArray, width: int = 6) -> pl.Series:
    """`R000012`; empty where the number is negative."""
    text = pl.Series(numbers).cast(pl.String).str.zfill(width)
    return _blank(prefix + text, numbers < 0)


def _blank(text: pl.Series, where: object) -> pl.Series:
    frame = pl.DataFrame({"text": text, "where": where})
    return frame.select(
        pl.when("where").then(pl.lit("")).otherwise("text").alias("text")
    ).to_series()


def _kilograms(grams: IntArray) -> pl.Series:
    """Thousandths as decimal text: grams as kilograms, cents x 10 as euros; empty below zero."""
    series = pl.Series(np.maximum(grams, 0))
    text = (series // 1000).cast(pl.String) + "." + (series % 1000).cast(pl.String).str.zfill(3)
    return _blank(text, grams < 0)


def _moment(day: IntArray, second: IntArray) -> pl.Series:
    """Local date and time; the second may pass midnight."""
    instant = pl.Series(day * DAY + second).cast(pl.Int64) * 1000
    return instant.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S")


def _date(day: IntArray) -> pl.Series:
    text = pl.Series(np.maximum(day, 0)).cast(pl.Int32).cast(pl.Date).dt.strftime("%Y-%m-%d")
    return _blank(text, day < 0)


def _month(day: IntArray) -> pl.Series:
    return pl.Series(day).cast(pl.Int32).cast(pl.Date).dt.strftime("%Y-%m")


def _site(at: IntArray) -> pl.Series:
    return _name(SITE_IDS, at)


def _text(numbers: IntArray) -> pl.Series:
    return pl.Series(numbers).cast(pl.String)


def _lot(lots: IntArray, base: int) -> pl.Series:
    """`L000123`, or `OUV-0045` for a lot of the opening count."""
    usual = _number("L", np.where(lots >= base, -1, lots))
    opened = _number("OUV-", np.where(lots >= base, lots - base, -1), 4)
    return usual + opened


def _receipt_seconds(activity: Activity) -> IntArray:
    """When each receipt line came in: with its round, else during the morning."""
    lines = activity.supply.receipts
    stream = open_stream(activity.seed + 1, "supply")
    number = lines["receipt"].to_numpy()
    drawn = stream.integers(8 * 3600, 12 * 3600, int(number.max()) + 1)[number]
    stop = lines["stop"].to_numpy()
    seconds = np.where(stop >= 0, activity.logistics.pickup_second[stop], drawn)
    return np.asarray(seconds, dtype=np.int64)


def write_receipts(activity: Activity, seconds: IntArray) -> pl.DataFrame:
    """Food in."""
    lines, links = activity.supply.receipts, activity.logistics
    day, channel = lines["day"].to_numpy(), lines["channel"].to_numpy()
    stop, product = lines["stop"].to_numpy(), lines["product"].to_numpy()
    refused, supplier = lines["refused"].to_numpy(), lines["supplier"].to_numpy()
    neighbour = channel == CHANNEL_CODES.index("inter_bank")
    blank = pl.repeat("", len(lines), eager=True)
    cents = lines["cents"].to_numpy()
    origin = np.where(lines["is_local"].to_numpy(), supplier, -1)
    return pl.DataFrame(
        {
            "month": _month(day),
            "receipt_id": _number("R", lines["receipt"].to_numpy()),
            "line_no": _text(lines["line"].to_numpy()),
            "received_at": _moment(day, seconds),
            "site_id": _site(lines["site"].to_numpy()),
            "supplier_id": _name(activity.suppliers.ids, supplier),
            "channel": _name(CHANNEL_CODES, channel),
            "round_id": _number("T", np.where(stop >= 0, links.pickup_round[stop], -1)),
            "product_code": _name(activity.catalogue.codes, product),
            "lot_id": _lot(lines["lot"].to_numpy(), activity.lots.opening_base),
            "date_kind": _name(DATE_KINDS, lines["date_kind"].to_numpy()),
            "expires_on": _date(lines["expires"].to_numpy()),
            "quantity": _kilograms(lines["quantity_milli"].to_numpy()),
            "unit": _name(UNITS, lines["unit"].to_numpy()),
            "refused_at_dock_kg": _kilograms(np.where(refused > 0, refused, -1)),
            "refusal_reason": _name(REFUSALS, lines["refusal"].to_numpy()),
            "cost_eur": _kilograms(np.where(cents >= 0, cents * 10, -1)),
            "from_food_bank_id": _name((NEIGHBOUR_FOOD_BANK,), np.where(neighbour, 0, -1)),
            "transfer_id": blank,
            "funding_id": blank,
            "quality_label": _name(LABELS, lines["label"].to_numpy()),
            "origin_departement": _name(activity.suppliers.departement, origin),
            "updated_at": _moment(day, seconds + 5400),
        }
    )


def _line_orders(activity: Activity) -> pl.DataFrame:
    """Order lines: what was delivered, what was asked beyond, and all of what was not delivered.

    Columns: order, line, product, asked (grams), short (position in SHORT_REASONS).
    """
    stream = open_stream(activity.seed + 1, "orders")
    given = activity.outflows.deliveries.filter(pl.col("order") >= 0)
    grams = given["grams"].to_numpy()
    drawn = stream.random(len(given))
    factor = np.where(
        drawn < 0.76, 1.0, np.where(drawn < 0.95, stream.uniform(1.05, 1.6, len(given)), 0.92)
    )
    asked = np.maximum(np.rint(grams * factor / 100), 1).astype(np.int64) * 100
    short = np.where((drawn >= 0.76) & (drawn < 0.95), 1, 0)
    done = given.select("order", "product").with_columns(asked=asked, short=short, rank=pl.lit(0))
    lines = pl.concat([done, _line_unserved(stream, activity, given)])
    lines = lines.sort(["order", "product", "rank"]).unique(
        ["order", "product"], keep="first", maintain_order=True
    )
    return lines.with_columns(line=(pl.int_range(pl.len()).over("order") + 1).cast(pl.Int64))


def _line_unserved(
    stream: np.random.Generator, activity: Activity, given: pl.DataFrame
) -> pl.DataFrame:
    orders, visits = activity.orders, activity.visits
    number = np.arange(len(orders.day))
    served = np.isin(number, given["order"].to_numpy())
    count = np.where(served, stream.binomial(2, 0.22, len(number)), visits.lines[orders.visit])
    order = np.repeat(number, count)
    able = np.flatnonzero(~activity.catalogue.is_frozen & (activity.catalogue.unit_grams > 0))
    asked = np.rint(stream.lognormal(0.0, 0.6, len(order)) * 500).astype(np.int64) * 100
    return pl.DataFrame(
        {
            "order": order,
            "product": stream.choice(able, size=len(order)).astype(np.int64),
            "asked": np.maximum(asked, 1000),
            "short": np.where(served[order], 2, 0).astype(np.int64),
            "rank": np.ones(len(order), dtype=np.int32),
        }
    )


def write_orders(activity: Activity, lines: pl.DataFrame) -> pl.DataFrame:
    """What partners asked for, once each with its final status."""
    orders, visits = activity.orders, activity.visits
    number = lines["order"].to_numpy()
    day, visit = orders.day[number], orders.visit[number]
    wanted, status = visits.day[visit], orders.status[number]
    is_done = status == ORDER_STATUSES.index("delivered")
    changed = np.where(is_done, wanted * DAY + 68_400, day * DAY + orders.second[number] + 900)
    return pl.DataFrame(
        {
            "month": _month(day),
            "order_id": _number("C", number + 1),
            "line_no": _text(lines["line"].to_numpy()),
            "ordered_at": _moment(day, orders.second[number]),
            "wanted_on": _date(wanted),
            "site_id": _site(visits.site[visit]),
            "partner_id": _name(activity.partners.ids, visits.partner[visit]),
            "offer_id": pl.repeat("", len(lines), eager=True),
            "status": _name(ORDER_STATUSES, status),
            "product_code": _name(activity.catalogue.codes, lines["product"].to_numpy()),
            "ordered_kg": _kilograms(lines["asked"].to_numpy()),
            "short_reason": _name(SHORT_REASONS, lines["short"].to_numpy()),
            "updated_at": _moment(np.zeros(len(lines), dtype=np.int64), changed),
        }
    )


def write_deliveries(activity: Activity, order_lines: pl.DataFrame) -> pl.DataFrame:
    """Food out to partners."""
    stream = open_stream(activity.seed + 2, "logistics")
    visits, links = activity.visits, activity.logistics
    lines = (
        activity.outflows.deliveries.with_row_index("row")
        .join(
            order_lines.select("order", "product", order_line="line"),
            on=["order", "product"],
            how="left",
            maintain_order="left",
        )
        .with_columns(line=(pl.int_range(pl.len()).over("visit") + 1).cast(pl.Int64))
    )
    visit, day = lines["visit"].to_numpy(), lines["day"].to_numpy()
    refused, order = lines["refused"].to_numpy(), lines["order"].to_numpy()
    collected = stream.integers(8 * 3600 + 1800, 16 * 3600 + 1800, len(visits.day))
    at_door = links.visit_second >= 0
    second = np.where(at_door, links.visit_second, collected)
    early = stream.integers(6 * 3600, 7 * 3600, len(visits.day))
    ready = np.where(at_door, early, collected - stream.integers(1200, 7200, len(visits.day)))
    order_line = lines["order_line"].fill_null(-1).to_numpy()
    return pl.DataFrame(
        {
            "month": _month(day),
            "delivery_id": _number("D", visit + 1),
            "line_no": _text(lines["line"].to_numpy()),
            "order_id": _number("C", np.where(order >= 0, order + 1, -1)),
            "order_line_no": _blank(_text(order_line), order_line < 0),
            "prepared_at": _moment(day, ready[visit]),
            "delivered_at": _moment(day, second[visit]),
            "site_id": _site(lines["site"].to_numpy()),
            "partner_id": _name(activity.partners.ids, visits.partner[visit]),
            "mode": _name(("collected_by_partner", "delivered"), at_door[visit].astype(np.int64)),
            "round_id": _number("T", links.visit_round[visit]),
            "product_code": _name(activity.catalogue.codes, lines["product"].to_numpy()),
            "lot_id": _lot(activity.lots.deliveries, activity.lots.opening_base),
            "weight_kg": _kilograms(lines["grams"].to_numpy()),
            "refused_kg": _kilograms(np.where(refused > 0, refused, -1)),
            "updated_at": _moment(day, second[visit] + 3600),
        }
    )


def write_parcels(activity: Activity) -> pl.DataFrame:
    """Emergency parcels: header values repeat on each line."""
    lines, parcels, households = activity.outflows.parcels, activity.parcels, activity.households
    number = lines["parcel"].to_numpy()
    household = parcels.household[number]
    anonymous = household < 0
    insee = tuple(commune.insee_code for commune in COMMUNES)
    handed = parcels.day[number] * DAY + parcels.second[number]
    zero = np.zeros(len(number), dtype=np.int64)
    line = lines.select((pl.int_range(pl.len()).over("parcel") + 1).cast(pl.Int64)).to_series()
    return pl.DataFrame(
        {
            "month": _month(parcels.day[number]),
            "parcel_id": _number("E", number + 1),
            "line_no": line.cast(pl.String),
            "requested_at": _moment(zero, handed - parcels.requested_before[number]),
            "handed_over_at": _moment(zero, handed),
            "site_id": _site(parcels.site[number]),
            "household_id": _number("FOYER-", np.where(anonymous, -1, household + 1)),
            "household_size": _blank(_text(households.size[household]), anonymous),
            "children": _blank(_text(households.children[household]), anonymous),
            "referrer_partner_id": _name(activity.partners.ids, parcels.referrer[number]),
            "insee_code": _name(insee, np.where(anonymous, -1, households.commune[household])),
            "qpv_code": pl.repeat("", len(lines), eager=True),
            "product_code": _name(activity.catalogue.codes, lines["product"].to_numpy()),
            "lot_id": _lot(activity.lots.parcels, activity.lots.opening_base),
            "weight_kg": _kilograms(lines["grams"].to_numpy()),
        }
    )


def _list_removals(activity: Activity, seconds: IntArray) -> pl.DataFrame:
    """Sorted-out food, linked with its receipt, and what spoilt in stock, in order of time."""
    stream = open_stream(activity.seed + 1, "sorting")
    row = activity.supply.sorting["row"].to_numpy()
    lines = activity.supply.receipts[row]
    sorted_out = lines.select("day", "site", "product", "receipt", "supplier", "lot").with_columns(
        grams=activity.supply.sorting["grams"].to_numpy(),
        reason=stream.choice([0, 0, 0, 0, 0, 0, 0, 4, 2], size=len(row)).astype(np.int64),
        second=seconds[row] + stream.integers(1800, 9000, len(row)),
    )
    spoilt = activity.outflows.removals.with_columns(
        receipt=pl.lit(-1, dtype=pl.Int64),
        supplier=pl.lit(-1, dtype=pl.Int64),
        lot=activity.lots.removals,
        second=stream.integers(10 * 3600, 16 * 3600, len(activity.outflows.removals)),
    )
    names = ["day", "site", "product", "receipt", "supplier", "lot", "grams", "reason", "second"]
    listed = pl.concat([sorted_out.select(names), spoilt.select(names)]).sort(
        ["day", "site", "receipt", "second", "product"], maintain_order=True
    )
    return listed.with_columns(
        removal=pl.struct("day", "site", "receipt").rle_id().cast(pl.Int64) + 1
    ).with_columns(
        line=(pl.int_range(pl.len()).over("removal") + 1).cast(pl.Int64),
        second=pl.col("second").max().over("removal"),
    )


def write_removals(activity: Activity, seconds: IntArray) -> pl.DataFrame:
    """Food that leaves the chain."""
    stream = open_stream(activity.seed + 2, "sorting")
    lines = _list_removals(activity, seconds)
    day = lines["day"].to_numpy()
    to = stream.choice(len(DESTINATIONS), size=len(lines), p=_DESTINATION_SHARES)
    return pl.DataFrame(
        {
            "month": _month(day),
            "removal_id": _number("S", lines["removal"].to_numpy()),
            "line_no": _text(lines["line"].to_numpy()),
            "removed_at": _moment(day, lines["second"].to_numpy()),
            "site_id": _site(lines["site"].to_numpy()),
            "receipt_id": _number("R", lines["receipt"].to_numpy()),
            "supplier_id": _name(activity.suppliers.ids, lines["supplier"].to_numpy()),
            "product_code": _name(activity.catalogue.codes, lines["product"].to_numpy()),
            "lot_id": _lot(lines["lot"].to_numpy(), activity.lots.opening_base),
            "weight_kg": _kilograms(lines["grams"].to_numpy()),
            "reason": _name(REMOVAL_REASONS, lines["reason"].to_numpy()),
            "destination": _name(DESTINATIONS, to),
            "collector": _name(_COLLECTORS, to),
        }
    )


def write_transfers(activity: Activity) -> pl.DataFrame:
    """Food sent from the main site to the antennas."""
    lines, links = activity.outflows.transfers, activity.logistics
    lines = lines.with_columns(transfer=pl.struct("day", "to").rle_id().cast(pl.Int64) + 1)
    lines = lines.with_columns(line=(pl.int_range(pl.len()).over("transfer") + 1).cast(pl.Int64))
    day, arrives = lines["day"].to_numpy(), lines["arrives"].to_numpy()
    second = np.where(arrives > day, 8 * 3600 + 1200, links.arrived_second)
    return pl.DataFrame(
        {
            "month": _month(day),
            "transfer_id": _number("X", lines["transfer"].to_numpy(), 5),
            "line_no": _text(lines["line"].to_numpy()),
            "shipped_at": _moment(day, links.shipped_second),
            "received_at": _moment(arrives, second),
            "from_site_id": pl.repeat(SITE_IDS[MAIN_SITE], len(lines), eager=True),
            "to_site_id": _site(lines["to"].to_numpy()),
            "to_food_bank_id": pl.repeat("", len(lines), eager=True),
            "round_id": _number("T", links.transfer_round),
            "product_code": _name(activity.catalogue.codes, lines["product"].to_numpy()),
            "lot_id": _lot(activity.lots.transfers, activity.lots.opening_base),
            "shipped_kg": _kilograms(lines["shipped"].to_numpy()),
            "received_kg": _kilograms(lines["received"].to_numpy()),
        }
    )


def write_stock_counts(activity: Activity) -> pl.DataFrame:
    """Full counts: the opening one, then each month's last working evening."""
    opened = activity.outflows.opening
    product, catalogue = opened["product"].to_numpy(), activity.catalogue
    base = activity.lots.opening_base
    first = opened.select(
        pl.lit(count_days(OPENING_COUNT_ON), dtype=pl.Int64).alias("day"),
        "site",
        "product",
        "grams",
    ).with_columns(lot=np.where(catalogue.is_eu[product], base + product, -1))
    later = activity.outflows.counts.select(
        "day", "site", "product", grams="counted", lot=pl.lit(-1, dtype=pl.Int64)
    )
    lines = pl.concat([first, later]).with_columns(
        count=pl.struct("day", "site").rle_id().cast(pl.Int64) + 1
    )
    lines = lines.with_columns(line=(pl.int_range(pl.len()).over("count") + 1).cast(pl.Int64))
    day = lines["day"].to_numpy()
    blank = pl.repeat("", len(lines), eager=True)
    return pl.DataFrame(
        {
            "month": _month(day),
            "count_id": _number("I", lines["count"].to_numpy(), 4),
            "line_no": _text(lines["line"].to_numpy()),
            "counted_at": _moment(day, np.full(len(lines), COUNT_SECOND, dtype=np.int64)),
            "site_id": _site(lines["site"].to_numpy()),
            "is_full_count": pl.repeat("true", len(lines), eager=True),
            "product_code": _name(catalogue.codes, lines["product"].to_numpy()),
            "lot_id": _lot(lines["lot"].to_numpy(), base),
            "date_kind": blank,
            "expires_on": blank,
            "weight_kg": _kilograms(lines["grams"].to_numpy()),
        }
    )


def write_rounds(activity: Activity) -> pl.DataFrame:
    """Vehicles' trips."""
    rounds, vehicles = activity.logistics.rounds, activity.vehicles
    day, vehicle = rounds["day"].to_numpy(), rounds["vehicle"].to_numpy()
    energy = rounds["energy"].to_numpy()
    units = tuple(CONSUMPTION[pair][1] for pair in zip(vehicles.kind, vehicles.energy, strict=True))
    return pl.DataFrame(
        {
            "month": _month(day),
            "round_id": _number("T", rounds["round"].to_numpy()),
            "kind": _name(ROUND_KINDS, rounds["kind"].to_numpy()),
            "vehicle_id": _name(vehicles.ids, vehicle),
            "site_id": _site(rounds["site"].to_numpy()),
            "planned_on": _date(day),
            "started_at": _moment(day, rounds["start"].to_numpy()),
            "ended_at": _moment(day, rounds["end"].to_numpy()),
            "distance_km": _kilograms(rounds["metres"].to_numpy()),
            "energy_used": _kilograms(energy),
            "energy_unit": _name(units, np.where(energy >= 0, vehicle, -1)),
            "people": _text(rounds["people"].to_numpy()),
        }
    )


def write_round_stops(activity: Activity) -> pl.DataFrame:
    """Stops: what was loaded and left, and the shortest road from the depot."""
    stops = activity.logistics.stops
    day, kind, place = (stops[name].to_numpy() for name in ("day", "kind", "place"))
    places = (activity.suppliers.ids, activity.partners.ids, SITE_IDS)
    names = pl.repeat("", len(stops), eager=True)
    for number, ids in enumerate(places):
        names = names + _name(ids, np.where(kind == number, place, -1))
    missed = stops["outcome"].to_numpy() == OUTCOMES.index("missed")
    return pl.DataFrame(
        {
            "month": _month(day),
            "round_id": _number("T", stops["round"].to_numpy()),
            "stop_no": _text(stops["stop"].to_numpy()),
            "planned_at": _moment(day, stops["planned"].to_numpy()),
            "arrived_at": _blank(_moment(day, stops["arrived"].to_numpy()), missed),
            "left_at": _blank(_moment(day, stops["left"].to_numpy()), missed),
            "place_kind": _name(PLACE_KINDS, kind),
            "place_id": names,
            "road_distance_km": _kilograms(stops["road_metres"].to_numpy()),
            "loaded_kg": _kilograms(stops["load"].to_numpy()),
            "unloaded_kg": _kilograms(stops["unload"].to_numpy()),
            "outcome": _name(OUTCOMES, stops["outcome"].to_numpy()),
        }
    )


def write_sessions(activity: Activity) -> pl.DataFrame:
    """Use of the operational platform."""
    lines = activity.sessions
    day = lines["day"].to_numpy()
    return pl.DataFrame(
        {
            "month": _month(day),
            "session_id": _number("Z", np.arange(1, len(lines) + 1)),
            "user_id": _number("u-", lines["user"].to_numpy(), 4),
            "partner_id": _name(activity.partners.ids, lines["partner"].to_numpy()),
            "started_at": _moment(day, lines["second"].to_numpy()),
        }
    )


def write_events(activity: Activity) -> dict[str, pl.DataFrame]:
    """Every event record, with the month of its file in the column `month`."""
    seconds = _receipt_seconds(activity)
    order_lines = _line_orders(activity)
    return {
        "receipts": write_receipts(activity, seconds),
        "orders": write_orders(activity, order_lines),
        "deliveries": write_deliveries(activity, order_lines),
        "parcels": write_parcels(activity),
        "removals": write_removals(activity, seconds),
        "transfers": write_transfers(activity),
        "stock_counts": write_stock_counts(activity),
        "rounds": write_rounds(activity),
        "round_stops": write_round_stops(activity),
        "platform_sessions": write_sessions(activity),
    }
