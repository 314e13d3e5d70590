"""Workbooks as people save them: titles above the header, dates, formulas, errors, damage."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
import xlwt

from pipelines.ingest.containers import UnreadableError
from pipelines.ingest.parsing import READ_ERROR, ParsedTable, parse_table


def write(rows: list[list[Any]], *others: str, name: str = "Ramasse") -> bytes:
    """A workbook whose sheet `name` holds the rows, behind sheets of other names."""
    memory = io.BytesIO()
    workbook = xlsxwriter.Workbook(memory, {"in_memory": True})
    day = workbook.add_format({"num_format": "dd/mm/yyyy"})
    moment = workbook.add_format({"num_format": "dd/mm/yyyy hh:mm"})
    for other in others:
        workbook.add_worksheet(other).write(0, 0, "nothing here")
    sheet = workbook.add_worksheet(name)
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            if isinstance(cell, datetime):
                sheet.write_datetime(row, column, cell, moment)
            elif isinstance(cell, date):
                sheet.write_datetime(row, column, cell, day)  # type: ignore[arg-type]
            elif isinstance(cell, tuple):
                sheet.write_formula(row, column, *cell)
            else:
                sheet.write(row, column, cell)
    workbook.close()
    return memory.getvalue()


def rewrite(content: bytes, change: dict[str, Any]) -> bytes:
    """The workbook with the text of some parts replaced by what `change` makes of it."""
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(memory, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            target.writestr(name, change[name](text) if name in change else text)
    return memory.getvalue()


def refuse(content: bytes, **options: Any) -> str:
    with pytest.raises(UnreadableError) as error:
        parse_table(content, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def cells(table: ParsedTable) -> list[tuple[Any, ...]]:
    return table.frame.rows()


def test_rows_below_titles_and_header_are_text_with_their_number_in_the_sheet() -> None:
    content = write(
        [
            ["Banque alimentaire de démonstration"],
            [],
            ["Date", "Fournisseur", "Kilos"],
            [date(2024, 6, 25), "S1", 12.5],
            [],
            [
                datetime(2024, 6, 25, 7, 30),  # noqa: DTZ001 (workbooks have no zones)
                "S2",
                1200,
            ],
        ]
    )
    table = parse_table(content, skip_rows=2)
    assert (table.encoding, table.delimiter) == ("xlsx", "")
    assert cells(table) == [
        ("2024-06-25", "S1", "12.5", 4, None),
        ("2024-06-25T07:30:00", "S2", "1200", 6, None),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (1e-7, "0.0000001"),
        (123456789012345, "123456789012345"),
        (-0.5, "-0.5"),
        (True, "true"),
        (False, "false"),
        ("00123", "00123"),
        ("=1+1 in text", "=1+1 in text"),
        (("=2*3", None, 6), "6"),
    ],
)
def test_a_cell_becomes_the_text_that_a_careful_person_would_type(value: Any, text: str) -> None:
    content = write([["a", "b"], ["x", None]])
    if isinstance(value, str):
        memory = io.BytesIO()
        workbook = xlsxwriter.Workbook(memory, {"strings_to_formulas": False})
        sheet = workbook.add_worksheet()
        for row, line in enumerate([["a", "b"], ["x", value]]):
            for column, cell in enumerate(line):
                sheet.write_string(row, column, cell)
        workbook.close()
        content = memory.getvalue()
    else:
        content = write([["a", "b"], ["x", value]])
    assert cells(parse_table(content)) == [("x", text, 2, None)]


@pytest.mark.parametrize(
    ("value", "text", "said"),
    [
        (("=2*3", None, ""), "formula without a value: =2*3", "was never computed"),
        (("=1/0", None, "#DIV/0!"), "#DIV/0!", "holds an error of the spreadsheet"),
    ],
)
def test_a_cell_without_a_value_of_its_own_stays_visible_and_holds_its_row_back(
    value: Any, text: str, said: str
) -> None:
    [(_, shown, line, error)] = cells(parse_table(write([["a", "b"], ["x", value]])))
    assert (shown, line) == (text, 2)
    assert said in error


def test_a_cell_merged_over_lines_stands_for_each_of_them() -> None:
    memory = io.BytesIO()
    workbook = xlsxwriter.Workbook(memory)
    sheet = workbook.add_worksheet()
    for row, line in enumerate([["Bon", "Poids"], ["BL1", 4], ["", 5], ["BL2", 6]]):
        sheet.write_row(row, 0, line)
    sheet.merge_range(1, 0, 2, 0, "BL1")
    workbook.close()
    table = parse_table(memory.getvalue())
    assert [row[:2] for row in cells(table)] == [("BL1", "4"), ("BL1", "5"), ("BL2", "6")]


def test_other_sheets_with_cells_are_named() -> None:
    memory = io.BytesIO()
    workbook = xlsxwriter.Workbook(memory)
    for name in ("Mai", "Juin", "Vide"):
        sheet = workbook.add_worksheet(name)
        for row in range(2) if name != "Vide" else ():
            sheet.write_row(row, 0, ["a", "b"] if row == 0 else [name, 1])
    workbook.close()
    table = parse_table(memory.getvalue())
    assert cells(table) == [("Mai", "1", 2, None)]
    assert table.notes == ("the workbook has other sheets, which were not read: Juin",)


def test_workbooks_of_the_old_format_are_read() -> None:
    memory = io.BytesIO()
    workbook = xlwt.Workbook()
    sheet = workbook.add_sheet("Bons")
    day = xlwt.easyxf(num_format_str="DD/MM/YYYY")
    sheet.write(0, 0, "Date")
    sheet.write(0, 1, "Bon")
    sheet.write(0, 2, "Poids")
    sheet.write_merge(1, 2, 0, 0, date(2024, 6, 25), day)
    for row, (bon, weight) in enumerate([("B1", 12.5), ("B2", True)], start=1):
        sheet.write(row, 1, bon)
        sheet.write(row, 2, weight)
    workbook.save(memory)
    table = parse_table(memory.getvalue())
    assert table.encoding == "xls"
    assert [row[:3] for row in cells(table)] == [
        ("2024-06-25", "B1", "12.5"), ("2024-06-25", "B2", "true"),
    ]  # fmt: skip
    assert "was cut on its way" in refuse(memory.getvalue()[:3000])


def test_a_time_and_a_duration_are_text_too() -> None:
    memory = io.BytesIO()
    workbook = xlsxwriter.Workbook(memory)
    sheet = workbook.add_worksheet()
    sheet.write_row(0, 0, ["a", "b"])
    sheet.write_datetime(1, 0, time(7, 30), workbook.add_format({"num_format": "hh:mm"}))
    sheet.write_datetime(
        1, 1, timedelta(hours=30), workbook.add_format({"num_format": "[hh]:mm:ss"})
    )
    workbook.close()
    assert cells(parse_table(memory.getvalue())) == [("07:30:00", "1 day, 6:00:00", 2, None)]


def test_the_sheet_is_found_by_name_and_a_missing_one_is_named() -> None:
    content = write([["a", "b"], [1, 2]], "Lisez-moi", "Codes")
    assert cells(parse_table(content, sheet="Ramasse")) == [("1", "2", 2, None)]
    assert parse_table(content, sheet="Ramasse").delimiter == "Ramasse"
    said = refuse(content, sheet="Dons")
    assert "no sheet 'Dons' (it has Lisez-moi, Codes, Ramasse)" in said


def test_a_row_with_cells_beyond_the_header_is_kept_with_its_error() -> None:
    content = write([["a", "b"], [1, 2, None, "more"], [3], [None, None], [4, 5]])
    table = parse_table(content)
    assert table.frame.select("a", "b").rows() == [("1", "2"), ("3", ""), ("4", "5")]
    errors = table.frame[READ_ERROR].to_list()
    assert errors == ["4 cells where the header has 2", None, None]


def test_a_sheet_that_declares_a_wrong_extent_is_read_whole() -> None:
    content = write([["a", "b"], [1, 2], [3, 4]])
    for extent in (b"A1:A1", b"A1:XFD1048576"):
        wrong = rewrite(
            content,
            {
                "xl/worksheets/sheet1.xml": lambda text, extent=extent: text.replace(
                    b"A1:B3", extent
                )
            },
        )
        assert b"A1:B3" not in zipfile.ZipFile(io.BytesIO(wrong)).read("xl/worksheets/sheet1.xml")
        assert cells(parse_table(wrong)) == [("1", "2", 2, None), ("3", "4", 3, None)]


def test_a_workbook_is_known_by_its_content_and_a_damaged_one_is_refused() -> None:
    content = write([["a", "b"], [1, 2]])
    cut = rewrite(content, {"xl/worksheets/sheet1.xml": lambda text: text[: len(text) // 2]})
    assert "the workbook is damaged" in refuse(cut)
    assert "the workbook is damaged" in refuse(rewrite(content, {"xl/workbook.xml": lambda _: b""}))
    # Without its list at the end the bytes are no archive any more.
    assert "a zip archive" in refuse(content[: len(content) // 2])


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_read() -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 50_000_000)
    assert "unpacks to 50 MB" in refuse(memory.getvalue())


def test_an_empty_workbook_has_no_header() -> None:
    assert "fewer than 1 header rows" in refuse(write([]))


def test_what_another_program_writes_is_read(tmp_path: Path) -> None:
    """Shared strings, styles and rows as another program writes them (openpyxl)."""
    from openpyxl import Workbook

    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in (["Jour", "Poids"], [date(2024, 6, 25), 3.25], ["25/06/2024", "3,25"]):
        sheet.append(row)
    workbook.save(tmp_path / "a.xlsx")
    assert cells(parse_table((tmp_path / "a.xlsx").read_bytes())) == [
        ("2024-06-25", "3.25", 2, None),
        ("25/06/2024", "3,25", 3, None),
    ]
