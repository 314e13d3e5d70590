"""Files of the landing folder: dialects, repetition for load tests, atomic writing.

Here lives how frames of text become files, each in the dialect that its tool exports. What the
frames hold belongs in `records.py` and `imperfections.py`.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines.demo.directory import FOOD_BANK_ID
from pipelines.demo.records import OWN_COLUMNS


class Dialect(NamedTuple):
    """How a tool exports its text files."""

    encoding: str
    separator: str
    newline: str


_USUAL = Dialect("utf-8", ",", "\n")
_SPREADSHEET = Dialect("cp1252", ";", "\r\n")
DIALECTS: dict[str, Dialect] = {
    "partners": _SPREADSHEET,
    "suppliers": _SPREADSHEET,
    "sites": Dialect("utf-8-sig", ";", "\r\n"),
    "removals": Dialect("cp1252", ";", "\n"),
    "stock_counts": _SPREADSHEET,
    "rounds": Dialect("utf-8", ";", "\n"),
    "round_stops": Dialect("utf-8", ";", "\n"),
}


def repeat_activity(record: str, frame: pl.DataFrame, number: int) -> pl.DataFrame:
    """The same rows once more, under keys of their own (`R000012~03`).

    A count is taken once: its repeated lines stand in the same count under higher line numbers,
    so that counted and theoretical stock grow alike.
    """
    own = [
        pl.when(pl.col(name) == "")
        .then(pl.lit(""))
        .otherwise(pl.col(name) + f"~{number:02d}")
        .alias(name)
        for name in OWN_COLUMNS[record]
    ]
    repeated = frame.with_columns(*own)
    if record == "stock_counts":
        line = pl.col("line_no").cast(pl.Int64) + 1000 * (number - 1)
        repeated = repeated.with_columns(line_no=line.cast(pl.String))
    return repeated


def encode_rows(record: str, frame: pl.DataFrame) -> bytes:
    """The bytes of a file: header, rows, final newline; every row names its food bank."""
    dialect = DIALECTS.get(record, _USUAL)
    rows = frame.select(pl.lit(FOOD_BANK_ID).alias("food_bank_id"), pl.exclude("month")).rename(
        {"reported_month": "month"}, strict=False
    )
    rows = rows.with_columns(pl.when(pl.all() != "").then(pl.all()))
    buffer = io.BytesIO()
    rows.write_csv(
        buffer, separator=dialect.separator, line_terminator=dialect.newline, null_value=""
    )
    written = buffer.getvalue()
    return written if dialect.encoding == "utf-8" else written.decode().encode(dialect.encoding)


def write_file(landing_dir: Path, record: str, suffix: str, frame: pl.DataFrame) -> Path:
    """Write `<record>-<suffix>.csv` under a temporary name, then rename it."""
    folder = landing_dir / FOOD_BANK_ID / record
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record}-{suffix}.csv"
    waiting = folder / f".{path.name}.writing"
    with waiting.open("wb") as file:
        file.write(encode_rows(record, frame))
        file.flush()
        os.fsync(file.fileno())
    waiting.replace(path)
    return path
