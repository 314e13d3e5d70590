"""The demonstration in a browser: what a person reads is what `collecto indicator` answers."""

from __future__ import annotations

import re

import pytest

from data_contracts.loader import load_register
from tests.browser.conftest import OpenPage, ServePublished
from tests.conftest import DataFolder

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CARDS = [
    "tonnes_distributed",
    "fresh_share_distributed",
    "induced_kg_per_tonne",
    "households_helped",
    "orders",
    "platform_users_active",
    "partners_on_platform",
]


def _read_number(text: str) -> float:
    """`1 244,6 t` is 1244.6, `50,3 %` is 0.503."""
    found = re.match(r"[-+]?[\d\u202f]+(,\d+)?", text)
    assert found, text
    number = float(found[0].replace("\u202f", "").replace(",", "."))
    return number / 100 if "%" in text else number


def test_the_first_page_shows_the_figures_of_the_command_line(
    demonstration: DataFolder, serve_published: ServePublished, open_page: OpenPage
) -> None:
    page = open_page(serve_published(demonstration.path / "published")).page
    assert page.locator(".notice-demonstration").is_visible()
    for code in CARDS:
        label = load_register()[code].label_fr
        card = page.locator(".kpi", has=page.locator("h3", has_text=re.compile(f"^{label}$")))
        shown = _read_number(card.locator(".kpi-value").inner_text())
        value = demonstration.value(code, "2024-to-date", "bourgogne")
        assert value is not None
        assert shown == pytest.approx(value, abs=0.00051 if value < 1 else 0.051), code


def test_the_published_key_figures_stand_beside_the_computed_ones(
    demonstration: DataFolder, serve_published: ServePublished, open_page: OpenPage
) -> None:
    page = open_page(serve_published(demonstration.path / "published")).page
    rows = page.locator("table tbody tr", has_text="Cap Digital").all_inner_texts()
    assert len(rows) == 11
    marks = [row for row in rows if "identique" in row or "atteint" in row]
    assert len(marks) == 11
    assert sum("847" in row for row in rows) == 1


def test_another_period_is_another_figure_and_the_address_says_so(
    demonstration: DataFolder, serve_published: ServePublished, open_page: OpenPage
) -> None:
    site = serve_published(demonstration.path / "published")
    page = open_page(site, "/?period=2023&lang=en").page
    label = load_register()["households_helped"].label_en
    card = page.locator(".kpi", has=page.locator("h3", has_text=label))
    assert card.locator(".kpi-value").inner_text().startswith("660")
