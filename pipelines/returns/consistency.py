"""Where one tonne appears in each return: the same kilograms, cell by cell, under each form.

A row is a cell of the flows (received by channel, distributed by kind of partner, removed by
reason; food and what is not eaten apart), a column a section of a return. What a section counts of
a cell is found by its own lines, so that a line that loses or doubles a cell shows.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from data_contracts.spreadsheets import Value
from pipelines.returns.forms import RETURNS, load_lines
from pipelines.returns.tables import (
    FLOWS,
    PROGRAMMES,
    TOTAL,
    ZERO,
    Asked,
    Table,
    read_flows,
    read_labels,
    select_flows,
    sum_kg,
    title_section,
)

CONSISTENCY = "coherence"


def build_consistency(asked: Asked) -> Table:
    """The table of a period; its last row has the total of each column."""
    flows = read_flows(asked)
    cells = [
        (measure, code, is_food)
        for measure, (_, column) in FLOWS.items()
        for is_food in (True, False)
        for code in sorted(select_flows(flows, measure, is_food)[column].unique())
    ]
    columns = [
        (
            f"{return_code}.{section}",
            f"{return_code} : {title_section(section, asked.language)}",
            _count_section(flows, return_code, section),
        )
        for return_code in RETURNS
        for section in _list_sections(return_code)
    ]
    columns += [
        (
            "quarterly-departments.distributed",
            asked.text("quarterly-departments : distribué", "quarterly-departments: distributed"),
            _sum_cells(select_flows(flows, "distributed"), "distributed"),
        ),
        (
            "programme-ledgers.received",
            asked.text("programme-ledgers : reçu", "programme-ledgers: received"),
            _count_programmes(asked, flows),
        ),
    ]
    labels = read_labels(asked.language)
    rows: list[tuple[Value, ...]] = []
    for measure, code, is_food in cells:
        column = FLOWS[measure][1]
        weight = sum_kg(select_flows(flows, measure, is_food).filter(pl.col(column) == code))
        rows.append(
            (
                measure,
                code,
                labels.get(code, code),
                is_food,
                weight,
                *(counted.get((measure, code, is_food)) for _, _, counted in columns),
            )
        )
    totals = [sum(counted.values(), ZERO) for _, _, counted in columns]
    rows.append(("", "", TOTAL[asked.language], None, None, *totals))
    text = asked.text
    return Table(
        CONSISTENCY,
        text("Où apparaît une tonne", "Where one tonne appears"),
        (
            ("flow", text("Flux", "Flow"), "text"),
            ("code", text("Code", "Code"), "text"),
            ("label", text("Canal, partenaire ou motif", "Channel, partner or reason"), "text"),
            ("is_food", text("Alimentaire", "Food"), "flag"),
            ("weight_kg", text("Dans les données publiées (kg)", "In the published data (kg)"),
             "kg"),
            *((name, label, "kg") for name, label, _ in columns),
        ),
        tuple(rows),
    )  # fmt: skip


Counted = dict[tuple[str, str, bool], Decimal]


def _list_sections(return_code: str) -> list[str]:
    """Sections of a form whose lines add up flows."""
    lines = [line for line in load_lines(return_code) if line.measure in FLOWS]
    return list(dict.fromkeys(line.section for line in lines))


def _count_section(flows: pl.DataFrame, return_code: str, section: str) -> Counted:
    """What the lines of a section take of each cell, and what they leave to its last line."""
    lines = [line for line in load_lines(return_code) if line.section == section]
    measure = lines[0].measure
    base = select_flows(flows, measure)
    taken = pl.concat([base.filter(pl.col(line.column).is_in(line.codes)) for line in lines])
    known = {code for line in lines for code in line.codes}
    rest = base.filter(~pl.col(lines[0].column).is_in(sorted(known)))
    return _sum_cells(pl.concat([taken, rest]), measure)


def _sum_cells(frame: pl.DataFrame, measure: str) -> Counted:
    """Kilograms of food by category."""
    column = FLOWS[measure][1]
    return {(measure, str(code), True): sum_kg(part) for (code,), part in frame.group_by(column)}


def _count_programmes(asked: Asked, flows: pl.DataFrame) -> Counted:
    """What the ledgers received, food and the rest: the flows say which part is food."""
    ledgers = asked.read_months("mart_programmes_monthly")
    counted: Counted = {}
    for programme in PROGRAMMES:
        received = sum_kg(ledgers.filter(pl.col("programme") == programme), "received_kg")
        other = sum_kg(
            select_flows(flows, "received", is_food=False).filter(pl.col("channel") == programme)
        )
        if received:
            counted["received", programme, True] = received - other
        if other:
            counted["received", programme, False] = other
    return counted
