"""Lays out page 1, L'essentiel.

What it says is in `page_models/essentiel.py`; nothing is worked out here.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboards.blocks import show_figure, show_html, write_kpis, write_quote_lists
from dashboards.page_models.essentiel import PAGE, EssentielPage
from dashboards.published import read_page
from dashboards.views.context import Context


def show_essentiel(context: Context) -> None:
    """The page."""
    words = context.words
    page = read_page(context.publication, PAGE, context.filters)
    assert isinstance(page, EssentielPage)
    st.title(words("essentiel.title"), anchor=False)
    show_html(f'<p class="lead">{escape(page.lead)}</p>')
    show_html(write_kpis(words, page.kpis, words("essentiel.kpis")))
    show_figure(words, page.monthly, context.provenance, context.filters, PAGE)
    with st.container(key="adoption"):
        st.header(page.adoption_title, anchor="plateforme")
        show_html(write_kpis(words, page.adoption, words("adoption.kpis")))
    show_figure(words, page.key_figures, context.provenance, context.filters, PAGE)
    show_html(write_quote_lists(words, page.quotes, page.warnings, page.signature))
