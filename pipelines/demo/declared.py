"""What is declared beside the flow of food: partners' reports, vouchers, targets, dated notes.

Each record draws from a random stream of its own, so that none changes the kilograms of the
others. Food that moves belongs in the modules of its activity.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from pipelines.demo.places import DIJON_METROPOLE
from pipelines.demo.records import Activity
from pipelines.demo.working_days import (
    EPOCH,
    PLATFORM_OPENS_ON,
    PUBLISHED_ON,
    STARTS_ON,
    Period,
    find_national_drive,
    open_stream,
    read_day,
)

KILOGRAMS_PER_PERSON_AND_MONTH = (12.0, 20.0)
REPORTED_SHARE = 0.88
SUMMER_REPORTED_SHARE = 0.62
SILENT_FROM = date(2023, 10, 1)
VOUCHERS_FROM = date(2023, 3, 1)
VOUCHERS_PER_MONTH = 50
REDEEMED_SHARE = 0.85
AGE_COLUMNS = ("people_0_3", "people_4_14", "people_15_25", "people_26_64", "people_65_plus")
_AGE_SHARES = (0.07, 0.20, 0.16, 0.47, 0.10)
_MERCHANTS = ("primeur", "supermarche", "epicerie", "marche")


def list_complete_months(period: Period) -> list[date]:
    """First days of the months that lie within the period to their last day."""
    months = []
    month = read_day(period.first).replace(day=1)
    while (following := (month + timedelta(days=32)).replace(day=1)) - timedelta(days=1) <= (
        read_day(period.last)
    ):
        months.append(month)
        month = following
    return months


def _weigh_months(activity: Activity, months: list[date]) -> np.ndarray:
    """Kilograms handed to each partner (rows) in each month (columns)."""
    lines = activity.outflows.deliveries
    partner = activity.visits.partner[lines["visit"].to_numpy()]
    when = lines["day"].to_numpy().astype("datetime64[D]").astype("datetime64[M]")
    column = (when - np.datetime64(months[0], "M")).astype(np.int64)
    weights = np.zeros((len(activity.partners.ids), len(months)))
    inside = (column >= 0) & (column < len(months))
    grams = (lines["grams"] - lines["refused"]).to_numpy() / 1000
    np.add.at(weights, (partner[inside], column[inside]), grams[inside])
    return weights


def write_reports(activity: Activity) -> pl.DataFrame:
    """Partners' declared months: most report, fewer in summer, one falls silent for good."""
    months = list_complete_months(activity.period)
    stream = open_stream(activity.seed, "reports")
    partners = activity.partners
    rows: list[dict[str, str]] = []
    if not months:
        return pl.DataFrame(schema=dict.fromkeys(_REPORT_COLUMNS, pl.String))
    weights = _weigh_months(activity, months)
    silent = int(np.argsort(weights.sum(axis=1))[len(partners.ids) // 2])
    for number, partner_id in enumerate(partners.ids):
        ratio = stream.uniform(*KILOGRAMS_PER_PERSON_AND_MONTH)
        usual = weights[number].mean() / ratio
        diligence = stream.beta(9, 1.2) / (9 / 10.2)
        names_women, names_visits = stream.random() < 0.8, stream.random() < 0.6
        for month in months:
            share = SUMMER_REPORTED_SHARE if month.month in (7, 8) else REPORTED_SHARE
            reports = stream.random() < share * diligence
            people = max(3, round(usual * stream.normal(1.0, 0.06)))
            households = max(1, round(people / stream.uniform(2.1, 2.6)))
            ages = stream.multinomial(people, _AGE_SHARES)
            women = int(stream.binomial(people, 0.54))
            visits = round(people * stream.uniform(1.4, 2.6))
            turned_away = int(stream.poisson(0.4))
            new = int(stream.binomial(households, 0.05))
            single = int(stream.binomial(households, 0.3))
            is_silent = number == silent and month >= SILENT_FROM
            begins = partners.active_from[number] <= (month - EPOCH).days
            if not reports or is_silent or not begins:
                continue
            rows.append(
                {
                    "month": f"{month:%Y-%m}",
                    "partner_id": partner_id,
                    "reported_month": month.isoformat(),
                    "households": str(households),
                    "people": str(people),
                    "women": str(women) if names_women else "",
                    "men": str(people - women) if names_women else "",
                    **{name: str(age) for name, age in zip(AGE_COLUMNS, ages, strict=True)},
                    "single_parent_households": str(single),
                    "new_households": str(new),
                    "visits": str(visits) if names_visits else "",
                    "turned_away": str(turned_away) if names_visits else "",
                }
            )
    return pl.DataFrame(rows, schema=dict.fromkeys(_REPORT_COLUMNS, pl.String))


_REPORT_COLUMNS = (
    "month", "partner_id", "reported_month", "households", "people", "women", "men", *AGE_COLUMNS,
    "single_parent_households", "new_households", "visits", "turned_away",
)  # fmt: skip


def write_vouchers(activity: Activity) -> pl.DataFrame:
    """Targeted food cheques of a scheme of its own, with household numbers of its own."""
    stream = open_stream(activity.seed, "vouchers")
    last = read_day(activity.period.last)
    weights = np.array([commune.population for commune in DIJON_METROPOLE], dtype=np.float64)
    rows: list[dict[str, str]] = []
    for month in list_complete_months(activity.period):
        if month < VOUCHERS_FROM:
            continue
        days = np.sort(stream.integers(0, 25, VOUCHERS_PER_MONTH))
        for day in days:
            issued = month + timedelta(days=int(day))
            amount = int(stream.choice((20, 30, 50), p=(0.3, 0.4, 0.3)))
            household = "" if stream.random() < 0.1 else f"BON-{int(stream.integers(1, 420)):04d}"
            commune = DIJON_METROPOLE[int(stream.choice(len(weights), p=weights / weights.sum()))]
            after = issued + timedelta(days=int(stream.integers(1, 31)))
            left = int(stream.integers(0, 150)) if stream.random() < 0.35 else 0
            merchant = str(stream.choice(_MERCHANTS))
            second, till = stream.integers(8 * 3600, 18 * 3600, 2)
            is_redeemed = stream.random() < REDEEMED_SHARE and after <= last
            cents = amount * 100 - left
            rows.append(
                {
                    "month": f"{month:%Y-%m}",
                    "voucher_id": f"B{len(rows) + 1:05d}",
                    "issued_at": _stamp(issued, int(second)),
                    "household_id": household,
                    "insee_code": commune.insee_code,
                    "amount_eur": f"{amount}.00",
                    "redeemed_at": _stamp(after, int(till)) if is_redeemed else "",
                    "redeemed_eur": f"{cents // 100}.{cents % 100:02d}" if is_redeemed else "",
                    "merchant_kind": merchant if is_redeemed else "",
                }
            )
    return pl.DataFrame(rows, schema=dict.fromkeys(_VOUCHER_COLUMNS, pl.String))


_VOUCHER_COLUMNS = (
    "month", "voucher_id", "issued_at", "household_id", "insee_code", "amount_eur", "redeemed_at",
    "redeemed_eur", "merchant_kind",
)  # fmt: skip


def _stamp(day: date, second: int) -> str:
    return f"{day}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


_BOARD = "Conseil d'administration de la démonstration"
_TARGETS = (
    ("tonnes_distributed", 2023, "2700", "objectif annuel"),
    ("tonnes_distributed", 2024, "2800", "objectif annuel"),
    ("fresh_share_distributed", 2024, "0.42", ""),
    ("loss_share", 2024, "0.09", "à ne pas dépasser"),
    ("platform_tonnes_share", 2024, "0.40", "convention avec la métropole"),
    ("induced_kg_per_tonne", 2024, "95", "transport"),
    ("reporting_coverage", 2024, "0.90", ""),
)


def write_targets() -> pl.DataFrame:
    """Targets decided by the board, a body and never a person."""
    return pl.DataFrame(
        [
            {
                "indicator_code": code,
                "period_start": f"{year}-01-01",
                "value": value,
                "decided_by": _BOARD,
                "note": note,
            }
            for code, year, value, note in _TARGETS
        ]
    )


def write_notes(period: Period) -> pl.DataFrame:
    """Dated notes to draw on charts; each says that it belongs to the demonstration."""
    source = "Démonstration, d'après les dates publiées le 25 juin 2024"
    notes = [
        (PLATFORM_OPENS_ON, "Ouverture de la plateforme aux partenaires",
         "The platform opens to partners"),
        (date(2023, 8, 18), "Vague de chaleur : tournées réduites (démonstration)",
         "Heat wave: fewer rounds (demonstration)"),
        (PUBLISHED_ON, "Publication des premiers chiffres de la plateforme",
         "First figures of the platform are published"),
        *(
            (find_national_drive(year), f"Collecte nationale {year}", f"National food drive {year}")
            for year in range(STARTS_ON.year, read_day(period.last).year + 1)
        ),
    ]  # fmt: skip
    return pl.DataFrame(
        [
            {
                "event_id": f"N{number:02d}",
                "date": day.isoformat(),
                "text_fr": french,
                "text_en": english,
                "source": source,
            }
            for number, (day, french, english) in enumerate(sorted(notes), start=1)
            if period.first <= (day - EPOCH).days <= period.last
        ]
    )
