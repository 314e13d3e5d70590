"""What a report is made of: sections of pages, with how much of each figure is printed.

Here live the frozen view models between what a report says and how it is laid out. What it says is
in the file of its kind, the layout in `pdf.py` and `workbook.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dashboards.figure_models import FigureModel, Provenance
from dashboards.filters import Filters
from dashboards.kpis import Kpi
from dashboards.language.words import Words
from dashboards.page_models.page import Cards, Decisions, Prose, Sentences
from data_contracts.publications import Publication


class ReportError(Exception):
    """The report cannot be built as it was asked for; the message says what to ask instead."""


@dataclass(frozen=True)
class Printed:
    """A figure in a report. `rows`: how many of its table are printed (None: all, 0: no table).

    The workbook of the report holds all of them.
    """

    figure: FigureModel
    has_chart: bool = True
    rows: int | None = None
    has_boxes: bool = False


@dataclass(frozen=True)
class Chapter:
    """A heading above those of figures, and its sentence."""

    title: str
    lead: str = ""


@dataclass(frozen=True)
class NewPage:
    """What follows starts on a new page."""


@dataclass(frozen=True)
class Signatures:
    """Places to sign or to write by hand, each with what it is for."""

    title: str
    lines: tuple[str, ...]


Section = Chapter | Cards | Sentences | Prose | Decisions | Printed | NewPage | Signatures


@dataclass(frozen=True)
class Report:
    """A report in one language. `subtitle`: place and period; `notices`: what a reader must know.

    `is_dense`: small type, for what has to fit one page.
    """

    kind: str
    title: str
    subtitle: str
    lead: str
    sections: tuple[Section, ...]
    filters: Filters
    words: Words
    publication: Publication
    provenance: Provenance
    notices: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = field(default=())
    is_dense: bool = False

    @property
    def figures(self) -> Iterator[FigureModel]:
        """Every figure, in the order of reading."""
        for section in self.sections:
            if isinstance(section, Printed | Decisions):
                yield section.figure

    @property
    def kpis(self) -> Iterator[Kpi]:
        """Every card, in the order of reading."""
        for section in self.sections:
            if isinstance(section, Cards):
                yield from section.kpis

    @property
    def stem(self) -> str:
        """Name of its files: kind, food bank, period, what it is about, publication, language."""
        parts = (
            self.kind,
            self.filters.food_bank.food_bank_id,
            self.filters.period.code,
            *(value for _, value in self.options),
            self.publication.publication_id[:12],
            self.words.language,
        )
        return "_".join("".join(c if c.isalnum() or c in "-." else "-" for c in p) for p in parts)
