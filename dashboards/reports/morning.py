"""The feuille du matin of a site: what to decide before the trucks leave, on one page.

The decisions of Pilotage for the site, the food without an outlet, with boxes to tick.
"""

from __future__ import annotations

from dataclasses import replace

from dashboards.language.formats import write_date
from dashboards.page_models.page import Cards, Decisions
from dashboards.readings import read_place_names
from dashboards.reports.model import Printed, Report, Section
from dashboards.reports.request import Request, assemble, keep_columns

DECISIONS_SHOWN = 10
RESCUES_SHOWN = 7
SHOWN = ("expires_on", "product", "lot", "at_risk_kg", "partners", "next_handover_on")


def build_morning_sheet(request: Request) -> Report:
    """One page for one site; what does not fit is on the page Pilotage."""
    page = request.read_page("pilotage")
    bank_id = request.filters.food_bank.food_bank_id
    site = read_place_names(request.publication, bank_id)[
        "site", request.filters.option("site") or ""
    ]
    sections: list[Section] = []
    for part in page.sections:
        if isinstance(part, Decisions):
            sections.append(replace(part, items=part.items[:DECISIONS_SHOWN]))
        elif isinstance(part, Cards):
            sections.insert(0, part)
    rescue = request.read_page("stock").figure("a-sauver")
    here = tuple(
        row
        for row, name in zip(rescue.rows, rescue.values("site"), strict=True)
        if name == site
    ) if rescue.state == "ok" else ()  # fmt: skip
    if here:
        sections.append(
            Printed(
                keep_columns(
                    replace(rescue, rows=here, title=request.write("rescue"), subtitle=site),
                    *SHOWN,
                ),
                rows=RESCUES_SHOWN, has_boxes=True,
            )
        )  # fmt: skip
    today = request.filters.food_bank.data_date or request.filters.period.end
    return assemble(
        request, page.lead, sections, subject=site, when=write_date(request.words, today),
        is_dense=True,
    )  # fmt: skip
