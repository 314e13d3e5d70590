"""Every page over the demonstration: language, structure, accessibility, ink, labels, nothing
asked elsewhere. Once per page and language; the grid of roles and widths is in the sweep."""

from __future__ import annotations

import io
import os
from itertools import pairwise
from typing import Any

import pytest
from PIL import Image, ImageStat
from playwright.sync_api import Page

from dashboards.language import read_words
from dashboards.page_models.page import SHEETS
from dashboards.pages import PAGES
from tests.browser.conftest import OpenPage, ServePublished, find_grave, stretch_to_page
from tests.conftest import DataFolder

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROLES = ("data_team", "food_bank:bourgogne", "metropole:242100410", "public")
HEADINGS = "[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"
ALTERNATIVES = """[...document.querySelectorAll('[data-testid=stPlotlyChart]')]
  .map(chart => chart.getAttribute('aria-label') ?? '')"""
OVERFLOW = """() => { const main = document.querySelector('[data-testid=stMain]');
  return main.scrollWidth - main.clientWidth; }"""
# Labels of a chart that cover each other by more than two pixels on both axes.
COVERED = """() => [...document.querySelectorAll('[class*=st-key-chart-]')].flatMap(chart => {
  const boxes = [...chart.querySelectorAll('.annotation-text, .bartext, .xtick text')]
    .filter(text => text.textContent.trim())
    .map(text => [text.textContent, text.getBoundingClientRect()]);
  const found = [];
  for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
    const [a, b] = [boxes[i][1], boxes[j][1]];
    const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (x > 2 && y > 2) found.push(chart.className.match(/st-key-chart-\\S+/)[0] + ': '
      + boxes[i][0] + ' / ' + boxes[j][0]);
  }
  return found;
})"""


def open_details(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")


def find_blank(page: Page) -> list[str]:
    """Charts whose picture is of one colour."""
    blank = []
    for chart in page.locator("[class*=st-key-chart-]").all():
        if not chart.is_visible():
            continue
        picture = Image.open(io.BytesIO(chart.screenshot())).convert("L")
        if ImageStat.Stat(picture).stddev[0] < 2:
            blank.append(chart.get_attribute("class") or "")
    return blank


def check_structure(visit: Any, language: str) -> None:
    page = visit.page
    assert page.evaluate("document.documentElement.lang") == language
    assert visit.errors == []
    assert visit.elsewhere == []
    assert page.locator(".message").count() == 0, page.locator(".message").all_inner_texts()
    levels = page.evaluate(HEADINGS)
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    for text in page.evaluate(ALTERNATIVES):
        assert any(character.isdigit() for character in text), text


@pytest.mark.parametrize("code", PAGES)
def test_a_page_in_french_is_sound_and_accessible(
    demonstration: DataFolder, serve_published: ServePublished, open_page: OpenPage, code: str
) -> None:
    visit = open_page(serve_published(demonstration.path / "published"), PAGES[code].path)
    page = visit.page
    check_structure(visit, "fr")
    assert page.title() == f"{read_words('fr')(f'{code}.title')} · {read_words('fr')('site.name')}"
    stretch_to_page(page, 1366)
    assert find_blank(page) == []
    assert page.evaluate(COVERED) == []
    open_details(page)
    stretch_to_page(page, 1366)
    assert find_grave(page) == []
    page.set_viewport_size({"width": 320, "height": 900})
    stretch_to_page(page, 320)
    assert page.evaluate(OVERFLOW) <= 1
    assert find_grave(page) == []


@pytest.mark.parametrize("code", PAGES)
def test_a_page_in_english_is_sound_and_has_its_figures(
    demonstration: DataFolder, serve_published: ServePublished, open_page: OpenPage, code: str
) -> None:
    site = serve_published(demonstration.path / "published")
    visit = open_page(site, f"{PAGES[code].path}?lang=en")
    check_structure(visit, "en")
    shown = visit.page.evaluate(
        "[...document.querySelectorAll('[class*=st-key-figure-]')]"
        ".map(e => e.className.match(/st-key-figure-(\\S+)/)[1])"
    )
    # What a page shows only once it was asked for (a sheet, a search) is not there.
    assert set(shown) <= set(PAGES[code].figures)
    asked = {*SHEETS.values(), "rappel-par-lieu", "rappel-lignes"}
    assert set(PAGES[code].figures) - asked <= set(shown)
    anchors = visit.page.evaluate("[...document.querySelectorAll('h2[id]')].map(h => h.id)")
    assert set(shown) <= set(anchors)


def test_the_keyboard_reaches_menu_filters_tables_and_files(
    demonstration: DataFolder, serve_published: ServePublished, open_page: OpenPage
) -> None:
    page = open_page(serve_published(demonstration.path / "published"), "/carbone").page
    reached = []
    for _ in range(90):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "() => { const e = document.activeElement;"
                " const style = getComputedStyle(e);"
                " return [e.tagName, e.className.toString(), e.innerText?.slice(0, 40) ?? '',"
                " style.outlineStyle !== 'none' || style.boxShadow !== 'none'"
                " || e.tagName === 'INPUT' || e.tagName === 'BODY']; }"
            )
        )
    texts = [text for _, _, text, _ in reached]
    for wanted in ("English", "Territoire", "Tableau", "CSV", "XLSX", "Lien"):
        assert any(wanted in text for text in texts), wanted
    assert any(tag == "INPUT" for tag, *_ in reached)
    hidden = [entry for entry in reached if not entry[3]]
    assert hidden == []


@pytest.mark.sweep
@pytest.mark.parametrize("width", [1366, 768, 375, 320])
@pytest.mark.parametrize("role", ROLES)
def test_every_page_of_every_role_at_every_width(
    demonstration: DataFolder,
    serve_published: ServePublished,
    open_page: OpenPage,
    monkeypatch: pytest.MonkeyPatch,
    role: str,
    width: int,
) -> None:
    monkeypatch.setenv("COLLECTO_LOCAL_ROLE", role)
    site = serve_published(demonstration.path / "published")
    for code, entry in PAGES.items():
        for language in ("fr", "en"):
            visit = open_page(site, f"{entry.path}?lang={language}", width=width)
            page = visit.page
            is_open = code in _pages_of(role)
            if not is_open:
                assert page.locator("h1").inner_text() != read_words(language)(f"{code}.title")
                page.close()
                continue
            check_structure(visit, language)
            stretch_to_page(page, width)
            place = (role, code, language, width)
            assert find_blank(page) == [], place
            assert page.evaluate(COVERED) == [], place
            open_details(page)
            stretch_to_page(page, width)
            assert page.evaluate(OVERFLOW) <= 1, place
            assert find_grave(page) == [], place
            page.close()


def _pages_of(role: str) -> tuple[str, ...]:
    former = os.environ.get("COLLECTO_LOCAL_ROLE")
    assert former == role
    from dashboards.access import read_local_principal

    return read_local_principal().pages
