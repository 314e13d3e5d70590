"""Charts are read without colour: in grey, or printed, every mark is told from the others."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

import plotly.graph_objects as go
import pytest

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
    notes = figure.layout.annotations
    texts = [note.text for note in notes]
    assert all(any(f"série {number}" in text for text in texts) for number in range(4))
    # names have the hue of their line, as dark as text has to be
    assert len({note.font.color for note in notes}) == 4
    assert all(contrast(note.font.color, PAPER) >= 4.5 for note in notes)
    assert all(contrast(line.line.color, PAPER) >= 3 for line in figure.data)


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
         Column("share", "K", "share", "value"), Column("flag", "", "flag", "flag"),
         Column("low", "", "share", "low"), Column("high", "", "share", "high")),
        tuple(
            (date(2024, month, 1), str(month), Decimal(share), is_outside, Decimal("0.02"),
             Decimal("0.08"))
            for month, share, is_outside in
            ((1, "0.01", True), (2, "0.03", False), (3, "0.09", True), (4, "0.05", False))
        ),
    )  # fmt: skip
    figure = draw_figure(french, model)
    assert list(figure.data[-1].marker.symbol) == ["diamond", "circle", "diamond", "circle"]
    below, above, last = figure.layout.annotations
    # a label stands on the side that no limit crosses, on a ground of its own
    assert (below.yanchor, above.yanchor, last.yanchor) == ("top", "bottom", "bottom")
    assert {note.bgcolor for note in (below, above, last)} == {PAPER}


def test_a_bar_just_below_its_target_keeps_its_label_readable(french: Words) -> None:
    model = FigureModel(
        "x", "monthly", "t", "s", "alt",
        (Column("month", "", role="x"), Column("name", "", role="name"),
         Column("kg", "", "tonnes", "value"), Column("target", "", "tonnes", "target")),
        tuple((str(n), str(n), Decimal(weight), Decimal(95_000))
              for n, weight in enumerate((88_000, 50_000, 120_000))),
        labels=("2024", "2023"),
    )  # fmt: skip
    figure = draw_figure(french, model)
    assert list(figure.data[-1].text) == ["", "50,0", "120"]
    (note,) = figure.layout.annotations
    assert (note.text, note.y, note.bgcolor) == ("88,0", 88, PAPER)


def test_bars_below_zero_leave_room_for_labels_at_both_ends(french: Words) -> None:
    model = FigureModel(
        "x", "ranked", "t", "s", "alt",
        (Column("label", "", role="label"), Column("rate", "", "growth", "value")),
        (("ici", Decimal("0.036")), ("pays", Decimal("-0.08"))), labels=("2024", "2023"),
    )  # fmt: skip
    low, high = draw_figure(french, model).layout.xaxis.range
    assert -8 - low == pytest.approx(high - 3.6) and high - 3.6 > 0.15 * (high - low)


def test_an_axis_of_few_things_has_no_halves(french: Words) -> None:
    def draw(kind: str, most: int) -> go.Figure:
        return draw_figure(french, FigureModel(
            "x", "lines", "t", "s", "alt",
            (Column("series", "", role="series"), Column("day", "", "date", "x"),
             Column("short", "", role="x_label"), Column("lines", "", kind, "value")),
            (("a", date(2024, 1, 1), "1", 0), ("a", date(2024, 2, 1), "2", most)),
        ))  # fmt: skip

    assert draw("count", 2).layout.yaxis.dtick == 1
    assert draw("count", 200).layout.yaxis.dtick is None
    assert draw("kg", 2).layout.yaxis.dtick is None


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
