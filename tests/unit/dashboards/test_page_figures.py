"""Charts draw the rows of their figure, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from html import escape
from itertools import pairwise

import plotly.io
import pytest

from dashboards.blocks import write_html_table, write_kpi, write_ledger
from dashboards.figure_models import Column, FigureModel
from dashboards.figures import draw_figure
from dashboards.figures.balance import place_nodes
from dashboards.filters import Filters, write_query
from dashboards.kpis import Kpi
from dashboards.language import Words
from dashboards.page_models.essentiel import build_essentiel
from dashboards.page_models.mise_a_disposition import build_mise_a_disposition
from dashboards.page_models.page import PageModel
from dashboards.page_models.territoire import build_territoire
from data_contracts.publications import Publication


@pytest.fixture
def page(publication: Publication, to_date: Filters, french: Words) -> PageModel:
    return build_mise_a_disposition(publication, to_date, french)


def test_bars_are_the_rows_of_the_table(
    publication: Publication, to_date: Filters, french: Words
) -> None:
    model = build_essentiel(publication, to_date, french).figure("tonnes-par-mois")
    figure = draw_figure(french, model)
    before, current = figure.data
    assert list(current.y) == [float(v) / 1000 for v in model.values("tonnes_this_year")]
    assert list(before.y) == [float(v) / 1000 for v in model.values("tonnes_year_before")]
    assert list(current.marker.pattern.shape) == [""] * 5 + ["/"]


def test_ranked_bars_keep_the_order_of_the_rows(page: PageModel, french: Words) -> None:
    figure = draw_figure(french, page.figure("par-type-de-partenaire"))
    weights = page.figure("par-type-de-partenaire").values("weight_kg")
    assert list(figure.data[0].x) == [float(weight) / 1000 for weight in weights]


def test_links_of_the_sankey_are_the_rows(page: PageModel, french: Words) -> None:
    model = page.figure("bilan-matiere")
    sankey = draw_figure(french, model).data[0]
    assert list(sankey.link.value) == [float(weight) for weight in model.values("weight_kg")]
    assert len(sankey.node.x) == len(place_nodes(model))
    incoming = sum(row[2] for row in model.rows if row[5] == 0 and isinstance(row[2], Decimal))
    outgoing = sum(row[2] for row in model.rows if row[6] == 4 and isinstance(row[2], Decimal))
    assert incoming == outgoing


def test_nodes_of_a_layer_do_not_overlap(page: PageModel) -> None:
    nodes = place_nodes(page.figure("bilan-matiere"))
    for layer in {node.layer for node in nodes}:
        placed = sorted((node for node in nodes if node.layer == layer), key=lambda node: node.y)
        for upper, lower in pairwise(placed):
            assert upper.y + upper.half_height <= lower.y - lower.half_height + 1e-6


def test_the_narrow_ledger_has_the_same_total_on_both_sides(page: PageModel, french: Words) -> None:
    assert (
        write_ledger(french, page.figure("bilan-matiere")).count("<strong>638,0\u00a0t</strong>")
        == 2
    )


def test_the_table_has_a_row_for_each_row_and_a_caption(
    page: PageModel, to_date: Filters, french: Words
) -> None:
    html = write_html_table(french, page.figure("bilan-matiere"), to_date)
    assert html.count("<tr>") == len(page.figure("bilan-matiere").rows) + 1
    assert "<caption" in html
    assert html.count('scope="row"') == len(page.figure("bilan-matiere").rows)


def test_texts_of_the_data_are_escaped(to_date: Filters, french: Words) -> None:
    model = FigureModel("x", "table", "<b>", "s", "alt", (Column("label", "L"),), (("<script>",),))
    assert "<script>" not in write_html_table(french, model, to_date)
    assert "<img" not in write_kpi(french, Kpi("c", "<img>", "ok", value="<img>"))


def test_a_row_leads_to_its_sheet_and_keeps_the_filters(to_date: Filters, french: Words) -> None:
    columns = (
        Column("commune_code", "", opens="commune"), Column("kg", "K", "kg"),
        Column("label", "L", role="label"),
    )  # fmt: skip
    rows = (
        ("21231", Decimal(5), "Dijon & co"),
        (None, Decimal(1), "inconnue"),
        ("", Decimal(2), "sans code"),
    )
    html = write_html_table(french, FigureModel("x", "table", "", "", "", columns, rows), to_date)
    query = escape(write_query(to_date, commune="21231"))
    assert f'<a href="?{query}#fiche-commune">Dijon &amp; co</a>' in html
    assert html.count("<a ") == 1


def test_a_mark_of_the_map_knows_its_commune(
    publication: Publication, to_date: Filters, french: Words
) -> None:
    model = build_territoire(publication, to_date, french).figure("carte-des-communes")
    marks = draw_figure(french, model).data[-1]
    assert [mark[0] for mark in marks.customdata] == model.values("commune_code") != []


def test_the_default_template_of_the_process_is_left_alone(page: PageModel, french: Words) -> None:
    before = plotly.io.templates.default
    draw_figure(french, page.figure("bilan-matiere"))
    assert plotly.io.templates.default == before
