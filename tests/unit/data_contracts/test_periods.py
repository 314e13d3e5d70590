"""Periods are read as people write them, and written as they are read."""

from __future__ import annotations

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.periods import PeriodError, format_period, parse_period

YEARS = st.integers(1900, 2200)


@pytest.mark.parametrize(
    ("code", "kind", "first", "last", "months"),
    [
        ("2023", "year", date(2023, 1, 1), date(2023, 12, 31), 12),
        ("2023-Q1", "quarter", date(2023, 1, 1), date(2023, 3, 31), 3),
        ("2023-Q4", "quarter", date(2023, 10, 1), date(2023, 12, 31), 3),
        ("2024-02", "month", date(2024, 2, 1), date(2024, 2, 29), 1),
        ("2023-12", "month", date(2023, 12, 1), date(2023, 12, 31), 1),
        ("2024-to-date", "year_to_date", date(2024, 1, 1), date(2024, 12, 31), 12),
        ("2023-11..2024-02", "span", date(2023, 11, 1), date(2024, 2, 29), 4),
        ("2023-09..2023-09", "span", date(2023, 9, 1), date(2023, 9, 30), 1),
    ],
)
def test_a_period_spans_whole_months(
    code: str, kind: str, first: date, last: date, months: int
) -> None:
    period = parse_period(f"  {code}\n")
    assert (period.code, period.kind, period.start, period.natural_end) == (code, kind, first, last)
    assert len(period.months()) == months
    assert all(month.day == 1 for month in period.months())


@given(
    st.one_of(
        YEARS.map(str),
        st.builds("{}-Q{}".format, YEARS, st.integers(1, 4)),
        st.builds("{}-{:02d}".format, YEARS, st.integers(1, 12)),
        st.builds("{}-to-date".format, YEARS),
    )
)
def test_what_is_read_is_written_the_same(code: str) -> None:
    period = parse_period(code)
    assert format_period(period.kind, period.start) == code


def test_a_span_is_written_without_spaces() -> None:
    assert parse_period("2023-09 .. 2023-12").code == "2023-09..2023-12"


@pytest.mark.parametrize(
    "code",
    [
        "", "23", "2023-13", "2023-00", "2023-1", "2023-Q0", "2023-Q5", "2023-q4", "1899", "2201",
        "2024-to-dates", "to-date", "2023-12..2023-09", "2023..2024", "2023-Q1..2023-Q2",
        "2023-01..2023-02..2023-03", "..2023-01", "2023-01..", "..", "2023-11-05", "٢٠٢٣",
        "2023\n2024", "last month",
    ],
)  # fmt: skip
def test_what_is_no_period_is_refused_with_what_is_understood(code: str) -> None:
    with pytest.raises(PeriodError) as error:
        parse_period(code)
    assert repr(code) in str(error.value) or "out of range" in str(error.value)


@given(st.text(max_size=20))
def test_any_text_is_a_period_or_is_refused(text: str) -> None:
    with contextlib.suppress(PeriodError):
        assert parse_period(text).months()
