"""What the command line prints: JSON for scripts, tables for people.

Values come from the stages as they are; only their layout is decided here.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import simplejson
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from pipelines.settings import Settings
from pipelines.store import Delivery, DeliveryStore

if TYPE_CHECKING:
    from pipelines.editions import Closing
    from pipelines.runs import RefreshSummary

# What steers a terminal or turns what is read: controls, separators of lines, marks of direction.
_STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def escape_steering(text: str, kept: str = "") -> str:
    """Text in which nothing steers a terminal or begins a line but what is `kept`: `\\u001b`."""
    return _STEERING.sub(lambda found: found[0] if found[0] in kept else json.dumps(found[0])[1:-1],
                         text)  # fmt: skip


class _PlainConsole(Console):
    """A console that shows texts of data as they are written, whatever they would do to it."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(escape_steering(text), **options)


# What senders wrote is text: no markup, no emoji codes. Piped output keeps whole tables.
console = _PlainConsole(
    highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 200
)
NOTHING_YET = "Nothing is published yet: put files into the landing folder, or run `collecto demo`."


def print_json(value: Any) -> None:
    """Print JSON; Decimal as the shortest exact number, dates as ISO text."""
    text = simplejson.dumps(value, use_decimal=True, ensure_ascii=False, indent=2, default=str)
    print(escape_steering(text, kept="\n"))


@contextmanager
def show_progress(title: str, is_quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show what is being done on standard error while it is done, on a terminal."""
    errors = Console(stderr=True, highlight=False)
    if is_quiet or not sys.stderr.isatty():
        yield lambda step: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, TimeElapsedColumn(), console=errors, transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda step: progress.update(task, description=step)


def print_demonstration(settings: Settings, written: Sequence[Any], as_json: bool) -> None:
    """Print what `collecto demo` wrote, food bank by food bank."""
    if as_json:
        print_json({"food_banks": [asdict(summary) for summary in written]})
        return
    for summary in written:
        rows = sum(summary.rows.values())
        folder = settings.landing / summary.food_bank_id
        console.print(f"Wrote {len(summary.files)} files with {rows} rows into {folder}")
    console.print("Next: collecto refresh")


def print_refresh(summary: RefreshSummary, as_json: bool) -> None:
    """Print what a refresh did and which publication stands."""
    if as_json:
        print_json(summary.as_json())
        return
    for ignored in summary.ignored:
        console.print(f"Not read: {ignored}")
    is_idle = not summary.deliveries and not summary.is_new and not summary.refused
    if is_idle and summary.is_rebuild:
        console.print(f"Built from nothing. Publication {summary.publication_id} stands, the same.")
        return
    if is_idle:
        stands = f"Publication {summary.publication_id} stands."
        console.print(f"Nothing new. {stands if summary.publication_id else NOTHING_YET}")
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for state, count in summary.deliveries.items():
        table.add_row(f"deliveries {state.replace('_', ' ')}", str(count))
    for name, count in summary.rows.items():
        table.add_row(f"rows {name.replace('_', ' ')}", str(count))
    console.print(table)
    for entry in summary.set_aside:
        console.print(f"Set aside: {entry['source_name']}: {entry['reason']}", markup=False)
    if summary.rows["quarantined"]:
        console.print("Lines to correct: collecto quarantine list, or export")
    for answer in summary.inbox:
        console.print(answer[:1].upper() + answer[1:], markup=False)
    if summary.refused:
        console.print(f"Publication refused ({len(summary.refused)} reasons):")
        for reason in summary.refused[:10]:
            console.print(f"  {reason}", markup=False)
        console.print(f"Publication {summary.publication_id or 'none yet'} stands.")
    elif summary.is_new:
        console.print(f"Published {summary.publication_id}")
    elif summary.is_held:
        console.print(
            f"Publication {summary.publication_id} is held: collecto publications release lifts it."
        )
    else:
        console.print(f"Publication {summary.publication_id} stands unchanged.")


def print_status(status: dict[str, Any], as_json: bool) -> None:
    """Print the state of the data folder."""
    if as_json:
        print_json(status)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for state, count in status["deliveries"].items():
        table.add_row(f"deliveries {state.replace('_', ' ')}", str(count))
    for name, count in status["rows"].items():
        table.add_row(f"rows {name}", str(count))
    for name, kilograms in status["kilograms"].items():
        table.add_row(f"kg in rows {name.replace('_', ' ')}", f"{kilograms:.3f}")
    table.add_row("lines to correct", str(status["quarantine_open"]))
    console.print(table)
    for sentence in status["imbalances"]:
        console.print(f"Does not add up: {sentence}", markup=False)
    late = Table("food bank", "record", "last date", "days since", "due on", "",
                 box=None, pad_edge=False)  # fmt: skip
    for entry in status["lateness"]:
        values = [_show(entry[name]) for name in
                  ("food_bank_id", "record", "last_date", "days_since", "due_on")]  # fmt: skip
        late.add_row(*values, "late" if entry["is_late"] else "")
    if status["lateness"]:
        console.print(late)
    for held in status["held"]:
        console.print(f"Waits for approval: {held['food_bank_id']}/{held['source_name']}:"
                      f" {held['reason']}", markup=False)  # fmt: skip
    for warning in status["warnings"]:
        console.print(f"Odd: {warning['food_bank_id']}/{warning['source_name']}"
                      f" ({warning['record']}): {warning['sentence']}", markup=False)  # fmt: skip
    if status["refused"]:
        console.print(f"The last publication was refused: {status['refused'][0]}", markup=False)
    if status["publication_id"]:
        published = datetime.fromisoformat(status["published_at"])
        hours = (datetime.now(UTC) - published).total_seconds() / 3600
        console.print(f"Publication {status['publication_id']} of {published:%Y-%m-%d %H:%M} UTC,"
                      f" {hours:.1f} hours old")  # fmt: skip
    else:
        console.print(NOTHING_YET)


def print_recall(
    sought: str, sums: list[dict[str, Any]], rows: list[dict[str, Any]], as_json: bool
) -> None:
    """Print where recalled food is: the sums, then line by line."""
    if as_json:
        print_json({"sums": sums, "rows": rows})
        return
    console.print(f"Recall of {sought}", markup=False)
    summed = Table("where", "certainty", "lines", "kg", box=None, pad_edge=False)
    for entry in sums:
        place = entry["place"].replace("_", " ")
        summed.add_row(place, entry["certainty"], str(entry["lines"]), f"{entry['weight_kg']:.3f}")
    console.print(summed)
    table = Table("where", "certainty", "site", "who", "document", "day", "product", "lot", "kg",
                  box=None, pad_edge=False)  # fmt: skip
    for row in rows:
        document = "" if row["document"] is None else f"{row['document']}/{row['line_no']}"
        table.add_row(
            row["place"].replace("_", " "), row["certainty"], row["site_id"] or "",
            row["holder"] or "", document, str(row["day"] or ""),
            row["product"] or row["product_code"], row["lot_id"] or "",
            f"{row['weight_kg']:.3f}",
        )  # fmt: skip
    console.print(table)


def print_returns(as_json: bool) -> None:
    """Print which returns there are."""
    from pipelines.returns.forms import RETURNS

    rows = [
        {"id": form.code, "title": form.title_en, "title_fr": form.title_fr,
         "periods": list(form.periods), "example": form.example}
        for form in RETURNS.values()
    ]  # fmt: skip
    if as_json:
        print_json(rows)
        return
    table = Table("return", "what", "example", box=None, pad_edge=False)
    for form in RETURNS.values():
        table.add_row(
            form.code, form.title_en, f"collecto export {form.code} --period {form.example}"
        )
    table.add_row(
        "open-data", "Public data of an edition (Frictionless data package)",
        "collecto export open-data",
    )  # fmt: skip
    console.print(table)


def print_indicator(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print published values, one row per scope."""
    if as_json:
        print_json(rows)
        return
    table = Table("scope", "period", "value", "unit", "numerator", "denominator", "data up to",
                  box=None, pad_edge=False)  # fmt: skip
    for row in rows:
        variant = f" ({row['variant']})" if row["variant"] else ""
        partial = " partial" if row["is_partial"] else ""
        table.add_row(
            f"{row['scope_id']}{variant}",
            f"{row['period_start']} to {row['period_end']}{partial}",
            *(_show(row[name]) for name in ("value", "unit", "numerator", "denominator")),
            _show(row["data_date"]),
        )
    console.print(table)
    counted = [
        row["scope_id"]
        for row in rows
        if row["scope_kind"] == "food_bank" and row["value"] is not None
    ]
    if counted and any(row["scope_kind"] == "network" for row in rows):
        console.print(f"The network counts {', '.join(counted)}.", markup=False)
    for row in rows:
        if "explain" in row:
            print_explanation(row)
    if any(row["is_demonstration"] for row in rows):
        console.print("Demonstration records: not real figures.")


def print_explanation(row: dict[str, Any]) -> None:
    """Print one row's way from the value to delivered files."""
    explained = row["explain"]
    console.print()
    console.print(f"{row['scope_id']}: {row['indicator_code']} = {explained['formula']}",
                  markup=False)  # fmt: skip
    for side in ("numerator", "denominator"):
        if explained[side]:
            amount = _show(explained[side]["amount"])
            console.print(f"  {side} {explained[side]['measure']}: {amount}", markup=False)
    for level in explained["levels"]:
        verdict = "agrees" if level["agrees"] else "DIFFERS"
        console.print(f"  {level['level']}: published {_show(level['published'])}, from below"
                      f" {_show(level['found'])}: {verdict}", markup=False)  # fmt: skip
    console.print(f"  mart {explained['mart']}, method version {explained['method_version']}")
    layers: dict[str, list[str]] = {}
    for model in explained["models"]:
        layers.setdefault(model["layer"], []).append(model["name"])
    for layer, names in layers.items():
        console.print(f"  {layer}: {', '.join(names)}", markup=False)
    for factor in explained["factors"]:
        console.print(
            f"  factor {factor['factor_id']} {factor['value']} {factor['unit']}"
            f" [{factor['source']} {factor['source_row_id']}]:"
            f" {_show(factor['activity_quantity'])} {factor['activity_unit']},"
            f" {_show(factor['kg_co2e'])} kgCO2e",
            markup=False,
        )
    table = Table(box=None, pad_edge=False)
    for name in ("measure", "file", "record", "rows", "kg"):
        table.add_column(name, overflow="fold")
    for file in explained["delivered_files"]:
        name = f"{file['food_bank_id']}/{file['source_name']}"
        table.add_row(file["measure"], name, file["record"], str(file["rows"]), _show(file["kg"]))
    console.print(table)
    for sentence in explained["not_walked"]:
        console.print(f"  Not walked: {sentence}.", markup=False)


def _show(value: Any) -> str:
    if value is None:
        return "n/a"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def describe_deliveries(store: DeliveryStore) -> list[dict[str, Any]]:
    """Deliveries with their rows, as `collecto deliveries list --json` answers."""
    outcomes: dict[str, list[dict[str, Any]]] = {}
    for outcome in store.list_outcomes():
        outcomes.setdefault(outcome["delivery_id"], []).append(outcome)
    warnings: dict[str, list[str]] = {}
    for verdict in store.list_verdicts():
        if not verdict["has_passed"]:
            warnings.setdefault(verdict["delivery_id"], []).append(verdict["sentence"])
    rows = []
    for delivery in store.list_deliveries():
        own = outcomes.get(delivery.delivery_id, [])
        rows.append(
            {
                "delivery_id": delivery.delivery_id,
                "food_bank_id": delivery.food_bank_id,
                "records": [row["record"] for row in own],
                "source_name": delivery.source_name,
                "state": delivery.state,
                "reason": delivery.reason,
                "notes": list(delivery.notes),
                "received_at": delivery.received_at.isoformat(),
                **{
                    f"rows_{name}": sum(row[f"rows_{name}"] for row in own)
                    for name in ("delivered", "accepted", "quarantined", "replayed")
                },
                "rows_filtered": sum(row["rows_filtered"] for row in own),
                "lines_read": delivery.lines_read,
                **{
                    f"kg_{name}": _sum_kilograms(own, f"grams_{name}")
                    for name in ("delivered", "accepted", "quarantined", "replayed")
                },
                "encoding": delivery.encoding,
                "warnings": warnings.get(delivery.delivery_id, []),
                "contract_version": own[0]["contract_version"] if own else None,
                "profile_version": delivery.profile_version,
            }
        )
    for repeated in store.list_file_duplicates():
        rows.append(
            {
                **dict.fromkeys(rows[0], None),
                "delivery_id": repeated["delivery_id"],
                "food_bank_id": repeated["food_bank_id"],
                "records": [],
                "source_name": repeated["path"].split("/", 1)[1],
                "state": "duplicate",
                "reason": f"the same bytes came before as {repeated['source_name']}",
                "received_at": repeated["received_at"],
                **{
                    f"rows_{name}": 0
                    for name in ("delivered", "accepted", "quarantined", "replayed")
                },
                "warnings": [],
            }
        )
    return rows


def _sum_kilograms(outcomes: list[dict[str, Any]], name: str) -> Decimal | None:
    grams = [row[name] for row in outcomes if row[name] is not None]
    return Decimal(sum(grams)) / 1000 if grams else None


def print_decision(delivery: Delivery, is_approved: bool, as_json: bool) -> None:
    """Print what was decided about a delivery that was held."""
    if as_json:
        print_json({"delivery_id": delivery.delivery_id, "is_approved": is_approved})
        return
    what = "is judged by the next refresh" if is_approved else "is set aside"
    console.print(f"{delivery.food_bank_id}/{delivery.source_name} {what}", markup=False)


def print_export(paths: list[Path], rows: int, as_json: bool) -> None:
    """Print the workbooks that were written."""
    if as_json:
        print_json({"rows": rows, "files": [str(path) for path in paths]})
        return
    for path in paths:
        console.print(f"Wrote {path}", markup=False)
    console.print(f"{rows} lines to correct")


def print_replay(tried: int, replayed: int, as_json: bool) -> None:
    """Print what a replay did."""
    if as_json:
        print_json({"rows_tried": tried, "rows_replayed": replayed})
        return
    following = "; next: collecto refresh" if replayed else ""
    console.print(f"{replayed} of {tried} lines are accepted now{following}")


def print_reconciliation(lines: list[dict[str, Any]], as_json: bool) -> None:
    """Print our figures beside a report's, line by line."""
    if as_json:
        print_json(lines)
        return
    table = Table("line", "period", "report", "ours", "gap", "%", "cause",
                  box=None, pad_edge=False)  # fmt: skip
    for line in lines:
        share = line["gap_share"]
        table.add_row(
            line["label"],
            line["period"],
            _show(line["reported"]),
            _show(line["ours"]),
            _show(line["gap"]),
            f"{share:+.2%}" if share is not None else "n/a",
            f"{line['cause']}: {line['detail']}" if line["detail"] else line["cause"],
        )
    console.print(table)
    left = sum(line["cause"] == "unexplained" for line in lines)
    console.print(f"{len(lines)} lines, {left} with a gap that nothing explains")


def print_deliveries(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print deliveries, one line each."""
    if as_json:
        print_json(rows)
        return
    table = Table("food bank", "file", "state", "rows", "accepted", "quarantined", "reason",
                  box=None, pad_edge=False)  # fmt: skip
    for row in rows:
        table.add_row(
            row["food_bank_id"],
            row["source_name"],
            row["state"].replace("_", " "),
            *(str(row[f"rows_{name}"]) for name in ("delivered", "accepted", "quarantined")),
            row["reason"] or "",
        )
    console.print(table)


def describe_quarantine(store: DeliveryStore, status: str | None) -> list[dict[str, Any]]:
    """Quarantined rows, as `collecto quarantine list --json` answers."""
    return [
        {
            "food_bank_id": row["food_bank_id"],
            "record": row["record"],
            "delivery_id": row["delivery_id"],
            "source_name": row["source_name"],
            "source_line": row["source_line"],
            "source_column": row["source_column"],
            "rules": json.loads(row["rules"]),
            "cells": json.loads(row["cells"]),
            "status": row["status"],
        }
        for row in store.list_quarantine(status)
    ]


def print_quarantine(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print rows held back, a line per broken rule."""
    if as_json:
        print_json(rows)
        return
    table = Table("file", "line", "column", "value", "rule", "what is wrong",
                  box=None, pad_edge=False)  # fmt: skip
    for row in rows:
        for rule in row["rules"]:
            table.add_row(
                f"{row['food_bank_id']}/{row['source_name']}",
                str(row["source_line"]),
                rule["column"] or "",
                rule["value"] or "",
                rule["rule"],
                rule["message"],
            )
    console.print(table)
    console.print(f"{len(rows)} lines to correct")


def print_checks(results: list[dict[str, Any]], as_json: bool) -> None:
    """Print checks, one line each."""
    if as_json:
        print_json(results)
        return
    for result in results:
        mark = "ok    " if result["ok"] else "WRONG "
        console.print(f"{mark}{result['check']} {result['detail']}".rstrip(), markup=False)


def print_accesses(entries: list[dict[str, Any]], as_json: bool) -> None:
    """Entries of the log of accesses."""
    if as_json:
        print_json(entries)
        return
    table = Table(box=None)
    for title in ("when", "reader", "role", "what", "page", "source"):
        table.add_column(title)
    for entry in entries:
        what = " ".join(
            str(entry[name]) for name in ("event", "figure", "format", "reason") if entry.get(name)
        )
        source = str(entry.get("edition") or entry.get("publication_id", "")[:12])
        cells = (entry["at"], entry.get("reader", ""), entry.get("role", ""), what,
                 entry.get("page", ""), source)  # fmt: skip
        table.add_row(*map(str, cells))
    console.print(table)


def print_alerts(said: dict[str, str]) -> None:
    """Print what was sent to whom, or would be."""
    for email, text in said.items():
        print_lines(f"{email}: {text}")


def print_lines(text: str) -> None:
    """Print a text of several lines as it is, but for what steers a terminal."""
    print(escape_steering(text, kept="\n"), end="" if text.endswith("\n") else "\n")


def print_message(value: Any, text: str, as_json: bool) -> None:
    """Print one sentence, or what it says as JSON."""
    if as_json:
        print_json(value)
    else:
        console.print(text, markup=False)


def print_report_kinds(kinds: list[dict[str, str]], as_json: bool) -> None:
    """Print which reports there are, for whom, and what each has to be given."""
    if as_json:
        print_json(kinds)
        return
    table = Table("report", "for", "needs", box=None, pad_edge=False)
    for kind in kinds:
        needs = f"--{kind['about']}" if kind["about"] else ""
        table.add_row(kind["id"], kind["reader"].replace("_", " "), needs)
    console.print(table)


def print_files(files: Sequence[Path], as_json: bool) -> None:
    """Print where files were written."""
    if as_json:
        print_json([str(file) for file in files])
        return
    for file in files:
        console.print(str(file), markup=False, highlight=False, soft_wrap=True)


def print_publications(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print the history of publications."""
    if as_json:
        print_json(rows)
        return
    table = Table("publication", "state", "at", "", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["id"], row["state"].replace("_", " "), str(row["at"]), row["detail"])
    console.print(table if rows else NOTHING_YET)


def print_publication(manifest: dict[str, Any], as_json: bool) -> None:
    """Print what a publication is made of."""
    if as_json:
        print_json(manifest)
        return
    inputs, checks = manifest["inputs"], manifest["checks"]
    failed = [check["check"] for check in checks if not check["has_passed"]]
    console.print(f"publication {manifest['publication_id']}, as of {inputs['as_of']}")
    files = {entry["delivery_id"] for entry in inputs["deliveries"]}
    console.print(f"{len(files)} deliveries; {len(checks)} checks, {len(failed)} failed")
    for bank, day in manifest["data_up_to"].items():
        console.print(f"{bank}: data up to {day}", markup=False)
    table = Table("mart", "rows", box=None, pad_edge=False)
    for mart in manifest["marts"]:
        table.add_row(mart["mart"], str(mart["rows"]))
    console.print(table)


def print_differences(found: dict[str, Any], as_json: bool) -> None:
    """Print the figures that moved, and what moved them."""
    if as_json:
        print_json(found)
        return
    if inputs := found["inputs"]:
        for name, what in (
            ("deliveries_added", "deliveries came"), ("deliveries_removed", "deliveries went"),
            ("factors_changed", "factors changed"), ("code_changed", "folders of code changed"),
        ):  # fmt: skip
            if inputs[name]:
                console.print(f"{len(inputs[name])} {what}: {', '.join(inputs[name][:5])}")
    if not found["figures"]:
        console.print("No figure moved.")
        return
    table = Table("figure", "of", "period", "before", "after", "change", "because of",
                  box=None, pad_edge=False)  # fmt: skip
    for row in found["figures"]:
        causes = [
            f"{cause['kind'].replace('_', ' ')} {(cause['what'] or '')[:8]}".strip()
            + ("" if cause["change"] is None else f" {cause['change']:+f}")
            for cause in row["causes"][:3]
        ]
        more = len(row["causes"]) - 3
        table.add_row(
            f"{row['indicator_code']} {row['variant']}".strip(),
            row["scope_id"],
            f"{row['period_kind']} {row['period_start']}",
            *(
                "-" if row[name] is None else f"{row[name].normalize():f}"
                for name in ("before", "after", "change")
            ),
            ", ".join(causes) + (f" and {more} more" if more > 0 else ""),
        )
    console.print(table)


def print_closings(closings: Sequence[Closing], as_json: bool) -> None:
    """Print what has come to a day, by food bank and record, and who closed it."""
    if as_json:
        print_json([{**asdict(entry), "missing": entry.missing} for entry in closings])
        return
    for entry in closings:
        state = f"closed by {entry.closed_by}" if entry.closed_by else "open"
        if entry.missing:
            state += f", {len(entry.missing)} records missing"
        console.print(f"{entry.food_bank_id} to {entry.end}: {state}", markup=False)
        for row in entry.records:
            mark = "missing" if row["is_missing"] else "ok"
            console.print(f"  {mark:8}{row['record']}: {row['detail']}", markup=False)


def print_editions(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print editions and proposals."""
    if as_json:
        print_json(rows)
        return
    table = Table("edition", "state", "publication", "", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["id"], row["state"], row["publication_id"][:8], row["detail"])
    console.print(
        table if rows else "No edition yet: collecto close, then collecto editions propose"
    )
