"""What all charts share: scales, short labels, the template in the reader's language.

Nothing here draws a chart of its own; colours are in `theme.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from dashboards.figure_models import Column, FigureModel, write_cell
from dashboards.language.formats import write_number
from dashboards.language.words import Words
from dashboards.theme import INK, PAPER, chart_template

SEPARATORS = {"fr": ",\u202f", "en": ".,"}
SCALES = {"tonnes": 1000, "share": 0.01, "growth": 0.01}
HOVER = "%{customdata}<extra></extra>"

# A trace, a text or a line of a chart, in the words of plotly.
Mark = dict[str, Any]


def plain(texts: Sequence[Any]) -> list[str]:
    """Texts of data for a chart, whose labels would read mark-up in them."""
    return [escape(str(text), quote=False) for text in texts]


def lay_out(
    words: Words,
    traces: Sequence[Mark],
    notes: Sequence[Mark] = (),
    shapes: Sequence[Mark] = (),
    **layout: Any,
) -> go.Figure:
    """The chart of these marks, in the template with the separators of the language.

    Plotly checks them all at once: adding them one by one takes five times as long.
    """
    return go.Figure(
        data=traces,
        layout={
            "template": chart_template(SEPARATORS[words.language]),
            "annotations": notes,
            "shapes": shapes,
            **layout,
        },
    )


def write_note(text: str, x: float, y: float, **properties: Any) -> Mark:
    """A text on a chart, without an arrow."""
    return {"x": x, "y": y, "text": text, "showarrow": False, **properties}


def write_on_ground(text: str, x: float, y: float, **properties: Any) -> Mark:
    """A label of a mark, on a ground that hides the lines behind it."""
    return write_note(
        text, x, y, font={"size": 13, "color": INK}, bgcolor=PAPER, borderpad=1, **properties
    )


def scale_values(values: Sequence[Any], kind: str) -> list[float | None]:
    """Values in the unit of the axis (tonnes, per cent); None where missing or suppressed."""
    scale = SCALES.get(kind, 1)
    return [
        None if value is None or isinstance(value, str) else float(value) / scale
        for value in values
    ]


def read_role(model: FigureModel, role: str) -> tuple[Column, list[Any]]:
    """The column of a role and its values. Raises KeyError where the figure has none."""
    column = model.column(role)
    if column is None:
        raise KeyError(f"{model.figure_id} has no column for {role}")
    return column, model.values(column.key)


def write_short(words: Words, kind: str, value: Any) -> str:
    """A label on a mark: no more digits than a reader takes in."""
    if value is None:
        return ""
    if kind == "tonnes" and not isinstance(value, str):
        return write_number(words, value / 1000, 0 if abs(value) >= 100_000 else 1)
    return write_cell(words, kind, value)


def top_of(*series: Sequence[float | None]) -> float:
    """The largest value, 1 where there is none: a chart needs a scale."""
    return (
        max((value for values in series for value in values if value is not None), default=1) or 1
    )


def name_row(text: str, y: float, **properties: Any) -> Mark:
    """The text that names a horizontal bar, above it."""
    return write_note(
        text, 0, y, xref="paper", xanchor="left", yanchor="middle",
        font={"size": 14, "color": INK}, **properties,
    )  # fmt: skip


def list_keys(words: Words, model: FigureModel) -> list[tuple[str, str]]:
    """The key of a chart whose marks are of several kinds: (kind of mark, label)."""
    keys: list[tuple[str, str]] = []
    has_earlier = any(value is not None for value in model.by_role("earlier"))
    if model.kind in ("monthly", "ranked") and model.labels:
        keys.append(("actual", model.labels[0]))
        if has_earlier:
            keys.append(("previous", model.labels[1]))
    if any(value is not None for value in model.by_role("target")):
        keys.append(("target", words("legend.target")))
    if any(model.by_role("partial")):
        keys.append(("partial", words("legend.partial")))
    if any(model.by_role("aggregated")):
        keys = [("partial", words("legend.aggregated"))]
    if model.kind == "ranges":
        keys.append(("range", words("legend.range")))
    if model.kind == "control" and any(value is not None for value in model.by_role("high")):
        keys.append(("limit", words("legend.limit")))
        if any(model.by_role("flag")):
            keys.append(("outside", words("legend.outside")))
    if model.kind == "waterfall":
        keys += [("gain", words("legend.gain")), ("loss", words("legend.loss"))]
    return [] if len(keys) < 2 and model.kind == "ranked" else keys
