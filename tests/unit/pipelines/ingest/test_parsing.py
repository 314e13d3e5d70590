"""Bytes become cells of text with their lines; what is no table is refused in one sentence."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ingest import parsing
from pipelines.ingest.containers import UnreadableError
from pipelines.ingest.marks import MAX_FIELD_CHARACTERS
from pipelines.ingest.parsing import (
    MAX_COLUMNS,
    READ_ERROR,
    SOURCE_LINE,
    parse_table,
)
from pipelines.ingest.text import Block

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
    [(cells, _, error)] = read("nom,kg\né,1\n".encode("cp1252"), encoding="utf-8")
    assert (cells, error) == (
        ["\\xe9", "1"],
        "nom is not encoded as the source profile says",
    )
    cells = read("nom,kg\né,1\n".encode(), encoding="cp1252")[0][0]
    assert cells == ["Ã©", "1"]


def test_a_line_in_no_encoding_is_held_back_and_the_others_go_on() -> None:
    assert read(b"a,b\n\xff\x81,1\nx,2\n") == [
        (["\\xff\\x81", "1"], 2, "a is encoded neither in UTF-8 nor in cp1252"),
        (["x", "2"], 3, None),
    ]
    assert "the header cannot be decoded" in refuse(b"a\x81\xff,b\n1,2\n")


def test_a_file_that_mixes_encodings_is_read_and_said_to() -> None:
    content = "nom,kg\nÉpicerie,1\n".encode() + "Hôpital,2\nBon,3\n".encode("cp1252")
    table = parse_table(content)
    assert table.frame["nom"].to_list() == ["Épicerie", "Hôpital", "Bon"]
    assert table.encoding == "utf-8 and cp1252"
    assert table.notes == (
        "the file mixes encodings: 1 lines in utf-8 (the first is line 2), 1 lines in cp1252"
        " (the first is line 3)",
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_known_by_its_mark_or_its_zeros(encoding: str) -> None:
    table = parse_table("nom;kg\r\nÉpicerie;1\r\nŒuf;2\r\n".encode(encoding))
    assert (table.encoding, table.delimiter) == ("utf-16", ";")
    assert table.frame["nom"].to_list() == ["Épicerie", "Œuf"]


def test_a_file_cut_in_the_middle_of_a_character_is_not_taken_for_another_encoding() -> None:
    assert read("a,b\n1,2\n3,é".encode()[:-1]) == [
        (["1", "2"], 2, None),
        (["3", "\\xc3"], 3, "b ends in the middle of a character: the file was cut"),
    ]
    assert "UTF-16" in refuse("a,b\n1,2\n".encode("utf-16")[:-1])


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        (b"a,b\n1;2,3\n", ","),
        (b"a;b\n1,5;2\n", ";"),
        (b"a;b;c,d\n1;2;3\n", ";"),
        (b"a\tb\n1,5\t2\n", "\t"),
        (b"a|b\n1;5|2\n", "|"),
        (b"sep=|\r\na;x|b\r\n1|2\r\n", "|"),
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
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not text"),
        (b"a,\x00b\n1,2\n", "control characters"),
        (b"a,b\n" + bytes(range(32)) * 40, "control characters"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Office document"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PAR1", "Parquet"),
        (b"%PDF-1.7", "PDF"),
        (b'"a,b\n1,2\n', "line 2 is not CSV"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "web page"),
        (b'<?xml version="1.0"?><Workbook/>', "XML"),
        (b'[{"a": 1}]', "JSON array"),
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


def test_a_stray_nul_holds_its_row_back() -> None:
    assert read(b"a,b\n1,\x00\n3,4\n") == [
        (["1", "\u2400"], 2, "b holds a NUL character"),
        (["3", "4"], 3, None),
    ]


def test_a_line_whose_quotes_do_not_close_is_held_back_alone() -> None:
    rows = read(b'a,b\n1,2\n"open,2\n3,4\n"x"y,5\n"two\nlines",6\n')
    assert [(cells, line, bool(error)) for cells, line, error in rows] == [
        (["1", "2"], 2, False),
        (["open,2\n", ""], 3, True),
        (["3", "4"], 4, False),
        (["xy", "5"], 5, True),
        (["two\nlines", "6"], 7, False),
    ]
    assert "do not close" in str(rows[1][2])


def zipped(**files: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        for name, text in files.items():
            written.writestr(name, text)
    return archive.getvalue()


def test_archives_of_one_file_are_opened() -> None:
    expected = read(b"a,b\n1,2\n")
    assert read(gzip.compress(b"a,b\n1,2\n")) == expected
    assert read(zipped(bons="a,b\n1,2\n")) == expected
    with_mac = zipped(**{"bons.csv": "a,b\n1,2\n", "__MACOSX/._bons.csv": "x"})
    assert read(with_mac) == expected


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(a="a,b", b="a,b"), "holds 2 files"),
        (zipped(), "empty zip archive"),
        (gzip.compress(gzip.compress(b"a,b\n", mtime=0), mtime=0), "the archive holds an archive"),
        (gzip.compress(b"a,b\n1,2\n" * 500, mtime=0)[:-20], "cut or damaged"),
        (zipped(a="a,b\n" * 5000)[:-30], "cut or damaged"),
        (gzip.compress(b"", mtime=0), "the file in the archive is empty"),
        (gzip.compress(bytes(60_000_000), mtime=0), "unpacks to more than"),
        (zipped(a="0" * 60_000_000), "unpacks to"),
    ],
)
def test_archives_that_cannot_be_opened_are_refused(content: bytes, said: str) -> None:
    assert said in refuse(content)


def test_json_lines_are_rows_of_their_names() -> None:
    content = (
        '{"a": 1.50, "b": "x", "c": {"d": true}}\n\n{"a": 2, "e": ["1", "3"], "b": null}\n'
        '{"a": 1, "a": 2}\n{"a": \nfalse\n'
    )
    table = parse_table(content.encode())
    assert table.columns == ["a", "b", "c.d", "e"]
    rows = [(*row[:5], bool(row[5])) for row in table.frame.rows()]
    assert rows == [
        ("1.50", "x", "true", "", 1, False),
        ("2", "", "", "1|3", 3, False),
        ("", "", "", "", 4, True),
        ("", "", "", "", 5, True),
        ("", "", "", "", 6, True),
    ]


def test_parquet_is_read_as_text() -> None:
    memory = io.BytesIO()
    pl.DataFrame(
        {
            "n": [1e-05, 0.1, None],
            "d": [date(2024, 6, 25), None, None],
            "t": [datetime(2024, 6, 25, 8, tzinfo=UTC), None, None],
            "k": [Decimal("1.500"), None, None],
            "b": [True, None, None],
        }
    ).write_parquet(memory)
    assert read(memory.getvalue()) == [
        (["0.00001", "2024-06-25", "2024-06-25T08:00:00Z", "1.500", "true"], 1, None),
        (["0.1", "", "", "", ""], 2, None),
    ]
    assert "Parquet file is cut" in refuse(memory.getvalue()[:-10])


def test_the_header_is_found_below_titles_by_the_names_that_it_has() -> None:
    text = b"Banque;mai 2024\n\nBon;Ligne;kg\nR1;1;5\n"
    table = parse_table(text, expected=frozenset({"Bon", "kg"}))
    assert table.columns == ["Bon", "Ligne", "kg"]
    assert table.frame.rows() == [("R1", "1", "5", 4, None)]
    lower = parse_table(text, expected=frozenset({"bon"}), ignores_case=True)
    assert lower.columns == ["Bon", "Ligne", "kg"]


def test_blocks_of_a_large_file_are_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f'{n},"x{n}"' if n % 7 == 0 else f"{n},é{n}" for n in range(2_000)]
    lines[500] = '500,"over\ntwo lines"'
    content = ("a,b\n" + "\n".join(lines) + "\n").encode()
    whole = parse_table(content)
    for size in (64, 1_000, 4_096):
        monkeypatch.setattr("pipelines.ingest.text.BLOCK_BYTES", size)
        assert parse_table(content).frame.equals(whole.frame), size
    assert whole.frame.height == 2_000
    assert whole.frame[SOURCE_LINE].to_list()[499:502] == [501, 503, 504]


def test_columns_that_begin_with_an_underscore_are_columns() -> None:
    assert parse_table(b"_nom,b\nDurand,2\n").columns == ["_nom", "b"]


# A lone carriage return is left unquoted by Python's writer: what it writes then is two rows.
CELLS = st.text(
    st.sampled_from(list('ab 1,;"\né€'))
    | st.characters(
        codec="utf-8", exclude_characters="\x00\r\ufdd1\ufdd2\ufdd3\ufdd4\ufdd5\ufdd6\ufdd7"
    ),
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
    fast = parsing._parse_plain(Block("1,2\n3,\n", 2), ",", ["a", "b"])
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
