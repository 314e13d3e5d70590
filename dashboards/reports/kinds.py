"""Which reports there are, for whom, and how one is asked for.

The one list of reports: the command line, the job `build_reports` and tests read it. A report is
built from a named publication, or from an edition for the metropole, through the same door and the
same gate as the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from dashboards.access import ForbiddenError, Principal
from dashboards.filters import Choices, Filters, resolve_filters
from dashboards.language.words import LANGUAGES, read_words
from dashboards.published import (
    Opened,
    find_first_food_bank,
    find_first_territory,
    open_asked,
    read_choices,
)
from dashboards.reports.activity import build_activity
from dashboards.reports.council import build_annex, build_council_note
from dashboards.reports.model import Report, ReportError
from dashboards.reports.morning import build_morning_sheet
from dashboards.reports.request import Request
from dashboards.reports.statements import (
    build_donation_statement,
    build_donor_quality,
    build_partner_statement,
)
from data_contracts.publications import Publication

OPTIONS = ("agreement", "partner", "donor", "site")
PARAMETERS = ("period", "food_bank", "territory", "lang", "pub", "edition", *OPTIONS)


@dataclass(frozen=True)
class ReportKind:
    """A kind of report: whose folder it reads, and what it is about.

    `about`: the option without which there is no such report (`partner`, `donor`, ...).
    """

    code: str
    build: Callable[[Request], Report]
    role: str
    about: str = ""


_KINDS = (
    ReportKind("council-note", build_council_note, "metropole"),
    ReportKind("agreement-annex", build_annex, "food_bank", about="agreement"),
    ReportKind("activity-report", build_activity, "food_bank"),
    ReportKind("morning-sheet", build_morning_sheet, "food_bank", about="site"),
    ReportKind("partner-statement", build_partner_statement, "food_bank", about="partner"),
    ReportKind("donor-quality", build_donor_quality, "food_bank", about="donor"),
    ReportKind("donation-statement", build_donation_statement, "food_bank", about="donor"),
)
REPORTS: Mapping[str, ReportKind] = {kind.code: kind for kind in _KINDS}


def build_report(kind: str, asked: Mapping[str, str]) -> Report:
    """One report. `asked`: parameters as in the address of a page (PARAMETERS).

    Raises ReportError for an unknown kind, period, food bank or option, PublicationError where
    the publication or edition is not there.
    """
    entry = REPORTS.get(kind)
    if entry is None:
        raise ReportError(f"there is no report {kind!r}; there are {', '.join(REPORTS)}")
    unknown = sorted(set(asked) - set(PARAMETERS))
    if unknown:
        raise ReportError(f"a report is not asked by {', '.join(unknown)}")
    language = asked.get("lang", LANGUAGES[0])
    if language not in LANGUAGES:
        raise ReportError(f"there is no language {language!r}; there are {', '.join(LANGUAGES)}")
    opened, choices, filters = _open(entry, asked)
    options = _read_options(entry, asked, filters, opened.publication)
    filters = replace(filters, options=options)
    return entry.build(Request(entry.code, opened, choices, filters, read_words(language)))


def build_reports(asked: Mapping[str, str]) -> Iterator[Report]:
    """Every report of a reader that stands without a choice, in every language.

    `asked`: a food bank, or a territory. One morning sheet a site, one annex an agreement of the
    year. Statements of partners and donors are built when they are asked for: there are hundreds.
    """
    role = "metropole" if "territory" in asked else "food_bank"
    for entry in REPORTS.values():
        if entry.role != role or entry.about in ("partner", "donor"):
            continue
        opened, _, filters = _open(entry, asked)
        about = entry.about
        for value in list_options(opened.publication, filters, about) if about else [""]:
            for language in LANGUAGES:
                option = {about: value} if about else {}
                yield build_report(entry.code, {**asked, **option, "lang": language})


def list_options(publication: Publication, filters: Filters, name: str) -> dict[str, str]:
    """Codes that an option may take, with the names of what they stand for."""
    bank_id = filters.food_bank.food_bank_id
    if name == "agreement":
        frame = publication.scan("mart_funding_monthly").filter(
            pl.col("food_bank_id") == bank_id,
            pl.col("starts_on") <= filters.period.end,
            pl.col("ends_on") >= filters.period.start,
        )
        columns = ("funding_id", "funder")
    else:
        kind = {"donor": "supplier"}.get(name, name)
        frame = publication.scan("mart_places").filter(
            pl.col("food_bank_id") == bank_id, pl.col("place_kind") == kind
        )
        columns = ("place_id", "name")
    rows = frame.select(columns).unique().sort(columns[0]).collect()
    return dict(rows.iter_rows())


def _open(entry: ReportKind, asked: Mapping[str, str]) -> tuple[Opened, Choices, Filters]:
    principal = _find_principal(entry, asked)
    parameters = {name: value for name, value in asked.items() if name not in OPTIONS}
    try:
        opened = open_asked(parameters, principal)
    except ForbiddenError as error:
        raise ReportError(f"{entry.code} may not be built from {error}") from None
    choices = read_choices(opened.source)
    if not choices.food_banks:
        raise ReportError(f"what was opened holds no food bank for {entry.code}")
    if opened.publication.edition is not None and "period" not in parameters:
        edition = opened.publication.edition
        bank_id = parameters.get("food_bank", choices.food_banks[0].food_bank_id)
        codes = [period.code for period in choices.periods.get(bank_id, ())]
        if edition.period in codes:
            parameters["period"] = edition.period
    filters, ignored = resolve_filters(parameters, choices)
    for value in ignored:
        known = {
            "period": sorted(p.code for p in choices.periods[filters.food_bank.food_bank_id]),
            "food_bank": [bank.food_bank_id for bank in choices.food_banks],
            "territory": list(filters.food_bank.territory_codes),
        }.get(value.parameter, [])
        raise ReportError(
            f"{value.parameter} {value.value!r} is not in what was opened; it has "
            + ", ".join(known[-12:])
        )
    return opened, choices, filters


def _find_principal(entry: ReportKind, asked: Mapping[str, str]) -> Principal:
    """Who reads: the food bank, or the metropole of the territory, that the report is for."""
    if entry.role == "metropole":
        named = asked.get("edition", "").partition("-")[0]
        territory = asked.get("territory") or named or find_first_territory()
        return Principal("metropole", (territory,))
    if asked.get("food_bank"):
        return Principal("food_bank", (asked["food_bank"],))
    return Principal("food_bank", (find_first_food_bank(),))


def _read_options(
    entry: ReportKind, asked: Mapping[str, str], filters: Filters, publication: Publication
) -> tuple[tuple[str, str], ...]:
    """The option that the report is about. Raises ReportError where it is missing or unknown."""
    given = [name for name in OPTIONS if asked.get(name)]
    foreign = [name for name in given if name != entry.about]
    if foreign:
        raise ReportError(f"{entry.code} is not about a {foreign[0]}")
    if not entry.about:
        return ()
    known = list_options(publication, filters, entry.about)
    value = asked.get(entry.about, "")
    if value not in known:
        some = ", ".join(list(known)[:8]) or "none"
        said = f"{entry.about} {value!r} is not known" if value else f"needs a {entry.about}"
        raise ReportError(f"{entry.code}: {said}; there are {some}")
    return ((entry.about, value),)
