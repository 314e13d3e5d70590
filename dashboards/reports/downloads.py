"""Reports to take away by their address: `/export/report/<kind>.<pdf|xlsx>`.

Here live the gate of reports (who may have which) and the links to them on pages. The parameters
are those of the pages; what is given and refused is logged as every export is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from dashboards.access import ForbiddenError, Principal
from dashboards.access_log import NotLoggedError
from dashboards.exports import NOT_KEPT, WORKBOOK, Given, NoSuchFigureError, give
from dashboards.filters import read_language
from dashboards.page_models.recall import RecallError, find_sought
from dashboards.reports.kinds import PARAMETERS, REPORTS, build_report
from dashboards.reports.model import Report, ReportError
from dashboards.reports.pdf import write_pdf
from dashboards.reports.recall import KIND as RECALL
from dashboards.reports.recall import build_recall_proof, open_for_recall
from dashboards.reports.workbook import write_report_workbook

PDF = "application/pdf"
EXTENSIONS = ("pdf", "xlsx")


def find_report(kind: str, parameters: Mapping[str, str], principal: Principal) -> Report:
    """The report of an address, for the principal who asks.

    Raises NoSuchFigureError for what there is not, ForbiddenError where the principal's role or
    scope does not reach: a food bank has its own, a metropole the notes of its territories, the
    data team all.
    """
    entry = REPORTS.get(kind)
    if entry is None and kind != RECALL:
        raise NoSuchFigureError(kind)
    role = entry.role if entry else "food_bank"
    asked = {name: value for name, value in parameters.items() if name in PARAMETERS and value}
    scope_name = "territory" if role == "metropole" else "food_bank"
    if principal.role == role:
        asked.setdefault(scope_name, principal.scope[0])
        if asked[scope_name] not in principal.scope:
            raise ForbiddenError(kind)
    elif principal.role != "data_team":
        raise ForbiddenError(kind)
    if role == "food_bank":
        asked.pop("territory", None)
        asked.pop("edition", None)
    else:
        asked.pop("food_bank", None)
        asked.pop("pub", None)
    if entry:
        # A page may be open at the sheet of something that this report is not about.
        others = {each.about for each in REPORTS.values()} - {entry.about, ""}
        asked = {name: value for name, value in asked.items() if name not in others}
    try:
        if entry:
            return build_report(kind, {**asked, "lang": read_language(asked)})
        bank_id, publication = open_for_recall(asked.get("food_bank"))
        sought = find_sought(publication, bank_id, parameters.get("lot", ""))
        if sought is None:
            raise NoSuchFigureError(kind)
        return build_recall_proof(bank_id, sought, read_language(asked))
    except (ReportError, RecallError) as error:
        raise NoSuchFigureError(kind) from error


def write_answer(report: Report, extension: str) -> Response:
    """The report as a file with its name; 503 where charts cannot be drawn on this server."""
    try:
        content = write_pdf(report) if extension == "pdf" else write_report_workbook(report)
    except ReportError:
        return PlainTextResponse("not now: it cannot be drawn\n", 503, headers=NOT_KEPT)
    return Response(
        content,
        media_type=PDF if extension == "pdf" else WORKBOOK,
        headers={
            "Content-Disposition": f'attachment; filename="{report.stem}.{extension}"',
            **NOT_KEPT,
        },
    )


def give_report(request: Request, file: str) -> Response:
    """The file of a report's address, for whom it is."""
    kind, _, extension = file.partition(".")

    def find(principal: Principal) -> Given:
        if extension not in EXTENSIONS:
            raise NoSuchFigureError(extension)
        report = find_report(kind, dict(request.query_params), principal)
        return Given(kind, report.publication, partial(write_answer, report, extension))

    return give(request, kind, extension, find)


async def answer_report(request: Request) -> Response:
    """`GET /export/report/<kind>.<pdf|xlsx>`, with the parameters of the page."""
    try:
        return await run_in_threadpool(give_report, request, request.path_params["file"])
    except NotLoggedError:
        return PlainTextResponse("not now: it cannot be logged\n", status_code=503)
