"""How marts and indicators that hold kilograms of parcels are shown where some of these are hidden.

Sums are computed from what stands in for them (see `kilograms`), so that every table says the same;
parts of them (fresh food, groups, programmes, emissions) are left out or shown coarsely.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

import polars as pl

from data_contracts.disclosure import PeoplePolicy
from data_contracts.loader import load_marts
from data_contracts.periods import add_months, next_month
from pipelines.publish.kilograms import PER_TONNE, PROPORTIONAL, carry_down
from pipelines.publish.people import KILOGRAMS_PER_TONNE, WHOLE, Cells, Key

ZERO = Decimal(0)
# Indicators that hold parcels by one of their variants alone.
OF_DISTRIBUTED = ("fresh_tonnes_growth", "distributed")


@dataclass(frozen=True)
class HiddenParcels:
    """Kilograms of parcels of each scope and period: as they are, and what sums count for them.

    `truth`, `stand_ins`: cells of `parcel_kg` of whole scopes; a hidden one is not `shown`.
    `handed_over`: what parcels of a food bank held in a month, with hygiene products;
    `with_hygiene`: what the balance counts for it in hidden months; `withheld`: food banks whose
    stocks cannot be shown beside their hidden months.
    """

    people: PeoplePolicy
    truth: Cells
    shown: Cells
    stand_ins: Mapping[Key, Decimal | None]
    handed_over: Mapping[tuple[str, date], Decimal]
    with_hygiene: Mapping[tuple[str, date], Decimal]
    withheld: frozenset[str]

    @cached_property
    def months(self) -> dict[tuple[str, date], Key]:
        """Hidden months of food banks."""
        return {
            (key.scope_id, key.period_start): key
            for key in self.truth
            if key.scope_kind == "food_bank"
            and key.period_kind == "month"
            and key.measure == "parcel_kg"
            and key.area == WHOLE
            and self.is_hidden(key)
        }

    @cached_property
    def touched(self) -> set[tuple[str, str, str, date]]:
        """Scopes and periods some part of which has hidden parcels: parts of all would tell."""
        cells = [key for key in self.truth if key.measure == "parcel_kg" and key.area == WHOLE]
        hidden = [key for key in cells if self.is_hidden(key)]
        return {
            (key.scope_kind, key.scope_id, key.period_kind, key.period_start)
            for key in cells
            for small in hidden
            if small[:2] == key[:2]
            and small.period_start <= key.period_end
            and key.period_start <= small.period_end
        }

    def is_hidden(self, key: Key) -> bool:
        return self.shown.get(key) is None and self.truth.get(key) is not None

    @cached_property
    def banks(self) -> frozenset[str]:
        return frozenset(bank for bank, _ in self.months)

    # what sums count for it

    def compare(self, key: Key) -> tuple[Decimal, Decimal | None]:
        """Kilograms of parcels of a cell, and what stands in for them."""
        if key not in self.stand_ins:
            return ZERO, ZERO
        return self.truth[key] or ZERO, self.stand_ins[key]

    @cached_property
    def _drifts(self) -> dict[str, list[tuple[date, Decimal, Decimal]]]:
        """By food bank, what each hidden month adds to the stock that is shown: of food, of all."""
        found: dict[str, list[tuple[date, Decimal, Decimal]]] = {}
        for (bank, month), key in sorted(self.months.items()):
            truth, stand_in = self.compare(key)
            of_all = self.handed_over.get((bank, month), ZERO) - self.with_hygiene[bank, month]
            found.setdefault(bank, []).append((month, truth - (stand_in or ZERO), of_all))
        return found

    def drift(self, bank: str, before: date, counted: Mapping[str, list[date]],
              since: date | None = None, *, of_all: bool = False) -> Decimal:  # fmt: skip
        """Kilograms by which the stock before a month is shown too high.

        `counted`: months of full counts of each food bank, which put it right again: what was too
        high goes into what they find unexplained. `since`: counts before it alone.
        """
        last = max((m for m in counted.get(bank, []) if m < (since or before)), default=date.min)
        return sum(
            (
                everything if of_all else food
                for month, food, everything in self._drifts.get(bank, [])
                if last < month < before
            ),
            ZERO,
        )

    # indicators

    def show_indicator(
        self, row: dict[str, Any], counted: Mapping[str, list[date]], tonnes: Mapping[Key, Decimal]
    ) -> bool:
        """Change a row so that its sums hold what stands in for parcels; False: suppress it.

        `tonnes`: food distributed of each scope and period, with parcels as they are.
        """
        code = row["indicator_code"]
        place = (row["scope_kind"], row["scope_id"], WHOLE)
        period = (row["period_kind"], row["period_start"], row["period_end"])
        key = Key(*place, *period, "parcels", "parcel_kg")
        if row["value"] is None:
            return True
        if code in PROPORTIONAL or code in PER_TONNE:
            return self._show_sum(row, key, tonnes)
        if code in ("tonnes_in_stock", "unexplained_tonnes", "visible_stock_share"):
            return self._show_stock(row, counted)
        name = (*key[:2], key.period_kind, key.period_start)
        if name in self.touched or self._is_compared_with_touched(row):
            return self._show_part(row, tonnes.get(key))
        self._scale(row, key, tonnes)
        return code != "days_of_cover" or self._show_cover(row, counted, tonnes.get(key))

    def _show_sum(self, row: dict[str, Any], key: Key, tonnes: Mapping[Key, Decimal]) -> bool:
        truth, stand_in = self.compare(key)
        if truth == stand_in:
            return True
        total = tonnes.get(key, ZERO)
        if stand_in is None or not total:
            return False
        shown = total - (truth - stand_in) / KILOGRAMS_PER_TONNE
        if shown <= 0:
            return False
        changed: tuple[str, ...] = ("value", "numerator")
        if row["indicator_code"] in PER_TONNE:
            if row["denominator"] is not None:
                row["denominator"] = row["denominator"] * shown / total
            changed, total, shown = ("value", "low", "high"), shown, total
        for name in changed:
            if row[name] is not None:
                row[name] = row[name] * shown / total
        return True

    def _scale(self, row: dict[str, Any], key: Key, tonnes: Mapping[Key, Decimal]) -> None:
        """Parts of what is distributed, in the measure of its sum with rounded parcels."""
        truth, stand_in = self.compare(key)
        total = tonnes.get(key, ZERO)
        if truth == stand_in or stand_in is None or not total:
            return
        shown = total - (truth - stand_in) / KILOGRAMS_PER_TONNE
        is_share = row["denominator"] is not None
        for name in ("numerator", "denominator") if is_share else ("value", "low", "high"):
            if row[name] is not None:
                row[name] = row[name] * shown / total

    def _show_stock(self, row: dict[str, Any], counted: Mapping[str, list[date]]) -> bool:
        scope = (row["scope_kind"], row["scope_id"])
        banks = [scope[1]] if scope[0] == "food_bank" else sorted(self.banks)
        if scope[0] == "territory" or not self.banks.intersection(banks):
            return True
        start, end = row["period_start"], row["period_end"]
        after = next_month(end)
        added = ZERO
        for bank in banks:
            if bank in self.withheld:
                return False
            last = self.months.get((bank, end.replace(day=1)))
            if last is not None and last.period_end != end:
                return False  # the period ends within a hidden month
            if row["indicator_code"] == "unexplained_tonnes":
                added -= sum(
                    self.drift(bank, next_month(month), counted, month)
                    for month in counted.get(bank, [])
                    if start <= month < after
                )
            else:
                added += self.drift(bank, after, counted)
        if row["indicator_code"] == "visible_stock_share":
            row["denominator"] += added
            row["value"] = row["numerator"] / row["denominator"]
        else:
            for name in ("value", "numerator"):
                if row[name] is not None:
                    row[name] += added / KILOGRAMS_PER_TONNE
        return True

    def _show_cover(
        self, row: dict[str, Any], counted: Mapping[str, list[date]], tonnes: Decimal | None
    ) -> bool:
        """Days of cover hold a stock, and what left in the four weeks to its day."""
        end: date = row["period_end"]
        months = (end.replace(day=1), add_months(end, -1))
        near = any((bank, month) in self.months for bank in self.banks for month in months)
        banks = [row["scope_id"]] if row["scope_kind"] == "food_bank" else sorted(self.banks)
        if row["scope_kind"] == "territory" or not (
            near or any(self.drift(bank, next_month(end), counted) for bank in banks)
        ):
            return True
        return self._show_part(row, tonnes)

    def _is_compared_with_touched(self, row: dict[str, Any]) -> bool:
        """Whether a growth of what is distributed compares with a period with hidden parcels."""
        start: date = row["period_start"]
        before = (
            row["scope_kind"], row["scope_id"], row["period_kind"], add_months(start, -12)
        )  # fmt: skip
        return row["indicator_code"] == OF_DISTRIBUTED[0] and before in self.touched

    def _show_part(self, row: dict[str, Any], tonnes: Decimal | None) -> bool:
        """Two digits, or so few that what hides parcels among all cannot be seen."""
        row.update(numerator=None, denominator=None, low=None, high=None)
        if not row["value"]:
            return True
        value: Decimal = row["value"]
        step = Decimal(1).scaleb(value.adjusted() - 1)
        step_kg = Decimal(self.people.hidden_parcels_rounding_kg)
        if not tonnes or step_kg >= tonnes * KILOGRAMS_PER_TONNE:
            return False
        while step < abs(value) * step_kg / (tonnes * KILOGRAMS_PER_TONNE):
            step *= 10
        if step > abs(value):
            return False
        row["value"] = (value / step).to_integral_value(ROUND_HALF_UP) * step
        return True

    # marts

    def show_mart(
        self, mart: str, table: pl.DataFrame, counted: Mapping[str, list[date]]
    ) -> pl.DataFrame:
        """A mart of months and food banks whose kilograms hold those of parcels."""
        if not any(kind == "food_bank" for kind, *_ in self.touched):
            return table
        if mart == "mart_mass_balance_monthly":
            table = table.filter(~pl.col("food_bank_id").is_in(sorted(self.withheld)))
            return change_rows(table, lambda row: self._show_balance(row, counted))
        if mart == "mart_programmes_monthly":
            return self._show_programmes(table)
        touched = {
            (bank, start)
            for kind, bank, of_kind, start in self.touched
            if (kind, of_kind) == ("food_bank", "month")
        }
        holds = {
            "mart_fresh_monthly": pl.col("flow") == "distributed",
            "mart_carbon_monthly": pl.col("ledger") == "avoided",
            "mart_nutrition_monthly": pl.lit(True),
        }[mart]
        # What a group is called and compared with is no count.
        measures = {
            "mart_nutrition_monthly": ["weight_kg", "from_catalogue_kg", "food_kg", "food_share"],
        }.get(mart, [name for name in table.columns if name not in load_marts()[mart].keys])
        table = _leave_out(table, _is_in(touched) & holds, measures)
        if "fresh_kg_same_days" in table.columns:
            later = {(bank, add_months(month, 12)) for bank, month in touched}
            table = _leave_out(table, _is_in(later) & holds, ["fresh_kg_same_days"])
        return table

    def _show_balance(self, row: dict[str, Any], counted: Mapping[str, list[date]]) -> None:
        bank, month = row["food_bank_id"], row["month"]
        if bank not in self.banks:
            return
        after = next_month(month)
        if (bank, month) in self.months:
            row["parcels_kg"] = self.with_hygiene[bank, month]
        row["opening_kg"] += self.drift(bank, month, counted, of_all=True)
        row["theoretical_closing_kg"] += self.drift(bank, after, counted, month, of_all=True)
        if row["unexplained_kg"] is not None:
            row["unexplained_kg"] -= self.drift(bank, after, counted, month, of_all=True)
        row["closing_kg"] += self.drift(bank, after, counted, of_all=True)

    def _show_programmes(self, table: pl.DataFrame) -> pl.DataFrame:
        """Ledgers whose kilograms handed out are multiples in hidden months; what remains of a
        programme follows from them, its euros are not shown from the first such month on."""
        step = self.people.hidden_parcels_rounding_kg
        changed = []
        for _, ledger in table.sort("month").group_by(
            "food_bank_id", "programme", maintain_order=True
        ):
            rows = ledger.to_dicts()
            is_hidden = [(row["food_bank_id"], row["month"]) in self.months for row in rows]
            parts = carry_down(
                [row["out_kg"] if hidden else None
                 for row, hidden in zip(rows, is_hidden, strict=True)], step,
            )  # fmt: skip
            drift, has_begun = ZERO, False
            for row, part in zip(rows, parts, strict=True):
                row["opening_kg"] += drift
                if part is not None:
                    has_begun = True
                    drift += row["out_kg"] - part
                    row.update(out_kg=part, by_lot_kg=None, beyond_stock_kg=None)
                row["closing_kg"] += drift
                if has_begun:
                    row.update(out_eur=None, closing_eur=None)
                    row["opening_eur"] = row["opening_eur"] if part is not None else None
            changed += rows
        return fit_rows(changed, table.schema)

    def show_unexplained(
        self, flows: pl.DataFrame, counted: Mapping[str, list[date]]
    ) -> pl.DataFrame:
        """Flows without what counts found by family, where the balance shows it otherwise."""
        hidden = {
            (bank, month)
            for bank in self.banks
            for month in counted.get(bank, [])
            if bank in self.withheld
            or self.drift(bank, next_month(month), counted, month, of_all=True)
            or self.drift(bank, next_month(month), counted, month)
        }
        keys = load_marts()["mart_flows_monthly"].keys
        measures = [name for name in flows.columns if name not in keys]
        return _leave_out(flows, _is_in(hidden) & (pl.col("flow") == "unexplained"), measures)


def find_counted(balance: pl.DataFrame) -> dict[str, list[date]]:
    """Months of each food bank in which a full count put its stock right."""
    found: dict[str, list[date]] = {}
    counted = balance.filter(pl.col("unexplained_kg").is_not_null())
    for bank, month in counted.select("food_bank_id", "month").unique().sort(pl.all()).iter_rows():
        found.setdefault(bank, []).append(month)
    return found


def change_rows(table: pl.DataFrame, change: Callable[[dict[str, Any]], None]) -> pl.DataFrame:
    """A table whose rows were changed one by one, in its own types."""
    rows = table.to_dicts()
    for row in rows:
        change(row)
    return fit_rows(rows, table.schema)


def fit_rows(rows: Sequence[Mapping[str, Any]], schema: Mapping[str, Any]) -> pl.DataFrame:
    """Rows as a table of these columns: decimals in the scale of theirs."""
    return pl.DataFrame(
        [{name: _fit(row[name], kind) for name, kind in schema.items()} for row in rows],
        schema=dict(schema),
    )


def _fit(value: Any, kind: pl.DataType) -> Any:
    """A value in the type of its column."""
    if value is None or not isinstance(value, Decimal):
        return value
    if isinstance(kind, pl.Decimal):
        return value.quantize(Decimal(1).scaleb(-(kind.scale or 0)), ROUND_HALF_UP)
    return int(value) if kind.is_integer() else value


def _is_in(places: set[tuple[str, date]]) -> pl.Expr:
    """Whether a row is of one of these food banks and months."""
    return pl.struct("food_bank_id", "month").map_elements(
        lambda row: (row["food_bank_id"], row["month"]) in places, return_dtype=pl.Boolean
    )


def _leave_out(table: pl.DataFrame, where: pl.Expr, measures: list[str]) -> pl.DataFrame:
    return table.with_columns(
        pl.when(where).then(None).otherwise(pl.col(name)).alias(name) for name in measures
    )
