"""Lays out a proposal that waits for the food bank: its figures, and the form that approves it.

What is proposed to whom, and what an approval writes, is in `approvals.py`.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape

import streamlit as st

from dashboards.access_log import NotLoggedError, log_reading
from dashboards.approvals import Approval, read_approvals, send_approval
from dashboards.blocks import escape_markdown, show_html, write_kpis, write_notice
from dashboards.filters import write_query
from dashboards.language import Words
from dashboards.language.formats import write_date
from dashboards.views.context import Context
from data_contracts.requests import LONGEST_COMMENT, LONGEST_NAME


def show_approvals(context: Context) -> None:
    """Every proposal that waits for the food bank of the page; nothing where none does."""
    for approval in read_approvals(context.opened, context.filters, context.words):
        with st.container(key=f"approval-{approval.territory}"):
            _show_approval(context, approval)


def _show_approval(context: Context, approval: Approval) -> None:
    words, filters = context.words, context.filters
    st.header(escape_markdown(words("approval.title")), anchor="approbation")
    is_shown = approval.territory == filters.territory_code and filters.territory_name
    territory = filters.territory_name if is_shown else approval.territory
    parts = [
        words(
            "approval.subtitle",
            number=approval.number,
            territory=territory,
            date=write_date(words, approval.end),
        )
    ]
    if approval.replaces is not None:
        parts.append(words("approval.corrects", number=approval.replaces, reason=approval.reason))
    if approval.others:
        parts.append(words("approval.others", names=", ".join(approval.others)))
    show_html("".join(f'<p class="subtitle">{escape(part)}</p>' for part in parts))
    if approval.state == "gone":
        show_html(write_notice("warning", "", words("approval.gone"), role="alert"))
        return
    query = write_query(
        replace(filters, options=()), pub=approval.publication_id, period=approval.period_code,
        edition=None,
    )  # fmt: skip
    show_html(
        f'<h3 class="approval-figures">{escape(words("approval.figures"))}</h3>'
        + write_kpis(words, approval.cards, "")
        + '<p class="subtitle">'
        + escape(words("approval.figures.note", period=approval.period_text))
        + f' <a href="/?{escape(query)}">{escape(words("approval.pages"))}</a></p>'
    )
    if approval.state == "approved":
        rest = write_missing(words, approval.missing)
        show_html(write_notice("edition", "", words("approval.done", missing=rest)))
    elif approval.state == "waiting":
        show_html(write_notice("edition", "", words("approval.waiting")))
    else:
        _show_form(context, approval)


def _show_form(context: Context, approval: Approval) -> None:
    """The form; what was written stays in it until the request is."""
    words, principal = context.words, context.opened.principal
    if approval.refused:
        text = words("approval.refused", reason=approval.refused)
        show_html(write_notice("warning", "", text, role="alert"))
    key = f"approve-{approval.territory}-{approval.number}-{approval.attempt}-{words.language}"
    with st.form(key=key, border=True):
        if principal.name:
            by = principal.name
            show_html(f"<p>{escape(words('approval.by.signed', name=principal.name))}</p>")
        else:
            by = st.text_input(words("approval.by"), max_chars=LONGEST_NAME, width=440)
        comment = st.text_area(words("approval.comment"), max_chars=LONGEST_COMMENT)
        is_confirmed = st.checkbox(
            escape_markdown(words("approval.confirm", food_bank=context.filters.food_bank.name))
        )
        is_sent = st.form_submit_button(words("approval.send"))
    if not is_sent:
        return
    problem = _send(context, approval, by, comment) if is_confirmed else "confirm"
    if problem:
        show_html(write_notice("warning", "", words(f"approval.error.{problem}"), role="alert"))
    else:
        st.rerun()


def _send(context: Context, approval: Approval, by: str, comment: str) -> str:
    """Leave the request and log it; what was wrong, empty where nothing was."""
    principal = context.opened.principal
    try:
        log_reading(
            "approval", principal, page="pilotage",
            parameters={
                "food_bank": approval.food_bank_id, "territory": approval.territory,
                "edition": f"{approval.territory}-{approval.number}",
                "pub": approval.publication_id,
            },
        )  # fmt: skip
        send_approval(principal, approval, by, comment)
    except ValueError as error:
        return str(error)
    except (OSError, NotLoggedError):
        return "write"
    return ""


def write_missing(words: Words, names: tuple[str, ...]) -> str:
    """Which food banks are still asked, or that the next refresh publishes it."""
    if names:
        return words("approval.done.missing", names=", ".join(names))
    return words("approval.done.all")
