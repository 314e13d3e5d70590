"""Screenshots of every page at 1366, 768 and 375 px, to look at: `make screenshots`.

In English at 1366 px only: what is narrow is laid out alike. Serves the published data of the data
folder (`COLLECTO_DATA_DIR`, default ./data); PNG files into `docs/screenshots/`, which git keeps.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from dashboards.pages import PAGES
from pipelines.settings import PROJECT_DIR, load_settings
from tests.browser.conftest import (
    ARGUMENTS,
    CHROMIUM,
    find_free_port,
    stretch_to_page,
    wait_for_page,
    wait_until_ready,
)

WIDTHS = (1366, 768, 375)
MAXCOVERAGE = Image.Quantize.MAXCOVERAGE
# The README shows the top of it.
OF_README = "essentiel-fr-1366.png"


def main() -> int:
    """Write the screenshots; exit status 1 where nothing is published."""
    published = load_settings().published
    if not (published / "CURRENT").is_file():
        sys.stderr.write(f"nothing is published in {published}; run `make demo SERVE=0` first\n")
        return 1
    folder = PROJECT_DIR / "docs" / "screenshots"
    folder.mkdir(exist_ok=True)
    port = find_free_port()
    site = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "pipelines.cli", "serve", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until_ready(f"{site}/health", server)
            take_screenshots(site, folder)
        finally:
            server.terminate()
    return 0


def take_screenshots(site: str, folder: Path) -> None:
    """Write `<page>-<language>-<width>.png` for every page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        for name, entry in PAGES.items():
            for language, widths in (("fr", WIDTHS), ("en", WIDTHS[:1])):
                for width in widths:
                    page = browser.new_page(viewport={"width": width, "height": 900})
                    page.goto(f"{site}{entry.path}?lang={language}")
                    wait_for_page(page)
                    stretch_to_page(page, width)
                    picture = Image.open(io.BytesIO(page.screenshot(full_page=True)))
                    # A palette of its own: a quarter of the bytes, and rare colours keep their hue.
                    picture = picture.convert("RGB").quantize(256, MAXCOVERAGE, kmeans=3)
                    file = f"{name}-{language}-{width}.png"
                    picture.save(folder / file, optimize=True)
                    if file == OF_README:
                        top = picture.crop((0, 0, width, 1500))
                        top.save(folder.parent / "images" / "essentiel.png", optimize=True)
                    page.close()
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
