"""What a page is made of: sections in the order of reading, as frozen view models.

Here live the kinds of sections and the finding of a figure among them. How a section is laid out
belongs in `views.py`; what it says in the file of its page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from dashboards.figure_models import FigureModel
from dashboards.filters import Filters, write_query
from dashboards.kpis import Kpi
from dashboards.language.words import Words
from dashboards.page_models.quotes import Quote

# The figure that a parameter of the address opens on its page.
SHEETS = {
    "commune": "fiche-commune",
    "partner": "releve-partenaire",
    "donor": "fiche-donateur",
    "lot": "lots",
}


@dataclass(frozen=True)
class Cards:
    """A grid of cards. Its title is shown, or is there for readers of the structure only."""

    anchor: str
    title: str
    kpis: tuple[Kpi, ...]
    is_title_shown: bool = True


@dataclass(frozen=True)
class Sentences:
    """What may be quoted beside what should not be said."""

    quotes: tuple[Quote, ...]
    warnings: tuple[Quote, ...]
    signature: str


@dataclass(frozen=True)
class Choice:
    """A choice that the page offers; it is written into the address as `parameter`.

    `options`: (code, label) in their order; `is_text`: a field to type into instead of a list.
    """

    parameter: str
    label: str
    options: tuple[tuple[str, str], ...]
    chosen: tuple[str, ...]
    is_many: bool = False
    is_text: bool = False
    help_text: str = ""


@dataclass(frozen=True)
class Prose:
    """Paragraphs under a heading, each with an optional address to follow."""

    anchor: str
    title: str
    paragraphs: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


def link_reports(words: Words, filters: Filters, *kinds: str) -> Prose:
    """Reports that a page leads to, each as PDF and as workbook, with the state of the page."""
    query = write_query(filters)
    return Prose(
        "imprimer",
        words("reports.title"),
        links=tuple(
            (
                words("reports.link", report=words(f"report.{kind}.title"), format=extension),
                f"/export/report/{kind}.{extension.lower()}?{query}",
            )
            for kind in kinds
            for extension in ("PDF", "XLSX")
        ),
    )


@dataclass(frozen=True)
class Alert:
    """A value of the address that means nothing on this page, or another state to be told."""

    kind: str
    title: str
    text: str


@dataclass(frozen=True)
class Decision:
    """Something to decide today: what, how much, how urgent, whose, and where to see it."""

    what: str
    detail: str
    weight_text: str
    due_text: str
    owner: str
    address: str
    urgency: str


@dataclass(frozen=True)
class Decisions:
    """The decisions of a morning, the heaviest and most urgent first."""

    anchor: str
    title: str
    subtitle: str
    items: tuple[Decision, ...]
    nothing: str
    figure: FigureModel


Section = Cards | Sentences | Choice | Prose | Alert | Decisions | FigureModel


@dataclass(frozen=True)
class PageModel:
    """What a page says."""

    page: str
    lead: str
    sections: tuple[Section, ...]

    @property
    def figures(self) -> tuple[FigureModel, ...]:
        """Figures in their order, those without records included."""
        found = [section for section in self.sections if isinstance(section, FigureModel)]
        found += [section.figure for section in self.sections if isinstance(section, Decisions)]
        return tuple(found)

    @property
    def exported(self) -> tuple[FigureModel, ...]:
        """Figures whose rows can be taken away."""
        return tuple(figure for figure in self.figures if figure.state == "ok")

    @property
    def kpis(self) -> tuple[Kpi, ...]:
        """The cards of the page."""
        return tuple(
            kpi for section in self.sections if isinstance(section, Cards) for kpi in section.kpis
        )

    def figure(self, figure_id: str) -> FigureModel:
        """The figure of an identifier. Raises KeyError where the page has none."""
        for figure in self.figures:
            if figure.figure_id == figure_id:
                return figure
        raise KeyError(f"page {self.page} has no figure {figure_id}")


def mark_lacking(
    words: Words, page: PageModel, lacked: Collection[str], shown: Mapping[str, Collection[str]]
) -> PageModel:
    """A page of a publication that was made before the marts `lacked` existed.

    Its figures without rows that show rows of one (`shown`: marts by figure) say so; all others
    stand.
    """

    def mark(figure: FigureModel) -> FigureModel:
        if figure.state != "empty" or not set(lacked) & set(shown[figure.figure_id]):
            return figure
        return replace(figure, state="not_in_publication", notes=(words("not_in_publication"),))

    def mark_section(section: Section) -> Section:
        if isinstance(section, FigureModel):
            return mark(section)
        if isinstance(section, Decisions):
            figure = mark(section.figure)
            nothing = section.nothing if figure is section.figure else words("not_in_publication")
            return replace(section, figure=figure, nothing=nothing)
        return section

    return replace(page, sections=tuple(map(mark_section, page.sections)))
