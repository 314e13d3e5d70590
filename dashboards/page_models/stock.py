"""Page 9, Stock et dates: what leaves first, what may be saved, and where is a lot?

Here live the kilograms by family and days left, the stock by site, its age, the board of what may
be saved and the search of a lot. "Today" is the data date of the publication.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.filters import Filters
from dashboards.kpis import Scope, build_kpi
from dashboards.language.formats import write_day, write_number
from dashboards.language.words import Words
from dashboards.page_models.page import Cards, Choice, PageModel, Section, link_reports
from dashboards.page_models.recall import RecallError, find_sought, follow_recall
from dashboards.page_models.recall_figures import build_recall_lines, build_recall_sums
from dashboards.page_models.scope import read_scope
from dashboards.page_models.shapes import ZERO, build_absent, build_lines, build_table
from dashboards.readings import read_place_names, read_product_names, sum_column
from data_contracts.publications import Publication

PAGE = "stock"
CARDS = (
    ("tonnes_in_stock", ""),
    ("days_of_cover", ""),
    ("kg_expiring_within_3d", ""),
    ("kg_expiring_within_7d", ""),
    ("expired_kg", ""),
    ("dwell_days", ""),
)
OFFERS = (
    ("visible_stock_share", ""),
    ("offer_taken_share", ""),
    ("kg_saved_by_offer", ""),
    ("temperature_checks_outside_share", ""),
)
# Days left: up to and including.
HORIZONS = ((-1, "expired"), (0, "0"), (1, "1"), (2, "2"), (3, "3"), (5, "4_5"), (7, "6_7"))
# Months since the receipt.
AGES = ((0, "this_month"), (1, "last_month"), (3, "quarter"), (6, "half"), (10**6, "older"))
STOCK_DAYS = 120
FOUND = 200


def build_stock(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    bank_id = filters.food_bank.food_bank_id
    names = read_place_names(publication, bank_id)
    products = read_product_names(publication, bank_id)
    risk = publication.scan("mart_lots_at_risk").filter(pl.col("food_bank_id") == bank_id).collect()
    lots = publication.scan("mart_lots").filter(pl.col("food_bank_id") == bank_id).collect()
    cards = tuple(build_kpi(scope, code, variant) for code, variant in CARDS)
    offered = tuple(build_kpi(scope, code, variant) for code, variant in OFFERS)
    return PageModel(
        PAGE,
        _write_lead(scope, risk),
        (
            Cards("chiffres", words("stock.kpis"), cards, is_title_shown=False),
            _build_dates(scope, risk),
            _build_rescue(scope, risk, names, products),
            _build_days(publication, scope, names),
            _build_ages(publication, scope),
            Cards("offres", words("stock.offers"), offered),
            _build_offers(publication, scope)
            if "offers" in scope.supplied
            else build_absent(scope, "disponibilite", "offers"),
            *_search_lots(scope, lots, names, products),
            *_follow(publication, scope, names),
        ),
    )


def _write_lead(scope: Scope, risk: pl.DataFrame) -> str:
    words = scope.words
    if risk.is_empty():
        return words("stock.lead.empty")
    at_risk = risk.filter(~pl.col("is_expired"))["at_risk_kg"].sum() or ZERO
    expired = risk.filter(pl.col("is_expired"))["stock_kg"].sum() or ZERO
    return words(
        "stock.lead",
        risk=write_measure(words, "kg", Decimal(at_risk)),
        expired=write_measure(words, "kg", Decimal(expired)),
    )


def _build_dates(scope: Scope, risk: pl.DataFrame) -> FigureModel:
    """Kilograms in stock by family and days left; zero where there are none."""
    words = scope.words
    cells: dict[tuple[str, str], Decimal] = {}
    for family, days, weight in risk.select("network_family", "days_left", "stock_kg").iter_rows():
        horizon = next((code for last, code in HORIZONS if days <= last), None)
        if horizon is not None:
            cells[family, horizon] = cells.get((family, horizon), ZERO) + weight
    families = sorted(
        {family for family, _ in cells},
        key=lambda family: -sum(weight for (owner, _), weight in cells.items() if owner == family),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            family,
            words.code("network_family", family),
            code,
            words(f"horizon.{code}"),
            cells.get((family, code), ZERO),
        )
        for family in families
        for _, code in HORIZONS
    ]
    tomorrow = sum((w for (_, code), w in cells.items() if code in ("0", "1")), ZERO)
    return build_table(
        scope,
        "dates-limites",
        (
            Column("network_family", ""),
            Column("family", words("column.family"), role="row"),
            Column("horizon", ""),
            Column("days_left", words("column.days_left"), role="column"),
            Column("stock_kg", words("measure_name.kg"), "kg", "value"),
        ),
        rows,
        kind="heat",
        finding={"value": write_measure(words, "kg", tomorrow)} if tomorrow else {},
        alt=words("dates-limites.alt", value=write_measure(words, "kg", tomorrow)),
        notes=(words("dates-limites.note"),),
    )


def _build_rescue(
    scope: Scope,
    risk: pl.DataFrame,
    names: dict[tuple[str, str], str],
    products: dict[str, str],
) -> FigureModel:
    """What has no outlet before its day, with the partners that take such food."""
    words = scope.words
    rows: list[tuple[Cell, ...]] = []
    for row in (
        risk.filter((pl.col("at_risk_kg") > 0) & ~pl.col("is_expired"))
        .sort("expires_on", "at_risk_kg", descending=[False, True])
        .iter_rows(named=True)
    ):
        partners = [
            names.get(("partner", partner), partner)
            for partner in (row["partner_ids"] or "").split("|")
            if partner
        ]
        rows.append(
            (
                row["expires_on"],
                row["days_left"],
                names.get(("site", row["site_id"]), row["site_id"]),
                words.code("network_family", row["network_family"]),
                row["product_code"],
                products.get(row["product_code"], row["product_code"]),
                row["lot_id"],
                row["lot_id"] or words("lot.unknown"),
                row["stock_kg"],
                row["planned_kg"],
                row["at_risk_kg"],
                ", ".join(partners[:3]) or words("rescue.no_partner"),
                row["next_handover_on"],
            )
        )
    total = sum((row[10] for row in rows if isinstance(row[10], Decimal)), ZERO)
    return build_table(
        scope,
        "a-sauver",
        (
            Column("expires_on", words("column.expires_on"), "date"),
            Column("days_left", words("column.days_left"), "count"),
            Column("site", words("column.site")),
            Column("family", words("column.family")),
            Column("product_code", ""),
            Column("product", words("column.product")),
            Column("lot_id", "", opens="lot"),
            Column("lot", words("column.lot"), role="label"),
            Column("stock_kg", words("column.in_stock"), "kg"),
            Column("planned_kg", words("column.planned"), "kg"),
            Column("at_risk_kg", words("column.at_risk"), "kg"),
            Column("partners", words("column.may_take")),
            Column("next_handover_on", words("column.next_handover"), "date"),
        ),
        rows,
        finding={"value": write_measure(words, "kg", total)} if rows else {},
        notes=(words("a-sauver.note"),),
    )


def _build_days(
    publication: Publication, scope: Scope, names: dict[tuple[str, str], str]
) -> FigureModel:
    """Stock by site, one day a week over the last months."""
    today = scope.filters.food_bank.data_date or scope.filters.period.end
    frame = (
        publication.scan("mart_stock_daily")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
            pl.col("stock_date") > today - timedelta(days=STOCK_DAYS),
            pl.col("network_family") != "hygiene",
        )
        .group_by("site_id", "stock_date")
        .agg(pl.col("closing_kg").sum())
        .collect()
    )
    values: dict[tuple[str, date], Decimal | None] = {
        (site, day): weight
        for site, day, weight in frame.iter_rows()
        if (today - day).days % 7 == 0
    }
    return build_lines(
        scope,
        "stock-par-jour",
        values,
        lambda code: names.get(("site", code), code),
        write_day=write_day,
    )


def _build_offers(publication: Publication, scope: Scope) -> FigureModel:
    """Kilograms offered on the platform and ordered from offers, by week of the period."""
    words, period = scope.words, scope.filters.period
    frame = (
        publication.scan("mart_offers_weekly")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
            # Whole weeks: the last one is still being ordered from.
            pl.col("week_start").is_between(period.start, period.end - timedelta(days=6)),
            pl.col("network_family") != "hygiene",
        )
        .group_by("week_start")
        .agg(pl.col("offered_kg", "taken_kg").sum())
        .collect()
    )
    values: dict[tuple[str, date], Decimal | None] = {}
    for week, offered, taken in frame.iter_rows():
        values["offered", week] = offered
        values["taken", week] = taken
    share = build_kpi(scope, "offer_taken_share")
    return build_lines(
        scope,
        "disponibilite",
        values,
        lambda code: words(f"disponibilite.{code}"),
        write_day=write_day,
        method=share.method,
        finding={"share": share.value} if share.state == "ok" else None,
    )


def _build_ages(publication: Publication, scope: Scope) -> FigureModel:
    """Stock by the months since it came, first in first out by site and family.

    What stands in stock is taken to be what came last.
    """
    words = scope.words
    today = scope.filters.food_bank.data_date or scope.filters.period.end
    frame = (
        publication.scan("mart_mass_balance_monthly")
        .filter(
            pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id,
            pl.col("network_family") != "hygiene",
            pl.col("month") <= today,
        )
        .with_columns(
            came=pl.col("received_kg") + pl.col("transfers_in_kg")
            + pl.col("transformation_output_kg") + pl.col("initial_count_kg")
        )
        .sort("site_id", "network_family", "month")
        .collect()
    )  # fmt: skip
    weights: dict[str, Decimal] = {}
    for _, rows in frame.group_by("site_id", "network_family", maintain_order=True):
        left = max(rows["closing_kg"][-1], ZERO)
        for month, came in zip(rows["month"][::-1], rows["came"][::-1], strict=True):
            taken = min(left, max(came, ZERO))
            months = (today.year - month.year) * 12 + today.month - month.month
            code = next(code for last, code in AGES if months <= last)
            weights[code] = weights.get(code, ZERO) + taken
            left -= taken
        if left:
            weights["unknown"] = weights.get("unknown", ZERO) + left
    total = sum(weights.values(), ZERO)
    shown: list[tuple[Cell, ...]] = [
        (code, words(f"age.{code}"), weights[code], weights[code] / total if total else None)
        for code in [*(code for _, code in AGES), "unknown"]
        if weights.get(code)
    ]
    old = weights.get("older", ZERO)
    return build_table(
        scope,
        "anciennete",
        (
            Column("code", ""),
            Column("label", words("column.age"), role="label"),
            Column("stock_kg", words("measure_name.tonnes"), "tonnes", "value"),
            Column("share", words("column.share"), "share", "share"),
        ),
        shown,
        kind="ranked",
        finding={"value": write_measure(words, "tonnes", old)} if old else {},
        alt=words("anciennete.alt", value=write_measure(words, "tonnes", total)),
        notes=(words("anciennete.note"),),
    )


def _follow(
    publication: Publication, scope: Scope, names: dict[tuple[str, str], str]
) -> tuple[Section, ...]:
    """Where food of the lot, product or donor is whose code, or whole name, was typed."""
    words, asked = scope.words, scope.filters.option("lot") or ""
    sought = find_sought(publication, scope.filters.food_bank.food_bank_id, asked)
    if sought is None:
        return ()
    try:
        rows = follow_recall(publication, sought)
    except RecallError:
        return ()
    sites = {site: name for (of, site), name in names.items() if of == "site"}
    return (
        build_recall_sums(scope, rows),
        build_recall_lines(scope, rows, sites),
        link_reports(words, scope.filters, "recall-proof"),
    )


def _search_lots(
    scope: Scope,
    lots: pl.DataFrame,
    names: dict[tuple[str, str], str],
    products: dict[str, str],
) -> tuple[Section, ...]:
    """The search field, and the lots whose lot, product or donor is what was typed.

    Codes match whole; names of products and donors where what was typed is in them.
    """
    words = scope.words
    asked = (scope.filters.option("lot") or "").strip()
    choice = Choice(
        "lot", words("lots.search"), (), (asked,) if asked else (), is_text=True,
        help_text=words("lots.search.help"),
    )  # fmt: skip
    if not asked:
        return (choice,)
    wanted = asked.casefold()
    columns = ("lot_id", "product_code", "supplier_id")
    named = {code for code, label in products.items() if wanted in label.casefold()}
    donors = {
        code for (kind, code), name in names.items()
        if kind == "supplier" and wanted in name.casefold()
    }  # fmt: skip
    found = lots.filter(
        pl.any_horizontal(pl.col(name).str.to_lowercase() == wanted for name in columns)
        | pl.col("product_code").is_in(named)
        | pl.col("supplier_id").is_in(donors)
    ).sort("received_date", "lot_id", descending=[True, False])
    rows: list[tuple[Cell, ...]] = [
        (
            row["lot_id"],
            row["product_code"],
            products.get(row["product_code"], row["product_code"]),
            names.get(("site", row["site_id"]), row["site_id"]),
            names.get(("supplier", row["supplier_id"]), row["supplier_id"]),
            row["received_date"],
            row["expires_on"],
            row["received_kg"],
            row["delivered_kg"] - row["returned_kg"],
            row["parcels_kg"],
            row["removed_kg"],
            row["remaining_kg"],
        )
        for row in found.head(FOUND).iter_rows(named=True)
    ]
    table = build_table(
        scope,
        "lots",
        (
            Column("lot_id", words("column.lot")),
            Column("product_code", ""),
            Column("product", words("column.product")),
            Column("site", words("column.site")),
            Column("donor", words("column.donor")),
            Column("received_date", words("column.received_on"), "date"),
            Column("expires_on", words("column.expires_on"), "date"),
            Column("received_kg", words("column.received"), "kg"),
            Column("delivered_kg", words("column.delivered"), "kg"),
            Column("parcels_kg", words("column.parcels"), "kg"),
            Column("removed_kg", words("column.removed"), "kg"),
            Column("remaining_kg", words("column.remaining"), "kg"),
        ),
        rows,
        finding={
            "count": write_number(words, found["lot_id"].n_unique()),
            "value": write_measure(words, "kg", sum_column(found, "remaining_kg")),
        }
        if rows
        else {},
        notes=(
            words("lots.note"),
            *([words("lots.cut", shown=FOUND, found=found.height)] if found.height > FOUND else []),
        )
        if rows
        else (),
        empty=words("lots.none", asked=asked),
    )
    return (choice, table)
