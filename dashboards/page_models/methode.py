"""Page 7, Méthode: how is it counted, from what, and who approved it?

Here live the register, why two methods of avoided emissions differ, the factors, the nutrition
reference beside what is distributed, the editions and their corrections, what is supplied and what
is not, and how to cite and reuse the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.filters import Filters
from dashboards.kpis import Scope
from dashboards.language.formats import SUPPRESSED, write_date, write_number, write_share
from dashboards.language.words import Words
from dashboards.page_models.carbone import build_factor_rows, factor_columns, read_range
from dashboards.page_models.page import PageModel, Prose
from dashboards.page_models.scope import read_scope
from dashboards.page_models.shapes import build_table
from dashboards.readings import months_of
from data_contracts.publications import Publication

PAGE = "methode"
AVOIDED = ("local_waste_route", "landfill", "substitution", "flat_full_chain")


def build_methode(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    return PageModel(
        PAGE,
        words("methode.lead"),
        (
            Prose(
                "lire",
                words("methode.read.title"),
                (
                    words("methode.read.rounding"),
                    words("methode.read.protection"),
                    words("methode.read.comparison"),
                ),
            ),
            _build_register(publication, scope),
            _build_avoided(scope),
            build_table(
                scope,
                "facteurs",
                factor_columns(words),
                build_factor_rows(publication, words, used_only=False),
            ),
            _build_nutrition(publication, scope),
            _build_editions(publication, scope),
            _build_records(publication, scope),
            _build_versions(publication, scope),
            Prose(
                "citer",
                words("methode.cite.title"),
                (
                    words("methode.cite", publication=publication.publication_id),
                    words("methode.licence"),
                ),
            ),
            read_statement(words.language),
        ),
    )


@lru_cache(maxsize=4)
def read_statement(language: str) -> Prose:
    """The accessibility statement, from its file."""
    path = Path(__file__).parents[1] / "accessibility.yaml"
    statement = yaml.safe_load(path.read_text(encoding="utf-8"))
    parts = [statement["standard"], statement["checked"], *statement["limits"],
             statement["contact"]]  # fmt: skip
    return Prose(
        "accessibilite", statement["title"][language], tuple(part[language] for part in parts)
    )


def _build_register(publication: Publication, scope: Scope) -> FigureModel:
    words = scope.words
    rows: list[tuple[Cell, ...]] = [
        (
            row["indicator_code"],
            row[f"label_{words.language}"],
            row[f"definition_{words.language}"],
            row["formula"],
            words.code("unit", row["unit"]),
            row["method_version"],
            row["source"],
        )
        for row in publication.read("mart_register").sort("position").iter_rows(named=True)
    ]
    return build_table(
        scope,
        "registre",
        (
            Column("indicator_code", ""),
            Column("label", words("column.indicator")),
            Column("definition", words("column.definition")),
            Column("formula", words("column.formula")),
            Column("unit", words("column.unit")),
            Column("method_version", words("column.version")),
            Column("source", ""),
        ),
        rows,
        finding={"count": write_number(words, len(rows))} if rows else {},
    )


def _build_avoided(scope: Scope) -> FigureModel:
    """The same food by four methods: the largest is many times the smallest, and why."""
    words = scope.words
    rows: list[tuple[Cell, ...]] = []
    for method in AVOIDED:
        reading = read_range(scope, "avoided_kg_co2e", method)
        if reading is not None:
            rows.append(
                (
                    method,
                    words(f"avoided.{method}"),
                    reading.value,
                    words(f"avoided.{method}.counts"),
                    reading.method_version,
                )
            )
    known = [abs(row[2]) for row in rows if isinstance(row[2], Decimal) and row[2]]
    finding = {}
    if len(known) > 1:
        finding = {"times": write_number(words, round(max(known) / min(known)))}
    return build_table(
        scope,
        "methodes-evitees",
        (
            Column("method", ""),
            Column("label", words("column.method")),
            Column("kg_co2e", words("measure_name.co2"), "co2"),
            Column("counts", words("column.what_it_counts")),
            Column("method_version", words("column.version")),
        ),
        rows,
        finding=finding,
        alt=words(
            "methodes-evitees.alt", rows=len(rows), value=write_measure(words, "co2", rows[0][2])
        )
        if rows
        else None,
        notes=(words("methodes-evitees.note"),),
    )


def _build_nutrition(publication: Publication, scope: Scope) -> FigureModel:
    """What was distributed by nutrition group, beside a reference and whether it was read."""
    words = scope.words
    first, last = months_of(scope.filters.period)
    frame = (
        publication.scan("mart_nutrition_monthly")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
            pl.col("month").is_between(first, last),
        )
        .group_by("position", "nutrition_group", f"label_{words.language}", "reference_share",
                  "reference_limit", "is_verified", "source")
        .agg(pl.col("weight_kg").sum(), is_known=pl.col("weight_kg").is_not_null().all())
        .sort("position")
        .collect()
    )  # fmt: skip
    # A month that would tell hidden parcels is empty: the shares of its period are not known.
    total = Decimal(str(frame["weight_kg"].sum())) if frame["is_known"].all() else None
    rows: list[tuple[Cell, ...]] = [
        (
            row["nutrition_group"],
            row[f"label_{words.language}"],
            row["weight_kg"] if row["is_known"] else None,
            row["weight_kg"] / total if total else None,
            row["reference_share"],
            words.code("reference_limit", row["reference_limit"]),
            *_tell_reference(row, words),
        )
        for row in frame.iter_rows(named=True)
        if row["weight_kg"] or row["reference_share"] is not None
    ]
    shown = next((row for row in rows if row[0] == "fruit_vegetables"), None)
    return build_table(
        scope,
        "equilibre-nutritionnel",
        (
            Column("nutrition_group", ""),
            Column("label", words("column.nutrition_group")),
            Column("weight_kg", words("measure_name.tonnes"), "tonnes"),
            Column("food_share", words("column.share"), "share"),
            Column("reference_share", words("column.reference"), "share"),
            Column("reference_limit", words("column.reference_limit")),
            Column("state", words("column.reference_state")),
            Column("source", words("column.source")),
        ),
        rows,
        finding={"share": write_share(words, shown[3], 0)}
        if shown and isinstance(shown[3], Decimal)
        else {},
        notes=(words("equilibre-nutritionnel.note"),),
    )


def _tell_reference(row: Mapping[str, Any], words: Words) -> tuple[str, str]:
    """Whether a reference was read, and where; nothing where the group has none."""
    if row["reference_share"] is None:
        return "", ""
    return words("reference.read" if row["is_verified"] else "reference.unconfirmed"), row["source"]


def _build_editions(publication: Publication, scope: Scope) -> FigureModel:
    """Editions of the territory: what was approved, by whom, and what corrects what."""
    words = scope.words
    territory = scope.filters.territory_code
    editions = publication.list_editions(territory) if territory else []
    rows: list[tuple[Cell, ...]] = [
        (
            f"{edition.territory}-{edition.number}",
            words("editions.number", number=edition.number),
            edition.period,
            edition.end,
            edition.published_at.date(),
            ", ".join(str(approval["by"]) for approval in edition.approvals),
            words("editions.first")
            if edition.replaces is None
            else words("editions.corrects", number=edition.replaces, reason=edition.reason or ""),
            edition.publication_id,
        )
        for edition in reversed(editions)
    ]
    return build_table(
        scope,
        "editions",
        (
            Column("edition", ""),
            Column("number", words("column.edition")),
            Column("period", ""),
            Column("end", words("column.data_to"), "date"),
            Column("published_on", words("column.approved_on"), "date"),
            Column("approved_by", words("column.approved_by")),
            Column("correction", words("column.correction")),
            Column("publication_id", words("column.publication")),
        ),
        rows,
        finding={"count": str(len(rows))} if rows else {},
        empty=words("editions.none"),
    )


def _build_records(publication: Publication, scope: Scope) -> FigureModel:
    words = scope.words
    frame = publication.read("mart_supplied_records").filter(
        pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id
    )
    rows: list[tuple[Cell, ...]] = [
        (
            row["record"],
            words.code("record", row["record"]),
            words("record.supplied" if row["is_supplied"] else "record.not_supplied"),
            SUPPRESSED if row["count_rows"] is None else row["count_rows"],
            row["first_date"],
            row["last_date"],
        )
        for row in frame.iter_rows(named=True)
    ]
    supplied = frame.filter(pl.col("is_supplied")).height
    return build_table(
        scope,
        "enregistrements",
        (
            Column("record", ""),
            Column("label", words("column.record")),
            Column("state", words("column.state")),
            Column("count_rows", words("column.rows"), "count"),
            Column("first_date", words("column.first_day"), "date"),
            Column("last_date", words("column.last_day"), "date"),
        ),
        rows,
        finding={"count": str(supplied), "total": str(len(rows))} if rows else {},
    )


def _build_versions(publication: Publication, scope: Scope) -> FigureModel:
    """Versions of methods: since when, and what they replaced."""
    words = scope.words
    frame = publication.read("mart_method_versions").sort("indicator_code", "valid_from")
    rows: list[tuple[Cell, ...]] = [
        (
            row["indicator_code"],
            scope.definitions[row["indicator_code"]].label
            if row["indicator_code"] in scope.definitions
            else row["indicator_code"],
            row["method_version"],
            row["valid_from"],
            row["valid_to"],
            row[f"replaced_{words.language}"] or words("versions.first"),
        )
        for row in frame.iter_rows(named=True)
    ]
    changed = frame.filter(pl.col("replaced_fr").is_not_null()).height
    return build_table(
        scope,
        "versions",
        (
            Column("indicator_code", ""),
            Column("label", words("column.indicator")),
            Column("method_version", words("column.version")),
            Column("valid_from", words("column.valid_from"), "date"),
            Column("valid_to", "", "date"),
            Column("replaced", words("column.replaced")),
        ),
        rows,
        finding={"count": write_number(words, changed)} if changed else {},
        notes=(words("versions.note", date=write_date(words, max(frame["valid_from"]))),)
        if rows
        else (),
    )
