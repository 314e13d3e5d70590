"""The demonstration food bank from seed to files, and the summary of what was planted in it.

Here lives the order in which the activities are generated and written. Each activity has its
own module; nothing here draws a number or decides a weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pipelines.demo.catalogue import build_catalogue
from pipelines.demo.declared import write_notes, write_reports, write_targets, write_vouchers
from pipelines.demo.directory import (
    FOOD_BANK_ID,
    SUPPLIER_UPDATE_ON,
    build_partners,
    build_suppliers,
    build_vehicles,
    write_food_bank,
    write_sites,
)
from pipelines.demo.households import plan_parcels
from pipelines.demo.imperfections import (
    Months,
    PlantedBadRow,
    PlantedCorrection,
    plant_bad_rows,
    plant_corrections,
)
from pipelines.demo.logistics import run_rounds
from pipelines.demo.lots import assign_lots, keep_dates
from pipelines.demo.means import (
    write_expenses,
    write_funding,
    write_history,
    write_offers,
    write_shared,
    write_shifts,
    write_support,
    write_temperatures,
)
from pipelines.demo.outflows import Outflows, simulate_outflows
from pipelines.demo.places import SITES
from pipelines.demo.platform import draw_sessions, place_orders, plan_adoption, plan_visits
from pipelines.demo.records import OWN_COLUMNS, Activity, write_events
from pipelines.demo.supply import build_supply
from pipelines.demo.upkeep import write_energy, write_top_ups
from pipelines.demo.working_days import (
    PUBLISHED_ON,
    STARTS_ON,
    build_period,
    count_days,
    read_day,
)
from pipelines.demo.workshop import run_workshop, write_products, write_sorting
from pipelines.demo.write import repeat_activity, write_file

DEFAULT_SEED = 20240625
_REFERENCE_MONTH = f"{STARTS_ON:%Y-%m}"


@dataclass(frozen=True)
class PlantedDifference:
    """Counted less theoretical grams of a site's full count (sum over its products)."""

    site_id: str
    counted_on: date
    grams: int


@dataclass(frozen=True)
class DemonstrationSummary:
    """What was written, and what was planted in it on purpose."""

    food_bank_id: str
    period: tuple[date, date]
    files: tuple[Path, ...]
    rows: Mapping[str, int]
    bad_rows: tuple[PlantedBadRow, ...]
    corrections: tuple[PlantedCorrection, ...]
    unexplained: tuple[PlantedDifference, ...]

    @property
    def unexplained_grams(self) -> dict[str, int]:
        """Planted unexplained grams of each site over the period."""
        return {
            site.site_id: sum(d.grams for d in self.unexplained if d.site_id == site.site_id)
            for site in SITES
        }


def generate_activity(seed: int, until: date) -> Activity:
    """Everything that happened from 2022-07-01 to `until`, decided by the seed alone."""
    period, catalogue = build_period(until), build_catalogue()
    partners, suppliers, vehicles = build_partners(seed), build_suppliers(seed), build_vehicles()
    supply = build_supply(seed, period, suppliers, catalogue)
    adoption = plan_adoption(seed, partners)
    planned = plan_visits(seed, period, partners)
    visits, orders = place_orders(seed, period, partners, planned, adoption)
    households, parcels = plan_parcels(seed, period, partners)
    outflows = simulate_outflows(seed, period, partners, catalogue, supply, visits, parcels)
    lots = assign_lots(seed, period, supply, outflows, parcels, catalogue)
    supply = keep_dates(supply, lots, outflows, parcels)
    return Activity(
        seed=seed,
        period=period,
        catalogue=catalogue,
        partners=partners,
        suppliers=suppliers,
        vehicles=vehicles,
        supply=supply,
        visits=visits,
        orders=orders,
        sessions=draw_sessions(seed, period, partners, visits, orders, adoption),
        households=households,
        parcels=parcels,
        outflows=outflows,
        lots=lots,
        logistics=run_rounds(seed, supply, suppliers, partners, vehicles, visits, outflows),
    )


def write_demonstration(
    landing_dir: Path,
    *,
    seed: int = DEFAULT_SEED,
    until: date = PUBLISHED_ON,
    scale: int = 1,
) -> DemonstrationSummary:
    """Write the demonstration's records into `landing_dir`; the same seed gives the same bytes.

    `scale` repeats the activity for load tests: the key figures hold for 1 only.
    """
    if scale < 1:
        raise ValueError(f"scale is {scale}: choose 1 or more")
    activity = generate_activity(seed, until)
    events = run_workshop(activity, write_events(activity))
    offers, events["orders"] = write_offers(activity, events["orders"], events["receipts"])
    more = {
        **_list_more(activity),
        "offers": offers,
        "shared_resources": write_shared(activity, events["rounds"]),
    }
    true = _split_months({**events, **more})
    delivered = dict(true)
    corrections, corrected = plant_corrections(activity.period, delivered)
    bad_rows = plant_bad_rows(delivered)
    files: list[Path] = []
    rows: dict[str, int] = {}
    for record, suffix, frame in _list_reference(activity):
        files.append(write_file(landing_dir, record, suffix, frame))
        rows[record] = rows.get(record, 0) + len(frame)
    for (record, month), frame in delivered.items():
        # A partner declares its month once, however large the load.
        repeats = range(2, scale + 1) if record in OWN_COLUMNS else ()
        again = [repeat_activity(record, true[(record, month)], n) for n in repeats]
        whole = pl.concat([frame, *again])
        files.append(write_file(landing_dir, record, month, whole))
        rows[record] = rows.get(record, 0) + len(whole)
    for (record, month), frame in corrections.items():
        files.append(write_file(landing_dir, record, f"{month}-corrections", frame))
        rows[record] = rows.get(record, 0) + len(frame)
    return DemonstrationSummary(
        food_bank_id=FOOD_BANK_ID,
        period=(STARTS_ON, until),
        files=tuple(files),
        rows=rows,
        bad_rows=tuple(bad_rows),
        corrections=tuple(corrected),
        unexplained=_list_unexplained(activity.outflows, scale),
    )


def _list_more(activity: Activity) -> dict[str, pl.DataFrame]:
    """Event records that move no food, with the month of their file."""
    return {
        "sorting_sessions": write_sorting(activity),
        "beneficiary_reports": write_reports(activity),
        "vouchers": write_vouchers(activity),
        "site_energy": write_energy(activity),
        "refrigerant_top_ups": write_top_ups(activity),
        "volunteer_shifts": write_shifts(activity),
        "support_activities": write_support(activity),
        "expenses": write_expenses(activity),
        "temperature_checks": write_temperatures(activity),
        "monthly_history": write_history(activity),
    }


def _split_months(events: dict[str, pl.DataFrame]) -> Months:
    """One frame a record and month, in the order of the records, then of time."""
    return {
        (record, str(month)): frame.filter(pl.col("month") == month)
        for record, frame in events.items()
        for month in frame["month"].unique().sort().to_list()
    }


def _list_reference(activity: Activity) -> list[tuple[str, str, pl.DataFrame]]:
    """(record, suffix of the file, rows); suppliers have an update when the period reaches it."""
    listed = [
        ("food_banks", _REFERENCE_MONTH, write_food_bank()),
        ("sites", _REFERENCE_MONTH, write_sites()),
        ("partners", _REFERENCE_MONTH, activity.partners.frame),
        ("suppliers", _REFERENCE_MONTH, activity.suppliers.frame),
        ("products", _REFERENCE_MONTH, pl.concat([activity.catalogue.frame, write_products()])),
        ("vehicles", _REFERENCE_MONTH, activity.vehicles.frame),
        ("funding", _REFERENCE_MONTH, write_funding()),
        ("targets", _REFERENCE_MONTH, write_targets()),
        ("events", _REFERENCE_MONTH, write_notes(activity.period)),
    ]
    if activity.period.last >= count_days(SUPPLIER_UPDATE_ON):
        update = activity.suppliers.update
        listed.append(("suppliers", f"{SUPPLIER_UPDATE_ON:%Y-%m}", update))
    return listed


def _list_unexplained(outflows: Outflows, scale: int) -> tuple[PlantedDifference, ...]:
    planted = (
        outflows.counts.group_by(["day", "site"], maintain_order=True)
        .agg(grams=(pl.col("counted") - pl.col("theoretical")).sum())
        .sort(["day", "site"])
    )
    return tuple(
        PlantedDifference(SITES[site].site_id, read_day(day), grams * scale)
        for day, site, grams in planted.rows()
    )
