"""What the food bank works with: money, people, pooled means, support, offers, temperatures.

Each record draws from the random stream of its topic, so that none changes the kilograms of the
others. Amounts are invented in the size of such a food bank; funders are kinds, never real bodies.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

import polars as pl

from pipelines.demo.declared import list_complete_months
from pipelines.demo.places import SITES
from pipelines.demo.records import Activity
from pipelines.demo.working_days import EPOCH, open_stream, read_day


class Agreement(NamedTuple):
    """A funding agreement, yearly where `years` has several."""

    code: str
    funder: str
    kind: str
    programme: str
    purpose: str
    amount_eur: int
    years: tuple[int, ...]
    territory_code: str = ""


AGREEMENTS = (
    Agreement("METRO", "Métropole (démonstration)", "epci", "Alimentation durable", "digital",
              60_000, (2023, 2024), "242100410"),
    Agreement("DEPT", "Département (démonstration)", "departement", "Insertion", "operations",
              85_000, (2022, 2023, 2024)),
    Agreement("REGION", "Région (démonstration)", "region", "Investissement logistique",
              "investment", 70_000, (2023,)),
    Agreement("ETAT", "État (démonstration)", "state", "Mieux manger pour tous", "purchases",
              140_000, (2023, 2024)),
    Agreement("UE", "Union européenne (démonstration)", "eu", "FSE+ aide alimentaire", "purchases",
              95_000, (2022, 2023, 2024)),
    Agreement("FOND", "Fondation (démonstration)", "foundation", "Accompagnement", "support",
              25_000, (2023, 2024)),
    Agreement("PART", "Participations des partenaires", "partners_contribution", "Solidarité",
              "operations", 180_000, (2022, 2023, 2024)),
)  # fmt: skip
# Euros of a month by post, and the agreements that may bear a part of it.
POSTS = {
    "transport": (13_500, ("METRO", "DEPT")),
    "cold": (6_800, ("REGION",)),
    "premises": (9_200, ("DEPT",)),
    "staff": (31_000, ("DEPT", "PART")),
    "purchases": (17_000, ("ETAT", "UE")),
    "digital": (2_900, ("METRO",)),
    "other": (3_400, ("PART", "FOND")),
}
BORNE_SHARE = 0.42
ACTIVITIES = ("cooking", "nutrition", "budget", "access_to_rights", "visit")
# Volunteers and staff of a morning at each task, and its hours.
TASKS = {
    "pickup": (8, 2, 4.5), "sorting": (11, 1, 3.5), "preparation": (7, 1, 3.0),
    "office": (3, 2, 4.0),
}  # fmt: skip
OFFERED_ORDERS_SHARE = 0.3
UNTAKEN_SHARE = 0.15
URGENT_SHARE = 0.6
HISTORY_FROM, HISTORY_TO = date(2021, 1, 1), date(2022, 6, 1)


def write_funding() -> pl.DataFrame:
    """Agreements of a year each."""
    return pl.DataFrame(
        [
            {
                "funding_id": f"{one.code}-{year}",
                "funder": one.funder,
                "funder_kind": one.kind,
                "programme": one.programme,
                "amount_eur": f"{one.amount_eur}.00",
                "starts_on": f"{year}-01-01",
                "ends_on": f"{year}-12-31",
                "purpose": one.purpose,
                "territory_code": one.territory_code,
            }
            for one in AGREEMENTS
            for year in one.years
        ]
    )


def write_expenses(activity: Activity) -> pl.DataFrame:
    """An expense a month and post; agreements bear a part where one runs."""
    stream = open_stream(activity.seed, "expenses")
    years = {one.code: one.years for one in AGREEMENTS}
    rows: list[dict[str, str]] = []
    for month in list_complete_months(activity.period):
        for post, (usual, bearers) in POSTS.items():
            cents = round(usual * 100 * stream.normal(1, 0.07))
            bearer = str(stream.choice(bearers))
            share = BORNE_SHARE if month.year in years[bearer] else 0.0
            borne = round(cents * share)
            parts = [(borne, f"{bearer}-{month.year}")] if borne else []
            parts.append((cents - borne, ""))
            rows += [
                {
                    "month": f"{month:%Y}",
                    "expense_id": f"F{len(rows) + place:05d}",
                    "reported_month": month.isoformat(),
                    "post": post,
                    "amount_eur": f"{part // 100}.{part % 100:02d}",
                    "funding_id": funding_id,
                }
                for place, (part, funding_id) in enumerate(parts, 1)
            ]
    columns = ("month", "expense_id", "reported_month", "post", "amount_eur", "funding_id")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def write_support(activity: Activity) -> pl.DataFrame:
    """Workshops and talks at partners, more of them outside the summer."""
    stream = open_stream(activity.seed, "support")
    rows: list[dict[str, str]] = []
    for month in list_complete_months(activity.period):
        for _ in range(int(stream.poisson(2 if month.month in (7, 8) else 7))):
            day = month + timedelta(days=int(stream.integers(0, 28)))
            partner = int(stream.integers(0, len(activity.partners.ids)))
            active = activity.partners.active_from[partner] <= (day - EPOCH).days
            kind = str(stream.choice(ACTIVITIES, p=(0.36, 0.28, 0.14, 0.14, 0.08)))
            hour, participants = int(stream.integers(9, 17)), int(stream.integers(4, 16))
            is_funded = kind in ("cooking", "nutrition") and month.year in (2023, 2024)
            rows.append(
                {
                    "month": f"{month:%Y}",
                    "activity_id": f"A{len(rows) + 1:04d}",
                    "held_at": f"{day}T{hour:02d}:00:00",
                    "partner_id": activity.partners.ids[partner] if active else "",
                    "kind": kind,
                    "participants": str(participants),
                    "funding_id": f"FOND-{month.year}" if is_funded else "",
                }
            )
    columns = ("month", "activity_id", "held_at", "partner_id", "kind", "participants",
               "funding_id")  # fmt: skip
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def write_shifts(activity: Activity) -> pl.DataFrame:
    """Mornings of each site, week by week (Tuesdays and Thursdays stand for the week's others)."""
    stream = open_stream(activity.seed, "shifts")
    rows: list[dict[str, str]] = []
    for number in range(activity.period.first, activity.period.last + 1):
        day = read_day(number)
        if day.isoweekday() not in (2, 4):
            continue
        for site, size in zip(SITES, (1.0, 0.45, 0.35, 0.3), strict=True):
            for task, (volunteers, staff, hours) in TASKS.items():
                present = int(stream.poisson(volunteers * size * (0.6 if day.month == 8 else 1)))
                minutes = round(60 * hours * stream.normal(1, 0.05))
                begin = datetime.fromisoformat(f"{day}T08:00:00")
                rows.append(
                    {
                        "month": f"{day:%Y}",
                        "shift_id": f"V{len(rows) + 1:06d}",
                        "site_id": site.site_id,
                        "task": task,
                        "started_at": begin.isoformat(),
                        "ended_at": (begin + timedelta(minutes=minutes)).isoformat(),
                        "volunteers": str(present),
                        "staff": str(max(round(staff * size), 0)),
                    }
                )
    columns = ("month", "shift_id", "site_id", "task", "started_at", "ended_at", "volunteers",
               "staff")  # fmt: skip
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def write_shared(activity: Activity, rounds: pl.DataFrame) -> pl.DataFrame:
    """Rounds lent to partners, pallets stored for them, people lent: since the platform opened."""
    stream = open_stream(activity.seed, "shared_resources")
    done = rounds.filter(pl.col("started_at") >= "2023-09-01").sort("round_id")
    rows: list[dict[str, str]] = []

    def add(used_at: str, kind: str, **values: str) -> None:
        partner = activity.partners.ids[int(stream.integers(0, len(activity.partners.ids)))]
        rows.append(
            {
                "month": used_at[:4], "use_id": f"M{len(rows) + 1:04d}", "used_at": used_at,
                "kind": kind, "provider_partner_id": "", "user_partner_id": partner,
                "round_id": "", "hours": "", "pallet_days": "", **values,
            }
        )  # fmt: skip

    for round_id, started_at in done.select("round_id", "started_at").iter_rows():
        if stream.random() < 0.06:
            hours = f"{stream.uniform(2, 6):.2f}"
            add(str(started_at), "vehicle", round_id=str(round_id), hours=hours)
        if stream.random() < 0.04:
            days = f"{int(stream.integers(2, 30))}.00"
            add(str(started_at), "cold_storage", pallet_days=days)
        if stream.random() < 0.01:
            add(str(started_at), "people", hours=f"{stream.uniform(2, 8):.2f}")
    columns = ("month", "use_id", "used_at", "kind", "provider_partner_id", "user_partner_id",
               "round_id", "hours", "pallet_days")  # fmt: skip
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def write_temperatures(activity: Activity) -> pl.DataFrame:
    """A reading a week of each cold room and truck; a few outside their regime."""
    stream = open_stream(activity.seed, "temperatures")
    vehicles = activity.vehicles.frame
    trucks = vehicles.filter(pl.col("is_refrigerated") == "true")["vehicle_id"].to_list()
    places = [("site", site.site_id) for site in SITES] + [("vehicle", name) for name in trucks]
    rows: list[dict[str, str]] = []
    for number in range(activity.period.first, activity.period.last + 1):
        day = read_day(number)
        if day.isoweekday() != 1:
            continue
        for place_kind, place_id in places:
            for storage, usual in (("chilled", 2.4), ("frozen", -20.5)):
                if place_kind == "vehicle" and storage == "frozen":
                    continue
                drift = 4.5 if stream.random() < 0.012 else 0.0
                celsius = usual + stream.normal(0, 0.45) + drift
                rows.append(
                    {
                        "month": f"{day:%Y}",
                        "check_id": f"K{len(rows) + 1:06d}",
                        "checked_at": f"{day}T07:{int(stream.integers(0, 60)):02d}:00",
                        "place_kind": place_kind,
                        "place_id": place_id,
                        "storage": storage,
                        "celsius": f"{celsius:.1f}",
                    }
                )
    columns = ("month", "check_id", "checked_at", "place_kind", "place_id", "storage", "celsius")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def write_history(activity: Activity) -> pl.DataFrame:
    """Months before the records begin, as a report would have told them: tonnes in and out."""
    stream = open_stream(activity.seed, "history")
    rows: list[dict[str, str]] = []
    month = HISTORY_FROM
    while month <= HISTORY_TO:
        received = 205_000 * stream.normal(1, 0.05) * (0.7 if month.month == 8 else 1)
        for flow, share in (("received", 1.0), ("distributed", 0.88)):
            rows.append(
                {
                    "month": f"{month:%Y}",
                    "reported_month": month.isoformat(),
                    "flow": flow,
                    "channel": "all",
                    "network_family": "all",
                    "source_document": f"Rapport d'activité {month.year} (démonstration)",
                    "weight_kg": f"{round(received * share, -2):.3f}",
                }
            )
        month = (month + timedelta(days=32)).replace(day=1)
    return pl.DataFrame(rows)


def write_offers(
    activity: Activity, orders: pl.DataFrame, receipts: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Offers on the platform, and the orders with the offer that they answer.

    An offer stands before the order that takes it and is as large or larger; some are never taken.
    Some stand for a lot that has to be eaten within three days.
    """
    stream = open_stream(activity.seed, "offers")
    numbers = orders.select("order_id", "status").unique(maintain_order=True)
    is_drawn = stream.random(len(numbers)) < OFFERED_ORDERS_SHARE
    drawn = numbers.filter(pl.Series(is_drawn) & (pl.col("status") != "cancelled"))
    lots: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in receipts.filter(
        (pl.col("date_kind") == "use_by") & (pl.col("lot_id") != "")
    ).iter_rows(named=True):
        place_of = (row["site_id"], row["product_code"])
        lots.setdefault(place_of, []).append((row["expires_on"], row["lot_id"]))
    rows: list[dict[str, str]] = []
    taken = orders.join(drawn.select("order_id"), on="order_id", how="semi")
    for (order_id,), lines in taken.group_by("order_id", maintain_order=True):
        hours = float(stream.uniform(1, 40))
        before = datetime.fromisoformat(lines["ordered_at"][0]) - timedelta(hours=hours)
        for place, line in enumerate(lines.iter_rows(named=True), 1):
            grams = round(float(line["ordered_kg"]) * float(stream.uniform(1.0, 1.7)) * 1000, -2)
            known = lots.get((line["site_id"], line["product_code"]), [])
            rows.append(
                _offer(
                    f"O{order_id}", place, before, line["site_id"], line["product_code"], grams,
                    _find_urgent(known, before) if stream.random() < URGENT_SHARE else "",
                )
            )  # fmt: skip
        if stream.random() < UNTAKEN_SHARE:
            grams = float(stream.integers(20, 400)) * 1000
            site, product = lines["site_id"][0], lines["product_code"][0]
            rows.append(_offer(f"N{order_id}", 1, before, site, product, grams))
    answered = orders.with_columns(
        offer_id=pl.when(pl.col("order_id").is_in(drawn["order_id"].to_list()))
        .then("O" + pl.col("order_id"))
        .otherwise(pl.col("offer_id"))
    )
    return pl.DataFrame(rows, schema=dict.fromkeys(_OFFER_COLUMNS, pl.String)), answered


def _find_urgent(lots: list[tuple[str, str]], at: datetime) -> str:
    """A lot whose use-by date is one to three days after a moment; empty where there is none."""
    first, last = f"{at + timedelta(days=1):%Y-%m-%d}", f"{at + timedelta(days=3):%Y-%m-%d}"
    return next((lot for day, lot in lots if first <= day <= last), "")


_OFFER_COLUMNS = (
    "month", "offer_id", "line_no", "published_at", "closes_at", "site_id", "product_code",
    "lot_id", "offered_kg",
)  # fmt: skip


def _offer(
    offer_id: str, line: int, at: datetime, site: str, product: str, grams: float, lot: str = ""
) -> dict[str, str]:
    at = at.replace(microsecond=0)
    return {
        "month": f"{at:%Y}",
        "offer_id": offer_id,
        "line_no": str(line),
        "published_at": at.isoformat(),
        "closes_at": (at + timedelta(days=4)).isoformat(),
        "site_id": site,
        "product_code": product,
        "lot_id": lot,
        "offered_kg": f"{grams / 1000:.3f}",
    }
