"""Lays out a page: its title, its sentence and its sections in their order.

Nothing is worked out here: what a page says is in `page_models/`, the pieces are in `blocks.py`.
What a page shows is kept for what was opened and the filters, down to the messages that Streamlit
sends; only widgets run again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from html import escape

import streamlit as st

from dashboards.access import check_page
from dashboards.blocks import (
    Box,
    Chart,
    Heading,
    Part,
    lay_out_figure,
    show_kept,
    show_parts,
    write_decisions,
    write_figure_foot,
    write_kpis,
    write_notice,
    write_prose,
    write_quote_lists,
)
from dashboards.figure_models import FigureModel, Provenance
from dashboards.filters import Filters
from dashboards.language.words import Words, read_words
from dashboards.page_models.page import (
    Alert,
    Cards,
    Choice,
    Decisions,
    Prose,
    Section,
    Sentences,
)
from dashboards.published import Source, read_page_of
from dashboards.views.approval import show_approvals
from dashboards.views.context import Context

NOTHING = ""


@dataclass(frozen=True)
class Stretch:
    """Pieces of a page that follow each other and hold no widget, under the key of what they show;
    without a key they are run each time."""

    key: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Proposals:
    """The place of proposals that wait for the food bank."""


# What is run each time, as the reader answers it.
Alive = Choice | Proposals


def show_page(context: Context, code: str, footer: str) -> None:
    """The page of a code, for the principal of the run. Raises ForbiddenError."""
    check_page(context.opened.principal, code)
    for stretch in lay_out_page(
        context.opened.source, code, context.filters, context.provenance, footer
    ):
        match stretch:
            case Choice():
                _show_choice(context, code, stretch)
            case Proposals():
                show_approvals(context)
            case Stretch(key=""):
                show_parts(context.words, stretch.parts)
            case Stretch():
                show_kept(stretch.key, context.words, stretch.parts)


@lru_cache(maxsize=256)
def lay_out_page(
    source: Source, code: str, filters: Filters, provenance: Provenance, footer: str
) -> tuple[Stretch | Alive, ...]:
    """A page as stretches, and what answers to the reader between them, in their order."""
    words, page = read_words(filters.language), read_page_of(source, code, filters)
    parts: list[Part | Alive] = [
        Heading(words(f"{code}.title"), level=1),
        f'<p class="lead">{escape(page.lead)}</p>',
    ]
    if code == "pilotage":
        parts.append(Proposals())
    for section in page.sections:
        parts += _lay_out(words, section, provenance, filters, code)
    parts.append(footer)
    name = sha256(repr((source, code, filters, provenance, footer)).encode()).hexdigest()
    found: list[Stretch | Alive] = []
    static: list[Part] = []
    for part in [*parts, None]:
        if part is not None and not isinstance(part, Alive) and not _holds_widget(part):
            static.append(part)
            continue
        if static:
            found.append(Stretch(f"{name} {len(found)}", tuple(static)))
            static = []
        if part is not None:
            found.append(part if isinstance(part, Alive) else Stretch("", (part,)))
    return tuple(found)


def _holds_widget(part: Part) -> bool:
    match part:
        case Chart():
            return part.opens != ""
        case Box():
            return any(_holds_widget(each) for each in part.parts)
    return False


def _lay_out(
    words: Words, section: Section, provenance: Provenance, filters: Filters, code: str
) -> tuple[Part | Alive, ...]:
    match section:
        case FigureModel():
            return (lay_out_figure(words, section, provenance, filters, code),)
        case Cards():
            return _lay_out_cards(words, section)
        case Sentences():
            return (write_quote_lists(words, section.quotes, section.warnings, section.signature),)
        case Choice():
            return (section,)
        case Decisions():
            # The list is the figure's rows: only what stands under a figure is added.
            rows = replace(section.figure, kind="list")
            return (
                Box(
                    f"figure-{section.anchor}",
                    (
                        Heading(section.title, section.anchor),
                        write_decisions(words, section),
                        write_figure_foot(words, rows, provenance, filters, code),
                    ),
                ),
            )
        case Prose():
            heading = Heading(section.title, section.anchor)
            return (Box(f"prose-{section.anchor}", (heading, write_prose(section))),)
        case Alert():
            return (write_notice(section.kind, section.title, section.text),)


def _lay_out_cards(words: Words, cards: Cards) -> tuple[Part, ...]:
    if not cards.is_title_shown:
        return (write_kpis(words, cards.kpis, cards.title),)
    heading = Heading(cards.title, cards.anchor)
    return (Box(f"cards-{cards.anchor}", (heading, write_kpis(words, cards.kpis, ""))),)


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
