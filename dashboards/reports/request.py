"""What every report is built from, and the frame that all share.

Here live the reading of pages for a report and the lines at its head: whose it is, of which
publication or edition, and that a demonstration is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from dashboards.figure_models import FigureModel, read_provenance
from dashboards.filters import Choices, Filters, label_period
from dashboards.kpis import Scope
from dashboards.language.formats import write_date
from dashboards.language.words import Words
from dashboards.page_models.page import PageModel
from dashboards.page_models.scope import read_scope
from dashboards.published import Opened, read_page
from dashboards.reports.model import Printed, Report, Section
from data_contracts.publications import Publication


@dataclass(frozen=True)
class Request:
    """One report to be built: its kind, what was opened for whom, filters and language."""

    kind: str
    opened: Opened
    choices: Choices
    filters: Filters
    words: Words

    @property
    def publication(self) -> Publication:
        """What the report is read from."""
        return self.opened.publication

    def read_page(self, code: str) -> PageModel:
        """A page as its reader sees it, in the language of the report."""
        return read_page(self.opened, code, self.filters)

    def read_scope(self) -> Scope:
        """What cards of the report are read from."""
        return read_scope(self.publication, self.filters, self.words)

    def write(self, text_id: str, **values: object) -> str:
        """A text of this kind of report."""
        return self.words(f"report.{self.kind}.{text_id}", **values)


def assemble(
    request: Request,
    lead: str,
    sections: Iterable[Section],
    *,
    subject: str = "",
    title: str = "",
    when: str = "",
    is_dense: bool = False,
) -> Report:
    """A report with its head: title, subject, place and period, and its notices."""
    words, filters = request.words, request.filters
    bank = filters.food_bank
    place = [subject or bank.name, *([bank.name] if subject else [])]
    return Report(
        kind=request.kind,
        title=title or words(f"report.{request.kind}.title"),
        subtitle=" · ".join([*place, when or label_period(words, filters.period)]),
        lead=lead,
        sections=tuple(sections),
        filters=filters,
        words=words,
        publication=request.publication,
        provenance=read_provenance(request.publication, bank.name, bank.data_date),
        notices=tuple(_write_notices(request)),
        options=filters.options,
        is_dense=is_dense,
    )


def _write_notices(request: Request) -> Iterable[str]:
    """That a demonstration is one; which edition this is and who approved it, or that it is not."""
    words, publication = request.words, request.publication
    if request.filters.food_bank.is_demonstration:
        yield f"{words('notice.demonstration.title')}. {words('notice.demonstration')}"
    edition = publication.edition
    if edition is None:
        day = request.filters.food_bank.data_date or request.filters.period.end
        yield words("report.provisional", date=write_date(words, day))
        return
    signers = ", ".join(str(approval["by"]) for approval in edition.approvals)
    yield words(
        "report.edition", number=edition.number, end=write_date(words, edition.end),
        signers=signers or words("unsigned"),
    )  # fmt: skip
    if edition.replaces is not None:
        yield words("notice.edition.corrects", number=edition.replaces, reason=edition.reason or "")


def keep_columns(figure: FigureModel, *keys: str) -> FigureModel:
    """The figure with only these columns on paper; its workbook keeps all of them."""
    return replace(
        figure,
        columns=tuple(
            column if column.key in keys else replace(column, label="") for column in figure.columns
        ),
    )


def print_figures(
    figures: Iterable[FigureModel], *, rows: int | None = None, has_chart: bool = True
) -> list[Section]:
    """Figures that have something to show."""
    return [
        Printed(figure, has_chart=has_chart, rows=rows)
        for figure in figures
        if figure.state == "ok"
    ]
