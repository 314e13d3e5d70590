"""Lays out a page: its title, its sentence and its sections in their order.

Nothing is worked out here: what a page says is in `page_models/`, the pieces are in `blocks.py`.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboards.access import ForbiddenError
from dashboards.blocks import (
    escape_markdown,
    show_figure,
    show_html,
    write_decisions,
    write_kpis,
    write_message,
    write_notice,
    write_prose,
    write_quote_lists,
)
from dashboards.figure_models import FigureModel
from dashboards.page_models.page import (
    Alert,
    Cards,
    Choice,
    Decisions,
    Prose,
    Section,
    Sentences,
)
from dashboards.published import read_page
from dashboards.views.approval import show_approvals
from dashboards.views.context import Context

NOTHING = ""


def show_page(context: Context, code: str) -> None:
    """The page of a code, for the principal of the run."""
    words = context.words
    st.title(words(f"{code}.title"), anchor=False)
    try:
        page = read_page(context.opened, code, context.filters)
    except ForbiddenError:
        show_html(write_message(words, "forbidden", {}))
        return
    show_html(f'<p class="lead">{escape(page.lead)}</p>')
    if code == "pilotage":
        show_approvals(context)
    for section in page.sections:
        _show_section(context, code, section)


def _show_section(context: Context, code: str, section: Section) -> None:
    words = context.words
    match section:
        case FigureModel():
            show_figure(words, section, context.provenance, context.filters, code)
        case Cards():
            _show_cards(context, section)
        case Sentences():
            show_html(write_quote_lists(words, section.quotes, section.warnings, section.signature))
        case Choice():
            _show_choice(context, code, section)
        case Decisions():
            with st.container(key=f"figure-{section.anchor}"):
                st.header(escape_markdown(section.title), anchor=section.anchor)
                show_html(write_decisions(words, section))
                show_figure(
                    words, section.figure, context.provenance, context.filters, code, is_inside=True
                )
        case Prose():
            with st.container(key=f"prose-{section.anchor}"):
                st.header(escape_markdown(section.title), anchor=section.anchor)
                show_html(write_prose(section))
        case Alert():
            show_html(write_notice(section.kind, section.title, section.text))


def _show_cards(context: Context, cards: Cards) -> None:
    words = context.words
    if not cards.is_title_shown:
        show_html(write_kpis(words, cards.kpis, cards.title))
        return
    with st.container(key=f"cards-{cards.anchor}"):
        st.header(escape_markdown(cards.title), anchor=cards.anchor)
        show_html(write_kpis(words, cards.kpis, ""))


def _show_choice(context: Context, code: str, choice: Choice) -> None:
    """A list or a field whose value is the address's; a choice writes the address."""
    words = context.words
    labels = dict(choice.options)
    # The key holds the language: a widget keeps the labels that it was first given.
    key = f"choice-{code}-{choice.parameter}-{words.language}"
    current = choice.chosen[0] if choice.chosen else NOTHING
    if st.session_state.get(key, NOTHING) != current:
        st.session_state[key] = current

    def write_address() -> None:
        value = st.session_state[key]
        if value:
            st.query_params[choice.parameter] = value
        else:
            st.query_params.pop(choice.parameter, None)

    with st.container(key=f"choose-{choice.parameter}"):
        if choice.is_text:
            st.text_input(
                choice.label, key=key, on_change=write_address, help=choice.help_text or None,
                max_chars=80, width=440,
            )  # fmt: skip
            return
        st.selectbox(
            choice.label,
            (NOTHING, *labels),
            format_func=lambda option: labels.get(option, words("choice.none")),
            key=key,
            on_change=write_address,
            width=440,
        )
