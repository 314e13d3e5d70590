"""A browser, and servers of the dashboards over any folder of publications.

`serve_published` takes a folder and gives the address of a server over it: other tests may serve
their own publication with it. The browser is Debian's Chromium (`make test` brings it).
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, Request, sync_playwright

from dashboards.access import ROLE_VARIABLE
from tests.fixtures.publication import EARLIER_ID, write_publication

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STARTS_WITHIN_SECONDS = 60
GRAVE = ("serious", "critical")
SCRIPT = (
    "import sys; from pathlib import Path; from dashboards.server import serve; "
    "serve(Path(sys.argv[1]), '127.0.0.1', int(sys.argv[2]), 'none')"
)

ServePublished = Callable[[Path], str]


@dataclass
class Visit:
    """An opened page, what it said on the console and what it asked elsewhere."""

    page: Page
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


OpenPage = Callable[..., Visit]


@pytest.fixture(scope="session")
def browser() -> Iterator[BrowserContext]:
    """Debian's Chromium, one profile for all tests: scripts are fetched once a server."""
    if not CHROMIUM.is_file():
        pytest.fail(f"{CHROMIUM} is missing: run `make system-packages`")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened.new_context()
        opened.close()


@pytest.fixture(scope="session")
def serve_published() -> Iterator[ServePublished]:
    """Starts a server over a folder of publications, once a folder and role; gives its address."""
    processes: list[subprocess.Popen[bytes]] = []
    addresses: dict[tuple[Path, str], str] = {}

    def serve(folder: Path) -> str:
        key = (folder, os.environ.get(ROLE_VARIABLE, ""))
        if key not in addresses:
            port = find_free_port()
            root = Path(__file__).parents[2]
            command = [sys.executable, "-c", SCRIPT, str(folder), str(port)]
            processes.append(subprocess.Popen(command, cwd=root))
            addresses[key] = f"http://127.0.0.1:{port}"
            wait_until_ready(f"{addresses[key]}/_stcore/health", processes[-1])
        return addresses[key]

    yield serve
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(timeout=20)


@pytest.fixture(scope="session")
def small_site(serve_published: ServePublished, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a server over the small publication and an earlier one."""
    folder = tmp_path_factory.mktemp("published")
    write_publication(folder, publication_id=EARLIER_ID, is_current=False)
    write_publication(folder)
    return serve_published(folder)


@pytest.fixture
def open_page(browser: BrowserContext) -> Iterator[OpenPage]:
    """Opens an address and waits for the whole page; closes it after the test."""
    opened: list[Page] = []

    def open_address(site: str, path: str = "/", width: int = 1366, height: int = 900) -> Visit:
        page = browser.new_page()
        page.set_viewport_size({"width": width, "height": height})
        opened.append(page)
        visit = Visit(page)

        def note_request(request: Request) -> None:
            local = (site, site.replace("http", "ws", 1), "data:", "blob:")
            if not request.url.startswith(local):
                visit.elsewhere.append(request.url)

        page.on("request", note_request)
        page.on(
            "websocket",
            lambda socket_: (
                visit.elsewhere.append(socket_.url)
                if not socket_.url.startswith(site.replace("http", "ws", 1))
                else None
            ),
        )
        page.on("pageerror", lambda error: visit.errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                visit.errors.append(message.text)
                if message.type == "error" and not _is_known_probe(message.location)
                else None
            ),
        )
        page.goto(site + path)
        wait_for_page(page)
        return visit

    yield open_address
    for page in opened:
        page.close()


def wait_for_page(page: Page) -> None:
    """Waits for the end of the page and of its charts."""
    page.wait_for_selector(".footer, .message", timeout=60_000)
    page.wait_for_function(
        "() => [...document.querySelectorAll('[class*=st-key-chart-]')]"
        ".every(chart => chart.offsetParent === null || chart.querySelector('.main-svg'))",
        timeout=60_000,
    )


def find_grave(page: Page) -> list[tuple[str, list[str]]]:
    """Serious and critical findings of axe, panels open, the viewport as tall as the page."""
    violations = Axe().run(page).response["violations"]
    return [
        (found["id"], [node["html"][:160] for node in found["nodes"]][:5])
        for found in violations
        if found["impact"] in GRAVE
    ]


def stretch_to_page(page: Page, width: int) -> None:
    """Makes the viewport as tall as the page: what an inner element scrolls away is not seen."""
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": height + 20})
    page.wait_for_timeout(400)
    wait_for_page(page)


def _is_known_probe(location: dict[str, object]) -> bool:
    """Streamlit probes two of its addresses under the path of every page but the first: 404."""
    address = str(location.get("url", ""))
    return address.endswith(("/_stcore/health", "/_stcore/host-config"))


def find_free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    """Waits until a server answers. Raises RuntimeError where it stops, or does not."""
    limit = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise RuntimeError(f"the server stopped with status {process.returncode}")
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the server did not answer within {STARTS_WITHIN_SECONDS} s")
