"""What moved between publications, and why: for `publications diff`, and for the audit's drift."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from data_contracts.loader import load_register
from data_contracts.publications import (
    Publication,
    PublicationError,
    open_publication,
    read_pointer,
)
from data_contracts.reasons import Reason
from pipelines.publish.audit import AuditFinding
from pipelines.publish.draft import read_drafted
from pipelines.publish.log import read_log
from pipelines.settings import Settings
from pipelines.store import write_json

# As for a replacement: what loses more than a fifth waits for somebody who says that it is right.
LARGEST_LOSS = Decimal("0.2")
WATCHED = ("tonnes_received", "tonnes_distributed", "households_helped")
FIGURE = ["scope_kind", "scope_id", "indicator_code", "variant", "period_kind", "period_start"]
# Which record's kilograms an indicator adds up, and by how much they are divided.
KILOGRAMS = {
    ("tonnes_received", "gross"): ("receipts",),
    ("tonnes_distributed", ""): ("deliveries", "parcels"),
    ("parcel_tonnes", ""): ("parcels",),
}


def check_drift(settings: Settings, publication_id: str) -> AuditFinding:
    """Compare a draft with the publication that readers see: years that are over do not shrink.

    A food bank that is gone, or a closed year that lost more than a fifth of what it received,
    distributed or helped, refuses the draft until `collecto publications accept` names it.
    """
    pointer = read_pointer(settings.published)
    # One expectation, whatever it was compared with: a publication does not know its history.
    if pointer is None or pointer["publication_id"] == publication_id:
        return AuditFinding("drift_is_plausible", (), 1)
    before = open_publication(settings.published, pointer["publication_id"])
    now = read_drafted(settings, publication_id, "mart_indicators")
    failures = _find_drift(before.read("mart_indicators"), now)
    if failures and publication_id in _read_accepted(settings):
        failures = []
    name = "drift_is_plausible"
    short = publication_id[:8]
    advice = f"if it is right: collecto publications accept {short}, then refresh"
    reasons = (
        Reason(f"{name}: {found}; {advice}", found.code, **found.values, publication=short)
        for found in failures[:5]
    )
    return AuditFinding(name, tuple(reasons), 1)


def _find_drift(before: pl.DataFrame, now: pl.DataFrame) -> list[Reason]:
    first_variants = {code: entry.variants[0] for code, entry in load_register().items()}
    watched = (
        pl.col("indicator_code").is_in(WATCHED)
        & (pl.col("scope_kind") == "food_bank")
        & (pl.col("period_kind") == "year")
        & ~pl.col("is_partial")
    )
    gone = set(before.filter(pl.col("scope_kind") == "food_bank")["scope_id"].unique())
    gone -= set(now["scope_id"].unique())
    found = [
        Reason(f"food bank {bank} is gone", "food_bank_gone", food_bank=bank)
        for bank in sorted(gone)
    ]
    both = before.filter(watched).join(now.filter(watched), on=FIGURE, how="left", suffix="_now")
    for row in both.sort(FIGURE).iter_rows(named=True):
        if row["scope_id"] in gone or row["variant"] != first_variants[row["indicator_code"]]:
            continue
        former, value = row["value"], row["value_now"]
        if former and (value is None or value < former * (1 - LARGEST_LOSS)):
            code, bank, year = row["indicator_code"], row["scope_id"], row["period_start"].year
            now_is = value or Decimal(0)
            found.append(
                Reason(
                    f"{code} of {bank} in {year} was {former.normalize():f} and is"
                    f" {now_is.normalize():f}",
                    "year_shrank", indicator=code, food_bank=bank, year=str(year),
                    before=former, after=now_is,
                )
            )  # fmt: skip
    return found


def _accepted_file(settings: Settings) -> Path:
    return settings.data / "state" / "accepted_drift.json"


def _read_accepted(settings: Settings) -> list[str]:
    path = _accepted_file(settings)
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def accept_drift(settings: Settings, publication_id: str) -> None:
    """Let a refused publication pass the comparison with the last one at the next refresh."""
    write_json(_accepted_file(settings), sorted({*_read_accepted(settings), publication_id}))


def list_publications(settings: Settings) -> list[dict[str, Any]]:
    """Publications of the log, newest first: `{id, ok, detail, at, state}`."""
    pointer = read_pointer(settings.published) or {}
    named: dict[str, dict[str, Any]] = {}
    for entry in read_log(settings):
        if "publication_id" not in entry or entry["event"] in ("cited", "released"):
            continue
        at = entry.get("at") or entry.get("refused_at")
        named[entry["publication_id"]] = {
            "id": entry["publication_id"],
            "state": entry["event"],
            "at": at,
            "detail": "; ".join(entry.get("reasons", [])) or entry.get("reason") or "",
        }
    rows = []
    for row in sorted(named.values(), key=lambda row: str(row["at"]), reverse=True):
        is_kept = (settings.published / row["id"] / "manifest.json").is_file()
        is_now = row["id"] == pointer.get("publication_id")
        row["state"] = "current" if is_now else row["state"] if is_kept or row[
            "state"] == "refused" else "removed"  # fmt: skip
        rows.append({**row, "ok": row["state"] != "refused"})
    return rows


def find_publication(settings: Settings, name: str) -> str:
    """The identifier that begins with `name`.

    Raises PublicationError where none or several do.
    """
    known = [row["id"] for row in list_publications(settings)]
    found = [identifier for identifier in known if identifier.startswith(name)] if name else []
    if len(found) != 1:
        what = "no publication" if not found else f"{len(found)} publications"
        raise PublicationError(f"{what} begin with {name!r}: collecto publications list")
    return str(found[0])


def show(settings: Settings, publication_id: str) -> dict[str, Any]:
    """What a publication is made of: inputs, checks, rows of each mart, data up to.

    Raises PublicationError where it is not kept.
    """
    return open_publication(settings.published, publication_id).manifest


@dataclass(frozen=True)
class Movement:
    """A figure that moved between two publications. `causes`: what moved it, by how much; they add
    up to `change` where the figure can be added."""

    figure: dict[str, Any]
    before: Decimal | None
    after: Decimal | None
    causes: tuple[dict[str, Any], ...]

    @property
    def change(self) -> Decimal | None:
        if self.before is None or self.after is None:
            return None
        return self.after - self.before

    def as_json(self) -> dict[str, Any]:
        return {
            **self.figure,
            "before": self.before,
            "after": self.after,
            "change": self.change,
            "causes": list(self.causes),
        }


def compare(settings: Settings, first: str, second: str) -> dict[str, Any]:
    """What differs between two publications: inputs, and every figure of food banks that moved.

    Months, of figures that can be added over months; other figures by every period. Raises
    PublicationError where one of them is not kept.
    """
    one, other = (open_publication(settings.published, name) for name in (first, second))
    return {
        "before": first,
        "after": second,
        "inputs": _compare_inputs(one, other),
        "figures": [found.as_json() for found in find_movements(one, other)],
    }


def _compare_inputs(one: Publication, other: Publication) -> dict[str, Any]:
    before, after = one.manifest["inputs"], other.manifest["inputs"]
    rows = [
        Counter((entry["delivery_id"], entry["record"]) for entry in inputs["deliveries"])
        for inputs in (before, after)
    ]
    factors = [p.read("mart_factors") for p in (one, other)]
    changed = factors[0].join(factors[1], on=factors[0].columns, how="anti", nulls_equal=True)
    added = factors[1].join(factors[0], on=factors[0].columns, how="anti", nulls_equal=True)
    return {
        "deliveries_added": sorted({name for name, _ in rows[1] - rows[0]}),
        "deliveries_removed": sorted({name for name, _ in rows[0] - rows[1]}),
        "code_changed": sorted(
            name for name in after["code"] if after["code"][name] != before["code"].get(name)
        ),
        "factors_changed": sorted({*changed["factor_id"], *added["factor_id"]}),
        "as_of": [before["as_of"], after["as_of"]],
    }


def find_movements(one: Publication, other: Publication) -> list[Movement]:
    """Figures of food banks whose value differs, with the deliveries that moved them."""
    register = load_register()
    tables = [
        p.scan("mart_indicators")
        .filter(pl.col("scope_kind") == "food_bank")
        .select(*FIGURE, "value", "is_suppressed")
        .collect()
        for p in (one, other)
    ]
    both = tables[0].join(tables[1], on=FIGURE, how="full", suffix="_now", coalesce=True)
    moved = both.filter(~pl.col("value").eq_missing(pl.col("value_now"))).sort(FIGURE)
    # Outside, who moved a figure is not shown.
    is_inside = "inputs" in one.manifest and "inputs" in other.manifest
    lineage = _compare_lineage(one, other) if is_inside else {}
    inputs = _compare_inputs(one, other) if is_inside else {}
    found = []
    for row in moved.iter_rows(named=True):
        entry = register.get(row["indicator_code"])
        is_added = entry is not None and "months" in entry.additive_over
        if is_added and row["period_kind"] != "month":
            continue
        figure = {name: row[name] for name in FIGURE}
        movement = Movement(figure, row["value"], row["value_now"], ())
        causes = _find_causes(movement, lineage, inputs) if is_inside else []
        found.append(Movement(figure, row["value"], row["value_now"], tuple(causes)))
    return found


def _compare_lineage(one: Publication, other: Publication) -> dict[tuple[Any, ...], list[Any]]:
    """By food bank, record and month: deliveries whose counted kilograms of food differ."""
    keys = ["food_bank_id", "record", "month", "delivery_id"]
    tables = [p.read("mart_lineage").select(*keys, "food_kg") for p in (one, other)]
    both = tables[0].join(tables[1], on=keys, how="full", suffix="_now", coalesce=True)
    both = both.with_columns(
        change=pl.col("food_kg_now").fill_null(0) - pl.col("food_kg").fill_null(0)
    ).filter(pl.col("change") != 0)
    found: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in both.sort(keys).iter_rows(named=True):
        found[row["food_bank_id"], row["record"], row["month"]].append(
            (row["delivery_id"], row["change"])
        )
    return found


def _find_causes(
    movement: Movement, lineage: dict[tuple[Any, ...], list[Any]], inputs: dict[str, Any]
) -> list[dict[str, Any]]:
    figure, change = movement.figure, movement.change
    records = KILOGRAMS.get((figure["indicator_code"], figure["variant"]))
    causes: list[dict[str, Any]] = []
    if records and figure["period_kind"] == "month" and change is not None:
        for record in records:
            for delivery, kilograms in lineage.get(
                (figure["scope_id"], record, figure["period_start"]), []
            ):
                kind = "delivery"
                if delivery not in inputs["deliveries_added"]:
                    # its rows were replaced, or it went
                    is_gone = delivery in inputs["deliveries_removed"]
                    kind = "delivery_removed" if is_gone else "corrected"
                causes.append({"kind": kind, "what": delivery, "change": kilograms / 1000})
        rest = change - sum((cause["change"] for cause in causes), Decimal(0))
        if rest:
            causes.append({"kind": _name_rest(inputs), "what": None, "change": rest})
        return causes
    causes = [
        {"kind": "delivery", "what": delivery, "change": None}
        for delivery in inputs["deliveries_added"]
    ]
    if not causes or inputs["code_changed"]:
        causes.append({"kind": _name_rest(inputs), "what": None, "change": None})
    return causes


def _name_rest(inputs: dict[str, Any]) -> str:
    """What moved a figure beside the rows of deliveries."""
    if inputs["factors_changed"]:
        return "factors"
    if inputs["code_changed"]:
        return "code"
    if inputs["as_of"][0] != inputs["as_of"][1]:
        return "date"
    return "reference_records"
