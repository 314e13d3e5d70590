"""Marks before cells that cannot be taken as they stand, and what each of them means.

A mark is a noncharacter of Unicode, which no text holds. It travels with its cell until it is known
whether anybody needs the column: a broken cell in a column that is dropped holds nothing back.
"""

from __future__ import annotations

import re

import polars as pl

NEITHER, DECLARED, CUT = "\ufdd1", "\ufdd2", "\ufdd3"
ERROR_CELL, FORMULA, MERGED, EMPTY_FORMULA = "\ufdd4", "\ufdd5", "\ufdd6", "\ufdd7"
ANY = f"[{NEITHER}{DECLARED}{CUT}{ERROR_CELL}{FORMULA}{MERGED}{EMPTY_FORMULA}]"
OF_NUMBERS = (MERGED, EMPTY_FORMULA)
MAX_FIELD_CHARACTERS = 100_000

SENTENCES = {
    NEITHER: "is encoded neither in UTF-8 nor in cp1252",
    DECLARED: "is not encoded as the source profile says",
    CUT: "ends in the middle of a character: the file was cut",
    ERROR_CELL: "holds an error of the spreadsheet",
    FORMULA: "holds a formula that was never computed: open the workbook, save it, send it again",
    EMPTY_FORMULA: "holds a formula without a value: save the workbook again and send it",
    MERGED: "is one number merged over several lines: what each line has of it is not said",
}
_ANY = re.compile(ANY)


def has_mark(text: str) -> bool:
    return _ANY.search(text) is not None


def settle_marks(
    frame: pl.DataFrame, names: list[str], numbers: frozenset[str], error: str
) -> pl.DataFrame:
    """Take the marks out of the columns `names`; a row with a broken cell gets its reason in the
    column `error`.

    A merged cell stands for each of its lines, but in the columns `numbers`, where nobody says what
    each line has of it; a formula that gives nothing is an empty cell, but there. Cells that are
    too long or hold NUL hold their row back as well.
    """
    if frame.is_empty() or not names:
        return frame
    longest, has_nul, has_marks = frame.select(
        pl.max_horizontal(pl.col(names).str.len_chars().max()).alias("longest"),
        pl.any_horizontal(pl.col(names).str.contains("\x00", literal=True).any()).alias("nul"),
        pl.any_horizontal(pl.col(names).str.contains(ANY).any()).alias("marks"),
    ).row(0)
    reasons: list[pl.Expr] = []
    for mark, sentence in SENTENCES.items() if has_marks else ():
        for name in names:
            if mark not in OF_NUMBERS or name in numbers:
                holds = pl.col(name).str.contains(mark, literal=True)
                reasons.append(pl.when(holds).then(pl.lit(f"{name} {sentence}")))
    for name in names if has_nul else ():
        holds = pl.col(name).str.contains("\x00", literal=True)
        reasons.append(pl.when(holds).then(pl.lit(f"{name} holds a NUL character")))
    for name in names if longest > MAX_FIELD_CHARACTERS else ():
        text = f"a cell is longer than {MAX_FIELD_CHARACTERS} characters"
        holds = pl.col(name).str.len_chars() > MAX_FIELD_CHARACTERS
        reasons.append(pl.when(holds).then(pl.lit(text)))
    if not reasons and not has_marks:
        return frame
    # DuckDB and people see the symbol for NUL where the character stood.
    return frame.with_columns(pl.coalesce(pl.col(error), *reasons).alias(error)).with_columns(
        pl.col(names).str.replace_all("\x00", "\u2400", literal=True).str.replace_all(ANY, "")
    )
