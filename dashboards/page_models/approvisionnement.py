"""Page 2, Approvisionnement: where does the food come from, and is it fresh?

Here live the receipts by channel and family, the growth of fresh food beside the national figure,
the waterfall of its change and what is local or labelled.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.filters import Filters
from dashboards.kpis import Scope, build_kpi
from dashboards.language.formats import write_growth, write_share
from dashboards.language.words import Words
from dashboards.page_models.page import Cards, PageModel
from dashboards.page_models.scope import months_shown, read_scope
from dashboards.page_models.shapes import (
    ZERO,
    Amounts,
    build_lines,
    build_ranked,
    build_table,
    write_subtitle,
    write_title,
)
from dashboards.readings import food_flows, read_value
from data_contracts.publications import Publication

PAGE = "approvisionnement"
CARDS = (
    ("tonnes_received", "gross"),
    ("fresh_share_received", "standard"),
    ("fresh_tonnes_growth", "standard"),
    ("loss_share", ""),
    ("local_share", ""),
    ("labelled_share", ""),
)
STANDARD = "standard"
EFFECTS = ("active_stores", "pickups_per_store", "kg_per_pickup", "kept_share", "channel_mix")
PURCHASES = (("local_share", ""), ("labelled_share", ""), ("labelled_share", "organic"))


def build_approvisionnement(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    cards = tuple(build_kpi(scope, code, variant) for code, variant in CARDS)
    received = _read_received(publication, scope)
    by_channel = sum_amounts(received, "channel")
    return PageModel(
        PAGE,
        _write_lead(scope, by_channel),
        (
            Cards("chiffres", words("approvisionnement.kpis"), cards, is_title_shown=False),
            _build_months(publication, scope),
            build_ranked(
                scope,
                "receptions-par-canal",
                by_channel,
                lambda code: words.code("channel", code),
                method=scope.definitions["tonnes_received"].method_version,
                notes=(words("receptions-par-canal.note"),),
            ),
            build_ranked(
                scope,
                "receptions-par-famille",
                sum_amounts(received, "network_family"),
                lambda code: words.code("network_family", code),
                method=scope.definitions["tonnes_received"].method_version,
            ),
            _build_growth(scope),
            _build_waterfall(publication, scope),
            _build_purchases(scope),
        ),
    )


def _read_received(publication: Publication, scope: Scope) -> pl.DataFrame:
    shown = scope.filters.period
    return food_flows(
        publication,
        scope.filters.food_bank.food_bank_id,
        shown.start.replace(day=1),
        shown.end.replace(day=1),
    ).filter(pl.col("flow") == "received")


def sum_amounts(flows: pl.DataFrame, column: str) -> Amounts:
    """Kilograms by a column, beside those of the same days a year before.

    Outside the food bank the same days of what was received are not told: unknown, no zero.
    """
    earlier = pl.col("weight_kg_same_days")
    grouped = flows.group_by(column).agg(
        pl.col("weight_kg").sum(),
        pl.when(earlier.is_not_null().all()).then(earlier.sum()).alias("earlier"),
    )
    return {code: (weight, earlier) for code, weight, earlier in grouped.iter_rows() if weight}


def _write_lead(scope: Scope, by_channel: Amounts) -> str:
    words = scope.words
    total = sum((value for value, _ in by_channel.values()), ZERO)
    if total <= 0:
        return words("figure.empty")
    largest = max(by_channel, key=lambda code: by_channel[code][0])
    return words(
        "approvisionnement.lead",
        total=write_measure(words, "tonnes", total),
        channel=words.code("channel", largest),
        share=write_share(words, by_channel[largest][0] / total, 0),
    )


def _build_months(publication: Publication, scope: Scope) -> FigureModel:
    words = scope.words
    months = months_shown(scope.filters.period)
    flows = food_flows(
        publication, scope.filters.food_bank.food_bank_id, months[0], months[-1]
    ).filter(pl.col("flow") == "received")
    grouped = flows.group_by("channel", "month").agg(pl.col("weight_kg").sum())
    found = {(channel, month): weight for channel, month, weight in grouped.iter_rows()}
    channels = {channel for channel, _ in found}
    values: dict[tuple[str, date], Decimal | None] = {
        (channel, month): found.get((channel, month), ZERO)
        for channel in channels
        for month in months
    }
    data_date = scope.filters.food_bank.data_date
    is_partial = scope.filters.period.is_partial or (
        data_date is not None and months[-1].replace(day=1) == data_date.replace(day=1)
    )
    return build_lines(
        scope,
        "receptions-par-mois",
        values,
        lambda code: words.code("channel", code),
        method=scope.definitions["tonnes_received"].method_version,
        notes=(words("note.partial_month"),) if is_partial else (),
    )


def _build_growth(scope: Scope) -> FigureModel:
    """The growth of fresh tonnes beside the national one: two dots' worth, no curve."""
    words, period = scope.words, scope.filters.period
    figure_id = "evolution-du-frais"
    own = read_value(scope.readings, "fresh_tonnes_growth", STANDARD, period)
    gap = read_value(scope.readings, "fresh_growth_gap_to_national", "", period)
    rows: list[tuple[Cell, ...]] = []
    finding: dict[str, str] = {}
    alt = words("figure.empty")
    if own is not None and own.value is not None:
        rows.append(("food_bank", scope.filters.food_bank.name, own.value))
        alt = words("evolution-du-frais.alt", value=write_growth(words, own.value))
        if gap is not None and gap.value is not None:
            national = own.value - gap.value / 100
            rows.append(("national", words("evolution-du-frais.national"), national))
            finding = {
                "value": write_growth(words, own.value),
                "national": write_growth(words, national),
            }
    notes = (
        (words("evolution-du-frais.note"),)
        if len(rows) > 1
        else (words("evolution-du-frais.no_national"),)
    )
    return FigureModel(
        figure_id=figure_id,
        kind="ranked",
        title=write_title(words, figure_id, **finding),
        subtitle=write_subtitle(scope, figure_id),
        alt=alt,
        columns=(
            Column("code", ""),
            Column("label", words("column.who"), role="label"),
            Column("growth_share", words("column.difference"), "growth", "value"),
        ),
        rows=tuple(rows),
        method=scope.definitions["fresh_tonnes_growth"].method_version,
        notes=notes,
        state="ok" if rows else "empty",
    )


def _build_waterfall(publication: Publication, scope: Scope) -> FigureModel:
    """From the fresh kilograms of the year before to those of the period, by effect."""
    words, period = scope.words, scope.filters.period
    frame = (
        publication.scan("mart_fresh_effects")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
            pl.col("definition") == STANDARD,
            pl.col("period_kind") == period.kind,
            pl.col("period_start") == period.start,
        )
        .collect()
    )
    kilograms = dict(zip(frame["effect"].to_list(), frame["kg"].to_list(), strict=True))
    rows: list[tuple[Cell, ...]] = []
    finding: dict[str, str] = {}
    alt = words("figure.empty")
    if "before" in kilograms and "after" in kilograms:
        steps = [effect for effect in EFFECTS if effect in kilograms]
        kilograms["total"] = kilograms["after"] - kilograms["before"]
        rows = [
            (
                effect,
                words(f"effect.{effect}"),
                kilograms[effect],
                "change" if effect in steps else "total" if effect == "total" else "context",
            )
            for effect in ("before", *steps, "total", "after")
        ]
        largest = max(
            steps, key=lambda effect: abs(kilograms[effect]),
            default=None,
        )  # fmt: skip
        if largest is not None and kilograms[largest]:
            finding = {
                "effect": words(f"effect.{largest}"),
                "value": write_measure(words, "tonnes", kilograms[largest]),
            }
        alt = words(
            "origine-du-frais.alt",
            before=write_measure(words, "tonnes", kilograms["before"]),
            after=write_measure(words, "tonnes", kilograms["after"]),
        )
    return build_table(
        scope,
        "origine-du-frais",
        (
            Column("effect", ""),
            Column("label", words("column.effect"), role="label"),
            Column("weight_kg", words("measure_name.tonnes"), "tonnes", "value"),
            Column("step", "", role="step"),
        ),
        rows,
        kind="waterfall",
        finding=finding,
        alt=alt,
        method=scope.definitions["fresh_change_tonnes"].method_version,
        notes=(
            words(
                "origine-du-frais.note",
                before=write_measure(words, "tonnes", kilograms["before"]),
                after=write_measure(words, "tonnes", kilograms["after"]),
            )
            if rows
            else words("origine-du-frais.none"),
        ),
    )


def _build_purchases(scope: Scope) -> FigureModel:
    """Shares of purchases: local, under a sign of quality, organic."""
    words = scope.words
    rows: list[tuple[Cell, ...]] = []
    for code, variant in PURCHASES:
        card = build_kpi(scope, code, variant)
        if card.raw_value is not None:
            label = words(f"local-et-labellise.{variant or code}")
            rows.append((f"{code}.{variant}".rstrip("."), label, card.raw_value))
    finding = (
        {"label": str(rows[0][1]), "share": write_share(words, _decimal(rows[0][2]))}
        if rows
        else {}
    )
    return build_table(
        scope,
        "local-et-labellise",
        (
            Column("code", ""),
            Column("label", words("column.what"), role="label"),
            Column("share", words("column.share"), "share", "value"),
        ),
        rows,
        kind="ranked",
        finding=finding,
        alt=words("local-et-labellise.alt", **finding) if rows else None,
        notes=(words("local-et-labellise.note"),),
    )


def _decimal(value: Cell) -> Decimal:
    return value if isinstance(value, Decimal) else ZERO
