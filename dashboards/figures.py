"""Charts: a figure's view model drawn by Plotly, purely.

Here lives how values become marks. Titles, subtitles, tables and legends are text of the page and
belong in `blocks.py`; values are worked out in `page_models/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go

from dashboards.figure_models import FigureModel
from dashboards.language.formats import (
    write_growth,
    write_number,
    write_share,
    write_tonnes,
    write_tonnes_only,
)
from dashboards.language.words import Words
from dashboards.theme import ACTUAL, INK, LINE, MUTED, PAPER, PREVIOUS, chart_template

SEPARATORS = {"fr": ",\u202f", "en": ".,"}
BALANCE_HEIGHT = 620
BALANCE_WIDTH = 1120
BALANCE_PAD = 20
BALANCE_MARGIN = {"l": 205, "r": 205, "t": 34, "b": 8}
BALANCE_LABEL = 26
BALANCE_LAYER_X = {0: 0.001, 1: 0.32, 2: 0.45, 3: 0.58, 4: 0.999}

BALANCE_NODE_COLOURS = {0: "#5B7F9F", 1: ACTUAL, 2: "#8592A3", 3: ACTUAL, 4: "#5B7F9F"}
BALANCE_SPECIAL_COLOURS = {
    "balance.removed": "#B5520A",
    "balance.households": "#007A5A",
    "balance.unexplained_in": INK,
    "balance.unexplained_out": INK,
    "balance.stock_in": "#7A6A9B",
    "balance.stock_out": "#7A6A9B",
    "balance.unbalanced_in": "#B00020",
    "balance.unbalanced_out": "#B00020",
}


def draw_figure(words: Words, model: FigureModel) -> go.Figure:
    """The chart of a figure. Raises KeyError for a kind that has no chart."""
    draw = {"monthly": draw_monthly, "ranked": draw_ranked, "balance": draw_balance}[model.kind]
    return draw(words, model)


def chart_config(words: Words) -> dict[str, Any]:
    """Plotly's settings for a chart on a page."""
    return {
        "displayModeBar": False,
        "responsive": True,
        "scrollZoom": False,
        "doubleClick": False,
        "locale": words.language,
    }


def draw_monthly(words: Words, model: FigureModel) -> go.Figure:
    """Two bars a month: the year before in grey, this year in navy, hatched where partial."""
    this_year, year_before = model.columns[3], model.columns[4]
    scale = 1000 if this_year.kind == "tonnes" else 1
    labels = model.values("month_short")
    names = model.values("month_name")
    current = model.values(this_year.key)
    earlier = model.values(year_before.key)
    growths = model.values("difference_share")
    partial = model.values("is_partial")

    def write(value: Any) -> str:
        if this_year.kind == "tonnes":
            return write_tonnes(words, value)
        return write_number(words, value)

    figure = go.Figure()
    positions = list(range(len(labels)))
    if any(value is not None for value in earlier):
        figure.add_bar(
            name=year_before.label,
            x=positions,
            y=_scaled(earlier, scale),
            marker={"color": PREVIOUS},
            hovertemplate="%{customdata}<extra></extra>",
            customdata=[
                f"{name} · {year_before.label} : {write(value)}"
                for name, value in zip(names, earlier, strict=True)
            ],
        )
    figure.add_bar(
        name=this_year.label,
        x=positions,
        y=_scaled(current, scale),
        marker={
            "color": ACTUAL,
            "line": {"color": ACTUAL, "width": 1},
            "pattern": {
                "shape": ["/" if flag else "" for flag in partial],
                "fillmode": "replace",
                "fgcolor": ACTUAL,
                "bgcolor": PAPER,
                "size": 7,
                "solidity": 0.3,
            },
        },
        text=[_short_label(words, value, this_year.kind) for value in current],
        textposition="outside",
        textfont={"size": 13, "color": INK},
        cliponaxis=False,
        constraintext="none",
        textangle=0,
        hovertemplate="%{customdata}<extra></extra>",
        customdata=[
            f"{name} : {write(value)}" + (f" ({write_growth(words, growth)})" if growth else "")
            for name, value, growth in zip(names, current, growths, strict=True)
        ],
    )
    known = [float(value) / scale for value in [*current, *earlier] if value is not None]
    top = max(known, default=1.0) or 1.0
    figure.update_layout(
        template=chart_template(SEPARATORS[words.language]),
        height=340,
        barmode="group",
        bargap=0.58 if len(labels) < 4 else 0.4 if len(labels) < 8 else 0.3,
        bargroupgap=0.06,
        margin={"l": 36, "r": 2, "t": 22, "b": 28},
    )
    figure.update_xaxes(
        tickvals=positions,
        ticktext=labels,
        tickangle=0,
        tickfont={"size": 11 if len(labels) > 8 else 13, "color": MUTED},
        showline=True,
        linecolor=MUTED,
        linewidth=1,
    )
    figure.update_yaxes(
        range=[0, top * 1.04],
        nticks=5,
        showgrid=True,
        gridcolor=LINE,
        gridwidth=1,
        tickformat=",~g",
        rangemode="tozero",
    )
    return figure


def draw_ranked(words: Words, model: FigureModel) -> go.Figure:
    """One bar a row in the order of the rows, its label above, the year before as a thin bar."""
    names = model.values("label")
    weights = model.values("weight_kg")
    shares = model.values("weight_share")
    earlier = model.values("weight_kg_same_days")
    positions = list(range(len(names)))
    figure = go.Figure()
    figure.add_bar(
        name=model.labels[0],
        orientation="h",
        y=positions,
        x=_scaled(weights, 1000),
        width=0.3,
        marker={"color": ACTUAL},
        text=[
            f"<b>{write_tonnes(words, weight)}</b> · {write_share(words, share, 0)}"
            for weight, share in zip(weights, shares, strict=True)
        ],
        textposition="outside",
        textfont={"size": 13, "color": INK},
        cliponaxis=False,
        constraintext="none",
        hovertemplate="%{customdata}<extra></extra>",
        customdata=[
            f"{name} : {write_tonnes(words, weight)}"
            for name, weight in zip(names, weights, strict=True)
        ],
    )
    if any(value is not None for value in earlier):
        figure.add_bar(
            name=model.labels[1],
            orientation="h",
            y=[position + 0.25 for position in positions],
            x=_scaled(earlier, 1000),
            width=0.13,
            marker={"color": PREVIOUS},
            hovertemplate="%{customdata}<extra></extra>",
            customdata=[
                f"{name} · {model.labels[1]} : {write_tonnes(words, value)}"
                for name, value in zip(names, earlier, strict=True)
            ],
        )
    for position, name in zip(positions, names, strict=True):
        figure.add_annotation(
            x=0,
            y=position - 0.34,
            xanchor="left",
            yanchor="middle",
            text=name,
            showarrow=False,
            font={"size": 14, "color": INK},
        )
    top = max([float(value) / 1000 for value in [*weights, *earlier] if value], default=1.0)
    figure.update_layout(
        template=chart_template(SEPARATORS[words.language]),
        height=20 + 58 * max(len(names), 1),
        barmode="overlay",
        margin={"l": 0, "r": 0, "t": 4, "b": 4},
    )
    figure.update_xaxes(visible=False, range=[0, top * 1.5])
    figure.update_yaxes(visible=False, range=[len(names) - 0.45, -0.6] if names else [1, 0])
    return figure


@dataclass(frozen=True)
class PlacedNode:
    """A node of the balance and where it stands, in shares of the drawing from its top left."""

    code: str
    label: str
    layer: int
    weight_kg: Decimal
    x: float
    y: float
    half_height: float


def place_nodes(model: FigureModel) -> list[PlacedNode]:
    """Nodes by layer, the heaviest first, remainders last.

    The scale is Plotly's: kilograms per pixel of the layer that has the least room.
    """
    weights: dict[str, Decimal] = {}
    about: dict[str, tuple[str, int]] = {}
    sides: dict[str, list[Decimal]] = {}
    for source, target, weight, source_code, target_code, source_layer, target_layer in model.rows:
        about[str(source_code)] = (str(source), _integer(source_layer))
        about[str(target_code)] = (str(target), _integer(target_layer))
        kilograms = weight if isinstance(weight, Decimal) else Decimal(0)
        sides.setdefault(f"{source_code}>", []).append(kilograms)
        sides.setdefault(f">{target_code}", []).append(kilograms)
    for code in about:
        outgoing = sum(sides.get(f"{code}>", []), Decimal(0))
        incoming = sum(sides.get(f">{code}", []), Decimal(0))
        weights[code] = max(outgoing, incoming)
    layers: dict[int, list[str]] = {}
    for code, (_, layer) in about.items():
        layers.setdefault(layer, []).append(code)
    height = BALANCE_HEIGHT - BALANCE_MARGIN["t"] - BALANCE_MARGIN["b"]
    scale = min(
        (height - (len(codes) - 1) * BALANCE_PAD) / float(sum(weights[code] for code in codes))
        for codes in layers.values()
    )
    placed = []
    for layer, codes in sorted(layers.items()):
        codes.sort(key=lambda code: (_rank(code), -weights[code], code))
        spans = [float(weights[code]) * scale for code in codes]
        is_single = layer == 3 and 1 not in layers
        top, gap = _spread(layer, spans, height, is_single)
        for code, span in zip(codes, spans, strict=True):
            placed.append(
                PlacedNode(
                    code,
                    about[code][0],
                    layer,
                    weights[code],
                    0.5 if is_single else BALANCE_LAYER_X[layer],
                    min(max((top + span / 2) / height, 0.001), 0.999),
                    span / 2 / height,
                )
            )
            top += span + gap
    return placed


def _spread(
    layer: int, spans: Sequence[float], height: float, is_single: bool
) -> tuple[float, float]:
    """Where a layer begins and the gap between its nodes, in pixels.

    Both sides fill the height. Sites that send stand at the top, those that receive at the bottom,
    so that links pass over and under them; sites without transfers fill the height too.
    """
    free = height - sum(spans)
    if layer in (0, 4):
        return 0.0, free / max(len(spans) - 1, 1)
    if layer == 1:
        return BALANCE_LABEL, BALANCE_LABEL
    if layer == 3 and not is_single:
        gap = BALANCE_LABEL * 1.4
        return height - sum(spans) - gap * (len(spans) - 1), gap
    gap = free / (len(spans) + 1)
    return gap, gap


def draw_balance(words: Words, model: FigureModel) -> go.Figure:
    """The Sankey of the closed balance, labels outside the drawing on both sides."""
    if not model.rows:
        return go.Figure(layout={"template": chart_template(SEPARATORS[words.language])})
    nodes = place_nodes(model)
    index = {node.code: position for position, node in enumerate(nodes)}
    colours = [
        BALANCE_SPECIAL_COLOURS.get(node.code, BALANCE_NODE_COLOURS[node.layer]) for node in nodes
    ]
    sources = [index[code] for code in model.values("source_code")]
    targets = [index[code] for code in model.values("target_code")]
    weights = model.values("weight_kg")
    figure = go.Figure(
        go.Sankey(
            arrangement="fixed",
            node={
                "label": [""] * len(nodes),
                "x": [node.x for node in nodes],
                "y": [node.y for node in nodes],
                "color": colours,
                "thickness": 14,
                "pad": BALANCE_PAD,
                "line": {"width": 0},
                "customdata": [
                    f"{node.label} : {write_tonnes(words, node.weight_kg)}" for node in nodes
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
            },
            link={
                "source": sources,
                "target": targets,
                "value": [float(weight) for weight in weights],
                "color": [
                    _tint(
                        colours[target]
                        if nodes[target].code in BALANCE_SPECIAL_COLOURS
                        else colours[source]
                    )
                    for source, target in zip(sources, targets, strict=True)
                ],
                "customdata": [
                    f"{nodes[source].label} → {nodes[target].label} : {write_tonnes(words, weight)}"
                    for source, target, weight in zip(sources, targets, weights, strict=True)
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
            },
        )
    )
    for node in nodes:
        figure.add_annotation(_label_node(words, node))
    for x, anchor, text in (
        (0.0, "right", model.labels[0]),
        (0.5, "center", model.labels[1]),
        (1.0, "left", model.labels[2]),
    ):
        shift = {"right": -12, "center": 0, "left": 12}[anchor]
        figure.add_annotation(
            x=x,
            y=1,
            yshift=24,
            xshift=shift,
            xref="paper",
            yref="paper",
            xanchor=anchor,
            text=f"<b>{text}</b>",
            showarrow=False,
            font={"size": 13, "color": MUTED},
        )
    figure.update_layout(
        template=chart_template(SEPARATORS[words.language]),
        height=BALANCE_HEIGHT,
        margin=BALANCE_MARGIN,
    )
    return figure


def _label_node(words: Words, node: PlacedNode) -> dict[str, Any]:
    """The label of a node: beside it on both sides, over it for the sites."""
    value = write_tonnes_only(words, node.weight_kg)
    label = {
        "xref": "paper",
        "yref": "paper",
        "x": node.x,
        "y": 1 - node.y,
        "yanchor": "middle",
        "showarrow": False,
        "font": {"size": 13, "color": INK},
    }
    if node.layer == 0:
        return label | {
            "xanchor": "right",
            "xshift": -10,
            "align": "right",
            "x": 0,
            "text": f"{node.label} <b>{value}</b>",
        }
    if node.layer == 4:
        return label | {
            "xanchor": "left",
            "xshift": 10,
            "align": "left",
            "x": 1,
            "text": f"<b>{value}</b> {node.label}",
        }
    return label | {
        "xanchor": "center",
        "y": 1 - node.y + node.half_height,
        "yshift": 11,
        "bgcolor": "rgba(255,255,255,0.82)",
        "borderpad": 1,
        "text": f"{node.label} <b>{value}</b>",
    }


def _rank(code: str) -> int:
    """Groups within a layer: kinds, then stock, then remainders."""
    if code.startswith("balance."):
        return 2 if "unexplained" in code or "unbalanced" in code else 1
    return 0


def _tint(colour: str) -> str:
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.28)"


def _scaled(values: Sequence[Any], scale: int) -> list[float | None]:
    return [None if value is None else float(value) / scale for value in values]


def _short_label(words: Words, value: Any, kind: str) -> str:
    if value is None:
        return ""
    if kind != "tonnes":
        return write_number(words, value)
    return write_number(words, value / 1000, 0 if abs(value) >= 100_000 else 1)


def _integer(value: Any) -> int:
    return int(value)
