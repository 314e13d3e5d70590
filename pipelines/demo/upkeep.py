"""What the buildings and the cold use: meters by month, refrigerant topped up.

Each record draws from a random stream of its own. What drives and carries belongs in
`logistics.py`.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from pipelines.demo.declared import list_complete_months
from pipelines.demo.places import SITES
from pipelines.demo.records import Activity
from pipelines.demo.working_days import open_stream, read_day

# Part of the time that the compressors run, over the year, by month.
COLD_LOAD = (0.26, 0.27, 0.30, 0.33, 0.37, 0.42, 0.46, 0.46, 0.39, 0.33, 0.29, 0.26)
# Heating by month, as part of the year: nothing from May to September.
HEATING = (0.21, 0.18, 0.14, 0.08, 0.0, 0.0, 0.0, 0.0, 0.0, 0.08, 0.13, 0.18)
HEATING_KWH_PER_COLD_KW = 1_450
TOP_UPS_PER_YEAR = 5


def _kwh(value: float) -> str:
    return f"{value:.1f}"


def write_energy(activity: Activity) -> pl.DataFrame:
    """Meters of each site by month: cold, the rest of the electricity, heating in winter."""
    stream = open_stream(activity.seed, "energy")
    rows = []
    for month in list_complete_months(activity.period):
        end = (month + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        for site in SITES:
            power = float(site.cold_power_kw)
            cold = power * 24 * end.day * COLD_LOAD[month.month - 1] * stream.normal(1, 0.03)
            other = power * 24 * end.day * 0.11 * stream.normal(1, 0.05)
            heat = power * HEATING_KWH_PER_COLD_KW * HEATING[month.month - 1]
            heat *= stream.normal(1, 0.08)
            heating = "heat_network" if site.site_id == "dijon" else "gas"
            meters = [
                ("froid", cold, "electricity", "cold"),
                ("general", other, "electricity", "other"),
            ]
            if heat > 0:
                meters.append(("chauffage", heat, heating, "other"))
            rows += [
                {
                    "month": f"{month:%Y-%m}",
                    "site_id": site.site_id,
                    "meter": meter,
                    "period_start": month.isoformat(),
                    "period_end": end.isoformat(),
                    "energy_kwh": _kwh(kwh),
                    "source": source,
                    "use": use,
                }
                for meter, kwh, source, use in meters
            ]
    columns = ("month", "site_id", "meter", "period_start", "period_end", "energy_kwh", "source",
               "use")  # fmt: skip
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def write_top_ups(activity: Activity) -> pl.DataFrame:
    """Refrigerant added to a few trucks and cold stores each year."""
    stream = open_stream(activity.seed, "top_ups")
    vehicles = activity.vehicles.frame
    rows: list[dict[str, str]] = []
    first, last = read_day(activity.period.first), read_day(activity.period.last)
    for year in range(first.year, last.year + 1):
        for number in range(TOP_UPS_PER_YEAR):
            day = date(year, 1, 1) + timedelta(days=int(stream.integers(5, 360)))
            at_site = number == 0
            unit = int(stream.integers(0, len(SITES) if at_site else len(vehicles)))
            grams = int(stream.integers(1_500, 5_000) if at_site else stream.integers(250, 1_600))
            second = int(stream.integers(9 * 3600, 16 * 3600))
            if not first <= day <= last:
                continue
            rows.append(
                {
                    "month": f"{day:%Y-%m}",
                    "topped_up_at": f"{day}T{second // 3600:02d}:{second // 60 % 60:02d}:00",
                    "site_id": SITES[unit].site_id if at_site else "",
                    "vehicle_id": "" if at_site else str(vehicles["vehicle_id"][unit]),
                    "refrigerant": (
                        ("R404A" if SITES[unit].kind == "antenna" else "R452A")
                        if at_site
                        else str(vehicles["refrigerant"][unit])
                    ),
                    "kg": f"{grams // 1000}.{grams % 1000:03d}",
                }
            )
    rows = [row for row in rows if row["refrigerant"] != "none"]
    rows.sort(key=lambda row: row["topped_up_at"])
    columns = ("month", "top_up_id", "topped_up_at", "site_id", "vehicle_id", "refrigerant", "kg")
    return pl.DataFrame(
        [{"top_up_id": f"F{number:03d}", **row} for number, row in enumerate(rows, start=1)],
        schema=dict.fromkeys(columns, pl.String),
    )
