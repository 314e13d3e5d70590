"""What waits for a decision of a food bank: the one home of these rules.

Here lives what is found in a publication, as codes, numbers and days. How it is put into words
belongs in `dashboards/language/decisions.py`; the page Pilotage lists it, alerts tell of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from data_contracts.publications import Publication

Value = str | int | date | Decimal
# By kind of place and identifier.
PlaceNames = Mapping[tuple[str, str], str]

ZERO = Decimal(0)
# A store is falling where it gave less than this part of its own mean of three months.
FALLING_TO = Decimal("0.7")
# A store is missed where as many pickups, and a tenth of them, were missed in the last month.
MISSED_PICKUPS = 2
OVERLOADED, HALF_EMPTY = Decimal("1"), Decimal("0.3")
ROUNDS_DAYS = 7


@dataclass(frozen=True)
class Finding:
    """One thing to decide. `due`: the day by which; `owner`: the task of whoever decides.

    `page` and `option`: where more is shown, and with which parameter; `values`: what its sentence
    says, by name (`partner` and `store` are identifiers, `family` and `record` codes).
    """

    kind: str
    site_id: str | None
    weight_kg: Decimal
    due: date
    owner: str
    page: str
    values: tuple[tuple[str, Value], ...]
    option: tuple[str, str] | None = None


def weigh(finding: Finding, today: date) -> float:
    """Kilograms by urgency: what is due today weighs whole, in a week an eighth."""
    days = max((finding.due - today).days, 0)
    return float(max(finding.weight_kg, Decimal(1))) / (days + 1)


def find_decisions(
    publication: Publication, food_bank_id: str, today: date, period: tuple[str, date]
) -> Iterator[Finding]:
    """Everything that waits for a decision of a food bank, in no order.

    `today`: its data date; `period`: kind and first day of the one whose accreditations are asked
    for (they are published for those that end on the data date).
    """
    yield from _find_dates(publication, food_bank_id, today)
    yield from _find_orders(publication, food_bank_id, today)
    yield from _find_stores(publication, food_bank_id, today)
    yield from _find_rounds(publication, food_bank_id, today)
    yield from _find_silent(publication, food_bank_id, today)
    yield from _find_accreditations(publication, food_bank_id, today, period)
    yield from _find_late(publication, food_bank_id, today)
    yield from _find_closing(publication, food_bank_id, today)


def read_place_names(publication: Publication, food_bank_id: str) -> dict[tuple[str, str], str]:
    """Names of sites, partners and donors by (kind of place, identifier)."""
    frame = publication.read("mart_places").filter(pl.col("food_bank_id") == food_bank_id)
    return {
        (kind, place): name
        for kind, place, name in frame.select("place_kind", "place_id", "name").iter_rows()
    }


def _rows(publication: Publication, mart: str, food_bank_id: str) -> pl.DataFrame:
    return publication.scan(mart).filter(pl.col("food_bank_id") == food_bank_id).collect()


def _find_dates(publication: Publication, food_bank_id: str, today: date) -> Iterator[Finding]:
    """Stock that reaches its use-by date without an outlet; what is past it, a line a site."""
    frame = _rows(publication, "mart_lots_at_risk", food_bank_id)
    past = (
        frame.filter(pl.col("is_expired"), pl.col("stock_kg") > 0)
        .group_by("site_id")
        .agg(pl.col("stock_kg").sum(), lots=pl.len(), families=pl.col("network_family").n_unique())
    )
    for row in past.iter_rows(named=True):
        yield Finding(
            "expired", row["site_id"], row["stock_kg"], today, "warehouse", "stock",
            (("lots", row["lots"]), ("families", row["families"])),
        )  # fmt: skip
    due = (
        frame.filter(~pl.col("is_expired"), pl.col("at_risk_kg") > 0)
        .group_by("site_id", "network_family", "expires_on")
        .agg(pl.col("at_risk_kg").sum(), lots=pl.len())
    )
    for row in due.iter_rows(named=True):
        yield Finding(
            "use_by", row["site_id"], row["at_risk_kg"], row["expires_on"], "warehouse", "stock",
            (("family", row["network_family"]), ("day", row["expires_on"]), ("lots", row["lots"])),
        )  # fmt: skip


def _find_orders(publication: Publication, food_bank_id: str, today: date) -> Iterator[Finding]:
    """Orders late, or wanted by the day after tomorrow, that are not filled: a line a partner."""
    frame = (
        _rows(publication, "mart_orders_open", food_bank_id)
        .filter(
            pl.col("outstanding_kg") > 0,
            pl.col("is_late") | (pl.col("wanted_on") <= today + timedelta(days=2)),
        )
        .group_by("site_id", "partner_id", "is_late")
        .agg(
            pl.col("outstanding_kg").sum(),
            pl.col("wanted_on").min(),
            orders=pl.col("order_id").n_unique(),
            lines=pl.len(),
        )
    )
    for row in frame.iter_rows(named=True):
        yield Finding(
            "order_late" if row["is_late"] else "order",
            row["site_id"],
            row["outstanding_kg"],
            row["wanted_on"] or today,
            "partners",
            "service",
            (("partner", row["partner_id"]), ("orders", row["orders"]), ("lines", row["lines"])),
            ("partner", row["partner_id"]),
        )


def _find_stores(publication: Publication, food_bank_id: str, today: date) -> Iterator[Finding]:
    """Stores whose pickups are missed, or that give far less than in the three months before."""
    frame = _rows(publication, "mart_suppliers_monthly", food_bank_id).filter(
        pl.col("supplier_kind") == "retail"
    )
    complete = list_months_before(today, 4)
    for (supplier,), rows in frame.group_by("supplier_id"):
        store = str(supplier)
        by_month = {row["month"]: row for row in rows.iter_rows(named=True)}
        last, *before = [by_month.get(month) for month in complete]
        known = [row["received_kg"] for row in before if row is not None]
        mean = sum(known, ZERO) / len(known) if known else ZERO
        received = last["received_kg"] if last else ZERO
        missed = last["pickups_missed"] if last else 0
        done = last["pickups_done"] if last else 0
        if missed >= MISSED_PICKUPS and missed * 10 >= done + missed:
            per_stop = received / done if done else mean
            yield Finding(
                "store_missed", None, per_stop * missed, today + timedelta(days=1), "logistics",
                "donateurs",
                (("store", store), ("missed", missed), ("month", complete[0])), ("donor", store),
            )  # fmt: skip
        elif len(known) == 3 and mean > 0 and received < mean * FALLING_TO:
            fall = round((1 - received / mean) * 100)
            yield Finding(
                "store_falling", None, mean - received, today + timedelta(days=7), "donors",
                "donateurs",
                (("store", store), ("fall", fall), ("month", complete[0])), ("donor", store),
            )  # fmt: skip


def _find_rounds(publication: Publication, food_bank_id: str, today: date) -> Iterator[Finding]:
    """Rounds of the last week that were loaded beyond their payload, or far below it."""
    frame = _rows(publication, "mart_rounds", food_bank_id).filter(
        pl.col("round_date") > today - timedelta(days=ROUNDS_DAYS),
        pl.col("payload_kg") > 0,
        pl.col("fullest_kg").is_not_null(),
    )
    share = pl.col("fullest_kg") / pl.col("payload_kg")
    over = frame.filter(share > OVERLOADED)
    for row in over.iter_rows(named=True):
        yield Finding(
            "round_over", row["site_id"], row["fullest_kg"] - row["payload_kg"],
            today + timedelta(days=1), "logistics", "donateurs",
            (
                ("round", row["round_id"]),
                ("vehicle", row["vehicle_id"] or "?"),
                ("day", row["round_date"]),
                ("share", round(row["fullest_kg"] / row["payload_kg"] * 100)),
            ),
        )  # fmt: skip
    # What is at stake are kilometres: a round that is half empty loses no kilogram.
    empty = (
        frame.filter(share < HALF_EMPTY)
        .group_by("site_id")
        .agg(rounds=pl.len(), km=pl.col("distance_km").sum())
    )
    for row in empty.iter_rows(named=True):
        yield Finding(
            "rounds_under", row["site_id"], ZERO, today + timedelta(days=6), "logistics",
            "donateurs",
            (("rounds", row["rounds"]), ("km", row["km"] or ZERO)),
        )  # fmt: skip


def _find_silent(publication: Publication, food_bank_id: str, today: date) -> Iterator[Finding]:
    """Partners that took food in each of three months and nothing in the last complete one."""
    frame = _rows(publication, "mart_partners_monthly", food_bank_id)
    complete = list_months_before(today, 4)
    current = today.replace(day=1)
    for (partner,), rows in frame.group_by("partner_id"):
        by_month = {row["month"]: row["delivered_kg"] for row in rows.iter_rows(named=True)}
        last, *before = [by_month.get(month, ZERO) for month in complete]
        if last == 0 and by_month.get(current, ZERO) == 0 and all(weight > 0 for weight in before):
            yield Finding(
                "partner_silent", None, sum(before, ZERO) / 3, today + timedelta(days=3),
                "partners", "service",
                (("partner", str(partner)), ("month", complete[1])), ("partner", str(partner)),
            )  # fmt: skip


def _find_accreditations(
    publication: Publication, food_bank_id: str, today: date, period: tuple[str, date]
) -> Iterator[Finding]:
    """Partners whose accreditation has ended, or ends soon: their published counts."""
    kind, start = period
    published = (
        publication.scan("mart_indicators")
        .filter(
            pl.col("scope_kind") == "food_bank",
            pl.col("scope_id") == food_bank_id,
            pl.col("indicator_code") == "accreditations_expiring",
            pl.col("period_kind") == kind,
            pl.col("period_start") == start,
            ~pl.col("is_suppressed"),
        )
        .select("variant", "value")
        .collect()
    )
    counts = dict(published.iter_rows())
    for variant, found, days in (
        ("expired", "accreditation_expired", 0),
        ("", "accreditation", 30),
    ):
        if counts.get(variant):
            yield Finding(
                found, None, ZERO, today + timedelta(days=days), "partners", "service",
                (("count", int(counts[variant])),),
            )  # fmt: skip


def _find_late(publication: Publication, food_bank_id: str, today: date) -> Iterator[Finding]:
    """Records whose next file was due before the publication was made.

    None of a publication that does not tell it yet.
    """
    frame = _rows(publication, "mart_supplied_records", food_bank_id)
    if "is_late" not in frame.columns:
        return
    for row in frame.filter("is_supplied", "is_late").iter_rows(named=True):
        yield Finding(
            "late", None, ZERO, today, "data", "methode",
            (("record", row["record"]), ("date", row["last_date"])),
        )  # fmt: skip


def _find_closing(publication: Publication, food_bank_id: str, today: date) -> Iterator[Finding]:
    """The month before, while no edition covers it, of a food bank that has a territory."""
    (bank,) = _rows(publication, "mart_food_banks", food_bank_id).iter_rows(named=True)
    end = today.replace(day=1) - timedelta(days=1)
    covered = [
        edition
        for edition in publication.list_editions()
        if food_bank_id in edition.food_banks and edition.end >= end
    ]
    if not covered and bank["territory_codes"]:
        yield Finding(
            "closing", None, ZERO, today + timedelta(days=5), "director", "methode",
            (("month", end.replace(day=1)),),
        )  # fmt: skip


def list_months_before(today: date, count: int) -> list[date]:
    """First days of the complete months before a day, the latest first."""
    months = []
    month = today.replace(day=1)
    for _ in range(count):
        month = (month - timedelta(days=1)).replace(day=1)
        months.append(month)
    return months
