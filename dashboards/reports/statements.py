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
from dashboards.readings import months_of, read_place_names, read_product_names, sum_column
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
    taken = _read_deliveries(request)
    sections: list[Section] = [
        Printed(replace(months, title=request.write("months"))),
        *(Printed(each) for each in (_sum_families(request, taken), _list_lots(request, taken))
          if each.state == "ok"),
        Prose("a-verifier", request.write("check.title"), (request.write("check"),)),
    ]  # fmt: skip
    return assemble(request, lead, sections, subject=name)


def _read_deliveries(request: Request) -> pl.DataFrame:
    """Lines that the partner received in the period; what it sent back is below zero."""
    first, last = months_of(request.filters.period)
    return (
        request.publication.scan("mart_traced_food")
        .filter(
            pl.col("food_bank_id") == request.filters.food_bank.food_bank_id,
            pl.col("other_id") == request.filters.option("partner"),
            pl.col("movement_kind").is_in(["delivery", "delivery_return"]),
            pl.col("moved_on").dt.month_start().is_between(first, last),
            pl.col("network_family") != "hygiene",
        )
        .with_columns(
            net_kg=pl.when(pl.col("movement_kind") == "delivery")
            .then("weight_kg")
            .otherwise(-pl.col("weight_kg"))
        )
        .collect()
    )


def _sum_families(request: Request, taken: pl.DataFrame) -> FigureModel:
    """Kilograms kept by family, the heaviest first."""
    words = request.words
    frame = (
        taken.group_by("network_family")
        .agg(pl.col("net_kg").sum())
        .sort("net_kg", "network_family", descending=[True, False])
    )
    total = sum_column(frame, "net_kg")
    rows: list[tuple[Cell, ...]] = [
        (family, words.code("network_family", family), weight, weight / total if total else None)
        for family, weight in frame.iter_rows()
    ]
    return build_table(
        request.read_scope(),
        "releve-familles",
        (
            Column("network_family", ""),
            Column("family", words("column.family")),
            Column("net_kg", words("column.kept"), "decimal"),
            Column("share", words("column.share"), "share"),
        ),
        rows,
    )


def _list_lots(request: Request, taken: pl.DataFrame) -> FigureModel:
    """Lots that the partner received, with their date and the programme or channel they came by."""
    words, bank_id = request.words, request.filters.food_bank.food_bank_id
    products = read_product_names(request.publication, bank_id)
    lots = (
        request.publication.scan("mart_lots")
        .filter(pl.col("food_bank_id") == bank_id)
        .group_by("lot_id", "product_code")
        .agg(pl.col("channel", "date_kind", "expires_on").drop_nulls().first())
        .collect()
    )
    frame = (
        taken.filter(pl.col("lot_id").is_not_null())
        .group_by("moved_on", "document_id", "lot_id", "product_code")
        .agg(pl.col("net_kg").sum())
        .join(lots, on=["lot_id", "product_code"], how="left")
        .sort("moved_on", "document_id", "lot_id", "product_code")
    )
    rows: list[tuple[Cell, ...]] = [
        (
            row["moved_on"], row["document_id"], row["product_code"],
            products.get(row["product_code"], row["product_code"]), row["lot_id"],
            words(f"date_kind.{row['date_kind'] or 'none'}"), row["expires_on"],
            words.code("channel", row["channel"] or ""), row["net_kg"],
        )
        for row in frame.iter_rows(named=True)
    ]  # fmt: skip
    return build_table(
        request.read_scope(),
        "releve-lots",
        (
            Column("moved_on", words("column.day"), "date"),
            Column("document_id", words("column.note")),
            Column("product_code", ""),
            Column("product", words("column.product")),
            Column("lot_id", words("column.lot")),
            Column("date_kind", words("column.date_kind")),
            Column("expires_on", words("column.expires_on"), "date"),
            Column("channel", words("column.channel")),
            Column("net_kg", words("column.kept"), "decimal"),
        ),
        rows,
        notes=(words("releve-lots.note"),),
    )


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
