"""Charts are read without colour: in grey, or printed, every mark is told from the others."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

import plotly.graph_objects as go

from dashboards.figure_models import Column, FigureModel
from dashboards.figures import draw_figure
from dashboards.figures.balance import place_nodes
from dashboards.figures.grids import SHADES
from dashboards.filters import Filters
from dashboards.language import Words
from dashboards.page_models.essentiel import build_essentiel
from dashboards.page_models.mise_a_disposition import build_mise_a_disposition
from dashboards.theme import ACTUAL, INK, NATIONAL, PAPER, PREVIOUS
from data_contracts.publications import Publication


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2: what a colour weighs in grey."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
              for part in parts]  # fmt: skip
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_years_are_told_apart_by_their_tone(
    publication: Publication, to_date: Filters, french: Words
) -> None:
    figure = draw_figure(
        french, build_essentiel(publication, to_date, french).figure("tonnes-par-mois")
    )
    colours = [bar.marker.color for bar in figure.data]
    assert colours == [PREVIOUS, ACTUAL]
    assert contrast(*colours) > 2
    assert min(contrast(colour, PAPER) for colour in colours) > 3
    # the month that is not over is hatched, not paler
    assert figure.data[1].marker.pattern.shape[-1] == "/"


def test_lines_differ_by_their_dash_and_bear_their_names(french: Words) -> None:
    days = (date(2024, 1, 1), date(2024, 2, 1))
    model = FigureModel(
        "x", "lines", "t", "s", "alt",
        (Column("series", "S", role="series"), Column("day", "D", "date", "x"),
         Column("short", "", role="x_label"), Column("kg", "K", "tonnes", "value")),
        tuple(
            (f"série {number}", day, str(day.month), Decimal(1000 * (number + day.month)))
            for number in range(4) for day in days
        ),
    )  # fmt: skip
    figure = draw_figure(french, model)
    assert len({line.line.dash for line in figure.data}) == 4
    texts = [note.text for note in figure.layout.annotations]
    assert all(any(f"série {number}" in text for text in texts) for number in range(4))


def test_rises_and_falls_bear_their_sign(french: Words) -> None:
    model = FigureModel(
        "x", "waterfall", "t", "s", "alt",
        (Column("label", "L", role="label"), Column("step", "", role="step"),
         Column("kg", "K", "tonnes", "value")),
        (("gain", "change", Decimal(2000)), ("perte", "change", Decimal(-1000)),
         ("somme", "total", Decimal(1000))),
    )  # fmt: skip
    texts = [note.text for note in draw_figure(french, model).layout.annotations]
    assert "gain <b>+2,0" in texts[0]
    assert "perte <b>-1,0" in texts[1]


def test_a_month_outside_its_limits_has_another_shape(french: Words) -> None:
    model = FigureModel(
        "x", "control", "t", "s", "alt",
        (Column("day", "D", "date", "x"), Column("short", "", role="x_label"),
         Column("share", "K", "share", "value"), Column("flag", "", "flag", "flag")),
        ((date(2024, 1, 1), "1", Decimal("0.02"), False),
         (date(2024, 2, 1), "2", Decimal("0.09"), True)),
    )  # fmt: skip
    line = draw_figure(french, model).data[-1]
    assert list(line.marker.symbol) == ["circle", "diamond"]
    assert list(line.text)[1]


def test_shades_grow_darker_and_their_numbers_stay_readable(french: Words) -> None:
    tones = [luminance(shade) for shade in SHADES]
    assert all(lighter > darker for lighter, darker in pairwise(tones))
    rows = tuple(("f", f"h{number}", Decimal(number * number)) for number in range(0, 21))
    model = FigureModel(
        "x", "heat", "t", "s", "alt",
        (Column("row", "", role="row"), Column("head", "", role="column"),
         Column("kg", "K", "kg", "value")),
        rows,
    )  # fmt: skip
    figure = draw_figure(french, model)
    top = 20 * 20
    for (_, _, value), note in zip(rows, figure.layout.annotations, strict=True):
        assert contrast(shade_of(figure, float(value) / top), note.font.color) >= 4.5


def shade_of(figure: go.Figure, share: float) -> str:
    """The colour that the scale of the shades gives, between its two steps."""
    place = min(share**0.5, 1) * (len(SHADES) - 1)
    low = min(int(place), len(SHADES) - 2)
    parts = [
        round(int(a, 16) + (int(b, 16) - int(a, 16)) * (place - low))
        for a, b in ((SHADES[low][at : at + 2], SHADES[low + 1][at : at + 2]) for at in (1, 3, 5))
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


def test_every_node_of_the_balance_is_named(
    publication: Publication, to_date: Filters, french: Words
) -> None:
    model = build_mise_a_disposition(publication, to_date, french).figure("bilan-matiere")
    texts = " ".join(note.text for note in draw_figure(french, model).layout.annotations)
    assert all(node.label in texts for node in place_nodes(model))


def test_ink_and_the_national_line_stand_out_from_the_paper() -> None:
    assert contrast(INK, PAPER) > 7
    assert contrast(NATIONAL, PAPER) > 7
