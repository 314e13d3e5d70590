"""Every state in which a page can be, seen in a browser: what is said, and what to do."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.publications import open_current
from tests.browser.conftest import OpenPage, ServePublished
from tests.conftest import DataFolder
from tests.fixtures.publication import PUBLICATION_ID, write_publication

pytestmark = pytest.mark.browser

METROPOLE = "metropole:242100410"


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Another manifest of the current publication, which the pointer knows."""
    path = folder / PUBLICATION_ID / "manifest.json"
    path.write_text(json.dumps(manifest))
    pointer = json.loads((folder / "CURRENT").read_text())
    pointer["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "CURRENT").write_text(json.dumps(pointer))


def read_manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / PUBLICATION_ID / "manifest.json").read_text())
    return manifest


def test_a_file_that_was_altered_is_not_shown(
    serve_published: ServePublished, open_page: OpenPage, tmp_path: Path
) -> None:
    write_publication(tmp_path)
    path = tmp_path / PUBLICATION_ID / "data_team" / "mart_flows_monthly.parquet"
    pl.read_parquet(path).head(1).write_parquet(path)
    page = open_page(serve_published(tmp_path), "/").page
    assert "collecto doctor" in page.locator(".message").inner_text()
    assert page.locator("h1").inner_text() == "L'essentiel"


def test_a_publication_of_another_version_says_so(
    serve_published: ServePublished, open_page: OpenPage, tmp_path: Path
) -> None:
    write_publication(tmp_path)
    path = tmp_path / PUBLICATION_ID / "data_team" / "mart_indicators.parquet"
    pl.read_parquet(path).drop("is_partial").write_parquet(path)
    manifest = read_manifest(tmp_path)
    for entry in manifest["marts"]:
        if entry["mart"] == path.stem:
            entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    write_manifest(tmp_path, manifest)
    page = open_page(serve_published(tmp_path), "/").page
    assert "autre version" in page.locator("h1").inner_text()


def test_checks_that_did_not_pass_are_announced(
    serve_published: ServePublished, open_page: OpenPage, tmp_path: Path
) -> None:
    write_publication(tmp_path)
    manifest = read_manifest(tmp_path)
    manifest["checks"][0]["has_passed"] = False
    write_manifest(tmp_path, manifest)
    page = open_page(serve_published(tmp_path), "/").page
    assert page.locator(".notice-warning").inner_text().startswith("Contrôles en alerte 1 ")


def test_a_page_without_rows_says_that_it_is_empty(small_site: str, open_page: OpenPage) -> None:
    visit = open_page(small_site, "/pertes")
    assert "Aucune donnée" in visit.page.locator(".empty").first.inner_text()
    assert visit.errors == []


def test_what_is_not_supplied_offers_an_example(
    small_site: str, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(small_site, "/accompagnement").page
    figure = page.locator(".st-key-figure-cheques-par-mois")
    assert "Non fourni" in figure.inner_text()
    with page.expect_download() as download:
        figure.locator("a.tool", has_text="exemple").click()
    file = tmp_path / "example.csv"
    download.value.save_as(file)
    assert (
        file.read_text(encoding="utf-8-sig").startswith("food_bank_id") or "," in file.read_text()
    )


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("/territoire?commune=99999", "99999"),
        ("/service?partner=X", "« X »"),
        ("/pilotage?site=X", "« X »"),
        ("/donateurs?donor=X", "« X »"),
    ],
)
def test_an_unknown_choice_of_a_page_is_said(
    small_site: str, open_page: OpenPage, address: str, text: str
) -> None:
    page = open_page(small_site, address).page
    assert text in page.locator(".notice-ignored").inner_text().replace("\u00a0", " ")


@pytest.fixture(scope="session")
def with_correction(demonstration: DataFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration's publications with a second edition of Dijon, which corrects the first."""
    folder = tmp_path_factory.mktemp("corrected") / "published"
    shutil.copytree(demonstration.path / "published", folder, copy_function=os.link)
    first = json.loads((folder / "editions" / "242100410" / "1.json").read_text())
    second = {
        **first, "number": 2, "replaces": 1, "reason": "réceptions de mai envoyées deux fois",
    }  # fmt: skip
    (folder / "editions" / "242100410" / "2.json").write_text(json.dumps(second))
    return folder


@pytest.mark.slow
def test_an_edition_says_who_approved_it_and_that_it_was_corrected(
    with_correction: Path, serve_published: ServePublished, open_page: OpenPage
) -> None:
    site = serve_published(with_correction)
    page = open_page(site, "/?edition=242100410-1").page
    notice = page.locator(".notice-corrected").inner_text()
    assert "n° 2" in notice and "réceptions de mai envoyées deux fois" in notice
    latest = open_page(site, "/?edition=242100410-2").page
    assert "Édition n° 2" in latest.locator(".notice-edition").inner_text()
    assert "Corrige l'édition n° 1" in latest.locator(".notice-edition").inner_text()
    latest.locator(".status a").click()
    latest.wait_for_selector(".status:has-text('provisoires')")
    assert "edition" not in latest.url
    unknown = open_page(site, "/?edition=242100410-9").page
    assert "édition" in unknown.locator("h1").inner_text().lower()


@pytest.mark.slow
def test_the_metropole_reads_editions_and_no_page_of_the_food_bank(
    with_correction: Path,
    serve_published: ServePublished,
    open_page: OpenPage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLLECTO_LOCAL_ROLE", METROPOLE)
    site = serve_published(with_correction)
    page = open_page(site, "/").page
    assert "Édition n° 2" in page.locator(".notice-edition").inner_text()
    menu = page.locator(".menu-wide").inner_text()
    assert "Méthode" in menu and "Pilotage" not in menu and "Données" not in menu
    # what the edition's publication holds for others is not to be had by its address
    current = open_current(with_correction).publication_id
    other = open_page(site, f"/pilotage?pub={current}").page
    assert "Pilotage" not in other.locator(".stMain").inner_text()
    assert "Magasin de démonstration" not in other.content()
    foreign = open_page(site, "/?edition=243400017-1").page
    assert "Accès" in foreign.locator("h1").inner_text()
    answer = foreign.request.get(f"{site}/export/decisions.csv")
    assert answer.status == 403
