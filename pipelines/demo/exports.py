"""Files as the tools of a food bank export them: workbooks with titles and totals, text tables.

Here lives how rows become bytes; which rows and columns there are belongs in the module of the food
bank. The same rows give the same bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple, TypeAlias

import xlsxwriter

from pipelines.store import write_atomically

# A workbook says when it was made; a generated one says nothing about the day it was generated.
_CREATED = datetime(2023, 1, 1)  # noqa: DTZ001 (workbooks have no zones)
Cell: TypeAlias = str | int | float | date | datetime | None


class Mass(NamedTuple):
    """Grams, written in kilograms with three decimals at most."""

    grams: int

    def __str__(self) -> str:
        kilograms, rest = divmod(self.grams, 1000)
        return f"{kilograms}.{rest:03d}".rstrip("0").rstrip(".")


def place_file(path: Path, content: bytes) -> Path:
    """Write a file of the landing folder whole or not at all."""
    with write_atomically(path) as waiting:
        waiting.write_bytes(content)
    return path


def write_workbook(
    sheet_name: str,
    titles: Sequence[str],
    header: Sequence[str],
    rows: Iterable[Sequence[Cell | Mass]],
    total: Sequence[Cell | Mass] | None = None,
) -> bytes:
    """A workbook of one sheet: title lines, header, rows and a line of totals."""
    memory = io.BytesIO()
    workbook = xlsxwriter.Workbook(memory, {"in_memory": True, "strings_to_numbers": False})
    workbook.set_properties({"created": _CREATED})
    bold = workbook.add_format({"bold": True})
    formats = {
        date: workbook.add_format({"num_format": "dd/mm/yyyy"}),
        datetime: workbook.add_format({"num_format": "dd/mm/yyyy hh:mm"}),
    }
    sheet = workbook.add_worksheet(sheet_name)
    sheet.set_column(0, len(header) - 1, 16)
    for number, title in enumerate(titles):
        sheet.write_string(number, 0, title, bold)
    for column, name in enumerate(header):
        sheet.write_string(len(titles), column, name, bold)
    for number, cells in enumerate([*rows, *([total] if total else [])], start=len(titles) + 1):
        for column, cell in enumerate(cells):
            if isinstance(cell, Mass):
                sheet.write_number(number, column, cell.grams / 1000)
            elif isinstance(cell, str):
                sheet.write_string(number, column, cell)
            elif isinstance(cell, int | float):
                sheet.write_number(number, column, cell)
            elif cell is not None:
                sheet.write_datetime(number, column, cell, formats[type(cell)])
    workbook.close()
    return memory.getvalue()


def write_text_table(header: Sequence[str], rows: Iterable[Sequence[str | int | Mass]]) -> bytes:
    """A French spreadsheet's text table: cp1252, semicolons, decimal commas, carriage returns."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(header)
    for cells in rows:
        writer.writerow(str(c).replace(".", ",") if isinstance(c, Mass) else c for c in cells)
    return text.getvalue().encode("cp1252")
