"""Files to take away: the rows of a figure as CSV, by a route of its own.

Here live RFC 4180 writing (UTF-8 with a byte order mark, so that a spreadsheet reads accents;
comma, decimal point), the neutralisation of formulas, and the address
`/exports/<page>/<figure>.csv`. Every file carries its filters and its publication in its last
columns and its name. Rows come from `page_models/`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from dashboards.figure_models import Cell, FigureModel
from dashboards.filters import Filters, resolve_filters
from dashboards.published import BUILDERS, open_asked, read_choices, read_page
from data_contracts.publications import PublicationError

BYTE_ORDER_MARK = "\ufeff"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class NoSuchFigureError(Exception):
    """The address names no figure that can be exported."""


def neutralise(text: str) -> str:
    """Text that no spreadsheet runs as a formula: a leading apostrophe where it would."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def write_machine_value(value: Cell) -> str:
    """A value for machines: exact decimal with a point, ISO date, empty where missing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return neutralise(value)


def write_csv(model: FigureModel, filters: Filters, publication_id: str) -> str:
    """The rows of a figure as RFC 4180 text, ratios and texts for reading left out."""
    kept = [
        index for index, column in enumerate(model.columns) if not column.kind.startswith("written")
    ]
    context = {
        "food_bank_id": filters.food_bank.food_bank_id,
        "period": filters.period.code,
        "period_start": filters.period.start.isoformat(),
        "period_end": filters.period.end.isoformat(),
        "publication_id": publication_id,
        "is_demonstration": "true" if filters.food_bank.is_demonstration else "false",
    }
    names = [model.columns[index].key for index in kept]
    names = [_name_weight(name) for name in names]
    # A figure may hold a column of the same name as one of the context: the figure's wins.
    context = {name: value for name, value in context.items() if name not in names}
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([*names, *context])
    for row in model.rows:
        writer.writerow([*(write_machine_value(row[index]) for index in kept), *context.values()])
    return buffer.getvalue()


def name_file(model: FigureModel, filters: Filters, publication_id: str) -> str:
    """The name of the file: figure, food bank, period, publication."""
    parts = (
        model.figure_id,
        filters.food_bank.food_bank_id,
        filters.period.code,
        publication_id[:12],
    )
    return "_".join(parts) + ".csv"


def export_figure(parameters: Mapping[str, str], page: str, figure_id: str) -> tuple[str, str]:
    """Name and text of the file of a figure.

    Raises NoSuchFigureError for an unknown page or figure, PublicationError for a publication that
    is not kept.
    """
    if page not in BUILDERS:
        raise NoSuchFigureError(page)
    publication, _ = open_asked(parameters)
    filters, _ = resolve_filters(parameters, read_choices(publication))
    models = {model.figure_id: model for model in read_page(publication, page, filters).figures}
    if figure_id not in models:
        raise NoSuchFigureError(figure_id)
    model = models[figure_id]
    text = write_csv(model, filters, publication.publication_id)
    return name_file(model, filters, publication.publication_id), text


async def answer_export(request: Request) -> Response:
    """`GET /exports/<page>/<figure>.csv`, with the parameters of the page."""
    page, figure_id = request.path_params["page"], request.path_params["figure"]
    try:
        name, text = await run_in_threadpool(
            export_figure, dict(request.query_params), page, figure_id
        )
    except (NoSuchFigureError, PublicationError):
        return PlainTextResponse("no such export\n", status_code=404)
    return Response(
        (BYTE_ORDER_MARK + text).encode(),
        media_type="text/csv; charset=utf-8; header=present",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


def _name_weight(name: str) -> str:
    """Columns of the months hold kilograms: their name says so."""
    return name.replace("tonnes_", "weight_kg_") if name.startswith("tonnes_") else name
