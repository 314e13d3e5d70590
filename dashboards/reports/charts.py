"""Charts as SVG, by a Chromium without a screen that is started once and asks nothing of the net.

Here lives the drawing of figures for paper: the font of the reports, the width of a page.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import font_source_sans_pro
import kaleido

from dashboards.figure_models import FigureModel
from dashboards.figures import draw_figure
from dashboards.language.words import Words
from dashboards.reports.model import ReportError

FONT = "Source Sans Pro"
FONTS = Path(font_source_sans_pro.__file__).parent / "files"
# Pixels of the width of a page: the more, the smaller a chart is drawn.
WIDTH = 760
WIDTHS = {"ranked": 860, "ranges": 860, "balance": 960}
HEIGHTS = {"monthly": 260, "lines": 260, "control": 260}
_lock = threading.Lock()
_FONTS_OF_BROWSER = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{fonts}</dir>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""


@contextmanager
def start_browser() -> Iterator[None]:
    """The browser that draws; one start for all charts of a run.

    Raises ReportError where no Chromium is installed.
    """
    page = kaleido.PageGenerator(mathjax=False)
    with _lock, _give_fonts():
        try:
            kaleido.start_sync_server(page_generator=page, n=1, silence_warnings=True)
        except Exception as error:
            raise ReportError(
                f"charts cannot be drawn: no Chromium could be started ({error});"
                " install the package chromium, or name it by BROWSER_PATH"
            ) from error
        try:
            yield
        finally:
            kaleido.stop_sync_server(silence_warnings=True)


@contextmanager
def _give_fonts() -> Iterator[None]:
    """The browser measures labels in the font in which they are printed."""
    former = os.environ.get("FONTCONFIG_FILE")
    with tempfile.TemporaryDirectory(prefix="collecto-fonts-") as folder:
        path = Path(folder) / "fonts.conf"
        path.write_text(_FONTS_OF_BROWSER.format(fonts=FONTS, cache=folder), encoding="utf-8")
        os.environ["FONTCONFIG_FILE"] = str(path)
        try:
            yield
        finally:
            os.environ.pop("FONTCONFIG_FILE")
            if former is not None:
                os.environ["FONTCONFIG_FILE"] = former


def draw_svg(words: Words, model: FigureModel) -> bytes:
    """The chart of a figure. Call inside `start_browser`."""
    chart = draw_figure(words, model)
    chart.update_layout(font={"family": FONT})
    width = WIDTHS.get(model.kind, WIDTH)
    height = HEIGHTS.get(model.kind, chart.layout.height)
    drawn: bytes = kaleido.calc_fig_sync(
        chart, opts={"format": "svg", "width": width, "height": height}
    )
    return drawn


def has_chart(model: FigureModel) -> bool:
    """Whether a figure is drawn, or is a table only."""
    return model.kind not in ("table", "none", "list") and model.state == "ok"
