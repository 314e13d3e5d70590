"""What partners and donors are sent: the statement of a partner, the quality sheet and the monthly
statement of a donor.

A statement holds what concerns its addressee alone.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.language.formats import write_number, write_share
from dashboards.page_models.page import Prose
from dashboards.page_models.shapes import ZERO, build_table
from dashboards.readings import months_of, read_place_names
from dashboards.reports.model import Printed, Report, Section, Signatures
from dashboards.reports.request import Request, assemble


def build_partner_statement(request: Request) -> Report:
    """What a partner received by month, family and lot, what it ordered and refused."""
    words = request.words
    months = request.read_page("service").figure("releve-partenaire")
    name = _name_place(request, "partner", "partner")
    delivered = sum(months.values("delivered_kg"), ZERO)
    refused = sum(months.values("refused_kg"), ZERO)
    lead = request.write(
        "lead",
        name=name,
        value=write_measure(words, "kg", delivered - refused),
        refused=write_measure(words, "kg", refused),
    )
    sections: list[Section] = [Printed(replace(months, title=request.write("months")))]
    sections.append(Prose("a-verifier", request.write("check.title"), (request.write("check"),)))
    return assemble(request, lead, sections, subject=name)


def build_donor_quality(request: Request) -> Report:
    """What a donor gives, month by month: refusals, losses, days left, missed pickups."""
    words = request.words
    sheet = request.read_page("donateurs").figure("fiche-donateur")
    name = _name_place(request, "donor", "supplier")
    received, lost = sum(sheet.values("received_kg"), ZERO), sum(sheet.values("loss_kg"), ZERO)
    refused = sum(sheet.values("refused_kg"), ZERO)
    lead = request.write(
        "lead",
        name=name,
        value=write_measure(words, "kg", received),
        loss=write_share(words, lost / received if received else None),
        refused=write_measure(words, "kg", refused),
        missed=write_number(words, sum(sheet.values("pickups_missed"))),
    )
    sections: list[Section] = [Printed(replace(sheet, title=request.write("months")))]
    sections.append(Prose("ensemble", request.write("together.title"),
                          (request.write("together"),)))  # fmt: skip
    return assemble(request, lead, sections, subject=name)


def build_donation_statement(request: Request) -> Report:
    """What a store gave in the period, to be signed: no receipt for taxes, it says so."""
    words = request.words
    donor = request.filters.option("donor")
    first, last = months_of(request.filters.period)
    frame = (
        request.publication.scan("mart_suppliers_monthly")
        .filter(
            pl.col("food_bank_id") == request.filters.food_bank.food_bank_id,
            pl.col("supplier_id") == donor,
            pl.col("month").is_between(first, last),
        )
        .sort("month")
        .collect()
    )
    name = _name_place(request, "donor", "supplier")
    figure = _build_donations(request, frame)
    lead = request.write(
        "lead",
        name=name,
        brought=write_measure(words, "kg", sum(figure.values("brought_kg"), ZERO)),
        accepted=write_measure(words, "kg", sum(figure.values("received_kg"), ZERO)),
        pickups=write_number(words, sum(figure.values("pickups_done"))),
    )
    sections: list[Section] = [
        Printed(figure),
        Prose("valeur", request.write("value.title"), (request.write("value"),)),
        Signatures(
            words("report.signatures"),
            (words("report.sign.food_bank"), words("report.sign.donor")),
        ),
    ]
    return assemble(request, lead, sections, subject=name)


def _build_donations(request: Request, frame: pl.DataFrame) -> FigureModel:
    words = request.words
    rows: list[tuple[Cell, ...]] = [
        (
            row["month"], row["pickups_done"], row["received_kg"] + row["refused_kg"],
            row["refused_kg"], row["received_kg"], row["loss_kg"], row["distributable_kg"],
        )
        for row in frame.iter_rows(named=True)
    ]  # fmt: skip
    return build_table(
        request.read_scope(),
        "dons-du-magasin",
        (
            Column("month", words("column.month"), "month"),
            Column("pickups_done", words("column.pickups"), "count"),
            Column("brought_kg", words("column.brought"), "kg"),
            Column("refused_kg", words("column.refused"), "kg"),
            Column("received_kg", words("column.accepted"), "kg"),
            Column("loss_kg", words("column.lost"), "kg"),
            Column("distributable_kg", words("column.distributable"), "kg"),
        ),
        rows,
    )


def _name_place(request: Request, option: str, kind: str) -> str:
    code = request.filters.option(option) or ""
    bank_id = request.filters.food_bank.food_bank_id
    names = read_place_names(request.publication, bank_id)
    return names.get((kind, code), code)
