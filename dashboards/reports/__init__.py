"""Reports to print and to send: the view models of the pages, as tagged PDF and as workbooks.

Here lives which reports there are, what each holds and how it is laid out on paper. Values come
from `page_models/`, so that a report says what the pages say; nothing here knows Streamlit.
"""

from __future__ import annotations

from dashboards.page_models.recall import RecallError, Sought, add_up, follow_recall
from dashboards.reports.kinds import REPORTS, build_report, build_reports
from dashboards.reports.model import Report, ReportError
from dashboards.reports.pdf import write_pdf, write_pdfs
from dashboards.reports.recall import build_recall_proof
from dashboards.reports.workbook import write_report_workbook

__all__ = [
    "REPORTS",
    "RecallError",
    "Report",
    "ReportError",
    "Sought",
    "add_up",
    "build_recall_proof",
    "build_report",
    "build_reports",
    "follow_recall",
    "write_pdf",
    "write_pdfs",
    "write_report_workbook",
]
