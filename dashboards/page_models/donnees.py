"""Page 13, Données: what came, what waits for correction, and what stands published?

Here live the freshness of records, the deliveries of files, their rows in quarantine and how many
there were each month, the checks of the publication, the publications and the editions that were
corrected since.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import polars as pl

from dashboards.figure_models import Cell, Column, FigureModel
from dashboards.filters import Filters
from dashboards.kpis import Scope
from dashboards.language.formats import write_number, write_share
from dashboards.language.words import Words
from dashboards.page_models.page import PageModel, Prose
from dashboards.page_models.scope import read_scope
from dashboards.page_models.shapes import build_lines, build_table
from data_contracts.publications import Publication, read_publication_log

PAGE = "donnees"
SHOWN = 30


def build_donnees(publication: Publication, filters: Filters, words: Words) -> PageModel:
    """The view model of the page."""
    scope = read_scope(publication, filters, words)
    deliveries = _read_deliveries(publication, filters.food_bank.food_bank_id)
    return PageModel(
        PAGE,
        _write_lead(scope, deliveries),
        (
            _build_freshness(publication, scope),
            _build_quality(scope, deliveries),
            _build_trend(publication, scope),
            _build_rules(scope, deliveries),
            _build_checks(publication, scope),
            _build_publications(publication, scope),
            _build_corrections(publication, scope),
            Prose(
                "outils",
                words("donnees.tools.title"),
                (
                    words("donnees.tools.quarantine"),
                    words("donnees.tools.docs"),
                    words("donnees.tools.lineage"),
                    words("donnees.tools.diff"),
                ),
            ),
        ),
    )


def _read_deliveries(publication: Publication, food_bank_id: str) -> list[dict[str, Any]]:
    """What the manifest says of the delivered files that the publication holds."""
    deliveries = publication.manifest.get("inputs", {}).get("deliveries", [])
    return [entry for entry in deliveries if entry["food_bank_id"] == food_bank_id]


def _write_lead(scope: Scope, deliveries: list[dict[str, Any]]) -> str:
    words = scope.words
    delivered = sum(entry.get("rows_delivered") or 0 for entry in deliveries)
    waiting = sum(entry.get("rows_quarantined") or 0 for entry in deliveries)
    return words(
        "donnees.lead",
        files=write_number(words, len(deliveries)),
        rows=write_number(words, delivered),
        waiting=write_number(words, waiting),
    )


def _build_freshness(publication: Publication, scope: Scope) -> FigureModel:
    """The last day of each record, by when its next file was due, and whether it was late."""
    words = scope.words
    frame = publication.read("mart_supplied_records").filter(
        pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id, pl.col("is_supplied")
    )
    # A publication made before these were told has no such column.
    told = {"due_on": pl.Date(), "is_late": pl.Boolean()}
    frame = frame.with_columns(
        pl.lit(None, kind).alias(name) for name, kind in told.items() if name not in frame.columns
    )
    states = {True: words("record.late"), False: words("record.fresh"), None: None}
    rows: list[tuple[Cell, ...]] = [
        (
            row["record"],
            words.code("record", row["record"]),
            row["count_rows"],
            row["last_date"],
            row["due_on"],
            states[row["is_late"]],
        )
        for row in frame.sort(
            pl.col("is_late").not_(), "last_date", "record", nulls_last=True
        ).iter_rows(named=True)
    ]
    late = int(frame["is_late"].sum())
    return build_table(
        scope,
        "fraicheur",
        (
            Column("record", ""),
            Column("label", words("column.record")),
            Column("count_rows", words("column.rows"), "count"),
            Column("last_date", words("column.last_day"), "date"),
            Column("due_on", words("column.due_on"), "date"),
            Column("state", words("column.state")),
        ),
        rows,
        finding={"count": write_number(words, late)} if late else {},
        notes=(words("fraicheur.note"),),
    )


def _build_quality(scope: Scope, deliveries: list[dict[str, Any]]) -> FigureModel:
    """Delivered files and rows by record: accepted, in quarantine, replayed."""
    words = scope.words
    columns = ("rows_delivered", "rows_accepted", "rows_quarantined", "rows_replayed")
    sums: dict[str, Counter[str]] = {}
    for entry in deliveries:
        counter = sums.setdefault(str(entry["record"]), Counter())
        counter["files"] += 1
        for column in columns:
            counter[column] += entry.get(column) or 0
    rows: list[tuple[Cell, ...]] = [
        (
            record,
            words.code("record", record),
            counter["files"],
            *(counter[column] for column in columns),
            Decimal(counter["rows_quarantined"]) / counter["rows_delivered"]
            if counter["rows_delivered"]
            else None,
        )
        for record, counter in sorted(sums.items(), key=lambda item: -item[1]["rows_quarantined"])
    ]
    waiting = sum(counter["rows_quarantined"] for counter in sums.values())
    total = sum(counter["rows_delivered"] for counter in sums.values())
    finding = {}
    if total:
        finding = {
            "count": write_number(words, waiting),
            "share": write_share(words, Decimal(waiting) / total, 2),
        }
    return build_table(
        scope,
        "qualite",
        (
            Column("record", ""),
            Column("label", words("column.record")),
            Column("files", words("column.files"), "count"),
            Column("rows_delivered", words("column.delivered_rows"), "count"),
            Column("rows_accepted", words("column.accepted_rows"), "count"),
            Column("rows_quarantined", words("column.waiting_rows"), "count"),
            Column("rows_replayed", words("column.replayed_rows"), "count"),
            Column("quarantined_share", words("column.share"), "share"),
        ),
        rows,
        finding=finding,
        notes=(words("qualite.note"),),
    )


def _build_trend(publication: Publication, scope: Scope) -> FigureModel:
    """Lines held back by the month of which their files speak."""
    words = scope.words
    frame = (
        publication.scan("mart_data_quality_daily")
        .filter(pl.col("food_bank_id") == scope.filters.food_bank.food_bank_id)
        .group_by(month=pl.col("quality_date").dt.truncate("1mo"))
        .agg(pl.col("rows_quarantined").sum(), pl.col("was_late").sum())
        .sort("month")
        .collect()
    )
    held, late = (int(frame[name].sum()) for name in ("rows_quarantined", "was_late"))
    return build_lines(
        scope,
        "lignes-par-mois",
        {("all", month): Decimal(count) for month, count, _ in frame.iter_rows()},
        lambda code: words("lignes-par-mois.series"),
        kind="count",
        key="rows_quarantined",
        finding={"count": write_number(words, held)} if held else {},
        notes=(words.count("lignes-par-mois.note", late, late=write_number(words, late)),),
    )


def _build_rules(scope: Scope, deliveries: list[dict[str, Any]]) -> FigureModel:
    """Rules that rows broke: how many rows, in how many files, and one of the deliveries."""
    words = scope.words
    counts: dict[tuple[str, str], Counter[str]] = {}
    last: dict[tuple[str, str], str] = {}
    for entry in deliveries:
        for rule, count in (entry.get("broken_rules") or {}).items():
            key = (str(entry["record"]), rule)
            counts.setdefault(key, Counter()).update(rows=count, files=1)
            last[key] = str(entry["delivery_id"])
    rows: list[tuple[Cell, ...]] = [
        (
            record,
            words.code("record", record),
            rule,
            counter["rows"],
            counter["files"],
            last[record, rule],
        )
        for (record, rule), counter in sorted(counts.items(), key=lambda item: -item[1]["rows"])
    ]
    return build_table(
        scope,
        "controles",
        (
            Column("record", ""),
            Column("label", words("column.record")),
            Column("rule", words("column.rule")),
            Column("rows", words("column.rows"), "count"),
            Column("files", words("column.files"), "count"),
            Column("delivery_id", words("column.delivery_id")),
        ),
        rows,
        finding={"count": write_number(words, len(rows))} if rows else {},
        empty=words("controles.none"),
        notes=(words("controles.note"),),
    )


def _build_checks(publication: Publication, scope: Scope) -> FigureModel:
    """Checks of the publication: those that failed by name, the others by their count."""
    words = scope.words
    checks = publication.manifest.get("checks") or []
    groups: dict[str, Counter[str]] = {}
    failed: list[tuple[Cell, ...]] = []
    for check in checks:
        name = str(check.get("check", ""))
        if not check.get("has_passed"):
            failed.append((name, name, 1, 0, int(check.get("expectations") or 0)))
            continue
        group = next(
            (
                part
                for part in ("matches_contract", "accepted_values", "not_null", "unique",
                             "relationships", "mass_balance", "disclosure", "drift")
                if part in name
            ),
            "other",
        )  # fmt: skip
        groups.setdefault(group, Counter()).update(
            checks=1,
            passed=1,
            expectations=int(check.get("expectations") or 0),
        )
    rows: list[tuple[Cell, ...]] = [
        *sorted(failed, key=lambda row: str(row[0])),
        *(
            (group, words(f"check.{group}"), counter["checks"], counter["passed"],
             counter["expectations"])
            for group, counter in sorted(groups.items())
        ),
    ]  # fmt: skip
    return build_table(
        scope,
        "verifications",
        (
            Column("group", ""),
            Column("label", words("column.check")),
            Column("checks", words("column.checks"), "count"),
            Column("passed", words("column.passed"), "count"),
            Column("expectations", words("column.expectations"), "count"),
        ),
        rows,
        finding={"count": write_number(words, len(checks))} if rows else {},
    )


def _build_publications(publication: Publication, scope: Scope) -> FigureModel:
    """The log of publications, the latest first."""
    words = scope.words
    entries = read_publication_log(publication.published_dir)[::-1]
    rows: list[tuple[Cell, ...]] = [
        (
            entry["publication_id"],
            str(entry["at"])[:16].replace("T", " "),
            words.code("event", str(entry["event"])),
            entry.get("epoch"),
        )
        for entry in entries[:SHOWN]
    ]
    return build_table(
        scope,
        "publications",
        (
            Column("publication_id", words("column.publication")),
            Column("at", words("column.at")),
            Column("event", words("column.event")),
            Column("epoch", words("column.epoch"), "count"),
        ),
        rows,
        finding={"count": write_number(words, len(entries))} if rows else {},
        notes=(words("publications.note"),),
    )


def _build_corrections(publication: Publication, scope: Scope) -> FigureModel:
    """Editions that a later number corrected: what was sent from them is no longer right."""
    words = scope.words
    editions = publication.list_editions()
    rows: list[tuple[Cell, ...]] = []
    for edition in editions:
        later = [
            other
            for other in editions
            if (other.territory, other.replaces) == (edition.territory, edition.number)
        ]
        for correction in later:
            rows.append(
                (
                    edition.territory,
                    words("editions.number", number=edition.number),
                    edition.end,
                    words("editions.number", number=correction.number),
                    correction.reason or "",
                    ", ".join(str(approval["by"]) for approval in edition.approvals),
                )
            )
    return build_table(
        scope,
        "corrections",
        (
            Column("territory", words("column.territory")),
            Column("edition", words("column.edition")),
            Column("end", words("column.data_to"), "date"),
            Column("corrected_by", words("column.corrected_by")),
            Column("reason", words("column.reason")),
            Column("approved_by", words("column.to_tell")),
        ),
        rows,
        finding={"count": write_number(words, len(rows))} if rows else {},
        empty=words("corrections.none"),
    )
