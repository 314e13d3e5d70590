"""Kilograms of parcels inside other sums: what stands in for hidden ones, what readers compute.

Food distributed is what partners got, which is published by commune and family, and parcels; stock
is what came less what left. Whoever subtracts has the kilograms of parcels. So a multiple of
`hidden_parcels_rounding_kg` stands in for a hidden cell in every sum that holds it, the same one in
all of them; `read_sums` does what readers can do, for the attacker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from data_contracts.disclosure import PeoplePolicy
from data_contracts.periods import add_months, next_month
from data_contracts.reasons import Reason
from pipelines.publish.people import (
    KILOGRAMS_PER_TONNE,
    WHOLE,
    Cells,
    Key,
    ReadMart,
    read_cells,
)

# Kilograms of parcels as sums give them: of food, and with hygiene products. `area`: which table.
READ_FOOD, READ_ALL = "read_food", "read_all"
READINGS = (READ_FOOD, READ_ALL)
# Readings that differ by less are the same: shares are published with six decimals.
SAME_KG = Decimal("0.5")
# Indicators that are food distributed times a constant, and those that divide by it.
PROPORTIONAL = ("tonnes_distributed", "meal_equivalents", "tonnes_per_1000_inhabitants")
PER_TONNE = ("induced_kg_per_tonne", "km_per_tonne", "cost_per_tonne", "public_eur_per_tonne")
# Where food distributed stands in a row of an indicator, and the kilograms of its unit.
DISTRIBUTED_IN = {
    "tonnes_distributed": ("value", KILOGRAMS_PER_TONNE),
    "tonnes_per_1000_inhabitants": ("numerator", KILOGRAMS_PER_TONNE),
    **dict.fromkeys(PER_TONNE, ("denominator", KILOGRAMS_PER_TONNE)),
    **dict.fromkeys(
        ("fresh_share_distributed", "attributed_by_lot_share", "lot_known_share", "rescued_share"),
        ("denominator", 1),
    ),
}
# Into a site and out of it, by columns of the balance and by flows.
BALANCE = {
    "opening_kg": 1, "received_kg": 1, "transfers_in_kg": 1, "transformation_output_kg": 1,
    "delivered_kg": -1, "returned_kg": 1, "removed_kg": -1, "transfers_out_kg": -1,
    "transformation_input_kg": -1,
}  # fmt: skip
FLOWS = {
    "received": 1, "transferred_in": 1, "transformation_output": 1, "delivered": -1, "returned": 1,
    "removed": -1, "transferred_out": -1, "transformation_input": -1, "unexplained": 1,
}  # fmt: skip

# Kind, first and last day of a period; kind and id of a scope.
Period = tuple[str, date, date]
Scope = tuple[str, str]


def read_published(read: ReadMart) -> Cells:
    """Every cell of people that the tables hold or that their sums give."""
    return {**read_cells(read), **dict(read_sums(read))}


def carry_down(amounts: Sequence[Decimal | None], step: int) -> list[Decimal | None]:
    """Multiples of `step` that stand in for amounts: their running sum is at most that of the
    amounts and less than one step below it. None stays None."""
    total = shown = Decimal(0)
    found: list[Decimal | None] = []
    for amount in amounts:
        if amount is None:
            found.append(None)
            continue
        total += amount
        part = (total - shown) // step * step
        shown += part
        found.append(part)
    return found


def make_stand_ins(
    truth: Cells, shown: Cells, policy: PeoplePolicy, sealed: Collection[Key] = ()
) -> dict[Key, Decimal | None]:
    """For each cell of kilograms of parcels of a scope, what sums that hold it count instead.

    Shown cells stand for themselves. Of hidden ones, months are multiples of the policy's step,
    longer periods the sum of their months, a network that of its food banks. None: neither the cell
    nor a sum that holds it is shown (`sealed`, or made of such).
    """
    cells = [key for key in truth if key.measure == "parcel_kg" and key.area == WHOLE]
    found: dict[Key, Decimal | None] = {}
    by_scope: dict[tuple[str, str], list[Key]] = defaultdict(list)
    for key in cells:
        if shown[key] is not None or not truth[key]:
            found[key] = shown[key] if shown[key] is not None else truth[key]
        else:
            by_scope[key[:2]].append(key)
    months = {key: key for key in cells if key.period_kind == "month"}
    step = policy.hidden_parcels_rounding_kg
    for hidden in by_scope.values():
        hidden_months = sorted(k for k in hidden if k.period_kind == "month")
        if hidden[0].scope_kind != "network":
            amounts = [None if key in sealed else truth[key] for key in hidden_months]
            found.update(zip(hidden_months, carry_down(amounts, step), strict=True))
    found.update(dict.fromkeys(sealed))
    for key in cells:
        if key in found or key.scope_kind == "network":
            continue
        parts_of = [month for month in months if month[:3] == key[:3] and is_within(month, key)]
        if is_covered(key, parts_of):
            found[key] = add_known(found[month] for month in parts_of)
        else:
            found[key] = carry_down([truth[key]], step)[0]
    for key in cells:
        if key not in found:
            found[key] = add_known(
                found[other] for other in cells
                if other.scope_kind == "food_bank" and other[2:] == key[2:]
            )  # fmt: skip
    return found


def add_known(values: Iterator[Decimal | None]) -> Decimal | None:
    """The sum of values; None where one is unknown."""
    total = Decimal(0)
    for value in values:
        if value is None:
            return None
        total += value
    return total


def is_within(shorter: Key, longer: Key) -> bool:
    return longer.period_start <= shorter.period_start and shorter.period_end <= longer.period_end


def is_covered(longer: Key, parts: Sequence[Key]) -> bool:
    """Whether periods leave no day of a longer one out."""
    day: date = longer.period_start
    for part in sorted(parts, key=lambda key: key.period_start):
        if part.period_start > day:
            return False
        day = part.period_end + timedelta(days=1)
    return day > longer.period_end


# what readers compute


def read_sums(read: ReadMart) -> Iterator[tuple[Key, Decimal]]:
    """Kilograms of parcels that published sums give by difference, each under the table it is from.

    The same kilograms from a second table are left out.
    """
    found: dict[Key, list[Decimal]] = defaultdict(list)
    for key, value in _read_differences(read):
        nearest = value.quantize(Decimal(1))
        value = nearest if abs(nearest - value) < Decimal("0.05") else value
        known = found[key._replace(area=WHOLE)]
        if all(abs(value - other) >= SAME_KG for other in known):
            known.append(value)
            # a table may say it in more than one way
            yield key._replace(area=f"{key.area} {len(known)}" if known[1:] else key.area), value


def _name(scope: Scope, source: str, period: Period, measure: str) -> Key:
    kind: Any = scope[0]
    return Key(kind, scope[1], source, *period, "parcels", measure)


def _read_differences(read: ReadMart) -> Iterator[tuple[Key, Decimal]]:
    flows, banks = read("mart_flows_monthly"), read("mart_food_banks")
    if flows is None or banks is None:
        return
    partners = _Partners.read(flows, banks, read("mart_communes"))
    for scope, period, source, kilograms in _read_distributed(read, partners):
        given = partners.add(scope, period)
        if given is not None:
            yield _name(scope, source, period, READ_FOOD), kilograms - given
    yield from _read_balance(read, partners)
    yield from _read_stock(read, partners, flows)


@dataclass(frozen=True)
class _Partners:
    """Food that partners got, net: kilograms by food bank, month and commune, and of the same days
    a year before; None where a row is hidden."""

    kilograms: Mapping[tuple[str, date], Mapping[str, tuple[Decimal | None, Decimal | None]]]
    communes: Mapping[str, Collection[str]]
    members: Mapping[str, Collection[str]]
    last_days: Mapping[str, date]

    @classmethod
    def read(
        cls, flows: pl.DataFrame, banks: pl.DataFrame, communes: pl.DataFrame | None
    ) -> _Partners:
        sign = pl.when(pl.col("flow") == "delivered").then(1).otherwise(-1)
        net = flows.filter("is_food", pl.col("flow").is_in(["delivered", "returned"]))
        net = net.group_by("food_bank_id", "month", "commune_code").agg(
            pl.when(pl.col(name).is_null().any()).then(None).otherwise(
                (pl.col(name) * sign).sum()
            ).alias(name)
            for name in ("weight_kg", "weight_kg_same_days")
        )  # fmt: skip
        kilograms: dict[tuple[str, date], dict[str, tuple[Decimal | None, Decimal | None]]]
        kilograms = defaultdict(dict)
        for bank, month, commune, now, before in net.iter_rows():
            kilograms[bank, month][commune] = (now, before)
        of_place: dict[str, set[str]] = defaultdict(set)
        for row in (communes if communes is not None else pl.DataFrame()).iter_rows(named=True):
            for column in ("epci_code", "departement_code"):
                of_place[row[column]].add(row["commune_code"])
        members: dict[str, list[str]] = defaultdict(list)
        last_days = {}
        for row in banks.iter_rows(named=True):
            if row["data_date"] is not None:
                last_days[row["food_bank_id"]] = row["data_date"]
            for code in (row["territory_codes"] or "").split("|"):
                members[code].append(row["food_bank_id"])
        return cls(kilograms, of_place, members, last_days)

    def add(self, scope: Scope, period: Period) -> Decimal | None:
        """What the partners of a scope got; None where no table says it."""
        kind, code = scope
        banks = [code] if kind == "food_bank" else self.members.get(code, ())
        banks = list(self.last_days) if kind == "network" else banks
        places = self.communes.get(code, ()) if kind == "territory" else None
        return add_known(self._add_month(*place, places) for place in self._months(banks, period))

    def _months(self, banks: Collection[str], period: Period) -> Iterator[tuple[str, date, bool]]:
        """Months of a period of each food bank; the last value: up to the day of its data."""
        kind, start, end = period
        for bank in banks:
            if (last := self.last_days.get(bank)) is None:
                continue
            is_before = kind == "year_to_date" and start.year < last.year
            last_month = date(start.year, last.month, 1) if is_before else end.replace(day=1)
            month = start
            while month <= last_month:
                yield bank, month, is_before and month == last_month
                month = next_month(month)

    def _add_month(
        self, bank: str, month: date, is_to_same_day: bool, places: Collection[str] | None
    ) -> Decimal | None:
        if is_to_same_day:
            month = month.replace(year=month.year + 1)
            if month.year != self.last_days[bank].year:
                return None
        return add_known(
            values[1] if is_to_same_day else values[0]
            for commune, values in self.kilograms.get((bank, month), {}).items()
            if places is None or commune in places
        )

    def month(self, bank: str, month: date) -> Period:
        """A month as its cells are named: that of the last data ends with them."""
        end = next_month(month) - timedelta(days=1)
        return "month", month, min(end, self.last_days.get(bank, end))


def _read_distributed(
    read: ReadMart, partners: _Partners
) -> Iterator[tuple[Scope, Period, str, Decimal]]:
    """Food distributed of a scope and period, parcels included, by each table that says it."""
    table = read("mart_indicators")
    if table is not None:
        codes = [*DISTRIBUTED_IN, "meal_equivalents"]
        rows = table.filter(pl.col("indicator_code").is_in(codes)).to_dicts()
        yield from _read_indicators([row for row in rows if row["value"] is not None])
    for mart in ("mart_fresh_monthly", "mart_nutrition_monthly"):
        table = read(mart)
        if table is None:
            continue
        if "flow" in table.columns:
            table = table.filter(pl.col("flow") == "distributed")
        rows_of_food = table.select("food_bank_id", "month", "food_kg").drop_nulls()
        for bank, month, kilograms in rows_of_food.iter_rows():
            yield ("food_bank", bank), partners.month(bank, month), mart, kilograms


def _read_indicators(
    rows: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[Scope, Period, str, Decimal]]:
    tonnes: dict[tuple[Any, ...], Decimal] = {}
    meals: dict[str, tuple[Decimal, Decimal]] = {}
    names = ("scope_kind", "scope_id", "period_kind", "period_start", "period_end")

    def at(row: Mapping[str, Any], kilograms: Decimal) -> tuple[
        tuple[str, str], Period, str, Decimal
    ]:  # fmt: skip
        kind, scope, period_kind, start, end = (row[name] for name in names)
        code = str(row["indicator_code"])
        return (str(kind), str(scope)), (str(period_kind), start, end), code, kilograms

    for row in rows:
        code, value = str(row["indicator_code"]), row["value"]
        column, factor = DISTRIBUTED_IN.get(code, ("", 1))
        kilograms = row[column] if column else None
        if column == "denominator" and kilograms is None and row["numerator"] and not (
            is_coarse(value)
        ):  # fmt: skip
            kilograms = Decimal(str(row["numerator"])) / value
        if isinstance(kilograms, Decimal):
            yield at(row, kilograms * factor)
        if code == "tonnes_distributed":
            tonnes[tuple(row[name] for name in names)] = value
    of_meals = [row for row in rows if row["indicator_code"] == "meal_equivalents"]
    # the grams of a convention are no secret: the largest figure gives them best
    for row in of_meals:
        value, known = row["value"], tonnes.get(tuple(row[name] for name in names))
        if known and value > meals.get(row["variant"], (Decimal(0),))[0]:
            meals[row["variant"]] = (value, known)
    for row in of_meals:
        if row["variant"] in meals:
            value, (most, known) = row["value"], meals[row["variant"]]
            yield at(row, value * known / most * KILOGRAMS_PER_TONNE)


def _read_balance(read: ReadMart, partners: _Partners) -> Iterator[tuple[Key, Decimal]]:
    """Parcels of a month, with hygiene: as the balance says, by its terms, and by its stocks."""
    table = read("mart_mass_balance_monthly")
    if table is None:
        return
    for name in ("site_id", "network_family"):
        if name in table.columns:
            return  # inside: it says what it holds
    mart = "mart_mass_balance_monthly"
    rows = {(row["food_bank_id"], row["month"]): row for row in table.iter_rows(named=True)}
    for (bank, month), row in rows.items():
        key = _name(("food_bank", bank), mart, partners.month(bank, month), READ_ALL)
        if row["parcels_kg"] is not None:
            yield key, row["parcels_kg"]
        before, after = (rows.get((bank, add_months(month, n)), {}) for n in (-1, 1))
        for opening in (row["opening_kg"], before.get("closing_kg")):
            for closing in (row["closing_kg"], after.get("opening_kg")):
                found = (row["initial_count_kg"], row["unexplained_kg"] or Decimal(0), closing)
                terms = [row[name] for name in BALANCE if name != "opening_kg"]
                if None in (*found, *terms, opening):
                    continue
                flows = sum(sign * row[n] for n, sign in BALANCE.items() if n != "opening_kg")
                yield key, opening + flows + found[0] + found[1] - closing
        terms = [row[name] for name in BALANCE]
        if None not in (*terms, row["theoretical_closing_kg"]):
            flows = sum(sign * row[name] for name, sign in BALANCE.items())
            yield key, flows - row["theoretical_closing_kg"]


def _read_stock(
    read: ReadMart, partners: _Partners, flows: pl.DataFrame
) -> Iterator[tuple[Key, Decimal]]:
    """Food in parcels of a month, by the food in stock before and after it."""
    indicators, balance = read("mart_indicators"), read("mart_mass_balance_monthly")
    if indicators is None or balance is None:
        return
    # the first count of a site brings in what nobody received
    begun = balance.filter(pl.col("initial_count_kg") != 0).select("food_bank_id", "month")
    is_month = (pl.col("period_kind") == "month") & (pl.col("scope_kind") == "food_bank")
    stock = {
        (bank, month): value * KILOGRAMS_PER_TONNE
        for bank, month, value in indicators.filter(
            is_month, pl.col("indicator_code") == "tonnes_in_stock", pl.col("value").is_not_null()
        ).select("scope_id", "period_start", "value").iter_rows()
    }  # fmt: skip
    sign = pl.col("flow").replace_strict(FLOWS, default=None, return_dtype=pl.Int64)
    changes = flows.filter("is_food", pl.col("flow").is_in(list(FLOWS))).group_by(
        "food_bank_id", "month"
    ).agg(
        pl.when(pl.col("weight_kg").is_null().any()).then(None).otherwise(
            (pl.col("weight_kg") * sign).sum()
        )
    ).join(begun, on=["food_bank_id", "month"], how="anti")  # fmt: skip
    for bank, month, change in changes.iter_rows():
        before, after = stock.get((bank, add_months(month, -1))), stock.get((bank, month))
        if None not in (before, after, change):
            period = partners.month(bank, month)
            name = _name(("food_bank", bank), "tonnes_in_stock", period, READ_FOOD)
            yield name, before + change - after


# Parts of what is distributed: mart, which of its rows hold parcels, and the measures that do.
PARTS = {
    "mart_fresh_monthly": (
        pl.col("flow") == "distributed", ("fresh_kg", "food_kg", "fresh_share"),
    ),
    "mart_carbon_monthly": (
        pl.col("ledger") == "avoided",
        ("kg_co2e", "kg_co2e_low", "kg_co2e_high", "activity_quantity"),
    ),
    "mart_nutrition_monthly": (pl.lit(True), ("weight_kg", "food_kg", "food_share")),
    "mart_programmes_monthly": (pl.lit(True), ("by_lot_kg", "out_eur", "closing_eur")),
}  # fmt: skip
# Shares and sums of what is distributed that no other table of its parts gives.
PART_INDICATORS = (
    "fresh_share_distributed", "food_value_eur", "attributed_by_lot_share", "lot_known_share",
    "rescued_share", "avoided_kg_co2e", "dwell_days", "food_value_per_public_euro",
)  # fmt: skip


def find_parts(read: ReadMart, cells: Cells, policy: PeoplePolicy) -> Iterator[Reason]:
    """A reason for each part of what is distributed that is shown exactly with hidden parcels.

    Nobody publishes what partners got of it, but partners know: taken from the whole, it leaves
    that part of the parcels.
    """
    step = policy.hidden_parcels_rounding_kg
    hidden = [
        key
        for key, value in cells.items()
        if value is None and key.measure == "parcel_kg" and key.area == WHOLE
    ]
    months = {
        (key.scope_id, key.period_start): key
        for key in hidden
        if key.scope_kind == "food_bank" and key.period_kind == "month"
    }
    for mart, (holds, columns) in PARTS.items():
        table = read(mart)
        if table is None:
            continue
        for row in table.filter(holds).iter_rows(named=True):
            key = months.get((row["food_bank_id"], row["month"]))
            if key is not None:
                for column in columns:
                    if row.get(column) is not None:
                        yield _tell(key, mart, column)
                if row.get("out_kg") is not None and row["out_kg"] % step:
                    yield _tell(key, mart, "out_kg")
            later = months.get((row["food_bank_id"], add_months(row["month"], -12)))
            if later is not None and row.get("fresh_kg_same_days") is not None:
                yield _tell(later, mart, "fresh_kg_same_days")
    table = read("mart_indicators")
    if table is not None:
        rows = table.filter(pl.col("indicator_code").is_in(PART_INDICATORS))
        places = {(*key[:2], *key[3:6]): key for key in hidden}
        names = ("scope_kind", "scope_id", "period_kind", "period_start", "period_end")
        for row in rows.iter_rows(named=True):
            key = places.get(tuple(row[name] for name in names))
            if key is None or not row["value"]:
                continue
            if row["numerator"] is not None or not is_coarse(row["value"]):
                yield _tell(key, "mart_indicators", row["indicator_code"])


def is_coarse(value: Decimal) -> bool:
    """Whether a value has no more than two digits."""
    return not value or not value % Decimal(1).scaleb(value.adjusted() - 1)


def _tell(key: Key, mart: str, column: str) -> Reason:
    return Reason(
        f"{key.describe()} is hidden but {mart} shows {column}, which holds it, exactly",
        "people.part", mart=mart, column=column, **key.tell(),
    )  # fmt: skip
