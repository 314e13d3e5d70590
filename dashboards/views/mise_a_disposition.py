"""Lays out page 3, Mise à disposition.

What it says is in `page_models/mise_a_disposition.py`; nothing is worked out here.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboards.blocks import show_figure, show_html, write_kpis
from dashboards.page_models.mise_a_disposition import PAGE, MiseADispositionPage
from dashboards.published import read_page
from dashboards.views.context import Context


def show_mise_a_disposition(context: Context) -> None:
    """The page."""
    words = context.words
    page = read_page(context.publication, PAGE, context.filters)
    assert isinstance(page, MiseADispositionPage)
    st.title(words("disposition.title"), anchor=False)
    show_html(f'<p class="lead">{escape(page.lead)}</p>')
    show_figure(words, page.balance, context.provenance, context.filters, PAGE)
    show_figure(words, page.partner_kinds, context.provenance, context.filters, PAGE)
    # Two populations, each in a figure of its own: they are never added.
    show_figure(words, page.households, context.provenance, context.filters, PAGE)
    show_figure(words, page.people, context.provenance, context.filters, PAGE)
    with st.container(key="service"):
        st.header(page.service_title, anchor="service")
        show_html(write_kpis(words, page.service, words("service.kpis")))
