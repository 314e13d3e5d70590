"""The Sankey of the closed mass balance.

Here live the placing of its nodes and their labels; its rows come from
`page_models/mise_a_disposition.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go

from dashboards.figure_models import FigureModel
from dashboards.figures.marks import HOVER, Mark, lay_out, plain, write_note
from dashboards.language.formats import write_tonnes, write_tonnes_only
from dashboards.language.words import Words
from dashboards.theme import ACTUAL, INK, MUTED

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
        for code, name, layer in (
            (source_code, source, source_layer), (target_code, target, target_layer),
        ):  # fmt: skip
            about[str(code)] = (plain([name])[0], _integer(layer))
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
        return lay_out(words, [])
    nodes = place_nodes(model)
    index = {node.code: position for position, node in enumerate(nodes)}
    colours = [
        BALANCE_SPECIAL_COLOURS.get(node.code, BALANCE_NODE_COLOURS[node.layer]) for node in nodes
    ]
    sources = [index[code] for code in model.values("source_code")]
    targets = [index[code] for code in model.values("target_code")]
    weights = model.values("weight_kg")
    sankey: Mark = {
        "type": "sankey",
        "arrangement": "fixed",
        "node": {
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
            "hovertemplate": HOVER,
        },
        "link": {
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
            "hovertemplate": HOVER,
        },
    }
    places = ((0.0, "right", -12), (0.5, "center", 0), (1.0, "left", 12))
    heads = [
        write_note(
            f"<b>{text}</b>", x, 1, yshift=24, xshift=shift, xref="paper", yref="paper",
            xanchor=anchor, font={"size": 13, "color": MUTED},
        )
        for (x, anchor, shift), text in zip(places, model.labels[:3], strict=True)
    ]  # fmt: skip
    return lay_out(
        words,
        [sankey],
        [*(_label_node(words, node) for node in nodes), *heads],
        height=BALANCE_HEIGHT,
        margin=BALANCE_MARGIN,
    )


def _label_node(words: Words, node: PlacedNode) -> Mark:
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


def _integer(value: Any) -> int:
    return int(value)
