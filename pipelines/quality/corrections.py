"""Lines to correct as a workbook for a volunteer: the row as delivered, what is wrong in plain
French, what is expected. The corrected workbook simply lands again.

One workbook per food bank and record, in the record's own columns: `ingest` finds its header below
the French titles. The column `_corrects` names the line that a row corrects.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import xlsxwriter

from data_contracts.loader import Contract, load_records
from pipelines.store import PSEUDONYM_PREFIX, write_atomically

_GUIDE = (
    "Corrigez les cellules colorées, puis déposez ce classeur dans"
    " landing/{food_bank}/{record}/ : chaque ligne corrigée remplace la ligne retenue."
    " Une ligne à abandonner peut être effacée de ce classeur. Ne changez pas la colonne _corrects."
)
_INFORMATION = ("Fichier", "Ligne", "Ce qui ne va pas", "Ce qui est attendu")


def write_corrections(
    rows: Iterable[dict[str, Any]], folder: Path, today: date, generation: int = 1
) -> list[Path]:
    """Write a workbook per food bank and record of open quarantine rows; give their paths.

    `rows`: those of `DeliveryStore.list_quarantine`; `generation`: that of their pseudonyms, so
    that a workbook which comes back after a rotation still names the same household. Values are
    text: no cell is a formula.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["food_bank_id"], row["record"]), []).append(row)
    written = []
    for (food_bank_id, record), held in sorted(groups.items()):
        path = folder / f"a-corriger-{food_bank_id}-{record}-{today:%Y-%m-%d}.xlsx"
        with write_atomically(path) as temporary:
            _write(temporary, food_bank_id, load_records()[record], held, generation)
        written.append(path)
    return written


def _write(
    path: Path,
    food_bank_id: str,
    contract: Contract,
    rows: list[dict[str, Any]],
    generation: int,
) -> None:
    names = _list_columns(contract, rows)
    labels = {column.name: column.label_fr for column in contract.columns}
    options = {"strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(path, options) as workbook:
        sheet = workbook.add_worksheet("À corriger")
        title = workbook.add_format({"bold": True})
        head = workbook.add_format({"bold": True, "bg_color": "#E8EEF4", "text_wrap": True})
        wrong = workbook.add_format({"bg_color": "#FCE4D6", "num_format": "@"})
        text = workbook.add_format({"num_format": "@"})
        wrap = workbook.add_format({"text_wrap": True, "valign": "top"})
        guide = _GUIDE.format(food_bank=food_bank_id, record=contract.name)
        sheet.write_string(0, 0, guide, title)
        headings = [*_INFORMATION, *(labels.get(name, "") for name in names), "Ligne corrigée"]
        technical = ["_file", "_line", "_wrong", "_expected", *names, "_corrects"]
        for column, (heading, name) in enumerate(zip(headings, technical, strict=True)):
            sheet.write_string(2, column, heading, head)
            sheet.write_string(3, column, name, head)
        for number, row in enumerate(rows, start=4):
            cells, rules = json.loads(row["cells"]), json.loads(row["rules"])
            broken = {rule["column"] for rule in rules}
            column_of_file = row["source_column"]
            information = (
                row["source_name"],
                f"{row['source_line']}" + (f" ({column_of_file})" if column_of_file else ""),
                "\n".join(rule.get("message_fr") or rule["message"] for rule in rules),
                "\n".join(filter(None, (rule.get("expected_fr") for rule in rules))),
            )
            for column, value in enumerate(information):
                sheet.write_string(number, column, value, wrap)
            personal = {column.name for column in contract.columns if column.is_personal}
            for column, name in enumerate(names, start=len(information)):
                value = cells.get(name) or ""
                if name in personal and value:
                    value = f"{PSEUDONYM_PREFIX}{generation}:{value}"
                is_wrong = name in broken or (row["source_column"] and name == contract.measure)
                sheet.write_string(number, column, value, wrong if is_wrong else text)
            sheet.write_string(number, len(technical) - 1, str(row["row_id"]), text)
        sheet.freeze_panes(4, 0)
        sheet.autofit(400)


def _list_columns(contract: Contract, rows: list[dict[str, Any]]) -> list[str]:
    """The columns of the contract in its order, with the quantities and units that were delivered;
    what no row has and nobody needs is left out."""
    delivered = {name for row in rows for name in json.loads(row["cells"])}
    names: list[str] = []
    for column in contract.columns:
        stem = column.name.removesuffix("_kg")
        pair = [f"{stem}_quantity", f"{stem}_unit"]
        if column.is_mass and set(pair) <= delivered:
            names += pair
        elif column.name in delivered or column.is_required:
            names.append(column.name)
    return names
