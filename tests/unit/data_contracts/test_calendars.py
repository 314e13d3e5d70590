"""By when the next file of a record must come: the calendar of a profile, else its contract."""

from __future__ import annotations

from datetime import date

import pytest

from data_contracts.lateness import find_due, list_expected, next_due
from data_contracts.loader import Expected
from tests.fixtures.intake import make_profile

MONTHLY = {"every": "month", "days": 20}
DAY = date(2024, 6, 4)


@pytest.mark.parametrize(
    ("expected", "last", "due"),
    [
        ({"every": "day"}, "2024-06-04", "2024-06-06"),
        # Friday's file is followed by Monday's, which may take a day.
        ({"every": "day", "weekdays": [1, 2, 3, 4, 5]}, "2024-06-07", "2024-06-11"),
        ({"every": "day", "closed": ["2024-06-05"], "days": 0}, "2024-06-04", "2024-06-06"),
        ({"every": "week"}, "2024-06-05", "2024-06-17"),
        ({"every": "month", "days": 10}, "2024-05-14", "2024-07-10"),
        ({"every": "month", "days": 0}, "2024-12-31", "2025-01-31"),
    ],
)
def test_an_expected_calendar_says_by_when_the_next_file_comes(
    expected: dict[str, object], last: str, due: str
) -> None:
    calendar = Expected.model_validate(expected)
    assert next_due(calendar, date.fromisoformat(last)) == date.fromisoformat(due)


def test_without_a_calendar_the_contract_says_it() -> None:
    assert find_due(None, "receipts", DAY) == date(2024, 6, 11)
    assert find_due(Expected.model_validate(MONTHLY), "receipts", DAY) == date(2024, 8, 20)
    assert find_due(None, "events", DAY) is None


def test_a_calendar_counts_where_files_of_its_kind_came() -> None:
    """A profile may expect a file that this food bank never sent."""
    columns = {"receipt_id": {"source": "n"}}
    files = [
        {"name": name, "match": f"{name}*", "record": "receipts", "columns": columns, **expected}
        for name, expected in (("bons", {}), ("mois", {"expected": MONTHLY}))
    ]
    profiles = make_profile(*files)

    def find(*streams: str) -> set[tuple[str, str]]:
        return set(list_expected(profiles, (("petite", "receipts", name) for name in streams)))

    assert find("bons") == set()
    assert find("bons", "mois") == {("petite", "receipts")}
    assert list_expected(profiles, [("voisine", "receipts", "mois")]) == {}
