"""The figures of a recall, on page 9 and in its proof: sums by place, and every line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.kpis import Scope
from dashboards.page_models.recall import CERTAIN, POSSIBLE, RecallRow
from dashboards.page_models.shapes import ZERO, build_table


def build_recall_sums(scope: Scope, rows: Sequence[RecallRow]) -> FigureModel:
    """Kilograms by place, certain and possible."""
    words = scope.words
    sums: list[tuple[Cell, ...]] = []
    for place in dict.fromkeys(row.place for row in rows):
        here = [row for row in rows if row.place == place]
        weights = [
            sum((row.weight_kg for row in here if row.certainty == certainty), ZERO)
            for certainty in (CERTAIN, POSSIBLE)
        ]
        sums.append((place, words(f"recall.place.{place}"), len(here), *weights))
    return build_table(
        scope,
        "rappel-par-lieu",
        (
            Column("place", ""),
            Column("place_label", words("column.place")),
            Column("lines", words("column.lines"), "count"),
            Column("certain_kg", words("column.certain"), "decimal"),
            Column("possible_kg", words("column.possible"), "decimal"),
        ),
        sums,
        finding={
            "value": write_measure(words, "kg", sum((row.weight_kg for row in rows), ZERO)),
            "certain": write_measure(
                words,
                "kg",
                sum((row.weight_kg for row in rows if row.certainty == CERTAIN), ZERO),
            ),
        },
        notes=(words("rappel-par-lieu.note"),),
    )


def build_recall_lines(
    scope: Scope, rows: Sequence[RecallRow], sites: Mapping[str, str] | None = None
) -> FigureModel:
    """Every line: where, who, which document, which lot, how much. `sites`: names of sites."""
    words, names = scope.words, sites or {}
    lines: list[tuple[Cell, ...]] = [
        (
            row.place,
            words(f"recall.place.{row.place}"),
            words(f"recall.certainty.{row.certainty}"),
            names.get(row.site_id or "", row.site_id),
            words.code("destination", row.holder)
            if row.place == "removed" and row.holder
            else row.holder,
            row.document,
            row.line_no,
            row.day,
            row.product_code,
            row.product or row.product_code,
            row.lot_id or words("lot.unknown"),
            row.weight_kg,
        )
        for row in rows
    ]
    return build_table(
        scope,
        "rappel-lignes",
        (
            Column("place", ""),
            Column("place_label", words("column.place")),
            Column("certainty", words("column.certainty")),
            Column("site", words("column.site")),
            Column("holder", words("column.holder")),
            Column("document", words("column.note")),
            Column("line_no", "", "count"),
            Column("day", words("column.day"), "date"),
            Column("product_code", ""),
            Column("product", words("column.product")),
            Column("lot_id", words("column.lot")),
            Column("weight_kg", words("measure_name.kg"), "decimal"),
        ),
        lines,
        notes=(words("rappel-lignes.note"),),
    )
