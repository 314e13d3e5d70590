"""The note to the council of a territory, and the financial annex of an agreement.

The note fits two pages: the four axes of the strategy beside the year before and the target, euros
and tonnes of the agreements, the territory, what may be quoted and one caution, method and signer.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.kpis import Kpi, Scope, build_kpi
from dashboards.language.formats import write_date, write_share
from dashboards.language.words import Words
from dashboards.page_models.page import Prose, Sentences
from dashboards.page_models.shapes import ZERO, build_table
from dashboards.reports.model import NewPage, Printed, Report, ReportError, Section, Signatures
from dashboards.reports.request import Request, assemble
from data_contracts.periods import natural_end

# The four axes of the strategy of a metropole (context), each with its indicators.
AXES = (
    ("supply", (("tonnes_received", "gross"), ("fresh_share_received", "standard"),
                ("fresh_tonnes_growth", "standard"))),
    ("availability", (("tonnes_distributed", ""), ("fresh_share_distributed", "standard"),
                      ("households_helped", ""), ("people_declared", ""),
                      ("induced_kg_per_tonne", "transport"))),
    ("support", (("support_activities", ""), ("participants", ""))),
    ("funding", (("vouchers_eur", ""), ("public_eur_per_tonne", ""), ("cost_per_tonne", ""))),
)  # fmt: skip
COMMUNES_SHOWN = 6
QUARTERS_SHOWN = 6
QUOTES_SHOWN = 3


def build_council_note(request: Request) -> Report:
    """Two pages for the council of a territory, from an approved edition."""
    scope = request.read_scope()
    first, territory = request.read_page("essentiel"), request.read_page("territoire")
    support = request.read_page("accompagnement")
    quoted = next((part for part in first.sections if isinstance(part, Sentences)), None)
    sections: list[Section] = [
        Printed(_build_axes(request, scope)),
        Printed(first.figure("tonnes-par-mois"), rows=0),
        NewPage(),
    ]
    agreements = [f for f in support.figures if f.figure_id == "conventions" and f.state == "ok"]
    sections += [Printed(figure) for figure in agreements]
    sections += [
        Printed(figure, has_chart=False)
        for figure in support.figures
        if figure.figure_id == "tonnes-par-programme" and figure.state == "ok"
    ]
    for figure in territory.figures:
        if figure.state == "ok" and figure.figure_id == "tonnes-par-commune":
            sections.append(Printed(figure, has_chart=False, rows=COMMUNES_SHOWN))
        elif figure.state == "ok" and figure.figure_id == "foyers-par-trimestre":
            last = replace(figure, rows=figure.rows[::-1])
            sections.append(Printed(last, has_chart=False, rows=QUARTERS_SHOWN))
    if quoted is not None:
        sections.append(
            Sentences(quoted.quotes[:QUOTES_SHOWN], quoted.warnings[:1], quoted.signature)
        )
    sections.append(
        Prose(
            "methode",
            request.write("method.title"),
            (request.write("method", publication=request.publication.publication_id[:12]),),
        )
    )
    name = request.filters.territory_name or ""
    return assemble(
        request, first.lead, sections, title=request.write("title.of", territory=name),
        is_dense=True,
    )  # fmt: skip


def _build_axes(request: Request, scope: Scope) -> FigureModel:
    """A row per indicator of an axis: actual, the same days a year before, target, territory."""
    words = request.words
    rows: list[tuple[Cell, ...]] = []
    for axis, codes in AXES:
        for code, variant in codes:
            kpi = build_kpi(scope, code, variant)
            difference = kpi.difference
            rows.append(
                (
                    axis, words(f"axis.{axis}") if (code, variant) == codes[0] else "",
                    code, variant, kpi.label, kpi.raw_value,
                    _write_value(kpi), scope.definitions[code].unit,
                    difference.earlier if difference else None,
                    difference.earlier_text if difference else words("state.missing"),
                    difference.text if difference else "",
                    kpi.target or "", kpi.territory_value or "",
                )
            )  # fmt: skip
    year = request.filters.period.start.year
    return build_table(
        scope,
        "axes",
        (
            Column("axis", ""),
            Column("axis_label", words("column.axis")),
            Column("indicator_code", ""),
            Column("variant", ""),
            Column("label", words("column.indicator")),
            Column("value", "", "raw"),
            Column("value_text", words("column.actual"), "written"),
            Column("unit", ""),
            Column("earlier", "", "raw"),
            Column("earlier_text", words("column.year_before", year=year - 1), "written"),
            Column("change", words("column.difference"), "written"),
            Column("target", words("column.target")),
            Column("territory", words("column.of_territory")),
        ),
        rows,
    )


def _write_value(kpi: Kpi) -> str:
    return "\u00a0".join(filter(None, (kpi.value, kpi.unit)))


def build_annex(request: Request) -> Report:
    """Planned, actual and reasons of one agreement, by month of the period.

    Planned: the agreed euros by day of the agreement, as no other plan is recorded; said so.
    """
    words, filters = request.words, request.filters
    wanted = filters.option("agreement")
    frame = (
        request.publication.scan("mart_funding_monthly")
        .filter(
            pl.col("food_bank_id") == filters.food_bank.food_bank_id,
            pl.col("funding_id") == wanted,
        )
        .sort("month")
        .collect()
    )
    if frame.is_empty():
        raise ReportError(f"agreement {wanted!r} has no month in this publication")
    scope = request.read_scope()
    head = frame.row(0, named=True)
    until = min(filters.food_bank.data_date or filters.period.end, head["ends_on"])
    figure, used, planned = _build_plan(scope, frame, until)
    agreed = head["agreed_eur"]
    lead = request.write(
        "lead",
        used=write_measure(words, "eur", used),
        agreed=write_measure(words, "eur", agreed),
        share=write_share(words, used / agreed if agreed else None),
        date=write_date(words, until),
        planned=write_measure(words, "eur", planned),
    )
    facts = (
        request.write("funder", funder=head["funder"],
                      kind=words.code("funder_kind", head["funder_kind"])),
        request.write("programme", programme=head["programme"],
                      purpose=words.code("purpose", head["purpose"])),
        request.write("span", start=write_date(words, head["starts_on"]),
                      end=write_date(words, head["ends_on"])),
    )  # fmt: skip
    sections: list[Section] = [
        Prose("convention", request.write("agreement", code=str(wanted)), facts),
        Printed(figure),
        Prose("motifs", request.write("reasons"), _write_reasons(request, head, used, planned)),
        Signatures(request.write("reasons.by_hand"), ("", "", "")),
        Signatures(words("report.signatures"), (words("report.sign.food_bank"),
                                                words("report.sign.funder"))),
    ]  # fmt: skip
    return assemble(request, lead, sections, subject=str(head["funder"]))


def _build_plan(
    scope: Scope, frame: pl.DataFrame, until: date
) -> tuple[FigureModel, Decimal, Decimal]:
    """Months of the agreement: planned, used, and both since its start."""
    words = scope.words
    rows: list[tuple[Cell, ...]] = []
    used = planned = ZERO
    for row in frame.iter_rows(named=True):
        if row["month"] > until:
            break
        used += row["used_eur"]
        so_far = plan_until(row, min(until, natural_end("month", row["month"])))
        rows.append((row["month"], so_far - planned, row["used_eur"], so_far, used, used - so_far))
        planned = so_far
    figure = build_table(
        scope,
        "convention-par-mois",
        (
            Column("month", words("column.month"), "month"),
            Column("planned_eur", words("column.planned_eur"), "eur"),
            Column("used_eur", words("column.used"), "eur"),
            Column("planned_to_date_eur", words("column.planned_to_date"), "eur"),
            Column("used_to_date_eur", words("column.used_to_date"), "eur"),
            Column("gap_eur", words("column.gap"), "eur"),
        ),
        rows,
        notes=(words("convention-par-mois.note"),),
    )
    return figure, used, planned


def plan_until(agreement: dict[str, Any], day: date) -> Decimal:
    """Agreed euros that fall on the days of the agreement up to a day, both ends counted."""
    days = (agreement["ends_on"] - agreement["starts_on"]).days + 1
    gone = (min(day, agreement["ends_on"]) - agreement["starts_on"]).days + 1
    share = Decimal(max(gone, 0)) / Decimal(max(days, 1))
    return (Decimal(agreement["agreed_eur"]) * share).quantize(Decimal("0.01"))


def _write_reasons(
    request: Request, head: dict[str, Any], used: Decimal, planned: Decimal
) -> tuple[str, ...]:
    """What records say about the gap: its size, and the food bank's dated notes."""
    words: Words = request.words
    gap = used - planned
    text_id = "gap.more" if gap > 0 else "gap.less" if gap < 0 else "gap.none"
    events = (
        request.publication.read("mart_events")
        .filter(
            pl.col("food_bank_id") == request.filters.food_bank.food_bank_id,
            pl.col("event_date").is_between(head["starts_on"], head["ends_on"]),
        )
        .sort("event_date", "event_id")
    )
    return (
        request.write(text_id, value=write_measure(words, "eur", abs(gap))),
        *(
            words("monthly.note.event", date=write_date(words, day), text=text)
            for day, text in events.select("event_date", f"text_{words.language}").iter_rows()
        ),
    )
