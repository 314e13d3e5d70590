"""Page 11, Donateurs et tournées: what does each store give, and what do rounds cost in kilometres?

Here live the table of stores, rounds by kind, times by step beside their reference, the merging of
rounds (worked out in `merging.py`) and the sheet of one donor.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.filters import Filters
from dashboards.kpis import Scope, build_kpi
from dashboards.language.formats import write_date, write_number
from dashboards.language.words import Words
from dashboards.page_models.merging import Merge, propose_merges
from dashboards.page_models.page import Alert, Cards, Choice, PageModel, Section, link_reports
from dashboards.page_models.scope import read_scope
from dashboards.page_models.shapes import ZERO, build_absent, build_table
from dashboards.readings import months_of, read_place_names, sum_column
from data_contracts.publications import Publication

PAGE = "donateurs"
CARDS = (
    ("suppliers_active", ""),
    ("kg_per_pickup", ""),
    ("pickups", "missed"),
    ("km_per_tonne", ""),
    ("load_factor", ""),
    ("km_without_load", ""),
)
MERGES_SHOWN = 12


def build_donateurs(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    bank_id = filters.food_bank.food_bank_id
    names = read_place_names(publication, bank_id)
    suppliers = (
        publication.scan("mart_suppliers_monthly")
        .filter(pl.col("food_bank_id") == bank_id)
        .collect()
    )
    rounds = (
        publication.scan("mart_rounds")
        .filter(
            pl.col("food_bank_id") == bank_id,
            pl.col("round_date").is_between(filters.period.start, filters.period.end),
        )
        .collect()
    )
    cards = tuple(build_kpi(scope, code, variant) for code, variant in CARDS)
    return PageModel(
        PAGE,
        _write_lead(scope),
        (
            Cards("chiffres", words("donateurs.kpis"), cards, is_title_shown=False),
            _build_stores(scope, suppliers, names),
            _build_rounds(scope, rounds),
            _build_shared(publication, scope)
            if "shared_resources" in scope.supplied
            else build_absent(scope, "moyens-partages", "shared_resources"),
            *_build_simulator(publication, scope, rounds, names),
            _build_steps(publication, scope),
            *_build_sheet(scope, suppliers, names),
        ),
    )


def _write_lead(scope: Scope) -> str:
    words = scope.words
    per_pickup, distance = build_kpi(scope, "kg_per_pickup"), build_kpi(scope, "km_per_tonne")
    if per_pickup.state != "ok" or distance.state != "ok":
        return words("donateurs.lead.empty")
    return words("donateurs.lead", kg=per_pickup.value, km=distance.value)


def _build_stores(
    scope: Scope, suppliers: pl.DataFrame, names: dict[tuple[str, str], str]
) -> FigureModel:
    """A row per donor with a pickup or a receipt, the heaviest first."""
    words = scope.words
    first, last = months_of(scope.filters.period)
    frame = (
        suppliers.filter(pl.col("month").is_between(first, last))
        .group_by("supplier_id")
        .agg(
            pl.col("supplier_kind").last(),
            pl.col(
                "pickups_done", "pickups_missed", "pickups_nothing_to_collect", "received_kg",
                "refused_kg", "loss_kg", "distributable_kg",
            ).sum(),
            km=pl.col("allocated_km").sum(),
            has_km=pl.col("allocated_km").is_not_null().any(),
            days=pl.col("mean_remaining_days").mean(),
        )
        .sort("received_kg", "supplier_id", descending=[True, False])
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for row in frame.iter_rows(named=True):
        received, kept = row["received_kg"], row["distributable_kg"]
        rows.append(
            (
                row["supplier_id"],
                names.get(("supplier", row["supplier_id"]), row["supplier_id"]),
                words.code("supplier_kind", row["supplier_kind"]),
                received,
                row["refused_kg"],
                row["loss_kg"] / received if received else None,
                None if row["days"] is None else Decimal(str(round(row["days"], 1))),
                row["pickups_done"],
                row["pickups_missed"],
                row["km"] / kept * 1000 if row["has_km"] and kept > 0 else None,
            )
        )
    missed = sum(int(str(row[8])) for row in rows)
    return build_table(
        scope,
        "magasins",
        (
            Column("supplier_id", "", opens="donor"),
            Column("label", words("column.donor")),
            Column("supplier_kind", words("column.kind")),
            Column("received_kg", words("measure_name.tonnes"), "tonnes"),
            Column("refused_kg", words("column.refused"), "kg"),
            Column("loss_share", words("column.loss_share"), "share"),
            Column("mean_remaining_days", words("column.remaining_days"), "days"),
            Column("pickups_done", words("column.pickups"), "count"),
            Column("pickups_missed", words("column.missed"), "count"),
            Column("km_per_tonne", words("column.km_per_tonne"), "decimal"),
        ),
        rows,
        finding={"count": write_number(words, missed)} if missed else {},
        notes=(words("magasins.note"),),
    )


def _build_rounds(scope: Scope, rounds: pl.DataFrame) -> FigureModel:
    """Rounds by kind: kilometres, kilograms, load and the time of crews."""
    words = scope.words
    rows: list[tuple[Cell, ...]] = []
    for (kind,), frame in sorted(rounds.group_by("kind"), key=lambda item: str(item[0])):
        km, carried = sum_column(frame, "distance_km"), sum_column(frame, "carried_kg")
        loaded = frame.filter(pl.col("payload_kg") > 0)
        fullest, payload = sum_column(loaded, "fullest_kg"), sum_column(loaded, "payload_kg")
        minutes = frame["minutes"].sum() or 0
        stops = frame["stops"].sum() or 0
        rows.append(
            (
                kind,
                words(f"round_kind.{kind}"),
                frame.height,
                km,
                carried,
                km / carried * 1000 if carried else None,
                fullest / payload if payload else None,
                Decimal(stops) / frame.height,
                Decimal(minutes) / 60 if minutes else None,
                int(frame["stops_without_load"].sum() or 0),
            )
        )
    total = sum((row[3] for row in rows if isinstance(row[3], Decimal)), ZERO)
    return build_table(
        scope,
        "tournees",
        (
            Column("kind", ""),
            Column("label", words("column.round_kind")),
            Column("rounds", words("column.rounds"), "count"),
            Column("distance_km", words("column.km"), "km"),
            Column("carried_kg", words("column.carried"), "tonnes"),
            Column("km_per_tonne", words("column.km_per_tonne"), "decimal"),
            Column("load_share", words("column.load"), "share"),
            Column("stops_per_round", words("column.stops_per_round"), "decimal"),
            Column("hours", words("column.hours"), "hours"),
            Column("stops_without_load", words("column.empty_stops"), "count"),
        ),
        rows,
        finding={"value": write_measure(words, "km", total)} if rows else {},
        notes=(words("tournees.note"),),
    )


def _build_shared(publication: Publication, scope: Scope) -> FigureModel:
    """Means that were pooled with partners, by kind."""
    words = scope.words
    first, last = months_of(scope.filters.period)
    frame = (
        publication.scan("mart_shared_resources_monthly")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
            pl.col("month").is_between(first, last),
        )
        .group_by("kind")
        .agg(pl.col("uses", "shared_rounds", "shared_km", "shared_hours", "pallet_days").sum())
        .sort("uses", "kind", descending=[True, False])
        .collect()
    )
    share = build_kpi(scope, "shared_rounds_share")
    return build_table(
        scope,
        "moyens-partages",
        (
            Column("kind", ""),
            Column("label", words("column.mean")),
            Column("uses", words("column.uses"), "count"),
            Column("shared_rounds", words("column.rounds"), "count"),
            Column("shared_km", words("column.km"), "km"),
            Column("shared_hours", words("column.hours"), "hours"),
            Column("pallet_days", words("column.pallet_days"), "decimal"),
        ),
        [
            (row["kind"], words.code("shared_kind", row["kind"]), row["uses"],
             row["shared_rounds"], row["shared_km"], row["shared_hours"], row["pallet_days"])
            for row in frame.iter_rows(named=True)
        ],
        finding={"share": share.value} if share.state == "ok" else {},
        method=share.method,
        notes=(words("moyens-partages.note"),),
    )  # fmt: skip


def _build_simulator(
    publication: Publication,
    scope: Scope,
    rounds: pl.DataFrame,
    names: dict[tuple[str, str], str],
) -> tuple[Section, ...]:
    """What merging two rounds of one day and depot would save, from the recorded rounds.

    The day is the last one with rounds, or `as_of` of the address.
    """
    words = scope.words
    days = sorted(set(rounds["round_date"].to_list()), reverse=True)
    by_code = {day.isoformat(): day for day in days}
    asked = scope.filters.option("as_of")
    day = by_code.get(asked or "", days[0] if days else None)
    sections: list[Section] = []
    if days:
        sections.append(
            Choice(
                "as_of",
                words("simulateur.day"),
                tuple((each.isoformat(), write_date(words, each)) for each in days[:60]),
                (day.isoformat(),) if day else (),
            )
        )
    if asked and asked not in by_code:
        sections.append(
            Alert(
                "ignored", words("notice.ignored.title"), words("notice.ignored.day", value=asked)
            )
        )
    bank_id = scope.filters.food_bank.food_bank_id
    merges = propose_merges(publication, bank_id, day, MERGES_SHOWN) if day else []
    sections.append(_write_merges(scope, merges, names, day))
    return tuple(sections)


def _write_merges(
    scope: Scope, merges: list[Merge], names: dict[tuple[str, str], str], day: date | None
) -> FigureModel:
    words = scope.words
    rows: list[tuple[Cell, ...]] = [
        (
            merge.first_id,
            merge.second_id,
            f"{merge.first_id} + {merge.second_id}",
            names.get(("site", merge.site_id), merge.site_id),
            merge.stops,
            merge.carried_kg,
            merge.payload_kg,
            merge.recorded_km,
            merge.merged_km,
            merge.saved_km,
            merge.saved_kg_co2e,
            merge.saved_hours,
        )
        for merge in merges
    ]
    finding = {}
    if rows:
        finding = {
            "km": write_measure(words, "km", merges[0].saved_km),
            "count": write_number(words, len(rows)),
        }
    return build_table(
        scope,
        "simulateur",
        (
            Column("first_round_id", ""),
            Column("second_round_id", ""),
            Column("label", words("column.rounds_merged")),
            Column("site", words("column.site")),
            Column("stops", words("column.stops"), "count"),
            Column("carried_kg", words("column.carried_kg"), "kg"),
            Column("payload_kg", words("column.payload"), "kg"),
            Column("recorded_km", words("column.recorded_km"), "decimal"),
            Column("merged_km", words("column.merged_km"), "decimal"),
            Column("saved_km", words("column.saved_km"), "decimal"),
            Column("saved_kg_co2e", words("column.saved_co2"), "co2_per_t"),
            Column("saved_hours", words("column.saved_hours"), "hours"),
        ),
        rows,
        finding=finding,
        notes=(words("simulateur.note"),),
        empty=words("simulateur.none", date=write_date(words, day)) if day else None,
    )


def _build_steps(publication: Publication, scope: Scope) -> FigureModel:
    """Median minutes by step of work, beside the measured reference where there is one."""
    words, period = scope.words, scope.filters.period
    frame = (
        publication.scan("mart_step_times")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
            pl.col("period_kind") == period.kind,
            pl.col("period_start") == period.start,
        )
        .sort("step")
        .collect()
    )
    rows: list[tuple[Cell, ...]] = [
        (
            row["step"],
            words(f"step.{row['step']}"),
            row["median_minutes"],
            row["times_measured"],
            row["baseline_minutes"],
            None if row["change_percent"] is None else row["change_percent"] / 100,
            row["source"] or words("step.no_baseline"),
        )
        for row in frame.iter_rows(named=True)
    ]
    return build_table(
        scope,
        "temps-par-etape",
        (
            Column("step", ""),
            Column("label", words("column.step")),
            Column("median_minutes", words("column.minutes"), "minutes"),
            Column("times_measured", words("column.times"), "count"),
            Column("baseline_minutes", words("column.baseline"), "minutes"),
            Column("change_share", words("column.difference"), "growth"),
            Column("source", words("column.source")),
        ),
        rows,
        notes=(words("temps-par-etape.note"),),
    )


def _build_sheet(
    scope: Scope, suppliers: pl.DataFrame, names: dict[tuple[str, str], str]
) -> tuple[Section, ...]:
    """The choice of a donor and its quality sheet, month by month."""
    words = scope.words
    known = sorted(
        ((donor, names.get(("supplier", donor), donor))
         for donor in set(suppliers["supplier_id"].to_list())),
        key=lambda option: option[1],
    )  # fmt: skip
    asked = scope.filters.option("donor")
    codes = {code for code, _ in known}
    choice = Choice(
        "donor",
        words("donateurs.choose"),
        tuple(known),
        (asked,) if asked and asked in codes else (),
    )
    if asked is None:
        return (choice,)
    if asked not in codes:
        text = words("notice.ignored.donor", value=asked)
        return (choice, Alert("ignored", words("notice.ignored.title"), text))
    first, last = months_of(scope.filters.period)
    rows: list[tuple[Cell, ...]] = [
        (
            row["month"],
            row["received_kg"],
            row["refused_kg"],
            row["loss_kg"],
            row["loss_share"],
            row["mean_remaining_days"],
            row["pickups_done"],
            row["pickups_missed"],
            row["pickups_nothing_to_collect"],
        )
        for row in suppliers.filter(
            pl.col("supplier_id") == asked, pl.col("month").is_between(first, last)
        )
        .sort("month")
        .iter_rows(named=True)
    ]
    table = build_table(
        scope,
        "fiche-donateur",
        (
            Column("month", words("column.month"), "month"),
            Column("received_kg", words("column.received"), "kg"),
            Column("refused_kg", words("column.refused"), "kg"),
            Column("loss_kg", words("column.lost"), "kg"),
            Column("loss_share", words("column.loss_share"), "share"),
            Column("mean_remaining_days", words("column.remaining_days"), "days"),
            Column("pickups_done", words("column.pickups"), "count"),
            Column("pickups_missed", words("column.missed"), "count"),
            Column("pickups_nothing_to_collect", words("column.nothing"), "count"),
        ),
        rows,
        finding={"donor": names.get(("supplier", asked), asked)},
    )
    return (
        choice,
        table,
        link_reports(words, scope.filters, "donor-quality", "donation-statement"),
    )
