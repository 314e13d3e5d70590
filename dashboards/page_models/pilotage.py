"""Page 8, Pilotage: what needs a decision this morning?

Here lives how the decisions of a food bank are listed: each with its kilograms, its day, its owner
and the place to see more, the heaviest and most urgent first. "Today" is the data date of the
publication. What is found lives in `data_contracts/decisions.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.filters import Filters, write_query
from dashboards.kpis import Scope, build_kpi
from dashboards.language.decisions import write_sentence, write_values
from dashboards.language.formats import write_date, write_day, write_number
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
from dashboards.readings import read_place_names
from data_contracts.decisions import Finding, PlaceNames, find_decisions, weigh
from data_contracts.publications import Publication

PAGE = "pilotage"
SHOWN = 25
CARDS = (
    ("kg_expiring_within_3d", ""),
    ("expired_kg", ""),
    ("order_fill_share", ""),
    ("days_of_cover", ""),
)


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
        for finding in find_decisions(
            publication,
            filters.food_bank.food_bank_id,
            today,
            (filters.period.kind, filters.period.start),
        )
        if site is None or finding.site_id in (site, None)
    ]
    findings.sort(
        key=lambda finding: (
            -weigh(finding, today),
            finding.kind,
            tuple(write_values(words, finding.values, names).items()),
        )
    )
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
            _write_decisions(scope, findings, today, names, site),
            Cards("chiffres", words("pilotage.kpis"), cards),
            link_reports(words, filters, *(["morning-sheet"] if site else []), "activity-report"),
        ),
    )


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
    scope: Scope, findings: list[Finding], today: date, names: PlaceNames, site: str | None
) -> Decisions:
    words = scope.words
    items, rows = [], []
    for finding in findings:
        place = _name_site(names, finding.site_id)
        days = (finding.due - today).days
        urgency = "now" if days <= 0 else "soon" if days <= 2 else "week"
        what = write_sentence(words, f"decision.{finding.kind}", finding.values, names)
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
    place = _name_site(names, site) or words("pilotage.all_sites")
    return Decisions(
        "decisions",
        words("pilotage.decisions", place=place),
        words("pilotage.decisions.subtitle", date=write_date(words, today)),
        tuple(items[:SHOWN]),
        words("pilotage.nothing"),
        figure,
    )


def _name_site(names: PlaceNames, site_id: str | None) -> str:
    return names.get(("site", site_id), site_id) if site_id else ""


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
