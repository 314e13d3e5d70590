"""The small publication that the tests of this room read, and its default view."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboards.filters import Filters, resolve_filters
from dashboards.language import Words, read_words
from dashboards.published import PUBLISHED_DIR_VARIABLE, Source, read_choices
from data_contracts.publications import Publication, open_current
from tests.fixtures.publication import EARLIER_ID, write_publication


@pytest.fixture(scope="session")
def small_published_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the small publication, current, and an earlier one."""
    folder = tmp_path_factory.mktemp("published")
    write_publication(folder, publication_id=EARLIER_ID, is_current=False)
    write_publication(folder)
    return folder


@pytest.fixture
def publication(small_published_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Publication:
    """The small publication, and the dashboards set to read it."""
    monkeypatch.setenv(PUBLISHED_DIR_VARIABLE, str(small_published_dir))
    return open_current(small_published_dir)


@pytest.fixture
def french() -> Words:
    return read_words("fr")


@pytest.fixture
def english() -> Words:
    return read_words("en")


@pytest.fixture
def to_date(publication: Publication) -> Filters:
    """The default view: 2024 to 25 June."""
    return resolve_filters({}, read_choices(Source.of(publication)))[0]


@pytest.fixture
def whole_2023(publication: Publication) -> Filters:
    """The year 2023, before which there are no records."""
    return resolve_filters({"period": "2023"}, read_choices(Source.of(publication)))[0]
