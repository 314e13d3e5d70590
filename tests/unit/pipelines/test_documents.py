"""The committed pages of audiences and of personal data are what policy and contracts say."""

from __future__ import annotations

from data_contracts.loader import load_records
from pipelines.documents import AUDIENCE_PAGE, DPIA_PAGE, make_audience_page, make_dpia_page


def test_the_committed_pages_are_generated() -> None:
    assert AUDIENCE_PAGE.read_text(encoding="utf-8") == make_audience_page(), "run `make docs`"
    assert DPIA_PAGE.read_text(encoding="utf-8") == make_dpia_page(), "run `make docs`"


def test_every_record_of_people_says_how_long_it_is_kept() -> None:
    personal = [contract for contract in load_records().values() if contract.is_personal]
    assert len(personal) >= 3
    for contract in personal:
        assert contract.retention_months, contract.name
        assert f"| `{contract.name}` |" in make_dpia_page()
