"""The activity report of a food bank, by month or year: what came in, went out, was lost and cost.

It holds the cards and figures of its pages in their order, each with its table.
"""

from __future__ import annotations

from dashboards.page_models.page import Cards
from dashboards.reports.model import Chapter, Report, Section, Signatures
from dashboards.reports.request import Request, assemble, print_figures

# A chapter a page, with the figures that a council or a general assembly asks for.
CHAPTERS = (
    ("essentiel", ("tonnes-par-mois",)),
    ("approvisionnement", ("receptions-par-canal", "receptions-par-famille", "evolution-du-frais",
                           "local-et-labellise")),
    ("mise-a-disposition", ("bilan-matiere", "par-type-de-partenaire", "foyers-par-mois",
                            "personnes-declarees")),
    ("service", ("taux-de-service", "part-des-partenaires")),
    ("pertes", ("pertes-par-motif", "valorisation", "transformation", "ecarts-de-stock")),
    ("donateurs", ("tournees", "moyens-partages", "temps-par-etape")),
    ("accompagnement", ("actions", "cheques-par-mois", "conventions", "tonnes-par-programme",
                        "couts", "benevolat")),
    ("carbone", ("emissions-par-poste", "emissions-evitees")),
)  # fmt: skip
ROWS = 15


def build_activity(request: Request) -> Report:
    """What the food bank did in the period, chapter by chapter."""
    words = request.words
    sections: list[Section] = []
    lead = ""
    for position, (code, wanted) in enumerate(CHAPTERS):
        page = request.read_page(code)
        lead = lead or page.lead
        figures = [figure for figure in page.figures if figure.figure_id in wanted]
        printed = print_figures(figures, rows=ROWS)
        cards = [part for part in page.sections if isinstance(part, Cards)][:1]
        if not printed and not cards:
            continue
        sections.append(Chapter(words(f"{code}.title"), page.lead if position else ""))
        sections += cards
        sections += printed
    sections.append(Chapter(words("report.signatures")))
    sections.append(Signatures("", (words("report.sign.food_bank"),)))
    return assemble(request, lead, sections)
