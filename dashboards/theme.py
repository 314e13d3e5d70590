"""Colours, fonts and the style sheet of the screens; the template of the charts.

Here lives what things look like. The template is given to each figure and is never the default of
the process: sessions are threads. What is drawn belongs in `figures.py` and `blocks.py`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import plotly.graph_objects as go

INK = "#16212C"
MUTED = "#4A5967"
LINE = "#D5DBE2"
WASH = "#F4F6F8"
PAPER = "#FFFFFF"

ACTUAL = "#12436D"
PREVIOUS = "#8592A3"
NATIONAL = "#3D3D3D"
FAVOURABLE = "#0072B2"
UNFAVOURABLE = "#D55E00"
SERIES = ("#12436D", "#D55E00", "#009E73", "#A285D1")
# The same hues, dark enough for text (WCAG 2.2 asks for 4.5 to 1 on the paper).
SERIES_TEXT = ("#12436D", "#A84900", "#00704F", "#6F4FA6")

FONT = '"Source Sans", "Segoe UI", system-ui, sans-serif'


@lru_cache(maxsize=1)
def style_sheet() -> str:
    """The style sheet, in a `<style>` element."""
    path = Path(__file__).with_name("theme.css")
    return f"<style>{path.read_text(encoding='utf-8')}</style>"


@lru_cache(maxsize=2)
def chart_template(separators: str) -> go.layout.Template:
    """Template of every chart: white ground, hairlines, no title and no legend of its own."""
    axis = {
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"size": 13, "color": MUTED},
        "fixedrange": True,
        "automargin": False,
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": INK},
            "paper_bgcolor": PAPER,
            "plot_bgcolor": PAPER,
            "colorway": list(SERIES),
            "showlegend": False,
            "separators": separators,
            "hoverlabel": {
                "bgcolor": INK,
                "bordercolor": INK,
                "font": {"family": FONT, "size": 13, "color": PAPER},
                "align": "left",
            },
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 0, "r": 0, "t": 8, "b": 28},
        }
    )
