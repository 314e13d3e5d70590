"""Days and moments: every way of writing that has one meaning is read, the others are decided."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from babel.dates import format_date
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ingest.dates import (
    Kind,
    Order,
    list_days,
    read_serial,
    read_time,
    show_orders,
    write_dates,
)
from pipelines.ingest.parsing import READ_ERROR

DAYS = st.dates(date(1990, 1, 1), date(2059, 12, 31))
SHAPES: dict[Order, list[str]] = {
    "dmy": ["%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%y", "%d%m%Y"],
    "mdy": ["%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y"],
    "ymd": ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y.%m.%d", "%y-%m-%d"],
}


def read(
    cells: list[str], kind: Kind = "timestamp", declared: Order | None = None
) -> tuple[list[str], list[str | None]]:
    """What a column becomes, decided by itself as a whole file is."""
    frame = pl.DataFrame(
        {"d": cells, READ_ERROR: [None] * len(cells)},
        schema={"d": pl.String(), READ_ERROR: pl.String()},
    )
    shown = show_orders(frame, ["d"])
    decided = declared or (next(iter(shown)) if len(shown) == 1 else None)
    written = write_dates(frame, {"d": kind}, decided)
    return written["d"].to_list(), written[READ_ERROR].to_list()


@settings(max_examples=300, deadline=None)
@given(day=DAYS, data=st.data())
def test_a_day_is_among_its_readings_and_no_reading_is_another_calendar(
    day: date, data: st.DataObject
) -> None:
    order = data.draw(st.sampled_from(list(SHAPES)))
    shape = data.draw(st.sampled_from(SHAPES[order]))
    if "%y" in shape:
        day = day.replace(year=2000 + day.year % 100, day=min(day.day, 28))
    readings = list_days(day.strftime(shape))
    assert readings.get(order) == day.isoformat()
    for found in readings.values():
        assert date.fromisoformat(found).year >= 1900


@settings(max_examples=200, deadline=None)
@given(days=st.lists(DAYS, min_size=1, max_size=12), order=st.sampled_from(["dmy", "mdy"]))
def test_a_file_is_read_whole_as_it_shows_or_holds_back_what_it_does_not_show(
    days: list[date], order: Order
) -> None:
    cells = [day.strftime(SHAPES[order][0]) for day in days]
    written, errors = read(cells, "date")
    is_shown = any(day.day > 12 for day in days)
    for day, cell, found, error in zip(days, cells, written, errors, strict=True):
        if is_shown or day.day == day.month:
            assert (found, error) == (day.isoformat(), None)
        else:
            # Never by luck: as written, and held back.
            assert found == cell
            assert error is not None
            assert "can be read in two ways" in error


@pytest.mark.parametrize("language", ["fr", "en"])
@given(day=DAYS)
@settings(max_examples=60, deadline=None)
def test_names_of_months_have_one_meaning(language: str, day: date) -> None:
    for shape in ("d MMMM yyyy", "d MMM yyyy", "d-MMM-yyyy"):
        text = format_date(day, shape, locale=language)
        assert set(list_days(text).values()) == {day.isoformat()}, text


@given(day=st.dates(date(1960, 1, 1), date(2118, 12, 31)))
def test_serials_of_spreadsheets_are_days_of_the_1900_system(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    assert read_serial(str(serial)) == day.isoformat()
    assert read_serial(f"{serial}.5") == f"{day.isoformat()}T12:00:00"
    shifted = (day - timedelta(1462)).isoformat()
    assert read_serial(str(serial - 1462), "excel") == shifted
    assert read_serial(str(serial - 1462), "excel_1904") == day.isoformat()


@pytest.mark.parametrize("text", ["31/02/2024", "2024-02-30", "0/1/2024", "32/01/2024", "1/2",
                                  "12 brumaire 2024", "", "x", "2024", "99999999"])  # fmt: skip
def test_what_is_no_day_has_no_reading(text: str) -> None:
    assert list_days(text) == {}


@pytest.mark.parametrize(
    ("text", "time"),
    [("8:05", "08:05:00"), ("14h30", "14:30:00"), ("2:05 PM", "14:05:00"), ("12:00 am", "00:00:00"),
     ("08:00:01.5", "08:00:01.5"), ("08:00Z", "08:00:00Z"), ("08:00+02:00", "08:00:00+02:00"),
     ("24:00", None), ("8:60", None), ("13:00 pm", None), ("8", None)],
)  # fmt: skip
def test_times_are_written_in_full(text: str, time: str | None) -> None:
    assert read_time(text) == time


def test_moments_days_and_months_of_a_column() -> None:
    cells = ["25/06/2024 14h30", "5/6/2024", "2024-06-01T10:00:00", "45468.5", "x", ""]
    expected = ["2024-06-25T14:30:00", "2024-06-05", "2024-06-01T10:00:00",
                "2024-06-25T12:00:00", "x", ""]  # fmt: skip
    assert read(cells) == (expected, [None] * 6)
    assert read(["06/2024", "2024-05"], "month")[0] == ["2024-06-01", "2024-05-01"]
    assert read(["06/2024"], "date")[0] == ["06/2024"]
    assert read(["25/06/2024 00:00:00"], "date")[0] == ["2024-06-25"]


def test_the_profile_decides_what_the_file_does_not_show() -> None:
    assert read(["05/06/2024"], declared="dmy")[0] == ["2024-06-05"]
    assert read(["05/06/2024"], declared="mdy")[0] == ["2024-05-06"]
    # A day that exists in one order alone is read in it, whatever the others are.
    assert read(["25/06/2024", "06/25/2024", "05/06/2024"])[1][:2] == [None, None]
    assert read(["25/06/2024", "06/25/2024", "05/06/2024"])[1][2] is not None
