"""Bars: by month beside the year before, ranked, with their range, and as a waterfall.

Each takes the columns of a figure by their role: `x`, `name`, `value`, `earlier`, `target`,
`change`, `partial`, `aggregated`; `label`, `share`, `low`, `high`; `step`.
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from dashboards.figure_models import FigureModel, write_cell, write_measure
from dashboards.figures.marks import (
    HOVER,
    Mark,
    lay_out,
    name_row,
    plain,
    read_role,
    scale_values,
    top_of,
    write_on_ground,
    write_short,
)
from dashboards.language.formats import write_growth
from dashboards.language.words import Words
from dashboards.theme import ACTUAL, FAVOURABLE, INK, LINE, MUTED, PAPER, PREVIOUS, UNFAVOURABLE

MANY_BARS = 8


def draw_monthly(words: Words, model: FigureModel) -> go.Figure:
    """Two bars a month: the year before in grey, this year in navy, hatched where partial.

    A target is a dotted line over the bars of its month.
    """
    column, current = read_role(model, "value")
    earlier, targets = model.by_role("earlier"), model.by_role("target")
    labels, names = model.by_role("x"), model.by_role("name")
    growths = model.by_role("change")
    # What is not over, and what records do not show month by month.
    hatched = [
        flag or other
        for flag, other in zip(model.by_role("partial"), model.by_role("aggregated"), strict=True)
    ]
    kind = column.kind
    positions = list(range(len(labels)))
    before, scaled, marks = (scale_values(row, kind) for row in (earlier, current, targets))
    bars: list[Mark] = []
    texts = [write_short(words, kind, value) for value in current]
    bargap = 0.58 if len(labels) < 4 else 0.4 if len(labels) < MANY_BARS else 0.3
    # The label of a bar just below its target stands on a ground that hides the line.
    room = top_of(scaled, before, marks) * 0.09
    crossed = [
        (place, value)
        for place, (value, mark) in enumerate(zip(scaled, marks, strict=True))
        if value is not None and mark is not None and value <= mark < value + room
    ]
    if any(value is not None for value in earlier):
        bars.append(
            {
                "type": "bar",
                "name": model.labels[1],
                "x": positions,
                "y": before,
                "marker": {"color": PREVIOUS},
                "hovertemplate": HOVER,
                "customdata": [
                    f"{name} · {model.labels[1]} : {write_measure(words, kind, value)}"
                    for name, value in zip(names, earlier, strict=True)
                ],
            }
        )
    bars.append(
        {
            "type": "bar",
            "name": model.labels[0],
            "x": positions,
            "y": scaled,
            "marker": {
                "color": ACTUAL,
                "line": {"color": ACTUAL, "width": 1},
                "pattern": {
                    "shape": ["/" if flag else "" for flag in hatched],
                    "fillmode": "replace",
                    "fgcolor": ACTUAL,
                    "bgcolor": PAPER,
                    "size": 7,
                    "solidity": 0.3,
                },
            },
            "text": ["" if place in dict(crossed) else text for place, text in enumerate(texts)],
            "textposition": "outside",
            "textfont": {"size": 13 if len(labels) <= MANY_BARS else 11, "color": INK},
            "cliponaxis": False,
            "constraintext": "none",
            "textangle": 0,
            "hovertemplate": HOVER,
            "customdata": [
                f"{name} : {write_measure(words, kind, value)}"
                + (f" ({write_growth(words, growth)})" if growth else "")
                for name, value, growth in zip(names, current, growths, strict=True)
            ],
        }
    )
    return lay_out(
        words,
        bars,
        [
            write_on_ground(
                texts[place],
                place + ((1 - bargap) / 4 if len(bars) == 2 else 0),
                value,
                yanchor="bottom",
            )
            for place, value in crossed
        ],
        shapes=[
            {
                "type": "line",
                "x0": position - 0.42,
                "x1": position + 0.42,
                "y0": target,
                "y1": target,
                "line": {"color": INK, "width": 2, "dash": "dot"},
            }
            for position, target in zip(positions, marks, strict=True)
            if target is not None
        ],
        height=340,
        barmode="group",
        bargap=bargap,
        bargroupgap=0.06,
        margin={"l": 46, "r": 2, "t": 22, "b": 28},
        xaxis={
            "tickvals": positions,
            "ticktext": labels,
            "tickangle": 0,
            "tickfont": {"size": 11 if len(labels) > MANY_BARS else 13, "color": MUTED},
            "showline": True,
            "linecolor": MUTED,
            "linewidth": 1,
        },
        yaxis={
            "range": [0, top_of(scaled, before, marks) * 1.04],
            "nticks": 5,
            "showgrid": True,
            "gridcolor": LINE,
            "gridwidth": 1,
            "tickformat": ",~g",
            "rangemode": "tozero",
        },
    )


def draw_ranked(words: Words, model: FigureModel) -> go.Figure:
    """One bar a row in the order of the rows, its label above, the year before as a thin bar."""
    column, values = read_role(model, "value")
    names = plain(model.by_role("label"))
    shares, earlier = model.by_role("share"), model.by_role("earlier")
    kind = column.kind
    scaled, before = scale_values(values, kind), scale_values(earlier, kind)
    bars: list[Mark] = [
        {
            "type": "bar",
            "name": column.label,
            "orientation": "h",
            "y": list(range(len(names))),
            "x": scaled,
            "width": 0.3,
            "marker": {"color": ACTUAL},
            "text": [
                f"<b>{write_measure(words, kind, value)}</b>"
                + (f" · {write_cell(words, 'whole_share', share)}" if share is not None else "")
                for value, share in zip(values, shares, strict=True)
            ],
            "textposition": "outside",
            "textfont": {"size": 13, "color": INK},
            "cliponaxis": False,
            "constraintext": "none",
            "hovertemplate": HOVER,
            "customdata": [
                f"{name} : {write_measure(words, kind, value)}"
                for name, value in zip(names, values, strict=True)
            ],
        }
    ]
    if any(value is not None for value in earlier):
        bars.append(
            {
                "type": "bar",
                "name": model.labels[1],
                "orientation": "h",
                "y": [position + 0.25 for position in range(len(names))],
                "x": before,
                "width": 0.13,
                "marker": {"color": PREVIOUS},
                "hovertemplate": HOVER,
                "customdata": [
                    f"{name} · {model.labels[1]} : {write_measure(words, kind, value)}"
                    for name, value in zip(names, earlier, strict=True)
                ],
            }
        )
    low = min(0, min((value for value in scaled if value is not None), default=0))
    high = max(0.0, top_of(scaled, before))
    # Room for the labels at the ends of the bars.
    room = (high - low) * (0.3 if low else 0.5)
    return _lay_out_rows(
        words,
        bars,
        [name_row(name, position - 0.34) for position, name in enumerate(names)],
        [low - room if low else 0, high + room],
    )


def draw_ranges(words: Words, model: FigureModel) -> go.Figure:
    """One bar a row with the range of its value as a line through its end."""
    column, values = read_role(model, "value")
    names = plain(model.by_role("label"))
    lows, highs = model.by_role("low"), model.by_role("high")
    kind = column.kind
    scaled = scale_values(values, kind)
    low, high = scale_values(lows, kind), scale_values(highs, kind)

    def span(value: float | None, end: float | None) -> float:
        return 0.0 if value is None or end is None else abs(end - value)

    texts = [_write_range(words, kind, *row) for row in zip(values, lows, highs, strict=True)]
    bar: Mark = {
        "type": "bar",
        "name": column.label,
        "orientation": "h",
        "y": list(range(len(names))),
        "x": scaled,
        "width": 0.26,
        "marker": {"color": ACTUAL},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [span(value, end) for value, end in zip(scaled, high, strict=True)],
            "arrayminus": [span(value, end) for value, end in zip(scaled, low, strict=True)],
            "color": INK,
            "thickness": 1.5,
            "width": 5,
        },
        "hovertemplate": HOVER,
        "customdata": [f"{name} : {text}" for name, text in zip(names, texts, strict=True)],
    }
    notes = [
        name_row(f"{name}<br><b>{text}</b>", position - 0.42, align="left")
        for position, (name, text) in enumerate(zip(names, texts, strict=True))
    ]
    return _lay_out_rows(words, [bar], notes, [0, top_of(scaled, high) * 1.04], row_height=78)


def draw_waterfall(words: Words, model: FigureModel) -> go.Figure:
    """Changes one after the other and their total, rises and falls also by their sign.

    Role `step`: `change`, `total`, or `context` for what the table holds and the chart does not.
    """
    column, all_values = read_role(model, "value")
    drawn = [
        (name, value, step)
        for name, value, step in zip(
            plain(model.by_role("label")), all_values, model.by_role("step"), strict=True
        )
        if step != "context"
    ]
    names = [name for name, _, _ in drawn]
    values = [value for _, value, _ in drawn]
    steps = [step for _, _, step in drawn]
    kind = column.kind
    scaled = [value or 0.0 for value in scale_values(values, kind)]
    level, bases, tops = 0.0, [], []
    for length, step in zip(scaled, steps, strict=True):
        start = 0.0 if step == "total" else level
        level = start + length
        bases.append(min(start, level))
        tops.append(max(start, level))
    colours = [
        ACTUAL if step == "total" else FAVOURABLE if length >= 0 else UNFAVOURABLE
        for length, step in zip(scaled, steps, strict=True)
    ]
    bar: Mark = {
        "type": "bar",
        "name": column.label,
        "orientation": "h",
        "y": list(range(len(names))),
        "base": bases,
        "x": [top - base for base, top in zip(bases, tops, strict=True)],
        "width": 0.34,
        "marker": {"color": colours},
        "hovertemplate": HOVER,
        "customdata": [
            f"{name} : {write_measure(words, kind, value)}"
            for name, value in zip(names, values, strict=True)
        ],
    }
    notes = []
    for position, (name, value) in enumerate(zip(names, values, strict=True)):
        sign = "+" if value is not None and value > 0 else ""
        text = f"{name} <b>{sign}{write_measure(words, kind, value)}</b>"
        notes.append(name_row(text, position - 0.36))
    low, high = min([0.0, *bases]), max([0.0, *tops])
    room = (high - low or 1.0) * 0.02
    return _lay_out_rows(words, [bar], notes, [low - room, high + room])


def _write_range(words: Words, kind: str, value: Any, low: Any, high: Any) -> str:
    text = write_measure(words, kind, value)
    if low is None or high is None or low == high:
        return text
    span = words(
        "chart.range", low=write_cell(words, kind, low), high=write_cell(words, kind, high)
    )
    return f"{text} {span}"


def _lay_out_rows(
    words: Words, bars: list[Mark], names: list[Mark], span: list[float], row_height: int = 58
) -> go.Figure:
    count = len(names)
    return lay_out(
        words,
        bars,
        names,
        height=20 + row_height * max(count, 1),
        barmode="overlay",
        margin={"l": 0, "r": 0, "t": 4, "b": 4},
        xaxis={"visible": False, "range": span},
        yaxis={"visible": False, "range": [count - 0.45, -0.65] if count else [1, 0]},
    )
