"""Lines over time: at most four series with their names at the end, and a measure with its limits.

Roles: `x` (date), `x_label`, `series`, `value`; for the limits `low`, `high`, and `flag`.
"""

from __future__ import annotations

import itertools
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
    top_of,
    write_note,
    write_on_ground,
)
from dashboards.language.words import Words
from dashboards.theme import (
    ACTUAL,
    INK,
    LINE,
    MUTED,
    PAPER,
    PREVIOUS,
    SERIES,
    SERIES_TEXT,
    UNFAVOURABLE,
)

DASHES = ("solid", "dash", "dot", "dashdot")
LABEL_ROOM = 0.055
FEW = 5


def draw_lines(words: Words, model: FigureModel) -> go.Figure:
    """A line per series in the order of the rows; its name and last value stand at its end.

    What is grouped as the rest is grey. Lines differ by colour and by dash.
    """
    column, values = read_role(model, "value")
    days, labels = model.by_role("x"), model.by_role("x_label")
    series = plain(model.by_role("series"))
    kind = column.kind
    names = list(dict.fromkeys(series))
    ticks = dict(sorted(dict(zip(days, labels, strict=True)).items()))
    places = {day: place for place, day in enumerate(ticks)}
    scaled = scale_values(values, kind)
    top = top_of(scaled)
    lines: list[Mark] = []
    ends: list[tuple[float, str, str]] = []
    for index, name in enumerate(names):
        rows = [
            (places[day], value, raw, label)
            for day, value, raw, label, owner in zip(
                days, scaled, values, labels, series, strict=True
            )
            if owner == name
        ]
        colour = SERIES[index] if index < len(SERIES) else PREVIOUS
        lines.append(
            {
                "type": "scatter",
                "name": name,
                "x": [row[0] for row in rows],
                "y": [row[1] for row in rows],
                "mode": "lines+markers",
                "line": {"color": colour, "width": 2.5, "dash": DASHES[index % len(DASHES)]},
                "marker": {"size": 5, "color": colour},
                "hovertemplate": HOVER,
                "customdata": [
                    f"{name} · {label} : {write_measure(words, kind, raw)}"
                    for _, _, raw, label in rows
                ],
            }
        )
        last = next((row for row in reversed(rows) if row[1] is not None), None)
        if last is not None and last[1] is not None:
            ink = SERIES_TEXT[index] if index < len(SERIES) else INK
            ends.append((last[1], f"{name} <b>{write_measure(words, kind, last[2])}</b>", ink))
    notes = [
        write_note(
            text,
            len(places) - 1,
            y,
            xshift=10,
            xanchor="left",
            yanchor="middle",
            align="left",
            font={"size": 13, "color": ink},
        )
        for (_, text, ink), y in zip(
            ends, _spread([end[0] for end in ends], top * LABEL_ROOM), strict=True
        )
    ]
    return _lay_out_times(
        words,
        lines,
        notes,
        list(ticks.values()),
        [0, top * 1.08],
        250 if any(names) else 90,
        is_whole=kind == "count",
    )


def draw_control(words: Words, model: FigureModel) -> go.Figure:
    """A measure over time between its usual limits; what falls outside has a mark and a label."""
    column, values = read_role(model, "value")
    days, labels, flags = (model.by_role(role) for role in ("x", "x_label", "flag"))
    kind = column.kind
    scaled = scale_values(values, kind)
    places = list(range(len(days)))
    lines: list[Mark] = []
    limits: list[float | None] = []
    for role in ("low", "high"):
        limit = scale_values(model.by_role(role), kind)
        limits += limit
        if any(value is not None for value in limit):
            lines.append(
                {
                    "type": "scatter",
                    "name": role,
                    "x": places,
                    "y": limit,
                    "mode": "lines",
                    "line": {"color": MUTED, "width": 1.5, "dash": "dash"},
                    "hoverinfo": "skip",
                }
            )
    lines.append(
        {
            "type": "scatter",
            "name": column.label,
            "x": places,
            "y": scaled,
            "mode": "lines+markers",
            "line": {"color": ACTUAL, "width": 2.5},
            "marker": {
                "size": [11 if flag else 6 for flag in flags],
                "symbol": ["diamond" if flag else "circle" for flag in flags],
                "color": [UNFAVOURABLE if flag else ACTUAL for flag in flags],
                "line": {"width": 1, "color": PAPER},
            },
            "hovertemplate": HOVER,
            "customdata": [
                f"{label} : {write_measure(words, kind, value)}"
                for label, value in zip(labels, values, strict=True)
            ],
        }
    )
    lows = scale_values(model.by_role("low"), kind)
    notes = [
        # Away from the limit that it has crossed, and readable on a line.
        _write_point(write_measure(words, kind, raw), place, value, low is not None and value < low)
        for place, (value, raw, low, flag) in enumerate(
            zip(scaled, values, lows, flags, strict=True)
        )
        if value is not None and (flag or place == len(places) - 1)
    ]
    known = [value for value in [*scaled, *limits] if value is not None]
    bottom = min([0.0, *known])
    span = [bottom * 1.15, top_of(scaled, limits) * 1.15]
    return _lay_out_times(words, lines, notes, labels, span, 40)


def _write_point(text: str, place: int, value: float, is_below: bool) -> Mark:
    """The label of a point, above or below it."""
    shift, anchor = (-9, "top") if is_below else (9, "bottom")
    return write_on_ground(text, place, value, yshift=shift, yanchor=anchor)


def _lay_out_times(
    words: Words,
    lines: list[Mark],
    notes: list[Mark],
    labels: list[Any],
    span: list[float],
    room: int,
    is_whole: bool = False,
) -> go.Figure:
    """`room`: pixels on the right, for what stands at the end of the lines.

    `is_whole`: half a thing is no mark of the axis.
    """
    step = max(1, -(-len(labels) // 9))
    shown = list(range(len(labels) - 1, -1, -step))[::-1]
    return lay_out(
        words,
        lines,
        notes,
        height=360,
        margin={"l": 46, "r": room, "t": 22, "b": 30},
        xaxis={
            "tickvals": shown,
            "ticktext": [str(labels[place]) for place in shown],
            "tickangle": 0,
            "range": [-0.3, max(len(labels) - 0.7, 0.7)],
            "showline": True,
            "linecolor": MUTED,
        },
        yaxis={
            "range": span,
            **({"dtick": 1} if is_whole and span[1] <= FEW else {"nticks": 5}),
            "showgrid": True,
            "gridcolor": LINE,
            "gridwidth": 1,
            "tickformat": ",~g",
        },
    )


def _spread(values: list[float], room: float) -> list[float]:
    """Places for labels at `values`, moved apart so that each has `room`."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    placed = list(values)
    for lower, upper in itertools.pairwise(order):
        placed[upper] = max(placed[upper], placed[lower] + room)
    return placed
