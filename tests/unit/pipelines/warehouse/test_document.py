"""The committed pages of indicators are what the register generates."""

from __future__ import annotations

from pathlib import Path

from data_contracts.loader import load_register
from pipelines.warehouse.document import PAGES, make_indicator_pages, write_indicator_pages


def test_the_committed_pages_are_those_of_the_register() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in PAGES.iterdir()}
    assert committed == make_indicator_pages(), "run `make docs` and commit docs/indicators"


def test_every_indicator_has_its_page_and_its_line_in_the_index() -> None:
    pages = make_indicator_pages()
    for code, indicator in load_register().items():
        page = pages[f"{code}.md"]
        assert f"[`{code}`]({code}.md)" in pages["README.md"]
        assert indicator.definition_fr in page and indicator.definition_en in page
        for heading in ("Formula", "Source tables", "Dimensions", "Period", "Additive over",
                        "Disclosure", "Limits", "History"):  # fmt: skip
            assert f"\n## {heading}\n" in page


def test_links_of_pages_lead_to_files() -> None:
    for name, page in make_indicator_pages().items():
        for part in page.split("](")[1:]:
            target = PAGES / part.split(")")[0]
            assert target.resolve().is_file(), f"{name}: {target}"


def test_a_page_of_an_indicator_that_is_gone_is_removed(tmp_path: Path) -> None:
    (tmp_path / "tonnes_of_old.md").write_text("old")
    write_indicator_pages(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(make_indicator_pages())
