"""Cells of people in published tables: the same list is read from marts as they are and as shown.

A cell is one measure of one place and period. What is shown is decided in `disclosure`; `attacker`
reads cells from the published files alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

import polars as pl

from data_contracts.disclosure import PeoplePolicy
from data_contracts.reasons import ReasonValue

ReadMart = Callable[[str], pl.DataFrame | None]
KILOGRAMS_PER_TONNE = 1000


@dataclass(frozen=True)
class Family:
    """Measures that one count of people protects. `counts`: those that count people or, at the end,
    what they were given (which protects what was given to nobody known)."""

    guard: str
    counts: tuple[str, ...]
    amounts: tuple[str, ...] = ()

    @property
    def measures(self) -> tuple[str, ...]:
        return (*self.counts, *self.amounts)


BANDS = ("people_0_3", "people_4_14", "people_15_25", "people_26_64", "people_65_plus")
PARCELS = Family(
    "households_helped",
    ("households_helped", "new_households", "people_helped", "anonymous_parcels", "parcels"),
    ("parcel_kg",),
)
VOUCHERS = Family(
    "voucher_households", ("voucher_households", "vouchers"), ("issued_eur", "redeemed_eur")
)
DECLARED = Family(
    "people",
    ("people", "households", "women", "men", *BANDS, "turned_away", "visits"),
)
FAMILIES = {"parcels": PARCELS, "vouchers": VOUCHERS, "declared": DECLARED}

# Indicators that give a measure, and by how much to multiply them.
INDICATORS: dict[tuple[str, str], tuple[str, str, int]] = {
    **{(code, ""): ("parcels", code, 1) for code in PARCELS.counts},
    ("parcel_tonnes", ""): ("parcels", "parcel_kg", KILOGRAMS_PER_TONNE),
    ("voucher_households", ""): ("vouchers", "voucher_households", 1),
    ("vouchers_eur", ""): ("vouchers", "issued_eur", 1),
    ("people_declared", ""): ("declared", "people", 1),
    ("people_declared", "women"): ("declared", "women", 1),
    ("people_declared", "men"): ("declared", "men", 1),
    **{("people_declared", band.removeprefix("people_")): ("declared", band, 1) for band in BANDS},
    ("households_declared", ""): ("declared", "households", 1),
    ("visits_declared", ""): ("declared", "visits", 1),
    ("turned_away", ""): ("declared", "turned_away", 1),
}
# Rates of two measures: numerator and denominator.
RATES: dict[str, tuple[str, str, str]] = {
    "kg_per_household": ("parcels", "parcel_kg", "households_helped"),
    "voucher_use_share": ("vouchers", "redeemed_eur", "issued_eur"),
}
# Tables of one family: mart, period and the column of places (none: the whole food bank).
TABLES: dict[str, tuple[str, str, str, str | None]] = {
    "mart_households_monthly": ("parcels", "month", "month", None),
    "mart_households_quarterly": ("parcels", "quarter", "quarter_start", "qpv_code"),
    "mart_households_yearly": ("parcels", "year", "year_start", "commune_code"),
    "mart_vouchers_monthly": ("vouchers", "month", "month", None),
    "mart_declared_people_monthly": ("declared", "month", "month", None),
}
PLACE_COLUMNS = ("site_id", "network_family", "storage", "mode", "commune_code", "merchant_kind",
                 "partner_kind", "qpv_code")  # fmt: skip
WHOLE = "whole"
# Area, kind of period and family of the months of vouchers.
OF_MONTHS_OF_VOUCHERS = (WHOLE, "month", "vouchers")


class Key(NamedTuple):
    """Whose cell it is. `area`: `whole`, or a part such as `commune_code=21231`."""

    scope_kind: Literal["food_bank", "territory", "network"]
    scope_id: str
    area: str
    period_kind: str
    period_start: date
    period_end: date
    family: str
    measure: str

    @property
    def is_exempt(self) -> bool:
        """A whole food bank, or all of them: large and exact by policy."""
        return self.scope_kind != "territory" and self.area == WHOLE

    @property
    def is_guard(self) -> bool:
        return self.measure == FAMILIES[self.family].guard

    def of(self, measure: str) -> Key:
        return self._replace(measure=measure)

    @property
    def place(self) -> str:
        return self.scope_id if self.area == WHOLE else f"{self.scope_id} ({self.area})"

    def describe(self) -> str:
        return f"{self.measure} of {self.place}, {self.period_kind} from {self.period_start}"

    def tell(self) -> dict[str, ReasonValue]:
        """What a reason tells of it: measure, place and first day."""
        return {"measure": self.measure, "place": self.place, "date": self.period_start}


Cells = dict[Key, Decimal | None]


def round_people(value: Decimal | int, policy: PeoplePolicy, amount: str = "") -> Decimal:
    """The nearest multiple of the policy's step; a count never below the threshold.

    `amount`: the measure where it is kilograms or euros.
    """
    base = Decimal(policy.step_of(amount))
    rounded = (Decimal(value) / base).to_integral_value(ROUND_HALF_UP) * base
    if amount:
        return rounded
    least = (Decimal(policy.threshold) / base).to_integral_value(ROUND_CEILING) * base
    return max(rounded, least)


def read_cells(read: ReadMart) -> Cells:
    """Every cell of people that the tables hold; None where a cell is there but hidden.

    A cell that two tables give is shown where one of them shows it.
    """
    cells: Cells = {}
    for key, value in iterate_cells(read):
        if cells.get(key) is None:
            cells[key] = value
    return cells


def iterate_cells(read: ReadMart) -> Iterator[tuple[Key, Decimal | None]]:
    """Cells as each table gives them, one after the other."""
    ends = _read_ends(read)
    yield from _read_indicators(read("mart_indicators"))
    for mart in TABLES:
        table = read(mart)
        if table is not None:
            yield from _read_table(mart, table, ends)
    for mart, column in (("mart_flows_monthly", "weight_kg"), ("mart_mass_balance_monthly", "")):
        table = read(mart)
        if table is not None:
            yield from _read_parcel_kilograms(table, column, ends)


def _read_indicators(table: pl.DataFrame | None) -> Iterator[tuple[Key, Decimal | None]]:
    if table is None:
        return
    codes = {code for code, _ in INDICATORS} | set(RATES)
    for row in table.filter(pl.col("indicator_code").is_in(codes)).iter_rows(named=True):
        code = row["indicator_code"]
        place = (row["scope_kind"], row["scope_id"], WHOLE)
        period = (row["period_kind"], row["period_start"], row["period_end"])
        if code in RATES:
            family, numerator, denominator = RATES[code]
            value = row["numerator"]
            if value is None and row["value"] is not None and row["denominator"] is not None:
                value = row["value"] * row["denominator"]
            if value is not None:
                yield Key(*place, *period, family, numerator), value
            if row["denominator"] is not None:
                yield Key(*place, *period, family, denominator), row["denominator"]
            continue
        found = INDICATORS.get((code, row["variant"]))
        if found and (row["value"] is not None or row["is_suppressed"]):
            family, measure, factor = found
            value = None if row["value"] is None else row["value"] * factor
            yield Key(*place, *period, family, measure), value


def _read_table(
    mart: str, table: pl.DataFrame, ends: dict[tuple[str, str, date], date]
) -> Iterator[tuple[Key, Decimal | None]]:
    family, kind, start_column, place_column = TABLES[mart]
    # A finer place than the table should have is a part of its own.
    others = [c for c in PLACE_COLUMNS if c in table.columns and c != place_column]
    for row in table.iter_rows(named=True):
        parts = [f"{c}={row[c]}" for c in (place_column, *others) if c]
        area = ",".join(parts) if parts else WHOLE
        bank, start = row["food_bank_id"], row[start_column]
        end = ends.get((bank, kind, start)) or _last_day(kind, start)
        for measure in FAMILIES[family].measures:
            if measure in row and (row[measure] is not None or row.get("is_suppressed")):
                value = None if row[measure] is None else Decimal(row[measure])
                yield Key("food_bank", bank, area, kind, start, end, family, measure), value


def _read_parcel_kilograms(
    table: pl.DataFrame, column: str, ends: dict[tuple[str, str, date], date]
) -> Iterator[tuple[Key, Decimal | None]]:
    """Kilograms of parcels in tables of flows: those of food, of the whole or of a part."""
    if column:
        table = table.filter(pl.col("flow") == "parcels")
        if "is_food" in table.columns:
            table = table.filter("is_food")
    else:
        column = "parcels_kg"
    parts = [c for c in PLACE_COLUMNS if c in table.columns and c != "partner_kind"]
    for row in table.iter_rows(named=True):
        written = [f"{c}={row[c]}" for c in parts if row[c] not in ("unknown", "none", "protected")]
        area = ",".join(written) if written else WHOLE
        if area == WHOLE and column == "parcels_kg":
            continue  # hygiene products are in it
        end = ends.get((row["food_bank_id"], "month", row["month"]))
        end = end or _last_day("month", row["month"])
        key = Key("food_bank", row["food_bank_id"], area, "month", row["month"], end, "parcels",
                  "parcel_kg")  # fmt: skip
        value = row[column]
        if value is not None and value != 0:
            yield key, value


def _read_ends(read: ReadMart) -> dict[tuple[str, str, date], date]:
    """The last day of each period of each food bank: the current ones end with the data."""
    table = read("mart_food_banks")
    if table is None:
        return {}
    ends = {}
    for row in table.iter_rows(named=True):
        last = row["data_date"]
        if last is None:
            continue
        starts = {
            "month": last.replace(day=1),
            "quarter": date(last.year, 3 * ((last.month - 1) // 3) + 1, 1),
            "year": date(last.year, 1, 1),
        }
        for kind, start in starts.items():
            ends[row["food_bank_id"], kind, start] = last
    return ends


def _last_day(kind: str, start: date) -> date:
    months = {"month": 1, "quarter": 3, "year": 12}[kind]
    index = start.year * 12 + start.month - 1 + months
    return date(index // 12, index % 12 + 1, 1) - timedelta(days=1)
