"""Charts: a figure's view model drawn by Plotly, purely.

Here lives how values become marks, a file per family of charts. Titles, subtitles, tables and
legends are text of the page and belong in `blocks.py`; values are worked out in `page_models/`.
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from dashboards.figure_models import FigureModel
from dashboards.figures.balance import draw_balance
from dashboards.figures.bars import draw_monthly, draw_ranges, draw_ranked, draw_waterfall
from dashboards.figures.grids import draw_heat, draw_map
from dashboards.figures.lines import draw_control, draw_lines
from dashboards.language.words import Words

DRAWINGS = {
    "monthly": draw_monthly,
    "ranked": draw_ranked,
    "ranges": draw_ranges,
    "waterfall": draw_waterfall,
    "lines": draw_lines,
    "control": draw_control,
    "heat": draw_heat,
    "map": draw_map,
    "balance": draw_balance,
}

__all__ = ["chart_config", "draw_figure"]


def draw_figure(words: Words, model: FigureModel) -> go.Figure:
    """The chart of a figure. Raises KeyError for a kind that has no chart."""
    return DRAWINGS[model.kind](words, model)


def chart_config(words: Words) -> dict[str, Any]:
    """Plotly's settings for a chart on a page."""
    return {
        "displayModeBar": False,
        "responsive": True,
        "scrollZoom": False,
        "doubleClick": False,
        "locale": words.language,
    }
