"""Every registered indicator, for food banks, territories and the network.

Written from indicators.md, records.md, the register and docs/decisions, never from the SQL. Each
food bank gives numerators and denominators; a scope adds those of its food banks, and a ratio is
that of the sums. What a row means belongs in the modules beside it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from tests.oracle import means
from tests.oracle.accepted import Bank, grams, month_of, read_banks
from tests.oracle.batches import list_expiring
from tests.oracle.flows import FRESH, LOSSES, RESCUED, UNITS_OF_MASS, Line, Stock, list_lines
from tests.oracle.orders import Order, list_orders
from tests.oracle.origins import Origin, trace_origins
from tests.oracle.people import (
    Parcel,
    PartnerMonth,
    list_parcels,
    list_partner_months,
    sum_of_means,
    within,
)
from tests.oracle.periods import (
    Coverage,
    Span,
    find_coverage,
    list_spans,
    year_before,
)
from tests.oracle.posts import Emitted, list_avoided, list_own
from tests.oracle.reference import Communes, Factors, is_valid_on, read_communes, read_seed
from tests.oracle.rounds import Round, list_rounds
from tests.oracle.waterfall import EFFECTS, explain_change

NETWORK = "network"
Key = tuple[str, str, str, str, str, date]
"""scope_kind, scope_id, indicator_code, variant, period_kind, period_start."""
Amount = Fraction | None
POSTS = ("transport", "electricity", "heat", "refrigerants", "own_waste")
METHODS = ("local_waste_route", "landfill", "flat_full_chain", "substitution")
RUNGS = {
    "animal_feed": ("animal_feed",),
    "biowaste": ("methanisation", "composting"),
    "disposal": ("incineration", "landfill"),
    "unknown": ("unknown",),
}
DECLARED = {
    ("people_declared", ""): "people",
    ("people_declared", "women"): "women",
    ("people_declared", "men"): "men",
    ("people_declared", "0_3"): "people_0_3",
    ("people_declared", "4_14"): "people_4_14",
    ("people_declared", "15_25"): "people_15_25",
    ("people_declared", "26_64"): "people_26_64",
    ("people_declared", "65_plus"): "people_65_plus",
    ("households_declared", ""): "households",
    ("visits_declared", ""): "visits",
    ("turned_away", ""): "turned_away",
}


@dataclass(frozen=True)
class Figure:
    """One value with what it rests on; None where it is not defined or not given.

    `pieces`: how many weights its emissions add, each rounded to a milligram where published.
    """

    value: Amount
    numerator: Amount = None
    denominator: Amount = None
    low: float | None = None
    high: float | None = None
    pieces: int = 0


@dataclass(frozen=True)
class Part:
    """What one food bank adds to an indicator; `operation` says what becomes of the sums."""

    operation: str
    numerator: Amount
    denominator: Amount = None
    emitted: tuple[Emitted, ...] = ()
    ratio_to: Amount = None
    benchmark: Fraction | None = None


@dataclass
class Facts:
    """All that is known of one food bank."""

    bank: Bank
    coverage: Coverage
    lines: list[Line]
    stock: Stock
    origins: list[Origin]
    parcels: list[Parcel]
    orders: list[Order]
    rounds: list[Round]
    emitted: list[Emitted]
    partner_months: list[PartnerMonth]
    expiring: list[tuple[date, int]]


def read_facts(bank: Bank, today: date, communes: Communes) -> Facts | None:
    """Read a food bank; None where it has supplied neither receipts nor deliveries."""
    coverage = find_coverage(bank, today)
    if coverage is None:
        return None
    factors = Factors()
    lines = list(list_lines(bank))
    origins = list(trace_origins(lines))
    rounds = list(list_rounds(bank, communes, factors))
    emitted = [
        Emitted(
            "induced", "transport", one.day, one.emission.factor_id, one.emission.kg_co2e,
            one.emission.kg_co2e * factors.uncertainty[one.emission.factor_id],
            one.emission.data_level == "measured",
        )
        for one in rounds
        if one.emission
    ]  # fmt: skip
    emitted += list_own(bank, coverage, factors)
    emitted += list_avoided(bank, lines, origins, factors)
    return Facts(
        bank,
        coverage,
        lines,
        Stock(bank, lines),
        origins,
        list_parcels(bank),
        list_orders(bank, coverage.data_date),
        rounds,
        emitted,
        list_partner_months(bank, coverage),
        list_expiring(bank, lines, coverage.data_date),
    )


class View:
    """One food bank seen from a scope: the communes that count, sums of days."""

    def __init__(
        self, facts: Facts, members: frozenset[str] | None, givers: frozenset[str]
    ) -> None:
        self.facts = facts
        self.members = members
        daily: dict[str, dict[date, Fraction | int]] = defaultdict(lambda: defaultdict(int))
        own = {
            row["insee_code"][: 3 if row["insee_code"][:2] in ("97", "98") else 2]
            for row in facts.bank.rows["sites"]
        }
        self.lines = [
            line
            for line in facts.lines
            if self.holds(line.commune)
            and not (
                line.kind == "received"
                and line.row["channel"] == "inter_bank"
                and line.row["from_food_bank_id"] in givers
            )
        ]
        for line in self.lines:
            for measure, amount in _measure(line, own):
                daily[measure][line.day] += amount
        if members is None:
            for origin in facts.origins:
                if origin.channel in RESCUED:
                    daily["rescued"][origin.day] += Fraction(origin.grams)
                if origin.by_lot:
                    daily["by_lot"][origin.day] += Fraction(origin.grams)
        self._days = {name: sorted(days) for name, days in daily.items()}
        self._sums: dict[str, list[Fraction | int]] = {}
        for name, days in self._days.items():
            total: Fraction | int = 0
            sums = [total]
            for day in days:
                total += daily[name][day]
                sums.append(total)
            self._sums[name] = sums

    def holds(self, commune: str | None) -> bool:
        return self.members is None or commune in self.members

    def total(self, measure: str, start: date, end: date) -> Fraction:
        days = self._days.get(measure)
        if not days or end < start:
            return Fraction(0)
        sums = self._sums[measure]
        return Fraction(sums[bisect_right(days, end)] - sums[bisect_left(days, start)])


def _measure(line: Line, own_departements: set[str]) -> Iterator[tuple[str, Fraction | int]]:
    """Names of the sums that a line enters, in grams (euros for costs)."""
    row, kind, weight = line.row, line.kind, line.grams
    if kind == "received":
        yield "handled", weight
        if row["unit"] in UNITS_OF_MASS:
            yield "weighed", weight
    if not line.product.is_food:
        return
    yield kind, weight
    fresh = [definition for definition in FRESH if line.product.is_fresh(definition)]
    if kind == "received":
        for definition in fresh:
            yield f"received_{definition}", weight
        if row["channel"] != "inter_bank":
            yield "received_net", weight
        if row["channel"] == "purchase":
            yield "purchased", weight
            if row["cost_eur"] is not None:
                yield "purchases_eur", Fraction(row["cost_eur"])
                yield "costed", weight
            if row["quality_label"] not in (None, "none"):
                yield "labelled", weight
            if row["quality_label"] == "organic":
                yield "organic", weight
            if row["origin_departement"]:
                yield "origin_known", weight
                if row["origin_departement"] in own_departements:
                    yield "local", weight
    if kind == "delivered" and row["order_id"]:
        yield "on_order", weight
    if kind in ("delivered", "parcels"):
        yield "distributed", weight
        for definition in fresh:
            yield f"distributed_{definition}", weight
        yield "value_eur", Fraction(weight, 1000) * _value(line)
    if kind == "removed":
        if row["reason"] in LOSSES:
            yield "lost", weight
        yield f"to_{row['destination']}", weight


def _value(line: Line) -> Fraction:
    """Euros of a kilogram: the scale in force on the day, by family, else its general row."""
    month = month_of(line.day)
    for family in (line.product.family, "*"):
        for row in read_seed("food_values"):
            if row["network_family"] == family and is_valid_on(row, month):
                return Fraction(row["eur_per_kg"])
    return Fraction(0)


def compute_indicators(
    accepted: Path, today: date, deliveries: set[str] | None = None
) -> dict[Key, Figure]:
    """Every indicator of the register, for every scope and period that the rows cover."""
    communes = read_communes()
    found = (read_facts(b, today, communes) for b in read_banks(accepted, deliveries).values())
    facts = [one for one in found if one is not None]
    ids = frozenset(one.bank.food_bank_id for one in facts)
    territories: dict[str, list[Facts]] = defaultdict(list)
    for one in facts:
        for row in one.bank.rows["food_banks"]:
            for code in dict.fromkeys((row["territory_codes"] or "").split("|")):
                if code:
                    territories[code].append(one)
    nobody: frozenset[str] = frozenset()
    scopes = [
        *(("food_bank", one.bank.food_bank_id, [View(one, None, nobody)]) for one in facts),
        *(
            (
                "territory",
                code,
                [View(one, communes.members(code), nobody) for one in followed],
            )
            for code, followed in sorted(territories.items())
        ),
        ("network", NETWORK, [View(one, None, ids) for one in facts]),
    ]
    figures: dict[Key, Figure] = {}
    for kind, scope_id, views in scopes:
        parts: dict[Key, list[Part]] = defaultdict(list)
        for view in views:
            for span in list_spans(view.facts.coverage):
                for code, variant, part in _compute(view, span, kind, communes):
                    key = (kind, scope_id, code, variant, span.kind, span.start)
                    parts[key].append(part)
        for key, found_parts in parts.items():
            figure = _combine(found_parts)
            if figure is not None:
                figures[key] = figure
    return figures


def _add(amounts: list[Amount]) -> Amount:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Fraction(0)) if known else None


def _combine(parts: list[Part]) -> Figure | None:
    """The figure of a scope from what its food banks add; None where it has none."""
    operation = parts[0].operation
    numerator = _add([part.numerator for part in parts])
    denominator = _add([part.denominator for part in parts])
    emitted = [line for part in parts for line in part.emitted]
    if operation == "single":
        return Figure(numerator) if len(parts) == 1 else None
    if operation == "single_ratio" and len(parts) > 1:
        return None
    if operation == "total":
        return _with_range(Figure(numerator), emitted, Fraction(1))
    if numerator is None or not denominator:
        value: Amount = None
    else:
        value = numerator / denominator
    if operation == "growth" and value is not None:
        value -= 1
    if operation == "gap":
        benchmark = parts[0].benchmark
        assert benchmark is not None
        value = None if value is None else 100 * (value - 1 - benchmark)
    return _with_range(Figure(value, numerator, denominator), emitted, denominator)


def _with_range(figure: Figure, emitted: list[Emitted], over: Amount) -> Figure:
    """Section 5: uncertainties linear within one factor, in quadrature over factors."""
    if not emitted:
        return figure
    spreads: dict[str, float] = defaultdict(float)
    for line in emitted:
        spreads[line.factor_id] += float(line.spread)
    spread = math.sqrt(sum(value**2 for value in spreads.values()))
    low = high = None
    if spread and over:
        kg = float(sum(line.kg_co2e for line in emitted))
        low, high = (kg - spread) / float(over), (kg + spread) / float(over)
    pieces = sum(line.pieces for line in emitted)
    return Figure(figure.value, figure.numerator, figure.denominator, low, high, pieces)


def _compute(
    view: View, span: Span, kind: str, communes: Communes
) -> Iterator[tuple[str, str, Part]]:
    """The indicators of one food bank, scope and period."""
    supplied = view.facts.bank.supplied
    for code, variant, part in _list_parts(view, span, kind == "territory", communes):
        if _needs(code, variant) <= supplied:
            yield code, variant, part


def _needs(code: str, variant: str) -> set[str]:
    """The records that an indicator needs, as the project's table of formulas names them."""
    if (code, variant) not in _RECORDS:
        for row in read_seed("indicator_formulas"):
            _RECORDS[row["indicator_code"], row["variant"]] = set(row["records"].split("|"))
    return _RECORDS[code, variant]


_RECORDS: dict[tuple[str, str], set[str]] = {}


def _list_parts(
    view: View, span: Span, is_territory: bool, communes: Communes
) -> Iterator[tuple[str, str, Part]]:
    yield from _list_flows(view, span)
    yield from _list_people(view, span)
    yield from _list_orders(view, span)
    yield from _list_members(view, span)
    yield from _list_transport(view, span, is_territory)
    if is_territory:
        inhabitants = sum(communes.population(code) or 0 for code in view.members or ())
        yield (
            "tonnes_per_1000_inhabitants",
            "",
            Part(
                "single_ratio",
                view.total("distributed", span.start, span.end) / 10**6,
                Fraction(inhabitants, 1000),
            ),
        )
        return
    yield from _list_emissions(view, span)
    yield from _list_whole(view, span, communes)
    yield from _list_means(view, span)


def _list_flows(view: View, span: Span) -> Iterator[tuple[str, str, Part]]:
    def kg(measure: str) -> Fraction:
        return view.total(measure, span.start, span.end) / 1000

    yield "tonnes_received", "gross", Part("total", kg("received") / 1000)
    yield "tonnes_received", "net", Part("total", kg("received_net") / 1000)
    yield "tonnes_distributed", "", Part("total", kg("distributed") / 1000)
    yield "tonnes_ordered_and_delivered", "", Part("total", kg("on_order") / 1000)
    yield "platform_tonnes_share", "", Part("ratio", kg("on_order"), kg("delivered"))
    for definition in FRESH:
        received, distributed = kg(f"received_{definition}"), kg(f"distributed_{definition}")
        yield "fresh_share_received", definition, Part("ratio", received, kg("received"))
        share = Part("ratio", distributed, kg("distributed"))
        yield "fresh_share_distributed", definition, share
        yield "fresh_tonnes_growth", definition, _grow(view, span, f"received_{definition}")
        grown = _grow(view, span, f"distributed_{definition}")
        yield "fresh_tonnes_growth", f"distributed_{definition}", grown
    for row in read_seed("meal_conventions"):
        meals = kg("distributed") * 1000 / Fraction(row["grams_per_meal"])
        yield "meal_equivalents", row["meal_convention"], Part("total", meals)
    yield "purchased_tonnes", "", Part("total", kg("purchased") / 1000)
    euros = kg("purchases_eur") * 1000
    yield "purchases_eur", "", Part("total", euros)
    yield "eur_per_kg", "", Part("ratio", euros, kg("costed"))
    yield "labelled_share", "", Part("ratio", kg("labelled"), kg("purchased"))
    yield "labelled_share", "organic", Part("ratio", kg("organic"), kg("purchased"))
    yield "local_share", "", Part("ratio", kg("local"), kg("origin_known"))
    yield "food_value_eur", "", Part("total", kg("value_eur") * 1000)
    yield "parcel_tonnes", "", Part("total", kg("parcels") / 1000)


def _list_means(view: View, span: Span) -> Iterator[tuple[str, str, Part]]:
    facts, bank = view.facts, view.facts.bank
    last = facts.coverage.data_date
    spent, public = means.sum_expenses(bank, span), means.sum_public(bank, span, last)
    tonnes = view.total("distributed", span.start, span.end) / 10**6
    yield "expenses_eur", "", Part("total", spent)
    for post in means.POSTS:
        yield "expenses_eur", post, Part("total", means.sum_expenses(bank, span, post))
    yield "cost_per_tonne", "", Part("ratio", spent, tonnes)
    yield "public_eur_per_tonne", "", Part("ratio", public, tonnes)
    value = view.total("value_eur", span.start, span.end)
    yield "food_value_per_public_euro", "", Part("ratio", value, public)
    yield "funding_used_share", "", Part("ratio", *means.sum_agreements(bank, span, last))
    held = [row for row in bank.rows["support_activities"] if span.holds(row["held_date"])]
    yield "support_activities", "", Part("total", Fraction(len(held)))
    yield "participants", "", Part("total", Fraction(sum(row["participants"] for row in held)))
    active = [
        row
        for row in bank.rows["partners"]
        if (row["active_from"] or span.end) <= span.end <= (row["active_to"] or span.end)
    ]
    offering = Fraction(sum(bool(row["offers_support"]) for row in active))
    share = Part("ratio", offering, Fraction(len(active)))
    yield "partners_offering_support_share", "", share
    yield "volunteer_hours", "", Part("total", means.sum_hours(bank, span))
    for task in means.TASKS:
        yield "volunteer_hours", task, Part("total", means.sum_hours(bank, span, task))
    outside, checks = means.count_outside(bank, span)
    part = Part("ratio", Fraction(outside), Fraction(checks))
    yield "temperature_checks_outside_share", "", part
    uses = bank.rows["shared_resources"]
    named = {row["round_id"] for row in uses if row["round_id"]}
    rounds = [one for one in facts.rounds if span.holds(one.day)]
    shared = [one for one in rounds if one.row["round_id"] in named]
    part = Part("ratio", Fraction(len(shared)), Fraction(len(rounds)))
    yield "shared_rounds_share", "", part

    def km(driven: list[Round]) -> Fraction:
        return sum((Fraction(one.row["distance_km"] or 0) for one in driven), Fraction(0))

    yield "shared_km_share", "", Part("ratio", km(shared), km(rounds))
    for code, column in (("shared_hours", "hours"), ("pallet_days_lent", "pallet_days")):
        amounts = (Fraction(row[column] or 0) for row in uses if span.holds(row["used_date"]))
        yield code, "", Part("total", sum(amounts, Fraction(0)))
    # hygiene is handled, not eaten
    food = {
        code: bool(row["is_food"]) and row["network_family"] != "hygiene"
        for code, row in bank.by_id("products").items()
    }
    offers = means.Offers(bank, last, food)
    found = list(offers.list_in(span))
    offered, taken, saved = (
        (Fraction(sum(part), 1000) for part in zip(*found, strict=True))
        if (found)
        else (Fraction(0), Fraction(0), Fraction(0))
    )
    yield "offer_taken_share", "", Part("ratio", taken, offered)
    yield "kg_saved_by_offer", "", Part("total", saved)
    stock = Fraction(facts.stock.closing(span.end), 1000)
    visible = Fraction(offers.visible(span.end), 1000)
    yield "visible_stock_share", "", Part("ratio", visible, stock)
    waits = offers.list_waits(span)
    yield "hours_offer_to_order", "median", Part("single", _quantile(waits, 5))
    yield "hours_offer_to_order", "p90", Part("single", _quantile(waits, 9))


def _grow(view: View, span: Span, measure: str, operation: str = "growth") -> Part:
    """The same days a year before, where the data reach back to the first of them."""
    if view.facts.coverage.first > year_before(span.start):
        return Part(operation, None, None)
    now = view.total(measure, span.start, span.end)
    before = view.total(measure, year_before(span.start), year_before(span.end))
    return Part(operation, now / 1000, before / 1000)


def _list_whole(view: View, span: Span, communes: Communes) -> Iterator[tuple[str, str, Part]]:
    """What exists for whole food banks only."""
    facts = view.facts

    def kg(measure: str) -> Fraction:
        return view.total(measure, span.start, span.end) / 1000

    yield "weighed_share", "", Part("ratio", kg("weighed"), kg("handled"))
    yield "loss_share", "", Part("ratio", kg("lost"), kg("received"))
    gone = {name: sum(kg(f"to_{d}") for d in found) for name, found in RUNGS.items()}
    transformed = kg("transformation_input")
    everything = transformed + sum(gone.values())
    for rung, amount in (("transformation", transformed), *gone.items()):
        yield "recovery_share", rung, Part("ratio", Fraction(amount), Fraction(everything))
    for variant in ("methanisation", "composting"):
        yield "biowaste_tonnes", variant, Part("total", kg(f"to_{variant}") / 1000)
    yield "biowaste_tonnes", "", Part("total", Fraction(gone["biowaste"]) / 1000)
    made = kg("transformation_output")
    yield "tonnes_transformed", "input", Part("total", transformed / 1000)
    yield "tonnes_transformed", "output", Part("total", made / 1000)
    yield "tonnes_transformed", "yield", Part("ratio", made, transformed)
    yield "rescued_share", "", Part("ratio", kg("rescued"), kg("distributed"))
    yield "attributed_by_lot_share", "", Part("ratio", kg("by_lot"), kg("distributed"))
    stock = Fraction(facts.stock.closing(span.end), 1000)
    yield "tonnes_in_stock", "", Part("total", stock / 1000)
    gap = facts.stock.gap(span.start, span.end)
    unexplained = None if gap is None else Fraction(gap, 10**6)
    yield "unexplained_tonnes", "", Part("total", unexplained)
    recent = view.total("distributed", span.end - timedelta(days=27), span.end) / 1000 / 28
    yield "days_of_cover", "", Part("ratio", stock, recent)
    yield from _list_gap(view, span)
    change = explain_change(view.lines, facts.lines, facts.coverage, span)
    for effect in EFFECTS:
        amount = None if change is None else change[effect]
        yield "fresh_change_tonnes", effect, Part("total", amount)
    yield from _list_lots(view, span)
    if span.end == facts.coverage.data_date:
        for code, days in (("kg_expiring_within_3d", 3), ("kg_expiring_within_7d", 7)):
            last = span.end + timedelta(days=days)
            amount = sum(kg for day, kg in facts.expiring if span.end <= day <= last)
            yield code, "", Part("total", Fraction(amount, 1000))
        amount = sum(kg for day, kg in facts.expiring if day < span.end)
        yield "expired_kg", "", Part("total", Fraction(amount, 1000))
    else:
        for code in ("kg_expiring_within_3d", "kg_expiring_within_7d", "expired_kg"):
            yield code, "", Part("total", None)
    yield "least_served_share", "", _share_of_least_served(view, span, communes)


def _list_gap(view: View, span: Span) -> Iterator[tuple[str, str, Part]]:
    for row in read_seed("benchmarks"):
        first, last = (date.fromisoformat(row[name]) for name in ("period_start", "period_end"))
        if row["indicator_code"] != "fresh_tonnes_growth" or row["value"] == "":
            continue
        is_so_far = span.kind == "year_to_date" and first == date(first.year, 1, 1)
        fits = span.start == first and (
            (is_so_far and last <= view.facts.coverage.data_date <= date(first.year, 12, 31))
            or (not is_so_far and span.natural_end == last)
        )
        if fits:
            grown = _grow(view, span, "received_standard", "gap")
            yield (
                "fresh_growth_gap_to_national",
                "",
                Part("gap", grown.numerator, grown.denominator, benchmark=Fraction(row["value"])),
            )


def _list_lots(view: View, span: Span) -> Iterator[tuple[str, str, Part]]:
    """By lot id: what a receipt names, and how long it stayed."""
    first: dict[str, date] = {}
    for line in view.facts.lines:
        if line.kind == "received" and line.row["lot_id"]:
            lot = line.row["lot_id"]
            first[lot] = min(first.get(lot, line.day), line.day)
    known = days = handed = Fraction(0)
    for line in view.facts.lines:
        is_handed = line.kind in ("delivered", "parcels") and line.product.is_food
        if not is_handed or not span.holds(line.day):
            continue
        handed += Fraction(line.grams, 1000)
        if line.row["lot_id"] in first:
            known += Fraction(line.grams, 1000)
            stay = (line.day - first[line.row["lot_id"]]).days
            days += Fraction(line.grams, 1000) * stay
    yield "lot_known_share", "", Part("ratio", known, handed)
    yield "dwell_days", "", Part("ratio", days, known)


def _share_of_least_served(view: View, span: Span, communes: Communes) -> Part:
    served = _kilograms_by_commune(view, span)
    ranked = sorted(
        (kg / people, code, kg, people)
        for code, kg in served.items()
        if kg > 0 and (people := communes.population(code))
    )
    fifth = Fraction(sum(people for *_, people in ranked), 5)
    before, least = 0, Fraction(0)
    for _, _, kg, people in ranked:
        part = min(max(fifth - before, Fraction(0)), Fraction(people))
        least += kg * part / people
        before += people
    return Part("ratio", least, sum((kg for _, _, kg, _ in ranked), Fraction(0)))


def _kilograms_by_commune(view: View, span: Span) -> dict[str, Fraction]:
    served: dict[str, Fraction] = defaultdict(Fraction)
    for line in view.lines:
        is_served = line.kind == "delivered" and line.product.is_food and span.holds(line.day)
        if is_served and line.commune in read_communes().rows:
            served[line.commune] += Fraction(line.grams, 1000)
    return served


def _list_people(view: View, span: Span) -> Iterator[tuple[str, str, Part]]:
    facts = view.facts
    last: dict[str, Parcel] = {}
    first: dict[str, Parcel] = {}
    parcels = anonymous = 0
    waits = []
    for parcel in facts.parcels:
        if parcel.household_id:
            first.setdefault(parcel.household_id, parcel)
        if not (span.holds(parcel.day) and view.holds(parcel.commune)):
            continue
        parcels += 1
        anonymous += parcel.household_id is None
        if parcel.household_id:
            last[parcel.household_id] = parcel
        if parcel.requested_at:
            wait = parcel.handed_over_at - parcel.requested_at
            waits.append(Fraction(int(wait.total_seconds()), 3600))
    new = sum(span.holds(one.day) and view.holds(one.commune) for one in first.values())
    people = sum(one.household_size or 1 for one in last.values())
    households = Fraction(len(last))
    yield "households_helped", "", Part("total", households)
    yield "new_households", "", Part("total", Fraction(new))
    yield "people_helped", "", Part("total", Fraction(people))
    yield "parcels", "", Part("total", Fraction(parcels))
    yield "anonymous_parcels", "", Part("total", Fraction(anonymous))
    weight = view.total("parcels", span.start, span.end) / 1000
    yield "kg_per_household", "", Part("ratio", weight, households)
    if view.members is None:
        yield "hours_request_to_parcel", "median", Part("single", _quantile(waits, 5))
        yield "hours_request_to_parcel", "p90", Part("single", _quantile(waits, 9))
    yield from _list_declared(view, span)
    issued = [
        row
        for row in facts.bank.rows["vouchers"]
        if span.holds(row["issued_date"]) and view.holds(row["insee_code"])
    ]
    holders = {row["household_id"] for row in issued if row["household_id"]}
    euros = Fraction(sum((row["amount_eur"] for row in issued), Decimal(0)))
    used = Fraction(sum((row["redeemed_eur"] or Decimal(0) for row in issued), Decimal(0)))
    yield "voucher_households", "", Part("total", Fraction(len(holders)))
    yield "vouchers_eur", "", Part("total", euros)
    yield "voucher_use_share", "", Part("ratio", used, euros)


def _quantile(values: list[Fraction], tenths: int) -> Amount:
    """Linear interpolation between the ordered values."""
    if not values:
        return None
    ordered = sorted(values)
    place = Fraction(tenths, 10) * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _list_declared(view: View, span: Span) -> Iterator[tuple[str, str, Part]]:
    facts = view.facts
    now = within(facts.partner_months, span, view.holds)
    before = within(facts.partner_months, span, view.holds, years=1)
    for (code, variant), column in DECLARED.items():
        yield code, variant, Part("total", sum_of_means(now, column))
    coverage = Part(
        "ratio",
        Fraction(sum(one.row is not None for one in now)) if now else None,
        Fraction(len(now)) if now else None,
    )
    yield "reporting_coverage", "", coverage

    def declared(months: list[PartnerMonth]) -> set[str]:
        return {one.partner_id for one in months if one.row is not None}

    def is_covered(months: list[PartnerMonth]) -> bool:
        given = sum(one.row is not None for one in months)
        return bool(months) and given * 10 >= len(months) * 6

    growth = Part("growth", None, None)
    if is_covered(now) and is_covered(before):
        both = declared(now) & declared(before)
        growth = Part(
            "growth",
            sum_of_means([one for one in now if one.partner_id in both], "people"),
            sum_of_means([one for one in before if one.partner_id in both], "people"),
        )
    yield "people_declared_growth", "", growth
    people = sum_of_means(now, "people")
    months = {(one.partner_id, one.month) for one in now if one.row is not None}
    weight = sum(
        Fraction(line.grams, 1000)
        for line in facts.lines
        if line.kind == "delivered"
        and line.product.is_food
        and (line.row["partner_id"], month_of(line.day)) in months
    )
    yield (
        "kg_per_person_declared",
        "",
        Part("ratio", None if people is None else Fraction(weight), people),
    )


def _list_orders(view: View, span: Span) -> Iterator[tuple[str, str, Part]]:
    facts = view.facts
    placed = [
        order for order in facts.orders if span.holds(order.day) and view.holds(order.commune)
    ]
    partners = {order.partner_id for order in placed}
    count = Fraction(len(placed))
    yield "orders", "", Part("total", count)
    yield "orders_per_partner", "", Part("ratio", count, Fraction(len(partners)))
    due = [order for order in placed if order.due]
    lines = [line for order in due for line in order.due]
    ordered = Fraction(sum(asked for asked, _ in lines), 1000)
    filled = Fraction(sum(came for _, came in lines), 1000)
    yield "order_fill_share", "", Part("ratio", filled, ordered)
    yield "unmet_kg", "", Part("total", ordered - filled)
    complete = Fraction(sum(came >= asked for asked, came in lines))
    yield "order_lines_complete_share", "", Part("ratio", complete, Fraction(len(lines)))
    on_time = Fraction(sum(order.is_on_time for order in due))
    yield "on_time_share", "", Part("ratio", on_time, Fraction(len(due)))
    if view.members is not None:
        return
    hours = [
        Fraction(int((order.first_delivered_at - order.ordered_at).total_seconds()), 3600)
        for order in facts.orders
        if order.first_delivered_at
        and order.first_delivered_on
        and span.holds(order.first_delivered_on)
    ]
    yield "hours_order_to_delivery", "median", Part("single", _quantile(hours, 5))
    yield "hours_order_to_delivery", "p90", Part("single", _quantile(hours, 9))


def _list_members(view: View, span: Span) -> Iterator[tuple[str, str, Part]]:
    """Partners, products, suppliers and users at the end of the period."""
    rows, end = view.facts.bank.rows, span.end

    def is_active(row: dict) -> bool:
        return (row["active_from"] or end) <= end <= (row["active_to"] or end)

    partners = [row for row in rows["partners"] if view.holds(row["insee_code"]) and is_active(row)]
    on_platform = Fraction(sum(bool(row["uses_platform"]) for row in partners))
    yield "partners_active", "", Part("total", Fraction(len(partners)))
    yield "partners_on_platform", "", Part("total", on_platform)
    suppliers = [row for row in rows["suppliers"] if view.holds(row["insee_code"])]
    yield "suppliers_listed", "", Part("total", Fraction(len(suppliers)))
    ordering = {
        order.partner_id
        for order in view.facts.orders
        if end - timedelta(days=30) < order.day <= end and view.holds(order.commune)
    }
    yield "partners_ordering_share", "", Part("ratio", Fraction(len(ordering)), on_platform)
    givers = {
        line.row["supplier_id"]
        for line in view.facts.lines
        if line.kind == "received" and span.holds(line.day) and view.holds(line.commune)
    }
    yield "suppliers_active", "", Part("single", Fraction(len(givers)))
    served = [kg for kg in _kilograms_by_commune(view, span).values() if kg > 0]
    yield "communes_served", "", Part("single", Fraction(len(served)))
    is_now = end == view.facts.coverage.data_date
    ends = [
        row["accreditation_expires_on"]
        for row in partners
        if row["kind"] != "ccas" and row["accreditation_expires_on"]
    ]
    expiring = sum(end <= day <= end + timedelta(days=90) for day in ends)
    expired = sum(day < end for day in ends)
    for variant, found in (("", expiring), ("expired", expired)):
        part = Part("total", Fraction(found) if is_now else None)
        yield "accreditations_expiring", variant, part
    if view.members is not None:
        return
    products = [row for row in rows["products"] if is_active(row)]
    yield "catalogue_products", "", Part("total", Fraction(len(products)))
    users = {
        row["user_id"]
        for row in rows["platform_sessions"]
        if end - timedelta(days=30) < row["started_date"] <= end
    }
    yield "platform_users_active", "", Part("total", Fraction(len(users)))


def _list_transport(view: View, span: Span, is_territory: bool) -> Iterator[tuple[str, str, Part]]:
    rounds = [one for one in view.facts.rounds if span.holds(one.day)]
    if is_territory:
        shared = []
        for one in rounds:
            share = sum(
                (part for commune, part in one.by_commune.items() if view.holds(commune)),
                Decimal(0),
            )
            if one.emission and share:
                kg = one.emission.kg_co2e * share
                uncertainty = Factors().uncertainty[one.emission.factor_id]
                shared.append(
                    Emitted("induced", "transport", one.day, one.emission.factor_id, kg,
                            kg * uncertainty, one.emission.data_level == "measured")
                )  # fmt: skip
        yield "induced_kg_co2e", "transport", _emit(shared)
        return
    km = sum((Fraction(one.row["distance_km"] or 0) for one in rounds), Fraction(0))
    tonnes = view.total("distributed", span.start, span.end) / 10**6
    yield "km_per_tonne", "", Part("ratio", km, tonnes)
    fullest = payload = empty = Fraction(0)
    for one in rounds:
        away = [
            stop
            for stop in one.stops
            if not (stop["place_kind"] == "site" and stop["place_id"] == one.row["site_id"])
        ]
        loads = [grams(stop["loaded_kg"]) + grams(stop["unloaded_kg"]) for stop in away]
        distance = Fraction(one.row["distance_km"] or 0)
        if not sum(loads):
            empty += distance
        elif away:
            empty += distance * loads.count(0) / len(away)
        if away and one.vehicle and one.vehicle["payload_kg"]:
            fullest += Fraction(_find_fullest(one), 1000)
            payload += Fraction(one.vehicle["payload_kg"])
    yield "load_factor", "", Part("ratio", fullest, payload)
    yield "km_without_load", "", Part("total", empty)
    yield from _list_steps(view, span, rounds)


def _find_fullest(one: Round) -> int:
    """Grams aboard at the fullest point, from the smallest starting load that fits the stops."""
    aboard = highest = lowest = 0
    for stop in one.stops:
        aboard += grams(stop["loaded_kg"]) - grams(stop["unloaded_kg"])
        highest, lowest = max(highest, aboard), min(lowest, aboard)
    return highest - lowest


def _list_steps(view: View, span: Span, rounds: list[Round]) -> Iterator[tuple[str, str, Part]]:
    minutes: dict[str, list[Fraction]] = defaultdict(list)
    pickups: dict[str, int] = defaultdict(int)
    loaded = 0
    for one in rounds:
        for stop in one.stops:
            if stop["place_kind"] == "supplier":
                pickups[stop["outcome"]] += 1
                loaded += grams(stop["loaded_kg"]) if stop["outcome"] == "done" else 0
            if stop["outcome"] == "done" and stop["arrived_at"] and stop["left_at"]:
                seconds = int((stop["left_at"] - stop["arrived_at"]).total_seconds())
                minutes[stop["place_kind"]].append(Fraction(seconds, 60))
    median = _quantile(minutes["supplier"], 5)
    yield "minutes_per_pickup_stop", "", Part("single", median)
    yield "minutes_per_delivery_stop", "", Part("single", _quantile(minutes["partner"], 5))
    for outcome in ("done", "nothing_to_collect", "missed", "refused"):
        yield "pickups", outcome, Part("total", Fraction(pickups[outcome]))
    yield "kg_per_pickup", "", Part("ratio", Fraction(loaded, 1000), Fraction(pickups["done"]))
    paces = [
        Fraction(int((row["ended_at"] - row["started_at"]).total_seconds()), 60)
        * row["people"]
        / Fraction(row["sorted_kg"])
        * 100
        for row in view.facts.bank.rows["sorting_sessions"]
        if span.holds(row["started_date"]) and row["sorted_kg"] and row["sorted_kg"] > 0
    ]
    yield "minutes_sorting_per_100kg", "", Part("single", _quantile(paces, 5))


def _emit(lines: list[Emitted], over: Amount = None, operation: str = "total") -> Part:
    kg = Fraction(sum((line.kg_co2e for line in lines), Decimal(0)))
    return Part(operation, kg, over, tuple(lines))


def _list_emissions(view: View, span: Span) -> Iterator[tuple[str, str, Part]]:
    found = [line for line in view.facts.emitted if span.holds(line.day)]
    induced = [line for line in found if line.ledger == "induced"]
    tonnes = view.total("distributed", span.start, span.end) / 10**6
    for post in (*POSTS, "total"):
        lines = [line for line in induced if post in (line.post, "total")]
        yield "induced_kg_co2e", post, _emit(lines)
        yield "induced_kg_per_tonne", post, _emit(lines, tonnes, "ratio")
        if post in ("transport", "total"):
            measured = Fraction(sum((e.kg_co2e for e in lines if e.is_measured), Decimal(0)))
            all_kg = Fraction(sum((e.kg_co2e for e in lines), Decimal(0)))
            yield "measured_data_share", post, Part("ratio", measured, all_kg)
    for method in METHODS:
        lines = [line for line in found if line.ledger == "avoided" and line.post == method]
        yield "avoided_kg_co2e", method, _emit(lines)
