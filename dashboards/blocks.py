"""Pieces of a page: cards, figures, tables, sentences and notices, as HTML and on the screen.

Here lives how a view model is laid out. Writing HTML is pure and tested; only the `show_` functions
touch Streamlit. What is said belongs in `page_models/`, charts in `figures.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from html import escape
from itertools import groupby
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboards.figure_models import (
    Column,
    FigureModel,
    Provenance,
    write_cell,
    write_measure,
    write_provenance,
    write_table,
)
from dashboards.figures import chart_config, draw_figure
from dashboards.figures.bars import MANY_BARS
from dashboards.figures.marks import list_keys
from dashboards.filters import Filters, write_query
from dashboards.kpis import ARROWS, Kpi
from dashboards.language.formats import write_tonnes
from dashboards.language.words import Words
from dashboards.page_models.page import SHEETS, Decisions, Prose
from dashboards.page_models.quotes import Quote

# From so many rows on, a table scrolls under its header.
TALL = 18
# How the style sheet fits a chart to a screen: `wide` ones are lists on a narrow one, `time` ones
# have fewer dates under them.
CHART_STYLES = {"heat": "wide-", "lines": "wide-time-", "control": "time-"}
# Tables that are read on a telephone in the warehouse: a row becomes a block there.
STACKED = ("chiffres-publies", "a-sauver")
LONG_TEXT = 60
CODE_SPAN = re.compile(r"`([^`]+)`")
MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~:$<>&])")


def write_kpi(words: Words, kpi: Kpi) -> str:
    """A card: label with its definition, value, difference with its basis, territory."""
    parts = [
        f'<div class="kpi kpi-{kpi.state}">',
        f'<h3 class="kpi-label">{escape(kpi.label)}</h3>',
        _write_definition(words, kpi),
        f'<p class="kpi-value">{escape(kpi.value)}'
        + (f' <span class="kpi-unit">{escape(kpi.unit)}</span>' if kpi.unit else "")
        + "</p>",
    ]
    if kpi.difference:
        change = kpi.difference
        meaning = words(f"kpi.judgement.{change.judgement}")
        parts.append(
            f'<p class="kpi-change {change.judgement}"><span aria-hidden="true">'
            f"{ARROWS[change.direction]}</span> <strong>{escape(change.text)}</strong> "
            f'<span class="kpi-meaning">{escape(meaning)}</span></p>'
            f'<p class="kpi-basis">{escape(change.basis)}</p>'
        )
    elif kpi.no_difference:
        parts.append(f'<p class="kpi-basis">{escape(kpi.no_difference)}</p>')
    if kpi.target:
        parts.append(f'<p class="kpi-target">{escape(kpi.target)}</p>')
    if kpi.territory:
        parts.append(f'<p class="kpi-territory">{escape(kpi.territory)}</p>')
    parts += [f'<p class="kpi-basis">{escape(note)}</p>' for note in kpi.notes]
    return "".join(parts) + "</div>"


def write_kpis(words: Words, kpis: Iterable[Kpi], heading: str) -> str:
    """A grid of cards, under a heading that only readers of the page's structure meet."""
    cards = list(kpis)
    unseen = f'<h2 class="unseen">{escape(heading)}</h2>' if heading else ""
    return (
        f'<section class="kpis kpis-{len(cards)}">{unseen}'
        + "".join(write_kpi(words, kpi) for kpi in cards)
        + "</section>"
    )


def write_legend(words: Words, model: FigureModel) -> str:
    """The key of a chart, as text, where its marks are of several kinds."""
    items = "".join(
        f'<span class="key"><span class="swatch {name}" aria-hidden="true"></span>'
        f"{escape(label)}</span>"
        for name, label in list_keys(words, model)
    )
    return f'<p class="legend">{items}</p>' if items else ""


def write_html_table(words: Words, model: FigureModel, filters: Filters) -> str:
    """The rows of a figure as an HTML table; the first shown column heads its row.

    Rows that have a sheet of their own lead to it from the column that names them.
    """
    columns, rows = write_table(words, model)
    parameter, codes = model.opened()
    linked = next((index for index, column in enumerate(columns) if column.role == "label"), 0)

    def write_shown(index: int, cell: str, code: str | None) -> str:
        if index != linked or not parameter or code is None:
            return write_code_spans(cell)
        query = escape(write_query(filters, **{parameter: code}))
        return f'<a href="?{query}#{SHEETS[parameter]}">{escape(cell)}</a>'

    classes = [
        _style_column(column, [cells[index] for cells in rows])
        for index, column in enumerate(columns)
    ]
    head = "".join(
        f'<th scope="col"{class_of}>{escape(column.label)}</th>'
        for column, class_of in zip(columns, classes, strict=True)
    )
    body = []
    for cells, code in zip(rows, codes, strict=True):
        first, *others = (write_shown(index, cell, code) for index, cell in enumerate(cells))
        body.append(
            f'<tr><th scope="row"{classes[0]}>{first}</th>'
            + "".join(
                f'<td data-label="{escape(column.label)}"{class_of}>{cell}</td>'
                for column, class_of, cell in zip(columns[1:], classes[1:], others, strict=True)
            )
            + "</tr>"
        )
    stacked = " stacked" if model.figure_id in STACKED else ""
    scroll = "table-scroll tall" if len(rows) > TALL else "table-scroll"
    return (
        f'<div class="{scroll}" role="region" tabindex="0" '
        f'aria-label="{escape(model.title)}">'
        f'<table id="table-{model.figure_id}" class="rows{stacked}"><caption class="unseen">'
        f"{escape(model.title)}. {escape(model.subtitle)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def write_ledger(words: Words, model: FigureModel) -> str:
    """The balance for narrow screens: origins and ends as two lists of bars, same total."""
    lists = []
    for side, layer, label in (("source", 0, model.labels[0]), ("target", 4, model.labels[2])):
        weights: dict[str, Decimal] = {}
        for name, at_layer, weight in zip(
            model.values(side),
            model.values(f"{side}_layer"),
            model.values("weight_kg"),
            strict=True,
        ):
            if at_layer == layer:
                weights[name] = weights.get(name, Decimal(0)) + weight
        top = max(weights.values(), default=Decimal(1))
        items = "".join(
            f'<li><span class="ledger-name">{escape(name)}</span>'
            f'<span class="ledger-value">{escape(write_tonnes(words, weight))}</span>'
            f'<span class="ledger-bar {side}" style="width:{float(weight / top) * 100:.1f}%">'
            "</span></li>"
            for name, weight in sorted(weights.items(), key=lambda item: -item[1])
        )
        total = write_tonnes(words, sum(weights.values(), Decimal(0)))
        lists.append(
            f'<div><p class="ledger-head">{escape(label)}</p><ul>{items}</ul>'
            f'<p class="ledger-total">{escape(words("ledger.total"))} '
            f"<strong>{escape(total)}</strong></p></div>"
        )
    return f'<div class="ledger">{"".join(lists)}</div>'


def write_narrow(words: Words, model: FigureModel) -> str:
    """What a narrow screen reads instead of a chart that needs its width.

    Of shades the table itself; of lines the last value of each series.
    """
    column = model.column("value")
    kind = column.kind if column else "text"
    if model.kind == "heat":
        heads = list(dict.fromkeys(model.by_role("column")))
        cells: dict[str, list[str]] = {}
        for row, value in zip(model.by_role("row"), model.by_role("value"), strict=True):
            cells.setdefault(str(row), []).append(write_cell(words, kind, value))
        return "".join(
            f'<p class="ledger-head">{escape(row)}</p><ul>'
            + "".join(
                f'<li><span class="ledger-name">{escape(str(head))}</span>'
                f'<span class="ledger-value">{escape(value)}</span></li>'
                for head, value in zip(heads, values, strict=True)
            )
            + "</ul>"
            for row, values in cells.items()
        )
    last: dict[str, tuple[str, Any]] = {}
    for name, day, value in zip(
        model.by_role("series"), model.by_role("x_label"), model.by_role("value"), strict=True
    ):
        if value is not None:
            last[str(name)] = (str(day), value)
    items = "".join(
        f'<li><span class="ledger-name">{escape(" · ".join(filter(None, [name, day])))}</span>'
        f'<span class="ledger-value">{escape(write_measure(words, kind, value))}</span></li>'
        for name, (day, value) in last.items()
    )
    return f"<ul>{items}</ul>"


def write_figure_foot(
    words: Words, model: FigureModel, provenance: Provenance, filters: Filters, page: str
) -> str:
    """Notes, line of provenance, and the ways to take the figure away."""
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in model.notes)
    line = " · ".join(escape(part) for part in write_provenance(words, provenance, model.method))
    details = (
        f'<details class="more"><summary>{escape(words("provenance.details"))}</summary>'
        f"<p>{escape(words('provenance.publication_id'))} "
        f"<code>{escape(provenance.publication_id)}</code></p></details>"
    )
    return f'{notes}<div class="provenance"><p>{line}</p>{details}</div>' + _write_tools(
        words, model, provenance, filters, page
    )


def _write_tools(
    words: Words, model: FigureModel, provenance: Provenance, filters: Filters, page: str
) -> str:
    """Ways to take a figure away; an example file where its record is not supplied."""
    if model.state == "not_supplied" and model.labels:
        label = words("tool.example")
        return (
            f'<div class="tools"><div class="links"><a class="tool wide" download '
            f'href="/export/example/{escape(model.labels[0])}.csv">{escape(label)}</a></div></div>'
        )
    if model.state != "ok":
        return ""
    changes = {} if filters.edition else {"pub": provenance.publication_id}
    permanent = escape(write_query(filters, **changes))
    path = "/" if page == "essentiel" else f"/{page}"
    files = "".join(
        f'<a class="tool" href="/export/{model.figure_id}.{extension}?{permanent}" download '
        f'aria-label="{escape(words(f"tool.{extension}.label", title=model.title))}">'
        f"{escape(words(f'tool.{extension}'))}</a>"
        for extension in ("csv", "xlsx")
    )
    links = (
        f'{files}<a class="tool" href="{path}?{permanent}#{model.figure_id}" '
        f'aria-label="{escape(words("tool.link.label", title=model.title))}">'
        f"{escape(words('tool.link'))}</a>"
    )
    table = ""
    if model.kind != "table":
        table = (
            f'<details class="data"><summary class="tool" aria-label="'
            f'{escape(words("tool.table.label", title=model.title))}">'
            f"{escape(words('tool.table'))}</summary>"
            f"{write_html_table(words, model, filters)}</details>"
        )
    return f'<div class="tools"><div class="links">{links}</div>{table}</div>'


def write_decisions(words: Words, decisions: Decisions) -> str:
    """What to decide, as a list: how much, what, by when, whose, and where to see more."""
    if not decisions.items:
        return f'<p class="empty" role="status">{escape(decisions.nothing)}</p>'
    items = "".join(
        f'<li class="decision {item.urgency}"><p class="decision-due">{escape(item.due_text)}</p>'
        f'<p class="decision-kg">{escape(item.weight_text)}</p>'
        f'<div><p class="decision-what"><a href="{escape(item.address)}">'
        f"{escape(item.what)}</a></p>"
        f'<p class="decision-detail">{escape(item.detail)}</p></div>'
        f'<p class="decision-owner">{escape(item.owner)}</p></li>'
        for item in decisions.items
    )
    return f'<p class="subtitle">{escape(decisions.subtitle)}</p><ol class="decisions">{items}</ol>'


def write_prose(prose: Prose) -> str:
    """Paragraphs and addresses to follow."""
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in prose.paragraphs)
    links = "".join(
        f'<li><a href="{escape(address)}">{escape(label)}</a></li>'
        for label, address in prose.links
    )
    return f'<div class="prose">{text}{f"<ul>{links}</ul>" if links else ""}</div>'


def write_message(words: Words, state: str, values: Mapping[str, str]) -> str:
    """A state in which there is nothing to show: what happened and what to do."""
    return (
        f'<div class="message" role="alert"><p>{escape(words(f"message.{state}", **values))}</p>'
        f"<p><code>{escape(words(f'message.{state}.do'))}</code></p></div>"
    )


def write_quote_lists(
    words: Words, quotes: Iterable[Quote], warnings: Iterable[Quote], signature: str
) -> str:
    """« À citer ainsi » beside « À ne pas dire »."""
    return (
        '<section class="quotes"><div class="say">'
        f"<h2>{escape(words('quote.title'))}</h2>"
        + _write_quotes(quotes, words, "quote.open")
        + f'<p class="signature">{escape(signature)}</p></div><div class="avoid">'
        f"<h2>{escape(words('warning.title'))}</h2>"
        + _write_quotes(warnings, words, "quote.open")
        + "</div></section>"
    )


def write_notice(kind: str, title: str, text: str, role: str = "status") -> str:
    """A notice: `demonstration`, `archive`, `edition`, `refused`, `stale`, `ignored`, ..."""
    return (
        f'<div class="notice notice-{kind}" role="{role}"><strong>{escape(title)}</strong> '
        f"<span>{escape(text)}</span></div>"
    )


def escape_markdown(text: str) -> str:
    """Text of data as Streamlit's headings show it: no mark-up, no icon, no formula in it."""
    return MARKDOWN.sub(r"\\\1", text)


@dataclass(frozen=True)
class Heading:
    """A heading; those of the second level have an anchor."""

    text: str
    anchor: str = ""
    level: int = 2


@dataclass(frozen=True)
class Chart:
    """A drawn figure. `opens`: the parameter of the address that a mark that is clicked sets."""

    key: str
    figure: go.Figure = field(repr=False)
    alt: str
    opens: str = ""


@dataclass(frozen=True)
class Box:
    """A container with its key, by which the style sheet knows it."""

    key: str
    parts: tuple[Part, ...]


# A piece of a page as it is sent: HTML, or what Streamlit itself lays out.
Part = str | Heading | Chart | Box


def lay_out_figure(
    words: Words,
    model: FigureModel,
    provenance: Provenance,
    filters: Filters,
    page: str,
) -> Box:
    """A figure with everything that belongs to it."""
    parts: list[Part] = [
        Heading(model.title, model.figure_id),
        f'<p class="subtitle">{escape(model.subtitle)}</p>{write_legend(words, model)}',
    ]
    if model.state == "empty":
        parts.append(f'<p class="empty" role="status">{escape(words("figure.empty"))}</p>')
    elif model.state in ("not_supplied", "not_in_publication"):
        parts.append(
            '<div class="absent"><p class="absent-word">'
            f"{escape(words(f'state.{model.state}'))}</p></div>"
        )
    elif model.kind == "table":
        parts.append(write_html_table(words, model, filters))
    else:
        # Marks that open a sheet can be clicked; the table has the same as links.
        opens = model.opened()[0] if model.kind == "map" else ""
        style = CHART_STYLES.get(model.kind, "")
        if style.startswith("wide"):
            parts.append(f'<div class="narrow">{write_narrow(words, model)}</div>')
        elif model.kind == "monthly" and len(model.rows) > MANY_BARS:
            style = "dense-"
        key = f"chart-{style}{model.figure_id}"
        parts.append(Chart(key, draw_figure(words, model), model.alt, opens))
        if model.kind == "balance":
            parts.append(write_ledger(words, model))
    parts.append(write_figure_foot(words, model, provenance, filters, page))
    return Box(f"figure-{model.figure_id}", tuple(parts))


def write_part(part: Part) -> str | None:
    """A piece as HTML, None where a chart is in it."""
    match part:
        case Heading(level=1):
            return f"<h1>{escape(part.text)}</h1>"
        case Heading():
            return f'<h2 id="{escape(part.anchor)}">{escape(part.text)}</h2>'
        case Box():
            pieces = [write_part(each) for each in part.parts]
            if None in pieces:
                return None
            return f'<div class="st-key-{escape(part.key)}">{stack(filter(None, pieces))}</div>'
        case Chart():
            return None
    return part


def stack(pieces: Iterable[str]) -> str:
    """Pieces of HTML that stand apart as elements do."""
    return "".join(f'<div class="piece">{piece}</div>' for piece in pieces if piece)


def show_parts(words: Words, parts: Iterable[Part]) -> None:
    """Pieces of a page, in their order. HTML that stands together is sent together."""
    written = ((part, write_part(part)) for part in parts)
    for is_html, group in groupby(written, lambda pair: pair[1] is not None):
        if is_html:
            show_html(*(html for _, html in group if html))
            continue
        for part, _ in group:
            match part:
                case Chart():
                    _show_chart(words, part)
                case Box():
                    with st.container(key=part.key):
                        show_parts(words, part.parts)


@st.cache_resource(max_entries=256, show_spinner=False)
def show_kept(key: str, _words: Words, _parts: tuple[Part, ...]) -> None:
    """Pieces without a widget: laid out once for a key, then sent as they were."""
    show_parts(_words, _parts)


def show_html(*pieces: str) -> None:
    """HTML on the page, in one element; several pieces stand apart as elements do."""
    st.html(pieces[0] if len(pieces) == 1 else stack(pieces))


def _show_chart(words: Words, chart: Chart) -> None:
    st.plotly_chart(
        chart.figure,
        theme=None,
        config=chart_config(words),
        alt=chart.alt,
        key=chart.key,
        on_select=partial(_open_selected, chart.key, chart.opens) if chart.opens else "ignore",
        selection_mode="points",
    )


def _open_selected(key: str, parameter: str) -> None:
    """The code of the mark that was clicked, into the address; nothing where none is."""
    points = st.session_state[key]["selection"]["points"]
    if points:
        st.query_params[parameter] = points[0]["customdata"][0]


def _write_definition(words: Words, kpi: Kpi) -> str:
    if not kpi.definition:
        return ""
    method = words("kpi.method", version=kpi.method) if kpi.method else ""
    return (
        f'<details class="definition"><summary aria-label="'
        f'{escape(words("kpi.definition.label", label=kpi.label))}">'
        f'<span aria-hidden="true">i</span></summary><div class="panel">'
        f"<p>{write_code_spans(kpi.definition)}</p>"
        + (f'<p class="formula">{write_code_spans(kpi.formula)}</p>' if kpi.formula else "")
        + (f"<p>{escape(method)}</p>" if method else "")
        + "</div></details>"
    )


def _write_quotes(quotes: Iterable[Quote], words: Words, text_id: str) -> str:
    items = "".join(
        f"<li><blockquote>{escape(words(text_id, sentence=quote.sentence))}</blockquote>"
        f"<p>{escape(quote.reason)}</p></li>"
        for quote in quotes
    )
    return f"<ul>{items}</ul>" if items else f"<p>{escape(words('figure.empty'))}</p>"


def write_code_spans(text: str) -> str:
    """Text of the register in HTML: what stands between backticks is a code."""
    return CODE_SPAN.sub(r"<code>\1</code>", escape(text))


def _style_column(column: Column, cells: Sequence[str]) -> str:
    """The class of the cells of a column: numbers, short texts on one line, long texts."""
    if column.is_number or column.kind == "written":
        return ' class="number"'
    longest = max((len(cell) for cell in cells), default=0)
    if longest > LONG_TEXT:
        return ' class="long"'
    return ' class="date"' if column.kind == "date" else ""
