"""Signing in with a real provider and a real browser: who gets in, to what, and for how long."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from data_contracts.access_log import find_access_breaks, read_accesses
from tests.browser.conftest import (
    find_free_port,
    find_grave,
    stretch_to_page,
    wait_for_page,
    wait_until_ready,
)
from tests.fixtures.provider import CLIENT_ID, CLIENT_SECRET, PEOPLE
from tests.fixtures.publication import FOOD_BANK, TERRITORY
from tests.fixtures.scopes import find_canaries, write_scopes

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
COOKIE_SECRET = "a cookie secret of more than thirty-two bytes, for tests only"
# Away for longer, one is signed out; an open page is looked after twice as often.
IDLE_SECONDS = 20
CONTACT = "Office of data, data@example.org"
SEED = 11
SHORT_SECONDS = PEOPLE["short"]["seconds"]


@dataclass(frozen=True)
class Site:
    """Dashboards with login, their provider, and the folder of what they write."""

    address: str
    folder: Path

    @property
    def rules(self) -> Path:
        return self.folder / "access.yaml"

    @property
    def said(self) -> str:
        return (self.folder / "server.log").read_text()


def write_rules(path: Path, issuer: str, *left_out: str) -> None:
    lines = {
        "data": "{role: data_team, claim: data}",
        "bourgogne": f"{{role: food_bank, claim: bourgogne, food_banks: [{FOOD_BANK}]}}",
        "isere": "{role: food_bank, claim: isere, food_banks: [isere]}",
        "dijon": f"{{role: metropole, claim: dijon, territories: [{TERRITORY}]}}",
        "chosen": f"{{role: data_team, issuer: '{issuer}', subject: chosen}}",
    }
    entries = "".join(f"  - {line}\n" for name, line in lines.items() if name not in left_out)
    path.write_text(f"contact: {CONTACT}\naccess:\n{entries}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("login")
    write_scopes(folder / "published")
    port, provider_port = find_free_port(), find_free_port()
    issuer, found = f"http://127.0.0.1:{provider_port}", Site(f"http://127.0.0.1:{port}", folder)
    write_rules(found.rules, issuer)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COLLECTO_")},
        "COLLECTO_AUTH_MODE": "oidc", "COLLECTO_PUBLIC_URL": found.address,
        "COLLECTO_OIDC_ISSUER": issuer, "COLLECTO_OIDC_CLIENT_ID": CLIENT_ID,
        "COLLECTO_OIDC_CLIENT_SECRET": CLIENT_SECRET, "COLLECTO_COOKIE_SECRET": COOKIE_SECRET,
        "COLLECTO_ACCESS_FILE": str(found.rules), "COLLECTO_IDLE_MINUTES": str(IDLE_SECONDS / 60),
        "COLLECTO_PUBLISHED_DIR": str(folder / "published"),
        "COLLECTO_ACCESS_LOG_DIR": str(folder / "access_log"),
        "COLLECTO_INBOX_DIR": str(folder / "inbox"),
    }  # fmt: skip
    with (folder / "server.log").open("w") as log:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
            for command in (
                ["tests.fixtures.provider", str(provider_port)],
                ["dashboards", "--port", str(port)],
            )
        ]
        wait_until_ready(f"{issuer}/keys", processes[0])
        wait_until_ready(f"{found.address}/health", processes[1])
        yield found
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(timeout=20)


@pytest.fixture
def people(browser: BrowserContext, site: Site) -> Iterator[People]:
    opened = People(browser.browser, site)
    yield opened
    for context in opened.contexts:
        context.close()


class People:
    """Readers; each page of `open` is that of a browser of its own."""

    def __init__(self, browser: Browser | None, site: Site) -> None:
        assert browser is not None
        self.browser, self.site = browser, site
        self.contexts: list[BrowserContext] = []

    def click_in(self, page: Page, person: str, to: str) -> None:
        """Sign in as people do: by the link of the page that is closed."""
        page.goto(self.site.address + to)
        wait_for_page(page)
        page.click(".sign-in")
        page.wait_for_url("**/authorize?**")
        page.click(f"#{person}")
        page.wait_for_url(f"{self.site.address}/**")
        wait_for_page(page)

    def come(self, person: str, page: Page | None = None) -> Page:
        """Somebody who signed in, in the browser of a page; no page of ours was opened yet."""
        page = page or self.open()
        asked = page.request.get(f"{self.site.address}/sign-in?to=/")
        page.request.get(f"{asked.url}&as={person}")
        return page

    def open(self) -> Page:
        self.contexts.append(self.browser.new_context())
        return self.contexts[-1].new_page()

    def go(self, page: Page, path: str) -> str:
        """Go on to an address; the title of what is there."""
        page.goto(self.site.address + path)
        wait_for_page(page)
        return page.locator("h1").inner_text()


def test_each_role_reads_its_pages_and_takes_away_its_figures(people: People, site: Site) -> None:
    page = people.open()
    people.click_in(page, "bourgogne", "/pilotage?lang=en&site=dijon")
    # back at the address that was asked for, with name, role and the way out
    assert page.url == f"{site.address}/pilotage?lang=en&site=dijon"
    assert "Direction Bourgogne · Food-bank director · Sign out" in (
        page.locator(".reader").inner_text()
    )
    assert find_canaries(page.content()).folders == {f"food_banks/{FOOD_BANK}"}
    assert "Data" not in page.locator(".menu-wide").inner_text()
    for path in ("/donnees?lang=en", "/?food_bank=isere&lang=en"):
        assert people.go(page, path) == "Access not open"
        text = page.locator(".stMain").inner_text()
        assert "Your role does not open this page" in text and CONTACT in text
        assert "Sign out" in text and find_canaries(page.content()).folders == set()

    # the director approves a proposal: knowingly, in their name, by one file
    people.go(page, "/pilotage?lang=en")
    panel = page.locator(f".st-key-approval-{TERRITORY}")
    button = panel.get_by_role("button", name="Approve the edition")
    panel.get_by_label("Comment").fill("seen")
    button.click()
    panel.get_by_text("Tick the box").wait_for()
    assert not (site.folder / "inbox").exists()
    assert panel.get_by_label("Comment").input_value() == "seen"
    panel.locator("[data-testid=stCheckbox] label").click()
    button.click()
    panel.get_by_text("Your approval is recorded").wait_for()
    request = json.loads((site.folder / "inbox" / f"approve-{TERRITORY}-3-1-{FOOD_BANK}.json")
                         .read_text())  # fmt: skip
    assert (request["by"], request["comment"]) == (PEOPLE["bourgogne"]["name"], "seen")

    # a few of the tries of `test_scopes`, over the network
    own = page.request.get(f"{site.address}/export/tonnes-par-mois.csv")
    assert own.status == 200
    rng = random.Random(SEED)
    statuses = set()
    for _ in range(60):
        query = "&".join(
            f"{name}={rng.choice(values)}"
            for name, values in (
                ("food_bank", (FOOD_BANK, "isere", "herault")),
                ("edition", (f"{TERRITORY}-2", "200040715-2", "200070000-1", "")),
                ("pub", ("e" * 32, "")), ("territory", (TERRITORY, "243400017")),
            )
            if rng.random() < 0.5
        )  # fmt: skip
        figure = rng.choice(("tonnes-par-mois", "decisions", "editions", "partenaires", "qualite"))
        answer = page.request.get(f"{site.address}/export/{figure}.metadata.json?{query}")
        statuses.add(answer.status)
        seen = find_canaries(answer.text())
        assert seen.folders <= {f"food_banks/{FOOD_BANK}", f"metropole/{TERRITORY}"}
        assert seen.editions <= {TERRITORY, "200070000"}
    assert statuses == {200, 403, 404}

    # who signs out leaves nothing at this browser, and others see only what is theirs
    page.get_by_role("link", name="Sign out").click()
    page.wait_for_selector(".sign-in")
    assert page.request.get(f"{site.address}/export/decisions.csv").status == 401
    assert find_canaries(page.content()).folders == set()
    for person, path, title, text, status in (
        ("dijon", "/", "L'essentiel", "Service Métropole · Métropole", 403),
        ("dijon", "/pilotage", "Accès non ouvert", CONTACT, 403),
        ("nobody", "/", "Accès non ouvert", "Sans Rôle", 403),
        ("wrong-none", "/", "Connexion refusée", CONTACT, 401),
        # a name is text; the figure is theirs and has no row
        ("chosen", "/donnees", "Données", "<b>Élue</b> · Équipe données", 404),
    ):
        page.context.clear_cookies()
        people.come(person, page)
        assert people.go(page, path) == title
        assert text in page.locator(".stMain").inner_text()
        folders = {"dijon": {f"metropole/{TERRITORY}"}, "chosen": {"data_team"}}
        expected = folders.get(person, set()) if title != "Accès non ouvert" else set()
        assert find_canaries(page.content()).folders == expected
        assert page.request.get(f"{site.address}/export/decisions.csv").status == status

    events = list(read_accesses(site.folder / "access_log"))
    views = {(e["role"], e["page"]) for e in events if e["event"] == "view"}
    assert views >= {("food_bank", "pilotage"), ("metropole", "essentiel"),
                     ("data_team", "donnees")}  # fmt: skip
    refused = {(e["role"], e.get("page"), e["reason"]) for e in events if e["event"] == "refused"}
    assert refused >= {("food_bank", "donnees", "forbidden"), ("", None, "no_role"),
                       ("", None, "refused")}  # fmt: skip
    assert find_access_breaks(site.folder / "access_log") == []


@pytest.mark.parametrize("width", [1366, 320])
def test_closed_pages_have_no_serious_finding_of_axe(people: People, width: int) -> None:
    page = people.open()
    for person, path, title in (
        (None, "/?lang=fr", "Connexion"),
        (None, "/pilotage?lang=en", "Sign in"),
        ("dijon", "/pilotage?lang=en", "Access not open"),
        ("wrong-none", "/?lang=en", "Sign-in refused"),
    ):
        page.context.clear_cookies()
        page.set_viewport_size({"width": width, "height": 900})
        if person is not None:
            people.come(person, page)
        assert people.go(page, path) == title
        stretch_to_page(page, width)
        assert find_grave(page) == [], (person, path)


def test_tokens_that_are_wrong_let_nobody_in(people: People, site: Site) -> None:
    wrong = [person for person in PEOPLE if person.startswith("wrong-")]
    assert len(wrong) == 8
    page = people.open()
    figure = f"{site.address}/export/tonnes-par-mois.csv"
    for person in wrong:
        # made for another client (`wrong-party`), or not signed at all (`wrong-none`): Streamlit
        # itself lets them in
        people.come(person, page)
        assert page.request.get(figure).status == 401, person
        page.context.clear_cookies()
    people.come("data", page)
    assert page.request.get(figure).status == 200
    # a cookie that was copied ends with its sign-in
    kept = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies())
    page.request.get(f"{site.address}/sign-out")
    assert page.request.get(figure, headers={"cookie": kept}).status == 401
    for hidden in (CLIENT_SECRET, COOKIE_SECRET, "eyJ"):
        assert hidden not in site.said


def test_a_sign_in_ends_on_the_screen_too(people: People, site: Site) -> None:
    issuer = site.rules.read_text().partition("issuer: '")[2].partition("'")[0]
    pages = {}
    for person, path in (("both", "/methode"), ("bourgogne", "/pilotage")):
        pages[person] = people.come(person)
        people.go(pages[person], path)
        assert find_canaries(pages[person].content()).folders != set()
    write_rules(site.rules, issuer, "bourgogne")
    try:
        export = pages["bourgogne"].request.get(f"{site.address}/export/decisions.csv")
        assert export.status == 403
        # nobody touches these pages: what they show goes by itself
        for person, title in (
            ("bourgogne", "Accès non ouvert"),
            ("both", "Déconnexion après un temps sans activité"),
        ):
            pages[person].wait_for_selector(f'h1:has-text("{title}")', timeout=120_000)
            assert find_canaries(pages[person].content()).folders == set()
    finally:
        write_rules(site.rules, issuer)
    # a token of some seconds: its end is told, whatever is done with the page
    short = people.come("short", pages["both"])
    short.wait_for_timeout(SHORT_SECONDS * 1000)
    assert people.go(short, "/") == "Votre connexion a pris fin"
