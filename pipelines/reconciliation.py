"""Our figures beside a published report of a food bank: the gap of each line and its cause.

The acceptance protocol of an onboarding. A cause is named only where it gives the reported figure
within the tolerance; what nothing gives is `unexplained`, for people to talk about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from data_contracts.loader import load_register
from data_contracts.periods import PeriodError, parse_period
from data_contracts.publications import Publication, open_current
from pipelines.ingest.containers import UnreadableError
from pipelines.ingest.numbers import list_readings, show_separators
from pipelines.ingest.parsing import READ_ERROR, Reading, collect, open_table
from pipelines.publish.figures import FigureError, read_indicator
from pipelines.settings import Settings
from pipelines.store import open_store

COLUMNS = ("indicator", "period", "value")
# Units of mass in tonnes.
_TONNES = {"t": Decimal(1), "kg": Decimal("0.001"), "g": Decimal("0.000001"),
           "lb": Decimal("0.00045359237")}  # fmt: skip
_FLOWS = {"tonnes_received": "received", "tonnes_distributed": "delivered"}
_PARTS = ("channel", "network_family", "supplier_kind", "partner_kind", "mode")


class ReportError(Exception):
    """The report cannot be compared; the message says what to change in it."""


def reconcile_report(
    settings: Settings, file: Path, food_bank_id: str | None, tolerance: float
) -> list[dict[str, Any]]:
    """One entry per line of a report: `{label, indicator_code, food_bank_id, period, unit,
    reported, ours, gap, gap_share, cause, detail}`.

    The report has the columns `indicator`, `period`, `value` and where needed `food_bank`, `unit`,
    `label`; any dialect that is read. `gap` = ours - reported, in the unit of the register.
    `cause`: agrees, rounding, definition, scope, held_back, partial, period, unit, not_published,
    unexplained.
    """
    publication = open_current(settings.published)
    return [
        _reconcile(settings, publication, row, Decimal(str(tolerance)))
        for row in _read_report(file, food_bank_id)
    ]


def _read_report(file: Path, food_bank_id: str | None) -> Iterator[dict[str, Any]]:
    reading = Reading(expected=frozenset(COLUMNS), ignores_case=True)
    try:
        with open_table(file, reading) as table:
            found = collect(table)
    except UnreadableError as error:
        raise ReportError(f"{file.name}: {error}") from None
    frame = found.frame.rename({name: name.lower() for name in found.columns})
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise ReportError(
            f"{file.name} has no column {missing[0]!r}; it needs {', '.join(COLUMNS)}"
        )
    shown = show_separators(frame, ["value"])
    separator = shown.pop() if len(shown) == 1 else None
    for row in frame.iter_rows(named=True):
        where = f"{file.name}, line {row['_source_line']}"
        if row[READ_ERROR]:
            raise ReportError(f"{where}: {row[READ_ERROR]}")
        readings = list_readings(row["value"])
        distinct = set(readings.values())
        value = distinct.pop() if len(distinct) == 1 else readings.get(separator or ".")
        if value is None:
            raise ReportError(f"{where}: {row['value']!r} is no number")
        bank = (row.get("food_bank") or food_bank_id or "").strip()
        if not bank:
            raise ReportError(
                f"{where}: whose figure is it? Add a column food_bank, or --food-bank"
            )
        code = row["indicator"].strip()
        if code not in load_register():
            raise ReportError(f"{where}: {code!r} is no indicator of the register")
        try:
            period = parse_period(row["period"].strip())
        except PeriodError as error:
            raise ReportError(f"{where}: {error}") from None
        yield {
            "indicator_code": code,
            "food_bank_id": bank,
            "period": period.code,
            "unit": (row.get("unit") or load_register()[code].unit).strip(),
            "label": (row.get("label") or load_register()[code].label_fr).strip(),
            "written": value,
            "reported": Decimal(value),
        }


def _reconcile(
    settings: Settings, publication: Publication, line: dict[str, Any], tolerance: Decimal
) -> dict[str, Any]:
    indicator = load_register()[line["indicator_code"]]
    reported, written = line["reported"], line.pop("written")
    if line["unit"] in _TONNES and indicator.unit in _TONNES:
        reported = reported * _TONNES[line["unit"]] / _TONNES[indicator.unit]
    elif line["unit"] != indicator.unit:
        return _answer(line, indicator.unit, None, None, "not_published",
                       f"ours is in {indicator.unit}, the report's in {line['unit']}")  # fmt: skip
    step = _rounding(written, line["unit"], indicator.unit)
    try:
        [row] = read_indicator(
            settings.published, indicator.code, line["period"], food_banks=[line["food_bank_id"]]
        )
    except (FigureError, ValueError) as error:
        return _answer(line, indicator.unit, reported, None, "not_published", str(error))
    ours = row["value"]
    if ours is None:
        return _answer(line, indicator.unit, reported, None, "not_published", "we have no value")
    if ours == reported:
        return _answer(line, indicator.unit, reported, ours, "agrees", "")

    def is_close(value: Decimal | None) -> bool:
        return value is not None and (
            abs(value - reported) <= step or abs(value - reported) <= tolerance * abs(reported)
        )

    if abs(ours - reported) <= step:
        rounded = f"the report is rounded to {(2 * step).normalize():f} {indicator.unit}"
        return _answer(line, indicator.unit, reported, ours, "rounding", rounded)
    if is_close(ours):
        return _answer(line, indicator.unit, reported, ours, "agrees",
                       f"within {tolerance:.1%}")  # fmt: skip
    for cause, detail, value in _find_causes(settings, publication, line, ours):
        if is_close(value):
            return _answer(line, indicator.unit, reported, ours, cause, detail)
    if row["is_partial"]:
        return _answer(line, indicator.unit, reported, ours, "partial",
                       f"our records reach {row['data_date']}, not its end")  # fmt: skip
    return _answer(line, indicator.unit, reported, ours, "unexplained", "")


def _rounding(written: str, unit: str, own_unit: str) -> Decimal:
    """Half a unit of the last digit that the report writes, in the unit of the register."""
    decimals = len(written.split(".")[1]) if "." in written else 0
    half = Decimal(5).scaleb(-decimals - 1)
    if unit in _TONNES and own_unit in _TONNES:
        return half * _TONNES[unit] / _TONNES[own_unit]
    return half


def _answer(
    line: dict[str, Any],
    unit: str,
    reported: Decimal | None,
    ours: Decimal | None,
    cause: str,
    detail: str,
) -> dict[str, Any]:
    gap = ours - reported if ours is not None and reported is not None else None
    share = float(gap / reported) if gap is not None and reported else None
    return {
        "label": line["label"],
        "indicator_code": line["indicator_code"],
        "food_bank_id": line["food_bank_id"],
        "period": line["period"],
        "unit": unit,
        "reported": reported,
        "ours": ours,
        "gap": gap,
        "gap_share": share,
        "cause": cause,
        "detail": detail,
    }


def _find_causes(
    settings: Settings, publication: Publication, line: dict[str, Any], ours: Decimal
) -> Iterator[tuple[str, str, Decimal | None]]:
    """What our figure would be, read in other ways, nearest first."""
    indicator = load_register()[line["indicator_code"]]
    for variant in indicator.variants[1:]:
        yield "definition", f"our variant {variant!r}", _read(settings, line, variant=variant)
    if indicator.unit == "t":
        yield from _other_units(ours)
    held = _held_back(settings, line)
    if held:
        text = f"with the {held:.3f} t that wait in quarantine"
        yield "held_back", text, ours + held
    if indicator.code in _FLOWS:
        yield from _other_scopes(publication, line, _FLOWS[indicator.code], ours)
    for period in _neighbours(line["period"]):
        yield "period", f"our figure of {period}", _read(settings, line, period=period)


def _read(
    settings: Settings,
    line: dict[str, Any],
    variant: str | None = None,
    period: str | None = None,
) -> Decimal | None:
    try:
        [row] = read_indicator(
            settings.published,
            line["indicator_code"],
            period or line["period"],
            food_banks=[line["food_bank_id"]],
            variant=variant,
        )
    except (FigureError, ValueError):
        return None
    value: Decimal | None = row["value"]
    return value


def _other_units(ours: Decimal) -> Iterator[tuple[str, str, Decimal]]:
    for name, factor in (("kg", 1000), ("thousand tonnes", Decimal("0.001"))):
        yield "unit", f"the report's figure is in {name}", ours * factor
    pounds = ours / _TONNES["lb"] / 1000
    yield "unit", "the report's figure is in thousand pounds", pounds


def _span(period_code: str) -> tuple[date, date] | None:
    period = parse_period(period_code)
    months = period.months()
    if not months:
        return None
    return months[0], months[-1]


def _held_back(settings: Settings, line: dict[str, Any]) -> Decimal:
    """Tonnes of the food bank's lines that wait in quarantine, of the records that the figure
    counts."""
    records = {"tonnes_received": ("receipts",), "tonnes_distributed": ("deliveries", "parcels")}
    counted = records.get(line["indicator_code"], ())
    if not counted or not settings.state_file.is_file():
        return Decimal(0)
    with open_store(settings) as store:
        grams = sum(
            row["grams"] or 0
            for row in store.list_quarantine("open")
            if row["food_bank_id"] == line["food_bank_id"] and row["record"] in counted
        )
    return Decimal(grams) / 1_000_000


def _other_scopes(
    publication: Publication, line: dict[str, Any], flow: str, ours: Decimal
) -> Iterator[tuple[str, str, Decimal]]:
    """Without one channel, family or kind; or with what is no food."""
    span = _span(line["period"])
    if span is None:
        return
    rows = (
        publication.scan("mart_flows_monthly")
        .filter(
            (pl.col("food_bank_id") == line["food_bank_id"])
            & (pl.col("flow") == flow)
            & pl.col("month").is_between(*span)
        )
        .collect()
    )
    other = rows.filter(~pl.col("is_food"))["weight_kg"].sum() or Decimal(0)
    if other:
        yield "scope", "with products that are no food", ours + Decimal(other) / 1000
    food = rows.filter(pl.col("is_food"))
    for name in _PARTS:
        parts = food.group_by(name).agg(pl.col("weight_kg").sum()).sort(name, nulls_last=True)
        for value, kilograms in parts.iter_rows():
            if value is not None and kilograms:
                tonnes = Decimal(kilograms) / 1000
                yield "scope", f"without {name} {value}", ours - tonnes
                yield "scope", f"only {name} {value}", tonnes


def _neighbours(period_code: str) -> list[str]:
    """The same length of time a month or a year off: a report may close on another day."""
    if re.fullmatch(r"\d{4}", period_code):
        year = int(period_code)
        return [
            f"{year - 1}", f"{year + 1}", f"{year - 1}-12..{year}-11", f"{year}-02..{year + 1}-01"
        ]  # fmt: skip
    found = re.fullmatch(r"(\d{4})-(\d{2})", period_code)
    if found:
        first = date(int(found[1]), int(found[2]), 1)
        before = first - timedelta(1)
        after = first + timedelta(31)
        return [f"{before:%Y-%m}", f"{after:%Y-%m}", f"{first.year - 1}-{first.month:02d}"]
    return []
