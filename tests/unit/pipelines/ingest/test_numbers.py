"""Numbers in every way of writing; one that can be read in two ways is never read by luck."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ingest.numbers import Separator, list_readings, read_numbers
from pipelines.ingest.parsing import READ_ERROR

NARROW, NO_BREAK = "\u202f", "\u00a0"


def read(cells: list[str], declared: Separator | None = None) -> list[str]:
    return read_all(cells, declared)["poids"].to_list()


def read_all(cells: list[str], declared: Separator | None = None) -> pl.DataFrame:
    frame = pl.DataFrame({"poids": cells, READ_ERROR: [None] * len(cells)},
                         schema={"poids": pl.String(), READ_ERROR: pl.String()})  # fmt: skip
    return read_numbers(frame, ["poids"], declared)


@pytest.mark.parametrize(
    ("cell", "readings"),
    [
        ("7", {".": "7", ",": "7"}),
        ("-12,5", {",": "-12.5"}),
        ("12.5", {".": "12.5"}),
        ("0,250", {",": "0.250"}),
        ("0.250", {".": "0.250"}),
        ("1,234", {",": "1.234", ".": "1234"}),
        ("1.234", {".": "1.234", ",": "1234"}),
        ("1234,567", {",": "1234.567"}),
        ("1 234", {".": "1234", ",": "1234"}),
        (f"1{NARROW}234,567", {",": "1234.567"}),
        (f"12{NO_BREAK}345{NO_BREAK}678.9", {".": "12345678.9"}),
        ("1.234,5", {",": "1234.5"}),
        ("1,234.5", {".": "1234.5"}),
        ("1.234.567", {",": "1234567"}),
        ("1,234,567", {".": "1234567"}),
        (" 12,5 ", {",": "12.5"}),
        ("1 23", {}),
        ("12 34,5", {}),
        ("1.23.4", {}),
        ("1,234.567,8", {}),
        ("1 234.567 890", {}),
        ("0 123", {}),
        ("douze", {}),
        ("12,5 kg", {}),
        ("1e3", {}),
        ("NaN", {}),
        ("", {}),
    ],
)
def test_what_a_cell_is_under_each_separator(cell: str, readings: dict[str, str]) -> None:
    assert list_readings(cell) == readings


def test_the_whole_file_decides_what_one_number_does_not() -> None:
    assert read(["12,5", "1,234", "1.234"]) == ["12.5", "1.234", "1234"]
    assert read(["12.5", "1,234", "1.234"]) == ["12.5", "1234", "1.234"]
    assert read(["1.234,5", "1.234"]) == ["1234.5", "1234"]
    assert read([f"1{NARROW}234", "7", "x", ""]) == ["1234", "7", "x", ""]


def test_a_profile_decides_before_the_file() -> None:
    assert read(["1,234", "1.234"], ",") == ["1.234", "1234"]
    assert read(["1,234", "1.234"], ".") == ["1234", "1.234"]
    # A number under the other separator alone is not what the profile says: it stays as it is.
    assert read(["12,5", "1,234"], ".") == ["12,5", "1234"]


def test_without_any_sign_the_point_of_the_contract_holds_and_a_comma_is_left() -> None:
    assert read(["1.234", "7"]) == ["1.234", "7"]
    frame = read_all(["1,234", "7"])
    assert frame["poids"].to_list() == ["1,234", "7"]
    assert frame[READ_ERROR].to_list() == ["poids can be read in two ways: 1.234 or 1234", None]


def test_where_the_file_shows_both_only_what_is_certain_is_read() -> None:
    frame = read_all(["12,5", "1.5", "1,234", "1.234", "1 234"])
    assert frame["poids"].to_list() == ["12.5", "1.5", "1,234", "1.234", "1234"]
    notes = frame[READ_ERROR].to_list()
    assert notes[:2] == [None, None] and notes[4] is None
    assert all("two ways: 1.234 or 1234" in note for note in notes[2:4])


STYLES = st.sampled_from(
    [(",", " "), (",", NARROW), (",", NO_BREAK), (",", "."), (".", ","), (".", " "), (",", ""),
     (".", "")]
)  # fmt: skip


@given(
    style=STYLES,
    numbers=st.lists(st.decimals(-(10**8), 10**8, places=3), min_size=1, max_size=8),
    declares=st.booleans(),
)
def test_no_number_is_read_as_another_one(
    style: tuple[Separator, str], numbers: list[Decimal], declares: bool
) -> None:
    """In whatever style a file is written: the right value, or none."""
    decimal, thousands = style
    written = [
        f"{number:,.3f}".replace(",", "t").replace(".", decimal).replace("t", thousands)
        for number in numbers
    ]
    frame = read_all(written, decimal if declares else None)
    for cell, note, number in zip(frame["poids"], frame[READ_ERROR], numbers, strict=True):
        try:
            value = Decimal(cell)
        except ArithmeticError:
            assert not declares
            continue
        if note is None:
            assert value == number
