"""The proof of a recall: what was sought, where the food is, and who was told.

The rows are worked out by the pipeline (`collecto recall`); here they are put on paper, line by
line, with places to sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from dashboards.access import Principal
from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.filters import resolve_filters
from dashboards.language.formats import write_date, write_number
from dashboards.language.words import read_words
from dashboards.page_models.shapes import ZERO
from dashboards.published import open_asked, read_choices
from dashboards.readings import read_place_names
from dashboards.reports.model import Printed, Report, ReportError, Signatures
from dashboards.reports.request import Request, assemble

KIND = "recall-proof"
CERTAINTIES = ("certain", "possible")


def build_recall_proof(
    food_bank_id: str,
    sought: tuple[str, str],
    span: tuple[date | None, date | None],
    rows: Sequence[Mapping[str, Any]],
    language: str,
) -> Report:
    """The proof for one food bank.

    `rows`: as `collecto recall --json` gives them, of that food bank; `sought`: `lot`, `product` or
    `supplier`, and its code; `span`: days of receipt, None where open.

    Raises ReportError without rows.
    """
    if not rows:
        raise ReportError(f"nothing of {' '.join(sought)} is known at {food_bank_id}")
    words = read_words(language)
    opened = open_asked({"food_bank": food_bank_id}, Principal("food_bank", (food_bank_id,)))
    choices = read_choices(opened.source)
    filters, _ = resolve_filters({"food_bank": food_bank_id, "lang": language}, choices)
    request = Request(KIND, opened, choices, filters, words)
    names = read_place_names(opened.publication, food_bank_id)
    certain = sum((row["weight_kg"] for row in rows if row["certainty"] == "certain"), ZERO)
    possible = sum((row["weight_kg"] for row in rows if row["certainty"] == "possible"), ZERO)
    subject = request.write(f"sought.{sought[0]}", code=sought[1])
    first, last = (write_date(words, day) if day else words("state.open") for day in span)
    days = request.write("days", first=first, last=last) if any(span) else ""
    lead = request.write(
        "lead",
        sought=subject,
        certain=write_measure(words, "kg", certain),
        possible=write_measure(words, "kg", possible),
        partners=write_number(
            words, len({row["holder"] for row in rows if row["place"] == "delivered"})
        ),
    )
    return assemble(
        request,
        f"{lead} {days}".strip(),
        (
            Printed(_build_sums(request, rows)),
            Printed(_build_lines(request, rows, names), rows=len(rows), has_boxes=True),
            Signatures(words("report.signatures"), (words("report.sign.food_bank"),)),
        ),
        subject=subject,
        when=write_date(words, filters.food_bank.data_date or filters.period.end),
    )


def _build_sums(request: Request, rows: Sequence[Mapping[str, Any]]) -> FigureModel:
    """Kilograms by place, certain and possible."""
    words = request.words
    places = list(dict.fromkeys(row["place"] for row in rows))
    sums: list[tuple[Cell, ...]] = []
    for place in places:
        weights = [
            sum(
                (row["weight_kg"] for row in rows
                 if (row["place"], row["certainty"]) == (place, certainty)),
                Decimal(0),
            )
            for certainty in CERTAINTIES
        ]  # fmt: skip
        count = sum(row["place"] == place for row in rows)
        sums.append((place, words(f"recall.place.{place}"), count, *weights))
    return _table(
        request,
        "rappel-par-lieu",
        (
            Column("place", ""),
            Column("place_label", words("column.place")),
            Column("lines", words("column.lines"), "count"),
            Column("certain_kg", words("column.certain"), "kg"),
            Column("possible_kg", words("column.possible"), "kg"),
        ),
        sums,
    )


def _build_lines(
    request: Request, rows: Sequence[Mapping[str, Any]], names: Mapping[tuple[str, str], str]
) -> FigureModel:
    """Every line: where, who, which document, which lot, how much."""
    words = request.words
    lines: list[tuple[Cell, ...]] = [
        (
            row["place"],
            words(f"recall.place.{row['place']}"),
            words(f"recall.certainty.{row['certainty']}"),
            names.get(("site", row["site_id"] or ""), row["site_id"]),
            row["holder"],
            row["document"],
            row["day"],
            row["product"] or row["product_code"],
            row["lot_id"] or words("lot.unknown"),
            row["weight_kg"],
        )
        for row in rows
    ]
    return _table(
        request,
        "rappel-lignes",
        (
            Column("place", ""),
            Column("place_label", words("column.place")),
            Column("certainty", words("column.certainty")),
            Column("site", words("column.site")),
            Column("holder", words("column.holder")),
            Column("document", words("column.note")),
            Column("day", words("column.day"), "date"),
            Column("product", words("column.product")),
            Column("lot_id", words("column.lot")),
            Column("weight_kg", words("measure_name.kg"), "decimal"),
        ),
        lines,
    )


def _table(
    request: Request, figure_id: str, columns: Sequence[Column], rows: list[tuple[Cell, ...]]
) -> FigureModel:
    words = request.words
    return FigureModel(
        figure_id=figure_id,
        kind="table",
        title=words(f"{figure_id}.title"),
        subtitle=request.filters.food_bank.name,
        alt=words("table.alt", rows=len(rows)),
        columns=tuple(columns),
        rows=tuple(rows),
        notes=(words(f"{figure_id}.note"),),
    )
