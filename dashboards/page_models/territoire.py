"""Page 5, Territoire: who is served, and who is not?

Here live the map of communes, the same as ranked bars, supply beside need, the least served
communes, the households by quarter and the sheet of one commune. Unknown is apart from zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from dashboards.contours import read_contours
from dashboards.figure_models import Cell, Column, FigureModel, write_cell, write_measure
from dashboards.filters import Filters, label_period
from dashboards.kpis import Scope, build_kpi
from dashboards.language.formats import SUPPRESSED, write_number
from dashboards.language.words import Words
from dashboards.page_models.balance import has_sites
from dashboards.page_models.page import Alert, Cards, Choice, PageModel, Section
from dashboards.page_models.scope import read_scope
from dashboards.page_models.shapes import (
    ZERO,
    build_ranked,
    build_table,
    write_subtitle,
    write_title,
)
from dashboards.readings import Readings, food_flows, months_of
from data_contracts.publications import Publication

PAGE = "territoire"
CARDS = (
    ("tonnes_per_1000_inhabitants", ""),
    ("communes_served", ""),
    ("least_served_share", ""),
)
UNKNOWN = "unknown"
LEAST = 10
SIGNS = {"delivered": 1, "returned": -1, "parcels": 1}


@dataclass(frozen=True)
class Commune:
    """A commune with what it received in the period and who was helped there.

    `delivered_kg`: what partners received; with it the commune is served (register).
    `households`: of the calendar year, None where it is hidden or not known.
    """

    code: str
    name: str
    population: int | None
    latitude: float | None
    longitude: float | None
    is_of_territory: bool
    weight_kg: Decimal
    earlier_kg: Decimal
    delivered_kg: Decimal
    partners: int
    households: int | str | None
    people_declared: int | str | None

    @property
    def kg_per_inhabitant(self) -> Decimal | None:
        """Kilograms distributed for one inhabitant."""
        return self.weight_kg / self.population if self.population else None


def build_territoire(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    communes = _read_communes(publication, scope)
    # Outside the food bank parcels are not told by commune.
    is_protected = not has_sites(publication)
    shown = [commune for commune in communes if commune.is_of_territory] or communes
    cards = tuple(build_kpi(_of_territory(scope), code, variant) for code, variant in CARDS)
    sections: list[Section] = [
        Cards("chiffres", words("territoire.kpis"), cards, is_title_shown=False),
        _build_map(scope, shown),
        _build_ranked(scope, shown),
        _build_need(scope, shown),
        _build_least(scope, shown, is_protected),
        _build_quarters(publication, scope),
        *_build_sheet(scope, communes),
    ]
    return PageModel(PAGE, _write_lead(scope, shown), tuple(sections))


def _of_territory(scope: Scope) -> Scope:
    """The scope whose cards are those of the territory, where it has values of its own."""
    if not scope.territory_readings or scope.territory_distributed is None:
        return scope
    return replace(
        scope,
        readings=scope.territory_readings,
        distributed=scope.territory_distributed,
        territory_readings=Readings(),
        whole_readings=scope.readings,
    )


def _write_lead(scope: Scope, communes: list[Commune]) -> str:
    words = scope.words
    served = [commune for commune in communes if commune.delivered_kg > 0]
    if not served:
        return words("figure.empty")
    place = scope.filters.territory_name or scope.filters.food_bank.name
    return words(
        "territoire.lead",
        place=place,
        served=write_number(words, len(served)),
        all=write_number(words, len(communes)),
        value=write_measure(words, "tonnes", sum((c.weight_kg for c in communes), ZERO)),
    )


def _read_communes(publication: Publication, scope: Scope) -> list[Commune]:
    """Communes of the territory, and all others that received food, the heaviest first."""
    filters = scope.filters
    bank_id = filters.food_bank.food_bank_id
    first, last = months_of(filters.period)
    flows = food_flows(publication, bank_id, first, last).filter(pl.col("flow").is_in(list(SIGNS)))
    sign = pl.col("flow").replace_strict(SIGNS, return_dtype=pl.Int64)
    weights: dict[str, tuple[Decimal, Decimal]] = {}
    grouped = flows.group_by("commune_code", "flow").agg(
        pl.col("weight_kg", "weight_kg_same_days").sum(), sign=sign.first()
    )
    delivered: dict[str, Decimal] = {}
    for code, flow, weight, earlier, factor in grouped.iter_rows():
        known = weights.get(code, (ZERO, ZERO))
        weights[code] = (known[0] + factor * weight, known[1] + factor * earlier)
        if flow == "delivered":
            delivered[code] = weight
    partners = _count_partners(publication, bank_id, first, last)
    households = _read_households(publication, bank_id, filters.period.start.year)
    declared = _read_declared(publication, bank_id, last)
    found = []
    for row in publication.read("mart_communes").iter_rows(named=True):
        code = row["commune_code"]
        is_of_territory = row["epci_code"] == filters.territory_code is not None
        weight, earlier = weights.pop(code, (ZERO, ZERO))
        if not (is_of_territory or weight or code in households):
            continue
        found.append(
            Commune(
                code=code,
                name=row["name"],
                population=row["population"],
                latitude=None if row["latitude"] is None else float(row["latitude"]),
                longitude=None if row["longitude"] is None else float(row["longitude"]),
                is_of_territory=is_of_territory,
                weight_kg=weight,
                earlier_kg=earlier,
                delivered_kg=delivered.get(code, ZERO),
                partners=partners.get(code, 0),
                households=households.get(code, 0 if households else None),
                people_declared=declared.get(code, 0 if declared else None),
            )
        )
    weight, earlier = map(sum, zip(*weights.values(), strict=True)) if weights else (ZERO, ZERO)
    if weight:
        found.append(
            Commune(
                UNKNOWN, scope.words("territoire.unknown"), None, None, None, False,
                Decimal(weight), Decimal(earlier), ZERO, 0, households.get(UNKNOWN), None,
            )
        )  # fmt: skip
    return sorted(found, key=lambda commune: (-commune.weight_kg, commune.name))


def _count_partners(
    publication: Publication, bank_id: str, first: date, last: date
) -> dict[str, int]:
    """Partners that received food, by commune, where the audience may know them."""
    if "mart_partners_monthly" not in publication.marts():
        return {}
    frame = (
        publication.scan("mart_partners_monthly")
        .filter(
            pl.col("food_bank_id") == bank_id,
            pl.col("month").is_between(first, last),
            pl.col("delivered_kg") > 0,
        )
        .group_by("commune_code")
        .agg(pl.col("partner_id").n_unique())
        .collect()
    )
    return dict(frame.iter_rows())


def _read_households(publication: Publication, bank_id: str, year: int) -> dict[str, Any]:
    """Households helped in the year by commune; `s` where the cell is hidden."""
    frame = publication.read("mart_households_yearly").filter(
        pl.col("food_bank_id") == bank_id, pl.col("year_start") == date(year, 1, 1)
    )
    return {
        code: SUPPRESSED if count is None else count
        for code, count in frame.select("commune_code", "households_helped").iter_rows()
    }


def _read_declared(publication: Publication, bank_id: str, month: date) -> dict[str, Any]:
    """People declared by the partners of a commune, in the last month with declarations."""
    frame = (
        publication.scan("mart_declared_people_monthly")
        .filter(pl.col("food_bank_id") == bank_id, pl.col("month") <= month)
        .collect()
    )
    if "commune_code" not in frame.columns or frame.is_empty():
        return {}
    frame = frame.filter(pl.col("people").is_not_null())
    latest = frame.filter(pl.col("month") == frame["month"].max())
    grouped = latest.group_by("commune_code").agg(pl.col("people").sum())
    return {code: int(people) for code, people in grouped.iter_rows()}


def _build_map(scope: Scope, communes: list[Commune]) -> FigureModel:
    """Tonnes by commune on the map; the contours come from a configured file."""
    words = scope.words
    contours = read_contours()
    outlines = contours.outlines
    placed = [c for c in communes if c.latitude is not None]
    rows: list[tuple[Cell, ...]] = [
        (c.code, c.name, c.weight_kg, c.partners, str(c.latitude), str(c.longitude),
         outlines.get(c.code, ""))
        for c in placed
    ]  # fmt: skip
    finding: dict[str, str] = {}
    alt = words("figure.empty")
    total = sum((c.weight_kg for c in communes), ZERO)
    if placed and total > 0:
        largest = max(placed, key=lambda c: c.weight_kg)
        finding = {
            "commune": largest.name,
            "value": write_measure(words, "tonnes", largest.weight_kg),
        }
        alt = words(
            "carte-des-communes.alt",
            communes=len(placed),
            commune=largest.name,
            value=write_measure(words, "tonnes", largest.weight_kg),
        )
    notes = [words("carte-des-communes.note" if outlines else "carte-des-communes.no_contours")]
    if contours.problem:
        notes.append(words("carte-des-communes.unreadable"))
    return build_table(
        scope,
        "carte-des-communes",
        (
            Column("commune_code", words("column.commune_code"), opens="commune"),
            Column("label", words("column.commune"), role="label"),
            Column("weight_kg", words("measure_name.tonnes"), "tonnes", "value"),
            Column("partners", words("column.partners"), "count"),
            Column("latitude", "", role="latitude"),
            Column("longitude", "", role="longitude"),
            Column("outline", "", "written", role="outline"),
        ),
        rows,
        kind="map",
        finding=finding,
        alt=alt,
        method=scope.definitions["tonnes_distributed"].method_version,
        notes=tuple(notes),
    )


def _build_ranked(scope: Scope, communes: list[Commune]) -> FigureModel:
    names = {commune.code: commune.name for commune in communes}
    return build_ranked(
        scope,
        "tonnes-par-commune",
        {c.code: (c.weight_kg, c.earlier_kg) for c in communes if c.weight_kg > 0},
        names.__getitem__,
        keep=12,
        opens="commune",
        method=scope.definitions["tonnes_distributed"].method_version,
        notes=(scope.words("tonnes-par-commune.note"),),
    )


def _build_need(scope: Scope, communes: list[Commune]) -> FigureModel:
    """What each commune received beside who needs it."""
    words = scope.words
    rows: list[tuple[Cell, ...]] = [
        (c.code, c.name, c.weight_kg, c.population, c.kg_per_inhabitant, c.partners,
         c.people_declared, c.households)
        for c in communes
    ]  # fmt: skip
    return build_table(
        scope,
        "offre-et-besoin",
        (
            Column("commune_code", "", opens="commune"),
            Column("label", words("column.commune")),
            Column("weight_kg", words("measure_name.tonnes"), "tonnes"),
            Column("population", words("column.population"), "count"),
            Column("kg_per_inhabitant", words("column.kg_per_inhabitant"), "decimal"),
            Column("partners", words("column.partners"), "count"),
            Column("people_declared", words("column.people_declared"), "count"),
            Column("households_helped", words("column.households_year"), "count"),
        ),
        rows,
        notes=(words("offre-et-besoin.note"),),
    )


def _build_least(scope: Scope, communes: list[Commune], is_protected: bool) -> FigureModel:
    """The communes that receive least for their inhabitants, those without anything first."""
    words = scope.words
    known = [c for c in communes if c.kg_per_inhabitant is not None]
    least = sorted(known, key=lambda c: (c.kg_per_inhabitant, -(c.population or 0)))[:LEAST]
    nothing = [c for c in known if c.delivered_kg <= 0]
    finding = {}
    if nothing:
        people = sum(c.population or 0 for c in nothing)
        finding = {
            "count": write_number(words, len(nothing)),
            "people": write_number(words, people),
        }
    return build_table(
        scope,
        "communes-moins-servies",
        (
            Column("commune_code", "", opens="commune"),
            Column("label", words("column.commune")),
            Column("kg_per_inhabitant", words("column.kg_per_inhabitant"), "decimal"),
            Column("weight_kg", words("measure_name.tonnes"), "tonnes"),
            Column("population", words("column.population"), "count"),
        ),
        [(c.code, c.name, c.kg_per_inhabitant, c.weight_kg, c.population) for c in least],
        finding=finding,
        notes=(
            words("communes-moins-servies.note"),
            *((words("communes-moins-servies.protected"),) if is_protected else ()),
        ),
    )


def _build_quarters(publication: Publication, scope: Scope) -> FigureModel:
    """Households by quarter, inside and outside priority neighbourhoods, and where unknown."""
    words = scope.words
    frame = publication.read("mart_households_quarterly").filter(
        pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id
    )
    rows: list[tuple[Cell, ...]] = []
    grouped: dict[tuple[date, str], list[int | None]] = {}
    for quarter, qpv, count in frame.select(
        "quarter_start", "qpv_code", "households_helped"
    ).iter_rows():
        place = qpv if qpv in (UNKNOWN, "none", "outside") else "qpv"
        grouped.setdefault((quarter, place), []).append(count)
    for (quarter, place), counts in sorted(grouped.items()):
        number = (quarter.month + 2) // 3
        known = [count for count in counts if count is not None]
        rows.append(
            (
                quarter,
                words(f"period.quarter.{number}", year=quarter.year),
                words(f"qpv.{place}"),
                sum(known) if len(known) == len(counts) else SUPPRESSED,
            )
        )
    return build_table(
        scope,
        "foyers-par-trimestre",
        (
            Column("quarter_start", "", "date"),
            Column("quarter", words("column.quarter")),
            Column("place", words("column.neighbourhood")),
            Column("households_helped", words("column.households"), "count"),
        ),
        rows,
        notes=(words("foyers-par-trimestre.note"),),
    )


def _build_sheet(scope: Scope, communes: list[Commune]) -> tuple[Section, ...]:
    """The choice of a commune and its sheet; an unknown code says so."""
    words = scope.words
    by_code = {commune.code: commune for commune in communes if commune.code != UNKNOWN}
    asked = scope.filters.option("commune")
    by_name = sorted(by_code.values(), key=lambda commune: commune.name)
    choice = Choice(
        "commune",
        words("territoire.choose"),
        tuple((commune.code, commune.name) for commune in by_name),
        (asked,) if asked in by_code else (),
    )
    if asked is None:
        return (choice,)
    if asked not in by_code:
        text = words("notice.ignored.commune", value=asked)
        return (choice, Alert("ignored", words("notice.ignored.title"), text))
    commune = by_code[asked]
    rows: list[tuple[Cell, ...]] = [
        (key, words(f"fiche-commune.{key}"), value, write_cell(words, kind, value))
        for key, kind, value in (
            ("weight_kg", "tonnes", commune.weight_kg),
            ("earlier_kg", "tonnes", commune.earlier_kg),
            ("kg_per_inhabitant", "decimal", commune.kg_per_inhabitant),
            ("population", "count", commune.population),
            ("partners", "count", commune.partners),
            ("people_declared", "count", commune.people_declared),
            ("households", "count", commune.households),
        )
    ]
    figure = FigureModel(
        figure_id="fiche-commune",
        kind="table",
        title=write_title(words, "fiche-commune", commune=commune.name),
        subtitle=write_subtitle(scope, "fiche-commune"),
        alt=words("table.alt", rows=len(rows)),
        columns=(
            Column("key", ""),
            Column("label", words("column.what")),
            Column("value", "", "raw"),
            Column("value_text", words("column.value"), "written"),
        ),
        rows=tuple(rows),
        notes=(words("fiche-commune.note", period=label_period(words, scope.filters.period)),),
    )
    return (choice, figure)
