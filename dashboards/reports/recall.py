"""The proof of a recall: what was sought, where the food is, and who was told.

What is found is worked out in `page_models/recall.py`; here it is put on paper, line by line, with
boxes to tick and a place to sign.
"""

from __future__ import annotations

from dataclasses import replace

from dashboards.access import Principal
from dashboards.figure_models import write_measure
from dashboards.filters import resolve_filters
from dashboards.language.formats import write_date, write_number
from dashboards.language.words import LANGUAGES, read_words
from dashboards.page_models.recall import CERTAIN, POSSIBLE, Sought, follow_recall
from dashboards.page_models.recall_figures import build_recall_lines, build_recall_sums
from dashboards.page_models.shapes import ZERO
from dashboards.published import find_first_food_bank, open_asked, read_choices
from dashboards.readings import read_place_names
from dashboards.reports.model import Printed, Report, ReportError, Signatures
from dashboards.reports.request import Request, assemble
from data_contracts.publications import Publication

KIND = "recall-proof"


def open_for_recall(food_bank_id: str | None) -> tuple[str, Publication]:
    """The current publication as the director of a food bank reads it; of the first where None."""
    bank_id = food_bank_id or find_first_food_bank()
    opened = open_asked({"food_bank": bank_id}, Principal("food_bank", (bank_id,)))
    return bank_id, opened.publication


def build_recall_proof(food_bank_id: str, sought: Sought, language: str) -> Report:
    """The proof for one food bank, as its director reads the current publication.

    Raises ReportError for an unknown language, RecallError where nothing was received.
    """
    if language not in LANGUAGES:
        raise ReportError(f"there is no language {language!r}; there are {', '.join(LANGUAGES)}")
    words = read_words(language)
    opened = open_asked({"food_bank": food_bank_id}, Principal("food_bank", (food_bank_id,)))
    choices = read_choices(opened.source)
    filters, _ = resolve_filters({"food_bank": food_bank_id, "lang": language}, choices)
    kind, code = sought.named()
    filters = replace(filters, options=(("lot", code),))
    request = Request(KIND, opened, choices, filters, words)
    rows = follow_recall(opened.publication, replace(sought, food_banks=(food_bank_id,)))
    weights = {
        certainty: sum((row.weight_kg for row in rows if row.certainty == certainty), ZERO)
        for certainty in (CERTAIN, POSSIBLE)
    }
    subject = request.write(f"sought.{kind}", code=code)
    span = (sought.first, sought.last)
    first, last = (write_date(words, day) if day else words("state.open") for day in span)
    days = request.write("days", first=first, last=last) if any(span) else ""
    partners = {row.holder for row in rows if row.place == "delivered"}
    lead = request.write(
        "lead",
        sought=subject,
        certain=write_measure(words, "kg", weights[CERTAIN]),
        possible=write_measure(words, "kg", weights[POSSIBLE]),
        partners=write_number(words, len(partners)),
    )
    scope = request.read_scope()
    names = read_place_names(opened.publication, food_bank_id)
    sites = {code: name for (of, code), name in names.items() if of == "site"}
    return assemble(
        request,
        f"{lead} {days}".strip(),
        (
            Printed(build_recall_sums(scope, rows)),
            Printed(build_recall_lines(scope, rows, sites), rows=len(rows), has_boxes=True),
            Signatures(words("report.signatures"), (words("report.sign.food_bank"),)),
        ),
        subject=subject,
        when=write_date(words, filters.food_bank.data_date or filters.period.end),
    )
