"""Pages 1 and 3 in a browser, over the small publication: addresses, choices, states."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.conftest import OpenPage, ServePublished, wait_for_page
from tests.fixtures.publication import EARLIER_ID, write_publication, write_refusal

pytestmark = pytest.mark.browser

TABLE_ROWS = "table => table.querySelectorAll('tbody tr').length"
BAR_VALUES = """id => {
  const chart = document.querySelector(`.st-key-figure-${id} .js-plotly-plot`);
  return chart.data.map(trace => Array.from(trace.x ?? []).length);
}"""


def test_french_is_the_language_of_a_bare_address(small_site: str, open_page: OpenPage) -> None:
    visit = open_page(small_site)
    assert visit.page.evaluate("document.documentElement.lang") == "fr"
    assert visit.page.locator("h1").inner_text() == "L'essentiel"


def test_the_period_of_the_address_changes_the_figure(small_site: str, open_page: OpenPage) -> None:
    to_date = open_page(small_site, "/").page
    whole_year = open_page(small_site, "/?period=2023").page
    assert to_date.evaluate(BAR_VALUES, "tonnes-par-mois") == [6, 6]
    assert whole_year.evaluate(BAR_VALUES, "tonnes-par-mois") == [12]
    assert "486,2" in to_date.locator(".lead").inner_text()
    assert "1\u202f012,8" in whole_year.locator(".lead").inner_text()


@pytest.mark.parametrize(
    ("path", "figure_id"),
    [
        ("/", "tonnes-par-mois"),
        ("/mise-a-disposition", "par-type-de-partenaire"),
        ("/mise-a-disposition", "foyers-par-mois"),
    ],
)
def test_the_table_has_the_rows_of_the_chart(
    small_site: str, open_page: OpenPage, path: str, figure_id: str
) -> None:
    page = open_page(small_site, path).page
    rows = page.locator(f"#table-{figure_id}").evaluate(TABLE_ROWS)
    assert set(page.evaluate(BAR_VALUES, figure_id)) == {rows}


def test_the_table_of_the_sankey_has_its_links_and_opens_by_keyboard(
    small_site: str, open_page: OpenPage
) -> None:
    page = open_page(small_site, "/mise-a-disposition").page
    links = page.evaluate(
        "document.querySelector('.st-key-chart-bilan-matiere .js-plotly-plot')"
        ".data[0].link.value.length"
    )
    table = page.locator("#table-bilan-matiere")
    assert table.evaluate(TABLE_ROWS) == links
    assert not table.is_visible()
    summary = page.locator(".st-key-figure-bilan-matiere summary.tool")
    summary.focus()
    page.keyboard.press("Enter")
    assert table.is_visible()


def test_the_address_of_a_figure_leads_to_it(small_site: str, open_page: OpenPage) -> None:
    page = open_page(small_site, "/methode#versions").page
    page.wait_for_function(
        "() => { const top = document.getElementById('versions').getBoundingClientRect().top;"
        " return top >= 0 && top < innerHeight / 2; }"
    )
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") > 500


def test_a_narrow_screen_reads_the_balance_as_two_lists(
    small_site: str, open_page: OpenPage
) -> None:
    page = open_page(small_site, "/mise-a-disposition", width=375).page
    assert page.locator(".ledger").is_visible()
    assert not page.locator(".st-key-chart-bilan-matiere").is_visible()
    totals = page.locator(".ledger-total strong").all_inner_texts()
    assert totals == ["638,0\u00a0t", "638,0\u00a0t"]


def test_a_csv_is_downloaded_with_its_filters(
    small_site: str, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(small_site, "/?period=2023-Q4&lang=en").page
    with page.expect_download() as download:
        page.locator(".st-key-figure-tonnes-par-mois a.tool", has_text="CSV").click()
    file = tmp_path / "figure.csv"
    download.value.save_as(file)
    assert "2023-Q4" in download.value.suggested_filename
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
    assert [row["month"] for row in rows] == ["2023-10-01", "2023-11-01", "2023-12-01"]
    assert {row["weight_kg_this_year"] for row in rows} == {"84400"}


def test_a_choice_in_the_list_writes_the_address(small_site: str, open_page: OpenPage) -> None:
    page = open_page(small_site, "/").page
    page.get_by_role("combobox", name="Période").click()
    page.get_by_role("option", name="4e trimestre 2023").click()
    page.wait_for_function("() => location.search.includes('period=2023-Q4')")
    page.wait_for_function("() => document.querySelector('.lead').innerText.includes('253,2')")


def test_the_menu_keeps_period_and_language(small_site: str, open_page: OpenPage) -> None:
    page = open_page(small_site, "/?lang=en&period=2023").page
    page.locator(".menu-wide").get_by_role("link", name="Making food available").click()
    page.wait_for_selector("h1:has-text('Making food available')")
    page.wait_for_function("() => location.search.includes('period=2023')")
    assert "lang=en" in page.url
    assert "2023" in page.locator(".st-key-figure-bilan-matiere .subtitle").inner_text()


def test_an_unknown_value_is_ignored_with_a_note(small_site: str, open_page: OpenPage) -> None:
    page = open_page(small_site, "/?period=1999").page
    assert "1999" in page.locator(".notice-ignored").inner_text()
    assert "486,2" in page.locator(".lead").inner_text()


def test_an_earlier_publication_says_that_it_is_one(small_site: str, open_page: OpenPage) -> None:
    page = open_page(small_site, f"/?pub={EARLIER_ID}").page
    assert page.locator(".notice-archive").is_visible()
    assert page.locator(".provenance code").first.text_content() == EARLIER_ID


def test_a_publication_that_is_not_kept_says_what_to_do(
    small_site: str, open_page: OpenPage
) -> None:
    page = open_page(small_site, "/?pub=0123456789abcdef").page
    assert "collecto publications list" in page.locator(".message").inner_text()


def test_without_a_publication_the_page_says_what_to_run(
    serve_published: ServePublished, open_page: OpenPage, tmp_path: Path
) -> None:
    visit = open_page(serve_published(tmp_path), "/")
    assert "collecto refresh" in visit.page.locator(".message").inner_text()
    assert visit.errors == []


def test_an_old_publication_and_a_refused_one_are_announced(
    serve_published: ServePublished, open_page: OpenPage, tmp_path: Path
) -> None:
    write_publication(tmp_path, published_at=datetime.now(UTC) - timedelta(days=3))
    write_refusal(tmp_path)
    page = open_page(serve_published(tmp_path), "/").page
    assert page.locator(".notice-stale").is_visible()
    assert page.locator(".notice-refused").is_visible()
    wait_for_page(page)


def test_a_step_back_shows_the_period_before(small_site: str, open_page: OpenPage) -> None:
    page = open_page(small_site, "/").page
    page.get_by_role("combobox", name="Période").click()
    page.get_by_role("option", name="4e trimestre 2023").click()
    page.wait_for_function("() => document.querySelector('.lead').innerText.includes('253,2')")
    page.go_back()
    page.wait_for_function("() => document.querySelector('.lead').innerText.includes('486,2')")
    page.wait_for_function(
        "() => document.querySelector('[role=combobox]').value === '2024, depuis le 1er janvier'"
    )


def test_a_click_on_the_map_opens_the_sheet_of_its_commune(
    small_site: str, open_page: OpenPage
) -> None:
    page = open_page(small_site, "/territoire?period=2023").page
    page.locator(".st-key-chart-carte-des-communes .point").first.click(force=True)
    page.wait_for_function("() => /commune=\\d{5}/.test(location.search)")
    page.wait_for_selector(".st-key-figure-fiche-commune")
    assert "period=2023" in page.url


def test_a_name_in_a_table_leads_to_its_sheet(small_site: str, open_page: OpenPage) -> None:
    page = open_page(small_site, "/territoire?lang=en").page
    link = page.locator(".st-key-figure-offre-et-besoin table a").first
    name = link.inner_text()
    link.click()
    page.wait_for_selector(".st-key-figure-fiche-commune")
    assert name in page.locator(".st-key-figure-fiche-commune h2").inner_text()
    assert "lang=en" in page.url


def test_a_page_that_is_still_loading_says_so(small_site: str, browser: BrowserContext) -> None:
    page = browser.new_page()
    page.route("**/static/js/**", lambda route: route.abort())
    page.goto(f"{small_site}/stock?lang=en")
    assert page.get_by_role("status").inner_text() == "Loading the figures…"
    page.close()
