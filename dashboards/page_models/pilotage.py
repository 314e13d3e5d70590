"""Page 8, Pilotage: what needs a decision this morning?

Here live the decisions of a food bank, each with its kilograms, its day, its owner and the place to
see more, the heaviest and most urgent first. "Today" is the data date of the publication.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.filters import Filters, write_query
from dashboards.kpis import Scope, build_kpi
from dashboards.language.formats import write_date, write_day, write_month, write_number
from dashboards.language.words import Words
from dashboards.page_models.page import (
    Alert,
    Cards,
    Choice,
    Decision,
    Decisions,
    PageModel,
    link_reports,
)
from dashboards.page_models.scope import read_scope
from dashboards.page_models.shapes import ZERO, build_table
from dashboards.readings import read_place_names, read_value
from data_contracts.loader import load_records
from data_contracts.publications import Publication

PAGE = "pilotage"
SHOWN = 25
CARDS = (
    ("kg_expiring_within_3d", ""),
    ("expired_kg", ""),
    ("order_fill_share", ""),
    ("days_of_cover", ""),
)
# A store is falling where it gave less than this part of its own mean of three months.
FALLING_TO = Decimal("0.7")
OVERLOADED, HALF_EMPTY = Decimal("1"), Decimal("0.3")
ROUNDS_DAYS = 7
SILENT_AFTER_MONTHS = 1


@dataclass(frozen=True)
class Finding:
    """One thing to decide, before it is put into words. `due`: the day by which."""

    kind: str
    site_id: str | None
    weight_kg: Decimal
    due: date
    owner: str
    page: str
    values: tuple[tuple[str, str], ...]
    option: tuple[str, str] | None = None


def build_pilotage(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    today = filters.food_bank.data_date or filters.period.end
    names = read_place_names(publication, filters.food_bank.food_bank_id)
    sites = {code: name for (kind, code), name in names.items() if kind == "site"}
    asked = filters.option("site")
    site = asked if asked in sites else None
    findings = [
        finding
        for finding in find_decisions(publication, scope, today, names)
        if site is None or finding.site_id in (site, None)
    ]
    findings.sort(key=lambda finding: (-weigh(finding, today), finding.kind, finding.values))
    choice = Choice(
        "site", words("pilotage.site"), tuple(sorted(sites.items())), (site,) if site else ()
    )
    cards = tuple(build_kpi(scope, code, variant) for code, variant in CARDS)
    alerts = (
        (Alert("ignored", words("notice.ignored.title"),
               words("notice.ignored.site", value=asked)),)
        if asked and site is None
        else ()
    )  # fmt: skip
    return PageModel(
        PAGE,
        _write_lead(words, findings, today),
        (
            choice,
            *alerts,
            _write_decisions(scope, findings, today, sites, site),
            Cards("chiffres", words("pilotage.kpis"), cards),
            link_reports(words, filters, *(["morning-sheet"] if site else []), "activity-report"),
        ),
    )


def weigh(finding: Finding, today: date) -> float:
    """Kilograms by urgency: what is due today weighs whole, in a week an eighth."""
    days = max((finding.due - today).days, 0)
    return float(max(finding.weight_kg, Decimal(1))) / (days + 1)


def find_decisions(
    publication: Publication, scope: Scope, today: date, names: Mapping[tuple[str, str], str]
) -> Iterator[Finding]:
    """Everything that waits for a decision, in no order."""
    bank_id = scope.filters.food_bank.food_bank_id
    yield from _find_dates(publication, scope, bank_id, today)
    yield from _find_orders(publication, bank_id, today, names)
    yield from _find_stores(publication, bank_id, today, names)
    yield from _find_rounds(publication, scope, bank_id, today)
    yield from _find_silent(publication, bank_id, today, names)
    yield from _find_accreditations(scope, today)
    yield from _find_late(publication, scope, bank_id, today)
    yield from _find_closing(publication, scope, bank_id, today)


def _rows(publication: Publication, mart: str, bank_id: str) -> pl.DataFrame:
    return publication.scan(mart).filter(pl.col("food_bank_id") == bank_id).collect()


def _find_dates(
    publication: Publication, scope: Scope, bank_id: str, today: date
) -> Iterator[Finding]:
    """Stock that reaches its use-by date without an outlet; what is past it, a line a site."""
    words = scope.words
    frame = _rows(publication, "mart_lots_at_risk", bank_id)
    past = (
        frame.filter(pl.col("is_expired"), pl.col("stock_kg") > 0)
        .group_by("site_id")
        .agg(pl.col("stock_kg").sum(), lots=pl.len(), families=pl.col("network_family").n_unique())
    )
    for row in past.iter_rows(named=True):
        yield Finding(
            "expired", row["site_id"], row["stock_kg"], today, "warehouse", "stock",
            (("lots", str(row["lots"])), ("families", str(row["families"]))),
        )  # fmt: skip
    due = (
        frame.filter(~pl.col("is_expired"), pl.col("at_risk_kg") > 0)
        .group_by("site_id", "network_family", "expires_on")
        .agg(pl.col("at_risk_kg").sum(), lots=pl.len())
    )
    for row in due.iter_rows(named=True):
        yield Finding(
            "use_by", row["site_id"], row["at_risk_kg"], row["expires_on"], "warehouse", "stock",
            (
                ("family", words.code("network_family", row["network_family"])),
                ("day", write_day(words, row["expires_on"])),
                ("lots", str(row["lots"])),
            ),
        )  # fmt: skip


def _find_orders(
    publication: Publication, bank_id: str, today: date, names: Mapping[tuple[str, str], str]
) -> Iterator[Finding]:
    """Orders late, or wanted by the day after tomorrow, that are not filled: a line a partner."""
    frame = (
        _rows(publication, "mart_orders_open", bank_id)
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
            (
                ("partner", names.get(("partner", row["partner_id"]), row["partner_id"])),
                ("orders", str(row["orders"])),
                ("lines", str(row["lines"])),
            ),
            ("partner", row["partner_id"]),
        )


def _find_stores(
    publication: Publication, bank_id: str, today: date, names: Mapping[tuple[str, str], str]
) -> Iterator[Finding]:
    """Stores whose pickups are missed, or that give far less than in the three months before."""
    frame = _rows(publication, "mart_suppliers_monthly", bank_id).filter(
        pl.col("supplier_kind") == "retail"
    )
    complete = _months_before(today, 4)
    for (supplier,), rows in frame.group_by("supplier_id"):
        by_month = {row["month"]: row for row in rows.iter_rows(named=True)}
        last, *before = [by_month.get(month) for month in complete]
        known = [row["received_kg"] for row in before if row is not None]
        name = names.get(("supplier", str(supplier)), str(supplier))
        mean = sum(known, ZERO) / len(known) if known else ZERO
        received = last["received_kg"] if last else ZERO
        missed = last["pickups_missed"] if last else 0
        done = last["pickups_done"] if last else 0
        if missed >= 2 and missed * 10 >= done + missed:
            per_stop = received / done if done else mean
            yield Finding(
                "store_missed", None, per_stop * missed, today + timedelta(days=1), "logistics",
                "donateurs",
                (("store", name), ("missed", str(missed)), ("month", complete[0].isoformat())),
                ("donor", str(supplier)),
            )  # fmt: skip
        elif len(known) == 3 and mean > 0 and received < mean * FALLING_TO:
            yield Finding(
                "store_falling", None, mean - received, today + timedelta(days=7), "donors",
                "donateurs",
                (
                    ("store", name),
                    ("fall", str(round((1 - received / mean) * 100))),
                    ("month", complete[0].isoformat()),
                ),
                ("donor", str(supplier)),
            )  # fmt: skip


def _find_rounds(
    publication: Publication, scope: Scope, bank_id: str, today: date
) -> Iterator[Finding]:
    """Rounds of the last week that were loaded beyond their payload, or far below it."""
    frame = _rows(publication, "mart_rounds", bank_id).filter(
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
                ("day", write_day(scope.words, row["round_date"])),
                ("share", str(round(row["fullest_kg"] / row["payload_kg"] * 100))),
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
            (
                ("rounds", str(row["rounds"])),
                ("km", write_number(scope.words, row["km"] or ZERO)),
            ),
        )  # fmt: skip


def _find_silent(
    publication: Publication, bank_id: str, today: date, names: Mapping[tuple[str, str], str]
) -> Iterator[Finding]:
    """Partners that took food in each of three months and nothing in the last complete one."""
    frame = _rows(publication, "mart_partners_monthly", bank_id)
    complete = _months_before(today, 4)
    current = today.replace(day=1)
    for (partner,), rows in frame.group_by("partner_id"):
        by_month = {row["month"]: row["delivered_kg"] for row in rows.iter_rows(named=True)}
        last, *before = [by_month.get(month, ZERO) for month in complete]
        if last == 0 and by_month.get(current, ZERO) == 0 and all(weight > 0 for weight in before):
            yield Finding(
                "partner_silent", None, sum(before, ZERO) / 3, today + timedelta(days=3),
                "partners", "service",
                (
                    ("partner", names.get(("partner", str(partner)), str(partner))),
                    ("month", complete[1].isoformat()),
                ),
                ("partner", str(partner)),
            )  # fmt: skip


def _find_accreditations(scope: Scope, today: date) -> Iterator[Finding]:
    for variant, kind in (("expired", "accreditation_expired"), ("", "accreditation")):
        reading = read_value(
            scope.readings, "accreditations_expiring", variant, scope.filters.period
        )
        if reading is not None and reading.value:
            yield Finding(
                kind, None, ZERO, today + timedelta(days=0 if variant else 30), "partners",
                "service", (("count", str(int(reading.value))),),
            )  # fmt: skip


def _find_late(
    publication: Publication, scope: Scope, bank_id: str, today: date
) -> Iterator[Finding]:
    """Records that are late by their contracts."""
    contracts = load_records()
    frame = _rows(publication, "mart_supplied_records", bank_id).filter(
        pl.col("is_supplied"), pl.col("last_date").is_not_null()
    )
    for row in frame.iter_rows(named=True):
        contract = contracts.get(row["record"])
        late_after = None if contract is None else contract.late_after_days
        if late_after is None or (today - row["last_date"]).days <= late_after:
            continue
        yield Finding(
            "late", None, ZERO, today, "data", "methode",
            (
                ("record", scope.words.code("record", row["record"])),
                ("day", write_date(scope.words, row["last_date"])),
            ),
        )  # fmt: skip


def _find_closing(
    publication: Publication, scope: Scope, bank_id: str, today: date
) -> Iterator[Finding]:
    """The month before, while no edition covers it."""
    month = _months_before(today, 1)[0]
    end = today.replace(day=1) - timedelta(days=1)
    covered = [
        edition
        for edition in publication.list_editions()
        if bank_id in edition.food_banks and edition.end >= end
    ]
    if not covered and scope.filters.food_bank.territory_codes:
        yield Finding(
            "closing", None, ZERO, today + timedelta(days=5), "director", "methode",
            (("month", month.isoformat()),),
        )  # fmt: skip


def _months_before(today: date, count: int) -> list[date]:
    """First days of the complete months before a day, the latest first."""
    months = []
    month = today.replace(day=1)
    for _ in range(count):
        month = (month - timedelta(days=1)).replace(day=1)
        months.append(month)
    return months


def _write_lead(words: Words, findings: list[Finding], today: date) -> str:
    day = write_date(words, today)
    urgent = [finding for finding in findings if (finding.due - today).days <= 1]
    weight = sum((f.weight_kg for f in findings if f.kind in ("use_by", "expired")), ZERO)
    if not findings:
        return words("pilotage.lead.nothing", date=day)
    return words(
        "pilotage.lead",
        date=day,
        urgent=write_number(words, len(urgent)),
        all=write_number(words, len(findings)),
        value=write_measure(words, "kg", weight),
    )


def _write_decisions(
    scope: Scope, findings: list[Finding], today: date, sites: Mapping[str, str], site: str | None
) -> Decisions:
    words = scope.words
    items, rows = [], []
    for finding in findings:
        values = {
            name: write_month(words, date.fromisoformat(value)) if name == "month" else value
            for name, value in finding.values
        }
        place = sites.get(finding.site_id or "", finding.site_id or "")
        days = (finding.due - today).days
        urgency = "now" if days <= 0 else "soon" if days <= 2 else "week"
        text_id = f"decision.{finding.kind}"
        if values.get("orders") == "1":
            text_id += ".one"
        what = words.texts[text_id].format(**values)
        query = dict([finding.option]) if finding.option else {}
        address = f"/{finding.page}?{write_query(scope.filters, **query)}"
        items.append(
            Decision(
                what=what,
                detail=" · ".join(filter(None, [place, words(f"decision.{finding.kind}.do")])),
                weight_text=write_measure(words, "kg", finding.weight_kg)
                if finding.weight_kg
                else "",
                due_text=words(f"due.{urgency}", day=write_day(words, finding.due)),
                owner=words(f"owner.{finding.owner}"),
                address=address,
                urgency=urgency,
            )
        )
        rows.append(
            (
                finding.kind, what, place, finding.weight_kg, finding.due,
                words(f"owner.{finding.owner}"), words(f"decision.{finding.kind}.do"),
            )
        )  # fmt: skip
    figure = _build_figure(scope, rows)
    place = sites.get(site or "", words("pilotage.all_sites"))
    return Decisions(
        "decisions",
        words("pilotage.decisions", place=place),
        words("pilotage.decisions.subtitle", date=write_date(words, today)),
        tuple(items[:SHOWN]),
        words("pilotage.nothing"),
        figure,
    )


def _build_figure(scope: Scope, rows: Sequence[tuple[Cell, ...]]) -> FigureModel:
    words = scope.words
    return build_table(
        scope,
        "decisions",
        (
            Column("kind", ""),
            Column("what", words("column.what")),
            Column("site", words("column.site")),
            Column("weight_kg", words("measure_name.kg"), "kg"),
            Column("due_on", words("column.due"), "date"),
            Column("owner", words("column.owner")),
            Column("action", words("column.action")),
        ),
        rows,
        finding={"count": str(len(rows))} if rows else {},
        notes=(words("decisions.note", shown=SHOWN),) if len(rows) > SHOWN else (),
    )
