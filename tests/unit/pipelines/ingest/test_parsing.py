"""Bytes become cells of text with their lines; what is no table is refused in one sentence."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ingest import parsing
from pipelines.ingest.parsing import (
    MAX_COLUMNS,
    MAX_FIELD_CHARACTERS,
    READ_ERROR,
    SOURCE_LINE,
    UnreadableError,
    parse_table,
)

Rows = list[tuple[list[str], int, str | None]]


def read(content: bytes, **options: object) -> Rows:
    """Rows as (cells, line, error)."""
    table = parse_table(content, **options)  # type: ignore[arg-type]
    assert table.frame.columns == [*table.columns, SOURCE_LINE, READ_ERROR]
    return [(list(row[:-2]), row[-2], row[-1]) for row in table.frame.rows()]


def refuse(content: bytes, **options: object) -> str:
    with pytest.raises(UnreadableError) as error:
        parse_table(content, **options)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("nom,kg\nÉpicerie,1\n".encode(), "utf-8"),
        ("nom,kg\nÉpicerie,1\n".encode("utf-8-sig"), "utf-8"),
        ("nom,kg\nÉpicerie,1\n".encode("cp1252"), "cp1252"),
    ],
)
def test_utf_8_its_mark_and_cp1252_are_read(content: bytes, encoding: str) -> None:
    table = parse_table(content)
    assert table.encoding == encoding
    assert table.columns == ["nom", "kg"]
    assert table.frame["nom"].to_list() == ["Épicerie"]


def test_a_declared_encoding_is_taken_at_its_word() -> None:
    assert "not encoded in utf-8" in refuse("nom,kg\né,1\n".encode("cp1252"), encoding="utf-8")
    cells = read("nom,kg\né,1\n".encode(), encoding="cp1252")[0][0]
    assert cells == ["Ã©", "1"]
    assert "utf-8 or cp1252" in refuse(b"a,b\n\xff\x81,1\n")


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        (b"a,b\n1;2,3\n", ","),
        (b"a;b\n1,5;2\n", ";"),
        (b"a;b;c,d\n1;2;3\n", ";"),
    ],
)
def test_the_delimiter_is_that_of_the_header(content: bytes, delimiter: str) -> None:
    assert parse_table(content).delimiter == delimiter


def test_a_declared_delimiter_wins() -> None:
    assert parse_table(b"a;b,c\n1;2,3\n", delimiter=",").columns == ["a;b", "c"]


def test_quotes_hold_delimiters_quotes_and_line_ends() -> None:
    content = b'a,b\n"x, y","say ""no"""\n"two\nlines",2\n"three\r\n\r\nlines",3\nlast,4\n'
    assert read(content) == [
        (["x, y", 'say "no"'], 2, None),
        (["two\nlines", "2"], 4, None),
        (["three\r\n\r\nlines", "3"], 7, None),
        (["last", "4"], 8, None),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_end_gives_the_same_rows_and_lines(end: str, last: bool) -> None:
    content = end.join(["a;b", "1;2", "3;4"]) + (end if last else "")
    assert read(content.encode()) == [(["1", "2"], 2, None), (["3", "4"], 3, None)]


@pytest.mark.parametrize("content", [b"a,b", b"a,b\n", b"a,b\r\n", b'"a","b"', b"a,b\n\n\n"])
def test_a_header_alone_is_a_table_without_rows(content: bytes) -> None:
    table = parse_table(content)
    assert (table.columns, table.frame.height) == (["a", "b"], 0)


def test_a_row_that_does_not_fit_its_header_is_kept_with_a_reason() -> None:
    assert read(b"a,b,c\n1,2\n1,2,3,4\n1,2,3,,\n1,2,3\n") == [
        (["1", "2", ""], 2, "2 cells where the header has 3"),
        (["1", "2", "3"], 3, "4 cells where the header has 3"),
        (["1", "2", "3"], 4, None),
        (["1", "2", "3"], 5, None),
    ]


def test_a_cell_too_many_on_one_row_and_one_too_few_on_another_do_not_even_out() -> None:
    errors = [error for _, _, error in read(b"a,b,c\n1,2,3,4\n5,6\n7,8,9\n")]
    assert errors == ["4 cells where the header has 3", "2 cells where the header has 3", None]


def test_blank_lines_are_no_rows_and_do_not_shift_the_lines_after_them() -> None:
    content = b"a,b\n\n1,2\n,\n\n3,4\n\n"
    assert read(content) == [(["1", "2"], 3, None), (["3", "4"], 6, None)]
    assert read(b"a,b\n1,2\n,\n3,4\n") == [(["1", "2"], 2, None), (["3", "4"], 4, None)]


def test_further_header_rows_are_left_out() -> None:
    content = b'Q1,Q2\n"What,\nwhen?",Where?\n1,2\n'
    assert read(content, header_rows=2) == [(["1", "2"], 4, None)]
    assert read(b"Q1,Q2\nWhat?,Where?\n1,2\n", header_rows=2) == [(["1", "2"], 3, None)]
    assert read(b"Q1,Q2\nWhat?,Where?", header_rows=2) == []
    assert "fewer than 3 header rows" in refuse(b"Q1,Q2\n1,2\n", header_rows=3)


def test_a_header_is_trimmed_and_its_empty_end_is_left_out() -> None:
    table = parse_table(b" a , b,,\n1,2,,\n")
    assert table.columns == ["a", "b"]
    assert table.frame[READ_ERROR].to_list() == [None]


def test_a_header_of_one_column_is_read() -> None:
    assert read(b"a\n1\n\n2\n") == [(["1"], 2, None), (["2"], 4, None)]


def test_every_column_needs_a_name_of_its_own() -> None:
    assert "columns 1 and 3 one name" in refuse(b"a,b,a\n1,2,3\n")
    assert "has empty cells" in refuse(b"a,,c\n1,2,3\n")
    assert "has empty cells" in refuse(b"\na,b\n1,2\n")
    assert "reserved name '_source_line'" in refuse(b"_source_line,b\n1,2\n")


def test_a_reason_does_not_repeat_the_values_of_a_file_without_header() -> None:
    assert "Durand" not in refuse(b"C1,Durand,Durand,3\nC2,Martin,Paul,4\n")


def test_too_many_columns_are_refused() -> None:
    header = ",".join(f"c{number}" for number in range(MAX_COLUMNS + 1))
    assert f"more than {MAX_COLUMNS} columns" in refuse(header.encode() + b"\n")


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_that_is_too_long_is_held_back(quote: str) -> None:
    long = "x" * (MAX_FIELD_CHARACTERS + 1)
    rows = read(f"a,b\n{quote}{long}{quote},1\nx,2\n".encode())
    assert [error for _, _, error in rows] == [
        f"a cell is longer than {MAX_FIELD_CHARACTERS} characters",
        None,
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b" \r\n\n", "the file is empty"),
        (b"\xef\xbb\xbf", "header"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not text"),
        (b"a,b\n1,\x00\n", "NUL bytes"),
        (b"a,b\n" + b"1,2\n" * 300_000 + b"3,\x00\n", "NUL bytes"),
        ("a,b\n1,2\n".encode("utf-16"), "not text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook of the old format"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PAR1", "Parquet"),
        (b"%PDF-1.7", "PDF"),
        (b'a,b\n"open,2\n3,4\n', "is not CSV"),
        (b'a,b\n"x"y,2\n', "line 2 is not CSV"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(content: bytes, said: str) -> None:
    assert said in refuse(content)


def test_lines_above_the_header_are_skipped_and_counted() -> None:
    content = b'Banque;de demonstration\r\n\r\na;b\r\n1;2\r\n\r\n3;"4\r\n5"\r\n'
    table = parse_table(content, skip_rows=2)
    assert table.frame.rows() == [("1", "2", 4, None), ("3", "4\r\n5", 7, None)]
    plain = parse_table(b"Title\na,b\n1,2\n3,4\n", skip_rows=1)
    assert plain.frame.rows() == [("1", "2", 3, None), ("3", "4", 4, None)]


def test_more_skipped_lines_than_the_file_has_are_refused() -> None:
    assert "fewer than 1 header rows after the first 5 lines" in refuse(b"a,b\n1,2\n", skip_rows=5)


def test_a_zip_archive_that_is_no_workbook_is_refused() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("bons.csv", "a,b")
    assert "zip archive; save it as CSV or XLSX" in refuse(archive.getvalue())


def test_columns_that_begin_with_an_underscore_are_columns() -> None:
    assert parse_table(b"_nom,b\nDurand,2\n").columns == ["_nom", "b"]


# A lone carriage return is left unquoted by Python's writer: what it writes then is two rows.
CELLS = st.text(
    st.sampled_from(list('ab 1,;"\né€'))
    | st.characters(codec="utf-8", exclude_characters="\x00\r"),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(
    table=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=6),
    delimiter=st.sampled_from([",", ";"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_is_written_as_csv_is_read_the_same(
    table: list[list[str]], delimiter: str, end: str, quoting: int
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([["a", "b", "c"], *table])
    found = read(text.getvalue().encode(), delimiter=delimiter)
    assert [cells for cells, _, _ in found] == [row for row in table if any(row)]
    assert all(error is None for _, _, error in found)


PLAIN = st.text(st.sampled_from(list("ab 1é.-'")), max_size=3)


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.lists(PLAIN, min_size=1, max_size=4), max_size=6),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
    header_rows=st.integers(1, 2),
)
def test_the_fast_path_and_the_row_path_give_the_same_table(
    rows: list[list[str]], end: str, last: bool, header_rows: int
) -> None:
    header = ["x;y;z", "X;Y;Z"][:header_rows]
    text = end.join([*header, *(";".join(row) for row in rows)]) + (end if last else "")
    chosen = read(text.encode(), header_rows=header_rows, delimiter=";")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parsing, "_parse_plain", lambda *_: None)
        by_rows = read(text.encode(), header_rows=header_rows, delimiter=";")
    assert chosen == by_rows
    kept = [number for number, row in enumerate(rows, start=header_rows + 1) if any(row)]
    assert [line for _, line, _ in chosen] == kept


def test_a_plain_file_takes_the_fast_path() -> None:
    fast = parsing._parse_plain("a,b\n1,2\n3,\n", ",", ["a", "b"], 1)
    assert fast is not None
    assert fast.rows() == [("1", "2", 2, None), ("3", "", 3, None)]


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=60) | st.text(st.sampled_from(list('a,;"\n\r')), max_size=20).map(str.encode)
)
def test_any_bytes_are_a_table_or_are_refused(content: bytes) -> None:
    try:
        table = parse_table(content)
    except UnreadableError as error:
        assert str(error)
    else:
        assert table.frame[SOURCE_LINE].is_sorted()
