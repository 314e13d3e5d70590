"""Protects small counts of people and single donors in what leaves the food bank. Here, only here.

Rules: `data_contracts/disclosure.yaml`. Outside tables are made from the marts: columns summed
over, small cells hidden with what belongs to them, other cells rounded, rates computed from rounded
cells, donors' cells merged. Then `attacker` tries them, and more is hidden until it finds nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

import polars as pl

from data_contracts.disclosure import SUPPRESSED, DonorPolicy, PeoplePolicy, Policy
from data_contracts.loader import load_marts, load_register
from data_contracts.reasons import Reason
from pipelines.publish.attacker import ALL_PARCELS, Finding, attack, is_everything
from pipelines.publish.kilograms import READ_ALL, READ_FOOD, READINGS, carry_down, make_stand_ins
from pipelines.publish.people import (
    FAMILIES,
    INDICATORS,
    RATES,
    TABLES,
    WHOLE,
    Cells,
    Key,
    read_cells,
    round_people,
)
from pipelines.publish.with_parcels import (
    OF_DISTRIBUTED,
    HiddenParcels,
    find_counted,
    fit_rows,
)
from pipelines.publish.with_vouchers import HiddenVouchers, show_supplied

MAX_ROUNDS = 100
ZERO = Decimal(0)
# Cells of the months of a whole food bank, by scope, area and kind of period.
OF_MONTHS = ("food_bank", WHOLE, "month")
# Codes that count no family's cells but fall with them.
GUARDED = {"hours_request_to_parcel": "parcels"}
# Rates of people that no table counts: their parts are rounded.
ROUNDED_PARTS = {"people_declared_growth": "declared", "kg_per_person_declared": "declared"}


class DisclosureError(Exception):
    """Nothing more can be hidden and a cell is still found; the message says which.

    `reason`: the message, with its code.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Sources:
    """What outside tables are made from: marts, and two tables that nobody reads.

    `donations`: month, food_bank_id, channel, network_family, is_food, supplier_id, commune_code,
    weight_kg; `neighbourhoods`: the measures of parcels by quarter, inside and outside priority
    neighbourhoods.
    """

    marts: Mapping[str, pl.DataFrame]
    donations: pl.DataFrame
    neighbourhoods: pl.DataFrame

    def territories(self) -> dict[str, list[str]]:
        """Food banks of each territory that funds or follows them."""
        found: dict[str, list[str]] = defaultdict(list)
        for row in self.marts["mart_food_banks"].sort("food_bank_id").iter_rows(named=True):
            for code in filter(None, (row["territory_codes"] or "").split("|")):
                found[code].append(row["food_bank_id"])
        return dict(sorted(found.items()))

    def communes(self) -> dict[str, set[str]]:
        """Communes of each intercommunality and département."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in self.marts["mart_communes"].iter_rows(named=True):
            for column in ("epci_code", "departement_code"):
                if row[column]:
                    found[row[column]].add(row["commune_code"])
        return found


Margin = tuple[str, str, date, str]


@dataclass
class Decisions:
    """How each cell of people is shown: exact, rounded or hidden; `withdrawn`: tables' margins
    (food bank, period, column of places) that are not shown at all; `unclaimed`: cells that are not
    even said to be hidden, the last resort; `sums`: networks' cells that stay; `sealed`: kilograms
    of parcels that no sum may hold; `handed_over`: those of each food bank and month, hygiene
    products included."""

    truth: Cells
    shown: Cells = field(default_factory=dict)
    handed_over: dict[tuple[str, date], Decimal] = field(default_factory=dict)
    sealed: set[Key] = field(default_factory=set)
    withdrawn: set[Margin] = field(default_factory=set)
    unclaimed: set[Key] = field(default_factory=set)
    sums: set[Key] = field(default_factory=set)

    @cached_property
    def _by_start(self) -> dict[tuple[Any, ...], Key]:
        return {key[1:5] + key[6:]: key for key in self.truth if key.scope_kind == "food_bank"}

    def find(self, bank: str, area: str, kind: str, start: date, family: str, measure: str) -> Key:
        """The cell of a food bank by the start of its period: tables do not say where it ends."""
        return self._by_start[bank, area, kind, start, family, measure]

    def hide(self, key: Key) -> None:
        """Hide a cell; with a count of people goes all that it protects."""
        measures = FAMILIES[key.family].measures if key.is_guard else (key.measure,)
        for measure in measures:
            other = key.of(measure)
            if other in self.shown:
                self.shown[other] = None
                self.sums.discard(other)

    def withdraw(self, key: Key) -> None:
        """Show nothing of a cell, also not that it is hidden; of a network whose food banks are all
        shown, the sum that everybody knows."""
        keys = [key.of(measure) for measure in FAMILIES[key.family].measures]
        keys = [other for other in keys if other in self.truth]
        if key.scope_kind == "network" and all(self.is_sum_of_shown(other) for other in keys):
            self.shown.update((other, self.truth[other]) for other in keys)
            self.sums.update(keys)
            return
        self.hide(key)
        self.unclaimed.add(key.of(""))

    def is_sum_of_shown(self, network: Key) -> bool:
        """Whether everybody can add a network's cell up from those of its food banks."""
        parts = [self.shown[key] for key in _members_of(network, self.truth)]
        known = [part for part in parts if part is not None]
        return len(known) == len(parts) and sum(known, ZERO) == self.truth[network]

    def is_claimed(self, key: Key) -> bool:
        """Whether a hidden cell is said to be hidden; a row says it of all its measures."""
        return key.of("") not in self.unclaimed

    def is_hidden(self, key: Key) -> bool:
        return key in self.shown and self.shown[key] is None and self.truth[key] is not None

    def hidden_parcels(self, people: PeoplePolicy) -> HiddenParcels:
        """Kilograms of parcels, and what sums that hold hidden ones count for them."""
        months = sorted(key for key in self.truth if key[:1] + key[2:4] == OF_MONTHS)
        with_hygiene: dict[tuple[str, date], Decimal] = {}
        for bank in sorted({key.scope_id for key in months}):
            hidden = [
                (bank, key.period_start)
                for key in months
                if key.scope_id == bank and key.measure == "parcel_kg" and self.is_hidden(key)
            ]
            amounts = [self.handed_over.get(place, ZERO) for place in hidden]
            parts = carry_down(amounts, people.hidden_parcels_rounding_kg)
            with_hygiene.update(
                (place, part or ZERO) for place, part in zip(hidden, parts, strict=True)
            )
        return HiddenParcels(
            people, self.truth, self.shown,
            make_stand_ins(self.truth, self.shown, people, self.sealed),
            self.handed_over, with_hygiene,
            frozenset(key.scope_id for key in self.sealed if key.scope_kind == "food_bank"),
        )  # fmt: skip

    def complementary(self, threshold: int) -> set[Key]:
        """Hidden cells that are not small themselves."""
        return {
            key
            for key, value in self.shown.items()
            if value is None and (self.truth[key] or 0) >= threshold
        }


def make_outside(
    sources: Sources, policy: Policy, earlier: Sequence[Cells] = ()
) -> dict[str, pl.DataFrame]:
    """Protected tables by mart, of all food banks; `earlier`: cells of the editions that stand.

    The same sources give the same tables. Raises DisclosureError where nothing makes them safe.
    """
    tables = {
        name: _coarsen(sources, name, mart.dropped)
        for name, mart in policy.marts.items()
        if mart.outside
    }
    for name in ("mart_indicators", "mart_register"):
        is_inside = pl.col("indicator_code").is_in(policy.people.inside_only)
        tables[name] = tables[name].filter(~is_inside)
    decisions = decide_people(tables.get, sources, policy, earlier)
    hidden = decisions.hidden_parcels(policy.people)
    vouchers = HiddenVouchers.among(
        filter(decisions.is_hidden, decisions.shown), sources.territories(), policy.people
    )
    counted = find_counted(tables["mart_mass_balance_monthly"])
    forms: dict[str, Callable[[str, pl.DataFrame], pl.DataFrame]] = {
        "whole": lambda _, table: table,
        # which territory reads which is decided where audiences are split
        "agreements": lambda _, table: vouchers.show_agreements(table),
        "supplied": lambda _, table: show_supplied(table),
        "places": lambda _, table: table.filter(pl.col("place_kind") != "supplier"),
        "people": lambda name, table: _show_people(name, table, decisions),
        "indicators": lambda _, table: _show_indicators(
            table, decisions, sources, policy, hidden, counted, vouchers
        ),
        "key_figures": lambda _, table: _show_key_figures(table, decisions),
        "with_parcels": lambda name, table: hidden.show_mart(name, table, counted),
        "flows": lambda _, table: hidden.show_unexplained(
            _show_flows(table, decisions, sources.donations, policy.donors), counted
        ),
    }  # fmt: skip
    return {name: forms[policy.marts[name].form](name, table) for name, table in tables.items()}


def _coarsen(sources: Sources, mart: str, dropped: Sequence[str]) -> pl.DataFrame:
    """A mart without some columns: measures are summed over them, empty only where all are."""
    table = sources.marts[mart]
    if mart == "mart_households_quarterly":
        table = sources.neighbourhoods.select(table.columns)
    table = table.drop([name for name in dropped if name not in load_marts()[mart].keys])
    if not set(dropped) & set(load_marts()[mart].keys):
        return table
    keys = [key for key in load_marts()[mart].keys if key not in dropped]
    schema = table.schema
    measures = []
    for column in table.columns:
        if column in keys or column in dropped:
            continue
        values = pl.col(column)
        if schema[column] == pl.Boolean:
            measures.append(values.any())
        else:
            total = values.sum().cast(schema[column])
            measures.append(pl.when(values.is_not_null().any()).then(total).alias(column))
    coarse = table.group_by(keys).agg(measures).sort(keys)
    if mart == "mart_vouchers_monthly":
        # Households are counted once in a month, whatever the merchants of their vouchers.
        counted = sources.marts["mart_indicators"].filter(
            (pl.col("indicator_code") == "voucher_households")
            & (pl.col("scope_kind") == "food_bank")
            & (pl.col("period_kind") == "month")
        ).select(
            month="period_start",
            food_bank_id="scope_id",
            voucher_households=pl.col("value").cast(pl.Int64),
        )  # fmt: skip
        coarse = coarse.drop("voucher_households").join(
            counted, on=["month", "food_bank_id"], how="left"
        )
    return coarse.select([column for column in table.columns if column not in dropped])


def decide_people(
    read: Callable[[str], pl.DataFrame | None],
    sources: Sources,
    policy: Policy,
    earlier: Sequence[Cells] = (),
) -> Decisions:
    """Decide how every cell of people is shown.

    Raises DisclosureError where the attacker still finds a cell when all around it is hidden.
    """
    people = policy.people
    truth = {
        key: value
        for key, value in read_cells(read).items()
        # kilograms by site or family of products are no tables of people: they are not shown
        if "," not in key.area and key.area.partition("=")[0] in (WHOLE, "commune_code", "qpv_code")
    }
    handed_over: dict[tuple[str, date], Decimal] = {}
    balance = read("mart_mass_balance_monthly")
    if balance is not None:
        columns = ("food_bank_id", "month", "parcels_kg")
        for bank, month, kilograms in balance.select(columns).drop_nulls().iter_rows():
            handed_over[bank, month] = handed_over.get((bank, month), ZERO) + kilograms
    decisions = Decisions(truth, dict(truth), handed_over)
    members = sources.territories()
    for key, value in truth.items():
        if value and not key.is_exempt and not is_everything(key, truth, members):
            amount = key.measure if key.measure in FAMILIES[key.family].amounts else ""
            decisions.shown[key] = round_people(value, people, amount)
    for key, value in truth.items():
        family = FAMILIES[key.family]
        if (value and value < people.threshold and key.measure in family.counts) or (
            # given to nobody known: what was given is counted itself
            value
            and key.measure in family.amounts
            and not truth.get(key.of(family.guard))
            and (truth.get(key.of(family.counts[-1])) or 0) < people.threshold
        ):
            decisions.hide(key)
    for key, value in list(decisions.shown.items()):
        # rounded to its whole food bank, it would say that nobody lives elsewhere
        if value != truth[key] and is_everything(key, {**truth, key: value}, members):
            decisions.hide(key)
    for key in truth:
        if key.scope_kind == "network":
            banks = {k for k in _members_of(key, truth) if decisions.is_hidden(k)}
            if banks:
                decisions.hide(key)
    communes = sources.communes()
    memory: dict[object, list[Finding]] = {}
    for _ in range(MAX_ROUNDS):
        _hide_what_was_everything(decisions, people, members)
        published = _published(decisions, people)
        findings = _attack(decisions, [*earlier, published], people, members, communes, memory)
        if not findings:
            return decisions
        if sealing := _find_sealing(decisions, findings, published):
            without = {key: value for key, value in published.items()
                       if key.measure not in READINGS}  # fmt: skip
            left = _attack(decisions, [*earlier, without], people, members, communes, memory)
            found_again = {finding.key for finding in left}
            if new := {key for name, key in sealing.items() if name not in found_again}:
                decisions.sealed |= new
                continue
        companions = {found.key: _find_companion(found, decisions, members) for found in findings}
        for key, companion in companions.items():
            if companion is None:
                decisions.withdraw(key._replace(area=WHOLE) if key.area == "elsewhere" else key)
            else:
                _apply(companion, decisions)
    found = findings[0]
    sentence = f"{found.describe()}; nothing more can be hidden around it"
    raise DisclosureError(Reason(sentence, "people.unprotectable", **found.key.tell()))


def _hide_what_was_everything(
    decisions: Decisions, people: PeoplePolicy, members: Mapping[str, Sequence[str]]
) -> None:
    """A territory is shown as its food banks are, not where one of these was hidden since."""
    for key, value in list(decisions.shown.items()):
        if (
            key.scope_kind == "territory"
            and value
            and value % people.step_of(key.measure)
            and not is_everything(key, decisions.shown, members)
        ):
            decisions.hide(key)


def _attack(
    decisions: Decisions,
    editions: Sequence[Cells],
    people: PeoplePolicy,
    members: Mapping[str, Sequence[str]],
    communes: Mapping[str, Collection[str]],
    memory: dict[object, list[Finding]],
) -> list[Finding]:
    """Hidden cells that are found again."""
    complementary = decisions.complementary(people.threshold)
    findings = attack(editions, people, members, communes, complementary, memory)
    return [finding for finding in findings if finding.kind == "too_few_values"]


def _find_sealing(
    decisions: Decisions, findings: Sequence[Finding], published: Cells
) -> dict[Key, Key]:
    """Kilograms of parcels that sums with them may give away: those of the cells that were found,
    by these."""
    places = {key._replace(area=WHOLE).of("parcel_kg") for key in published
              if key.measure in READINGS}  # fmt: skip
    return {
        found.key: key
        for found in findings
        if found.key.measure in ("parcel_kg", ALL_PARCELS)
        for key in [found.key._replace(area=WHOLE).of("parcel_kg")]
        if key in places and key not in decisions.sealed
    }


def _published(decisions: Decisions, people: PeoplePolicy) -> Cells:
    """Cells as readers will find them: of withdrawn margins there is nothing."""
    parcels = decisions.hidden_parcels(people)
    sums = {
        key.of(READ_FOOD): value
        for key, value in parcels.stand_ins.items()
        if value is not None and decisions.is_hidden(key)
    }
    sums |= {
        key.of(READ_ALL): parcels.with_hygiene[place]
        for place, key in parcels.months.items()
        if key.scope_id not in parcels.withheld
    }
    return sums | {
        key: value
        for key, value in decisions.shown.items()
        if value is not None or decisions.truth[key] is not None
        if _margin(key) not in decisions.withdrawn
        and (value is not None or decisions.is_claimed(key))
    }


def _members_of(network: Key, truth: Cells) -> list[Key]:
    banks = {key.scope_id for key in truth if key.scope_kind == "food_bank"}
    keys = [network._replace(scope_kind="food_bank", scope_id=bank) for bank in sorted(banks)]
    return [key for key in keys if key in truth]


_KINDS = ("month", "quarter", "year_to_date", "year")


def _find_companion(
    found: Finding, decisions: Decisions, members: Mapping[str, Sequence[str]]
) -> Key | Margin | None:
    """What to hide next so that a cell cannot be found again: the least that is still shown.

    First its like (other communes, other periods of the year), then the table of communes, at last
    the figures of the territory, the network and the whole food bank; None where nothing is left.
    """
    key = found.key
    if key.area == "elsewhere" and decisions.shown.get(key._replace(area=WHOLE)):
        return key._replace(area=WHOLE)
    # At last all that a count of people protects: other measures bound this one.
    for measure in dict.fromkeys((key.measure, FAMILIES[key.family].guard)):
        if (companion := _find_shown(key, measure, decisions, members)) is not None:
            return companion
    return None


def _find_shown(
    key: Key, measure: str, decisions: Decisions, members: Mapping[str, Sequence[str]]
) -> Key | Margin | None:
    """The least cell of a measure that is still shown and bounds a cell of the same year."""
    banks = members.get(key.scope_id, ()) if key.scope_kind == "territory" else (key.scope_id,)
    column = key.area.partition("=")[0] if key.area not in (WHOLE, "elsewhere") else ""
    # in this order: its like, communes, what it is a part of, its food banks
    found: dict[str, list[tuple[Any, ...]]] = {n: [] for n in ("like", "parts", "totals", "banks")}
    for other, value in decisions.shown.items():
        is_same_year = other.period_start.year == key.period_start.year
        if value is None or (other.measure, other.family) != (measure, key.family):
            continue
        if other in decisions.sums:
            continue
        # Nobody is no small count, but no euro in a year says what its hidden months were.
        if not is_same_year or (not value and measure not in FAMILIES[key.family].amounts):
            continue
        name = (_KINDS.index(other.period_kind), value, other.period_start, other.area)
        if other.area != WHOLE:
            if other.scope_id in banks and _margin(other) not in decisions.withdrawn:
                is_like = other[3:6] == key[3:6] and other.area.partition("=")[0] == column
                found["like" if is_like else "parts"].append((*name, other))
        elif other[:2] == key[:2]:
            found["banks" if column else "like"].append((*name, other))
        elif other.scope_kind == "food_bank":
            if other.scope_id in banks:
                found["banks"].append((*name, other))
        elif other.scope_kind == "network" or key.scope_id in members.get(other.scope_id, ()):
            found["totals"].append((*name, other))

    def take(name: str) -> Key:
        least: Key = min(found[name])[-1]
        return least

    if found["like"]:
        return take("like")
    if column and _margin(key) not in decisions.withdrawn:
        return _margin(key)
    if found["parts"]:
        return _margin(take("parts"))
    for kind in ("totals", "banks"):
        if found[kind]:
            return take(kind)
    return None


def _margin(key: Key) -> Margin:
    return (key.scope_id, key.period_kind, key.period_start, key.area.partition("=")[0])


def _apply(companion: Key | Margin, decisions: Decisions) -> None:
    if isinstance(companion, Key):
        decisions.hide(companion)
        if companion.scope_kind == "food_bank" and companion.area == WHOLE:
            for key in decisions.truth:
                if key.scope_kind == "network" and key[2:] == companion[2:]:
                    decisions.hide(key)
    else:
        decisions.withdrawn.add(companion)


def _show_people(mart: str, table: pl.DataFrame, decisions: Decisions) -> pl.DataFrame:
    family, kind, start, place = TABLES[mart]
    withdrawn = {
        (bank, day)
        for bank, of_kind, day, column in decisions.withdrawn
        if of_kind == kind and column == place
    }
    rows = []
    for row in table.iter_rows(named=True):
        if (row["food_bank_id"], row[start]) in withdrawn:
            continue
        row[SUPPRESSED] = False
        for measure in FAMILIES[family].measures:
            if row.get(measure) is not None:
                area = f"{place}={row[place]}" if place else WHOLE
                key = decisions.find(row["food_bank_id"], area, kind, row[start], family, measure)
                row[measure] = decisions.shown[key]
                is_claimed = row[measure] is None and decisions.is_claimed(key)
                row[SUPPRESSED] = row[SUPPRESSED] or is_claimed
        rows.append(row)
    return fit_rows(rows, {**table.schema, SUPPRESSED: pl.Boolean()})


def _show_indicators(
    table: pl.DataFrame, decisions: Decisions, sources: Sources, policy: Policy,
    parcels: HiddenParcels, counted: Mapping[str, list[date]], vouchers: HiddenVouchers,
) -> pl.DataFrame:  # fmt: skip
    territories = sources.territories()
    register = load_register()
    rules = {code: entry.disclosure_rule for code, entry in register.items()}
    tonnes = {
        Key(row["scope_kind"], row["scope_id"], WHOLE, row["period_kind"], row["period_start"],
            row["period_end"], "parcels", "parcel_kg"): row["value"]
        for row in table.filter(
            pl.col("indicator_code") == "tonnes_distributed", pl.col("value").is_not_null()
        ).iter_rows(named=True)
    }  # fmt: skip
    few_donors = _find_few_donors(sources, policy.donors)
    rows = []
    for row in table.iter_rows(named=True):
        code, scope = row["indicator_code"], (row["scope_kind"], row["scope_id"])
        rule = rules.get(code, "people")
        if vouchers.is_in(row, territories):
            _suppress(row)
        elif rule == "people":
            _show_people_indicator(row, decisions, policy)
        elif rule == "contains_parcels" or (code, row["variant"].partition("_")[0]) == (
            OF_DISTRIBUTED
        ):
            if not parcels.show_indicator(row, counted, tonnes):
                _suppress(row)
        elif (
            rule == "donors"
            and scope[0] == "territory"
            and ((scope[1], row["period_kind"], row["period_start"]) in few_donors)
        ):
            _suppress(row)
        rows.append(row)
    return fit_rows(rows, table.schema)


def _suppress(row: dict[str, Any]) -> None:
    row.update(value=None, numerator=None, denominator=None, low=None, high=None)
    row[SUPPRESSED] = True


def _show_people_indicator(row: dict[str, Any], decisions: Decisions, policy: Policy) -> None:
    code = row["indicator_code"]
    place = (row["scope_kind"], row["scope_id"], WHOLE)
    period = (row["period_kind"], row["period_start"], row["period_end"])
    if found := INDICATORS.get((code, row["variant"])):
        family, measure, factor = found
        key = Key(*place, *period, family, measure)
        if decisions.is_hidden(key):
            _suppress(row)
            row[SUPPRESSED] = decisions.is_claimed(key)
        elif (value := decisions.shown.get(key)) is not None and value != decisions.truth[key]:
            row.update(value=value / factor, numerator=None, low=None, high=None)
    elif code in RATES:
        family, numerator, denominator = RATES[code]
        keys = [Key(*place, *period, family, measure) for measure in (numerator, denominator)]
        guard = keys[0].of(FAMILIES[family].guard)
        if any(decisions.is_hidden(key) for key in (*keys, guard)):
            _suppress(row)
        elif row["scope_kind"] == "territory":
            parts = [decisions.shown.get(key) for key in keys]
            _divide(row, parts[0], parts[1])
    elif code in GUARDED or code in ROUNDED_PARTS:
        family = GUARDED.get(code) or ROUNDED_PARTS[code]
        key = Key(*place, *period, family, FAMILIES[family].guard)
        if decisions.is_hidden(key):
            _suppress(row)
        elif code in ROUNDED_PARTS and row["scope_kind"] == "territory":
            parts = [
                None if row[name] is None else _round_part(row[name], code, name, policy)
                for name in ("numerator", "denominator")
            ]
            former = row["value"]
            _divide(row, parts[0], parts[1])
            if code == "people_declared_growth" and row["value"] is not None:
                row["value"] = row["value"] - 1 if former is not None else None


def _round_part(value: Decimal, code: str, name: str, policy: Policy) -> Decimal:
    is_amount = code == "kg_per_person_declared" and name == "numerator"
    return value if is_amount else round_people(value, policy.people)


def _divide(row: dict[str, Any], numerator: Decimal | None, denominator: Decimal | None) -> None:
    row.update(numerator=numerator, denominator=denominator, low=None, high=None)
    row["value"] = numerator / denominator if numerator is not None and denominator else None


def _find_few_donors(sources: Sources, policy: DonorPolicy) -> set[tuple[str, str, date]]:
    """Territories and periods whose given food comes from too few donors.

    Where a month is so, the months and quarters of its year are: a longer period less the others
    would give it.
    """
    given = sources.donations
    found: set[tuple[str, str, date]] = set()
    communes = sources.communes()
    for territory, banks in sources.territories().items():
        inside = given.filter(
            pl.col("food_bank_id").is_in(banks)
            & pl.col("commune_code").is_in(sorted(communes.get(territory, ())))
        )
        years: dict[int, set[date]] = defaultdict(set)
        failing = set()
        for (month,), rows in inside.group_by("month"):
            assert isinstance(month, date)  # nosec B101
            years[month.year].add(month)
            if not _has_enough_donors(rows, policy):
                failing.add(month.year)
        for year in failing:
            starts = {date(year, month, 1) for month in range(1, 13)}
            found |= {(territory, "month", start) for start in starts}
            found |= {(territory, "quarter", start) for start in starts if start.month % 3 == 1}
        for year, months in years.items():
            rows = inside.filter(pl.col("month").is_in(sorted(months)))
            if not _has_enough_donors(rows, policy):
                start = date(year, 1, 1)
                found |= {(territory, "year", start), (territory, "year_to_date", start)}
    return found


def _has_enough_donors(rows: pl.DataFrame, policy: DonorPolicy) -> bool:
    """Whether a cell may be shown: no donor at all, or enough of them and none too large."""
    total = rows["weight_kg"].sum()
    donors = (
        rows.filter(
            ~pl.col("channel").is_in(policy.channels_without_donors) & (pl.col("weight_kg") != 0)
        )
        .group_by("supplier_id")
        .agg(pl.col("weight_kg").sum())
    )
    if not donors.height:
        return True
    largest = donors["weight_kg"].max()
    assert isinstance(largest, Decimal)  # nosec B101
    share = Decimal(str(policy.maximum_share))
    return donors.height >= policy.minimum_donors and largest <= share * Decimal(total)


def _show_key_figures(table: pl.DataFrame, decisions: Decisions) -> pl.DataFrame:
    hidden = {
        (key.scope_id, code, key.period_start, key.period_end)
        for key in decisions.truth
        if key.scope_kind == "food_bank" and key.area == WHOLE and decisions.is_hidden(key)
        for (code, variant), (family, measure, _) in INDICATORS.items()
        if (family, measure) == (key.family, key.measure) and not variant
    }
    names = ("food_bank_id", "indicator_code", "period_start", "period_end")
    is_hidden = [row in hidden for row in table.select(names).iter_rows()]
    return table.with_columns(
        pl.when(pl.Series("hidden", is_hidden, pl.Boolean)).then(None).otherwise(pl.col("value"))
        .alias("value")
    )  # fmt: skip


def _show_flows(
    table: pl.DataFrame, decisions: Decisions, donations: pl.DataFrame, policy: DonorPolicy
) -> pl.DataFrame:
    """Parcels as one row a month, received food with donors' cells merged, the rest as it is."""
    keys = [key for key in load_marts()["mart_flows_monthly"].keys if key in table.columns]
    measures = [name for name in table.columns if name not in keys]
    hidden = {
        (key.scope_id, key.period_start)
        for key in decisions.truth
        if key.scope_kind == "food_bank"
        and key.area == WHOLE
        and key.period_kind == "month"
        and key.measure == "parcel_kg"
        and decisions.is_hidden(key)
    }
    is_hidden = pl.struct("food_bank_id", "month").map_elements(
        lambda row: (row["food_bank_id"], row["month"]) in hidden, return_dtype=pl.Boolean
    )
    merged = pl.lit(policy.merged_code)
    parcels = table.filter(pl.col("flow") == "parcels").with_columns(
        commune_code=pl.lit("unknown"), network_family=merged
    )
    received = table.filter(pl.col("flow") == "received").with_columns(
        commune_code=pl.lit("unknown")
    )
    received = received.join(
        merge_donors(donations, policy),
        on=["month", "food_bank_id", "is_food", "channel", "network_family"],
        how="left",
    ).with_columns(
        channel=pl.coalesce("shown_channel", "channel"),
        network_family=pl.coalesce("shown_family", "network_family"),
    )
    others = table.filter(~pl.col("flow").is_in(["parcels", "received"]))
    parts = []
    for part in (parcels, received):
        sums = [pl.col(name).sum().cast(table.schema[name]) for name in measures]
        part = part.group_by(keys).agg(sums)
        # The same days a year before would tell what that year's row hides.
        part = part.with_columns(
            pl.lit(None, dtype=table.schema["weight_kg_same_days"]).alias("weight_kg_same_days")
        )
        parts.append(part.select(table.columns))
    if hidden:
        parts[0] = parts[0].with_columns(
            pl.when(is_hidden).then(None).otherwise(pl.col(name)).alias(name) for name in measures
        )
    return pl.concat([others, *parts]).sort(keys)


def merge_donors(donations: pl.DataFrame, policy: DonorPolicy) -> pl.DataFrame:
    """Under which channel and family each cell of received food is shown.

    Rows: month, food_bank_id, is_food, channel, network_family, shown_channel, shown_family. Cells
    of one channel are merged until the merged one may be shown, else whole channels are; at least
    two of a margin are merged, so that its total less the others gives none of them.
    """
    rows = []
    margins = ["month", "food_bank_id", "is_food"]
    given = donations.filter(~pl.col("channel").is_in(policy.channels_without_donors))
    for margin, cells in given.sort(*margins).group_by(margins, maintain_order=True):
        channels = {
            str(name): part for (name,), part in cells.group_by("channel", maintain_order=True)
        }
        whole = set()
        for channel, part in sorted(channels.items()):
            merged = _merge(part, "network_family", policy)
            if merged is None:
                whole.add(channel)
                continue
            rows += [(*margin, channel, family, channel, policy.merged_code) for family in merged]
        if whole:
            together = _merge(cells, "channel", policy, whole) or set(channels)
            rows = [row for row in rows if row[:3] != margin or row[3] not in together]
            rows += [
                (*margin, channel, family, policy.merged_code, policy.merged_code)
                for channel in sorted(together)
                for family in channels[channel]["network_family"].unique().sort()
            ]
    names = [*margins, "channel", "network_family", "shown_channel", "shown_family"]
    schema = {name: donations.schema.get(name, pl.String()) for name in names}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _merge(
    cells: pl.DataFrame, column: str, policy: DonorPolicy, failing: Collection[str] = ()
) -> set[str] | None:
    """Values of a column whose cells are shown as one; None where even all of them may not be."""
    parts = {str(name): part for (name,), part in cells.group_by(column, maintain_order=True)}
    merged = set(failing) or {
        name for name, part in parts.items() if not _has_enough_donors(part, policy)
    }
    if not merged:
        return set()
    rest = sorted(parts.keys() - merged, key=lambda name: (parts[name]["weight_kg"].sum(), name))
    while True:
        together = pl.concat([parts[name] for name in sorted(merged)])
        if len(merged) >= 2 and _has_enough_donors(together, policy):
            return merged
        if not rest:
            return None
        merged.add(rest.pop(0))


def find_exposed_donors(
    flows: pl.DataFrame, donations: pl.DataFrame, policy: DonorPolicy
) -> Iterator[Reason]:
    """A reason for each shown cell of received food whose donors could be told from it.

    Looks at the rows that are shown, not at how they were merged: a merged cell holds what is not
    shown by its own name.
    """
    margins = ["month", "food_bank_id", "is_food"]
    names = [*margins, "channel", "network_family"]
    shown = flows.filter(pl.col("flow") == "received").select(names).unique()
    given = donations.filter(
        ~pl.col("channel").is_in(policy.channels_without_donors)
        & pl.col("food_bank_id").is_in(flows["food_bank_id"].unique().to_list())
    )
    merged = pl.lit(policy.merged_code)
    of_channel = shown.filter(pl.col("network_family") == policy.merged_code).select(
        *margins, "channel", is_merged=pl.lit(True)
    )
    given = (
        given.join(shown.with_columns(is_shown=pl.lit(True)), on=names, how="left")
        .join(of_channel, on=[*margins, "channel"], how="left")
        .with_columns(
            shown_channel=pl.when(pl.col("is_shown") | pl.col("is_merged"))
            .then(pl.col("channel"))
            .otherwise(merged),
            shown_family=pl.when(pl.col("is_shown"))
            .then(pl.col("network_family"))
            .otherwise(merged),
        )
    )
    groups = [*margins, "shown_channel", "shown_family"]
    for name, rows in given.sort(groups).group_by(groups, maintain_order=True):
        month, bank, _, channel, family = name
        cells = rows.select("channel", "network_family").n_unique()
        is_alone = family == policy.merged_code and cells < 2
        # All that a food bank was given in a month is shown, whoever gave it.
        everything = given.filter(
            (pl.col("month") == month)
            & (pl.col("food_bank_id") == bank)
            & (pl.col("is_food") == name[2])
        )
        if rows.height == everything.height:
            continue
        if is_alone or not _has_enough_donors(rows, policy):
            yield Reason(
                f"{channel}, {family} of {bank} in {month} has too few donors", "donors",
                channel=str(channel), family=str(family), food_bank=str(bank),
                month=date.fromisoformat(str(month)),
            )  # fmt: skip
