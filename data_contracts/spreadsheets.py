"""How cells of tables that leave are written, so that no spreadsheet runs them.

Here live the neutralisation of formulas, values for machines, the byte order mark and the licence
of published figures. How a figure becomes a file belongs in `dashboards/exports.py`, a return in
`pipelines/returns`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

# A spreadsheet reads accents of a CSV that begins with it.
BYTE_ORDER_MARK = "\ufeff"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
LICENCE = "Licence Ouverte 2.0"
# A spreadsheet set to part a CSV at semicolons or tabs begins a cell there, whatever is quoted.
_CELL_INSIDE = re.compile(r"([;\t\r\n][ \"]*)(?=[=+\-@＝＋－＠])")

Value = str | date | Decimal | int | bool | None


def neutralise(text: str) -> str:
    """Text that no spreadsheet runs as a formula: a leading apostrophe where it would."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def write_machine_value(value: Value) -> str:
    """A value for machines: exact decimal with a point, ISO date, empty where missing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return _CELL_INSIDE.sub(r"\1'", neutralise(value))


def write_rows(header: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """Rows as RFC 4180 text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([write_machine_value(value) for value in row])
    return buffer.getvalue()


def write_cell(sheet: Any, line: int, place: int, value: Value, form: Any) -> None:
    """A cell of an xlsxwriter sheet as what it is: a number, a date, a truth, or text that no
    spreadsheet runs; none where nothing is known."""
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(line, place, value)
    elif isinstance(value, Decimal | int):
        sheet.write_number(line, place, float(value), form)
    elif isinstance(value, date):
        sheet.write_datetime(line, place, value, form)
    else:
        sheet.write_string(line, place, neutralise(value))
