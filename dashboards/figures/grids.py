"""A table of shades with its numbers, and the map of communes.

Roles of the shades: `row`, `column`, `value`. Roles of the map: `label`, `latitude`, `longitude`,
`value`, `outline` (rings of a contour as JSON, where one is configured).
"""

from __future__ import annotations

import json
import math
from typing import Any

import plotly.graph_objects as go

from dashboards.figure_models import FigureModel, write_measure
from dashboards.figures.marks import (
    HOVER,
    Mark,
    lay_out,
    plain,
    read_role,
    scale_values,
    write_note,
    write_short,
)
from dashboards.language.words import Words
from dashboards.theme import ACTUAL, INK, LINE, MUTED, PAPER, UNFAVOURABLE

# From white to the navy of actual figures, readable in grey.
SHADES = ("#FFFFFF", "#DCE6EF", "#A9C1D7", "#6A90B4", "#2F6391", "#12436D")
# Where white and black both have 4.5:1 on the shade: white from here on, black before.
DARK_FROM = 0.7
ON_SHADE = "#000000"
LARGEST_SYMBOL = 46


def draw_heat(words: Words, model: FigureModel) -> go.Figure:
    """A shade and a number per cell; an empty cell is a true zero, one that is missing says so."""
    column, values = read_role(model, "value")
    rows, heads = plain(model.by_role("row")), plain(model.by_role("column"))
    kind = column.kind
    row_names, head_names = list(dict.fromkeys(rows)), list(dict.fromkeys(heads))
    cells = dict(zip(zip(rows, heads, strict=True), values, strict=True))
    top = max((value for value in values if value is not None), default=1) or 1
    # Shades follow the root: a few hundred kilograms stay visible beside several tonnes.
    shades = [
        [math.sqrt(max(float(cells.get((row, head)) or 0), 0) / float(top)) for head in head_names]
        for row in row_names
    ]
    shaded: Mark = {
        "type": "heatmap",
        "z": shades,
        "x": list(range(len(head_names))),
        "y": list(range(len(row_names))),
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[place / 5, colour] for place, colour in enumerate(SHADES)],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hovertemplate": HOVER,
        "customdata": [
            [
                f"{row} · {head} : {write_measure(words, kind, cells.get((row, head)))}"
                for head in head_names
            ]
            for row in row_names
        ],
    }
    return lay_out(
        words,
        [shaded],
        [
            write_note(
                write_short(words, kind, cells.get((row, head))), x, y,
                font={"size": 13, "color": PAPER if shades[y][x] > DARK_FROM else ON_SHADE},
            )
            for y, row in enumerate(row_names)
            for x, head in enumerate(head_names)
        ],
        height=60 + 40 * max(len(row_names), 1),
        margin={"l": 190, "r": 2, "t": 34, "b": 4},
        xaxis={
            "side": "top",
            "tickvals": list(range(len(head_names))),
            "ticktext": head_names,
            "tickangle": 0,
        },
        yaxis={
            "autorange": "reversed",
            "tickvals": list(range(len(row_names))),
            "ticktext": row_names,
            "tickfont": {"size": 13, "color": INK},
        },
    )  # fmt: skip


def draw_map(words: Words, model: FigureModel) -> go.Figure:
    """Communes as filled contours where they are known, else as symbols of proportional area.

    Both stand on axes of equal scale at the middle latitude: no tile, no topology from elsewhere.
    """
    column, values = read_role(model, "value")
    names = plain(model.by_role("label"))
    latitudes, longitudes, outlines = (
        model.by_role(role) for role in ("latitude", "longitude", "outline")
    )
    codes = model.opened()[1]
    kind = column.kind
    scaled = [value or 0.0 for value in scale_values(values, kind)]
    top = max(scaled, default=1) or 1
    marks: list[Mark] = [
        {
            "type": "scatter",
            "x": [point[0] for point in ring],
            "y": [point[1] for point in ring],
            "mode": "lines",
            "fill": "toself",
            "fillcolor": _shade(value / top),
            "line": {"color": MUTED, "width": 0.7},
            "hoverinfo": "skip",
        }
        for outline, value in zip(outlines, scaled, strict=True)
        for ring in (json.loads(outline) if outline else ())
    ]
    has_outlines = any(outlines)
    known = [index for index in range(len(names)) if latitudes[index] is not None]
    marks.append(
        {
            "type": "scatter",
            "x": [float(longitudes[index]) for index in known],
            "y": [float(latitudes[index]) for index in known],
            "mode": "markers",
            "marker": {
                "size": [
                    7
                    if has_outlines
                    else 5 + LARGEST_SYMBOL * math.sqrt(max(scaled[index], 0) / top)
                    for index in known
                ],
                "color": INK if has_outlines else ACTUAL,
                "opacity": 0.35 if has_outlines else 0.62,
                "line": {"color": PAPER, "width": 1},
            },
            "hovertemplate": "%{customdata[1]}<extra></extra>",
            "customdata": [
                (codes[index], f"{names[index]} : {write_measure(words, kind, values[index])}")
                for index in known
            ],
            "selected": {"marker": {"color": UNFAVOURABLE, "opacity": 0.85}},
            "unselected": {"marker": {"opacity": 0.35 if has_outlines else 0.62}},
        }
    )
    notes = [
        write_note(
            names[index],
            float(longitudes[index]),
            float(latitudes[index]),
            yshift=0
            if has_outlines
            else -(9 + LARGEST_SYMBOL * math.sqrt(scaled[index] / top) / 2),
            bgcolor="rgba(255,255,255,0.8)",
            font={"size": 12, "color": INK},
        )
        for index in sorted(known, key=lambda index: -scaled[index])[:6]
    ]
    middle = sum(float(latitudes[index]) for index in known) / len(known) if known else 46.0
    return lay_out(
        words,
        marks,
        notes,
        height=460,
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        xaxis={"visible": False, "gridcolor": LINE},
        yaxis={
            "visible": False,
            "scaleanchor": "x",
            "scaleratio": 1 / math.cos(math.radians(middle)),
        },
    )


def _shade(share: float) -> str:
    steps: list[Any] = list(SHADES)
    return str(steps[min(int(math.sqrt(max(share, 0)) * len(steps)), len(steps) - 1)])
