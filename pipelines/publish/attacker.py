"""Tries to find hidden cells of people again, from everything that is published together.

It sees published files alone: cells shown (exact or rounded) and cells hidden, in all linked tables
and in earlier editions. What it knows besides: the policy, and the arithmetic of the tables (months
make a quarter, communes a food bank, new households are households). Integer programming (HiGHS)
gives the least and the greatest value that each hidden cell can have; a cell that keeps fewer
values than the policy asks is found again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from math import inf

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from data_contracts.disclosure import PeoplePolicy
from data_contracts.reasons import Reason
from pipelines.publish.kilograms import (
    READ_ALL,
    READ_FOOD,
    READINGS,
    SAME_KG,
    is_covered,
    is_within,
)
from pipelines.publish.people import BANDS, FAMILIES, WHOLE, Cells, Key, round_people

# Kilograms of parcels with hygiene products: an unknown of the attacker, no published cell.
ALL_PARCELS = "all_parcels_kg"

# A month, a quarter and a year are made of the months between their days.
ADDITIVE = {
    "parcels": ("new_households", "parcels", "anonymous_parcels", "parcel_kg"),
    "vouchers": ("vouchers", "issued_eur", "redeemed_eur"),
    "declared": (),
}
DISTINCT = {"parcels": ("households_helped",), "vouchers": ("voucher_households",), "declared": ()}
# Less or equal, within one place and period: the sum of the first is at most the second.
WITHIN: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "parcels": (
        (("new_households",), "households_helped"),
        (("households_helped",), "people_helped"),
        (("households_helped", "anonymous_parcels"), "parcels"),
    ),
    "vouchers": (
        (("redeemed_eur",), "issued_eur"),
        (("voucher_households",), "vouchers"),
    ),
    "declared": ((("women", "men"), "people"), (BANDS, "people"), (("households",), "people")),
}
RANDOM_TRIES = 12
LARGEST = 1e7


@dataclass(frozen=True)
class Finding:
    """A cell that is not protected, and how it was found.

    `kind`: `below_threshold` (a small count is shown), `unguarded` (kilograms, euros or counts of a
    cell whose count of people is hidden or unknown), `not_rounded`, or `too_few_values` (hidden,
    but no more than `values` values are possible, from `low` to `high`; kilograms and euros: an
    interval narrower than what one household may be given). `sources`: tables whose sums give it.
    """

    kind: str
    key: Key
    low: float | None = None
    high: float | None = None
    sources: tuple[str, ...] = ()

    @property
    def values(self) -> int:
        if self.low is None or self.high is None:
            return 0
        return max(0, int(np.floor(self.high + 1e-6)) - int(np.ceil(self.low - 1e-6)) + 1)

    @property
    def is_amount(self) -> bool:
        return self.key.measure.endswith(("_kg", "_eur"))

    def is_protected(self, policy: PeoplePolicy) -> bool:
        """Whether a hidden cell keeps what the policy asks."""
        if self.low is None or self.high is None:
            return False
        if self.is_amount:
            return self.high - self.low >= policy.step_of(self.key.measure) - 1e-3
        return self.values >= policy.possible_values

    def describe(self) -> Reason:
        what = self.key.describe()
        if self.kind == "too_few_values":
            found = f"{what} is hidden but must lie from {self.low:g} to {self.high:g}"
            sentence = f"{found}, by {', '.join(self.sources)}" if self.sources else found
        else:
            sentence = {
                "below_threshold": f"{what} is shown although it is small",
                "unguarded": f"{what} is shown although its count of people is not",
                "not_rounded": f"{what} is shown without rounding",
            }[self.kind]
        return Reason(sentence, f"people.{self.kind}", **self.key.tell())


@dataclass
class _System:
    """Unknowns with their bounds, and rows `low <= sum(coefficient * unknown) <= high`."""

    names: list[tuple[Key, int]] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    is_integer: list[bool] = field(default_factory=list)
    index: dict[tuple[Key, int], int] = field(default_factory=dict)
    rows: list[tuple[dict[int, float], float, float]] = field(default_factory=list)
    assumed: list[int] = field(default_factory=list)
    sources: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, key: Key, edition: int, low: float, high: float, is_integer: bool) -> int:
        number = self.index.setdefault((key, edition), len(self.names))
        if number == len(self.names):
            self.names.append((key, edition))
            self.low.append(low)
            self.high.append(high)
            self.is_integer.append(is_integer)
        return number

    def require(
        self, terms: Mapping[int, float], low: float, high: float, is_assumed: bool = False
    ) -> None:
        if is_assumed:
            self.assumed.append(len(self.rows))
        self.rows.append((dict(terms), low, high))


def attack(
    editions: Sequence[Cells],
    policy: PeoplePolicy,
    territories: Mapping[str, Collection[str]],
    communes: Mapping[str, Collection[str]],
    complementary: Collection[Key] = (),
    memory: dict[object, list[Finding]] | None = None,
) -> list[Finding]:
    """Find the cells that whoever reads all these editions (the last one is new) finds again.

    `territories`: food banks of each territory; `communes`: communes of each. `complementary`:
    hidden cells known not to be small (the strongest honest attacker knows which); without them
    every hidden cell is taken for a small one. `memory` keeps what was solved for the next call.
    Findings are those of cells of any edition that the earlier ones alone do not give.
    """
    of_people = [
        {key: value for key, value in cells.items() if key.measure not in READINGS}
        for cells in editions
    ]
    findings = [
        finding for cells in of_people for finding in _find_shown(cells, policy, territories)
    ]
    values = _merge_editions(of_people)
    system = _build(values, policy, territories, communes, frozenset(complementary))
    for edition, cells in enumerate(editions):
        _relate_readings(system, edition, cells, values, policy)
    few = _find_few_elsewhere(system, policy)
    hidden = [
        number
        for number, (key, edition) in enumerate(system.names)
        if values.get((key, edition), Decimal(0)) is None
        or key.measure == ALL_PARCELS
        or (key.area == "elsewhere" and (key.measure not in FAMILIES[key.family].amounts
                                         or number in few))
    ]  # fmt: skip
    memory = {} if memory is None else memory
    for part in _split(system, hidden):
        name = _describe_part(system, part)
        if name not in memory:
            memory[name] = _solve(system, part, policy)
        findings += memory[name]
    sources = {
        system.names[number][0]: tuple(dict.fromkeys(names))
        for number, names in system.sources.items()
    }
    findings = [replace(found, sources=sources.get(found.key, ())) for found in findings]
    unique = {(found.kind, found.key): found for found in findings}
    if unique and len(editions) > 1:
        # what the editions that stand give away cannot be taken back
        former = attack(editions[:-1], policy, territories, communes, complementary, memory)
        shown = {
            (found.kind, found.key) for found in _find_shown(of_people[-1], policy, territories)
        }
        for found in former:
            if (found.kind, found.key) not in shown:
                unique.pop((found.kind, found.key), None)
    return [unique[name] for name in sorted(unique, key=lambda name: (name[0], *map(str, name[1])))]


def _describe_part(system: _System, part: _Part) -> object:
    """Everything that the solution of a part depends on."""
    numbers = sorted({*part.unknowns, *(n for at in part.rows for n in system.rows[at][0])})
    assumed = set(system.assumed)
    return (
        tuple((system.names[n], system.low[n], system.high[n]) for n in numbers),
        frozenset(system.names[n] for n in part.hidden),
        frozenset(
            (frozenset((system.names[n], factor) for n, factor in terms.items()), low, high, at
             in assumed)
            for at in part.rows
            for terms, low, high in [system.rows[at]]
        ),
    )  # fmt: skip


def _find_shown(
    cells: Cells, policy: PeoplePolicy, territories: Mapping[str, Collection[str]]
) -> Iterator[Finding]:
    """What needs no arithmetic: small counts, unprotected measures, exact parts."""
    for key, value in cells.items():
        if value is None or value == 0:
            continue
        family = FAMILIES[key.family]
        is_count = key.measure in family.counts
        if is_count and value < policy.threshold:
            yield Finding("below_threshold", key)
            continue
        guard = cells.get(key.of(family.guard))
        if guard == 0:  # given to nobody known: what was given is counted itself
            guard = value if is_count else cells.get(key.of(family.counts[-1]))
        if guard is None:
            yield Finding("unguarded", key)
        elif not key.is_exempt and value % policy.step_of(key.measure) and not is_everything(
            key, cells, territories
        ):  # fmt: skip
            yield Finding("not_rounded", key)


def is_everything(key: Key, cells: Cells, territories: Mapping[str, Collection[str]]) -> bool:
    """Whether a territory has all that its food banks have: it is shown as they are."""
    if key.scope_kind != "territory" or key.scope_id not in territories:
        return False
    values = [
        cells.get(key._replace(scope_kind="food_bank", scope_id=bank))
        for bank in territories[key.scope_id]
    ]
    known = [value for value in values if value is not None]
    return len(known) == len(values) and sum(known, Decimal(0)) == cells[key]


def _merge_editions(editions: Sequence[Cells]) -> dict[tuple[Key, int], Decimal | None]:
    """Cells by edition. A cell that an earlier edition shows the same way is one unknown."""
    values: dict[tuple[Key, int], Decimal | None] = {}
    last: dict[Key, int] = {}
    for edition, cells in enumerate(editions):
        for key, value in cells.items():
            before = last.get(key)
            if before is not None:
                former = values[key, before]
                if former == value or former is None or value is None:
                    # shown once, hidden once: it is known as it was shown
                    values[key, before] = former if value is None else value
                    continue
            values[key, edition] = value
            last[key] = edition
    return values


def _build(
    values: Mapping[tuple[Key, int], Decimal | None],
    policy: PeoplePolicy,
    territories: Mapping[str, Collection[str]],
    communes: Mapping[str, Collection[str]],
    complementary: frozenset[Key],
) -> _System:
    system = _System()
    half = (policy.rounding - 1) // 2
    editions: dict[int, Cells] = defaultdict(dict)
    for (key, edition), value in values.items():
        editions[edition][key] = value
    for (key, edition), value in values.items():
        family = FAMILIES[key.family]
        # Declared people are means of months: no integers.
        is_integer = key.measure in family.counts and key.family != "declared"
        if value is None:
            largest = policy.threshold - 1 if key.measure in family.counts else LARGEST
            if key in complementary or key.measure not in (
                "households_helped", "new_households", "anonymous_parcels", "voucher_households",
                "people", "households", "women", "men", *BANDS,
            ):  # fmt: skip
                largest = LARGEST
            low = 0 if key.measure in ("redeemed_eur", "new_households", "anonymous_parcels") else 1
            if key.measure in family.amounts:
                low = 0
            system.add(key, edition, float(low), float(largest), is_integer)
        elif key.is_exempt or value == 0:
            system.add(key, edition, float(value), float(value), is_integer)
        else:
            slack = half if is_integer else policy.step_of(key.measure) / 2
            least = max(0.0, float(value) - slack)
            if key.measure in family.counts and value == round_people(policy.threshold, policy):
                least = float(policy.threshold)
            if is_everything(key, editions[edition], territories):
                system.add(key, edition, float(value), float(value), is_integer)
            else:
                system.add(key, edition, least, float(value) + slack, is_integer)
    by_place: dict[tuple[str, str, str, str, str, int], list[int]] = defaultdict(list)
    for number, (key, edition) in enumerate(system.names):
        place = (key.scope_kind, key.scope_id, key.area, key.family, key.measure, edition)
        by_place[place].append(number)
    for numbers in by_place.values():
        _relate_periods(system, numbers)
    _relate_editions(system)
    _relate_measures(system)
    _relate_areas(system, territories, communes)
    return system


def _relate_periods(system: _System, numbers: list[int]) -> None:
    """A longer period is made of the shorter ones within it, where they leave no day out."""
    keys = {number: system.names[number][0] for number in numbers}
    measure, family = keys[numbers[0]].measure, keys[numbers[0]].family
    for whole in numbers:
        longer = keys[whole]
        for kind in ("month", "quarter"):
            if longer.period_kind in ("month", kind):
                continue
            parts = [
                number
                for number in numbers
                if keys[number].period_kind == kind
                and longer.period_start <= keys[number].period_start
                and keys[number].period_end <= longer.period_end
            ]
            if kind == "month":
                _relate_around(system, numbers, whole)
            if not parts:
                continue
            is_complete = is_covered(longer, [keys[number] for number in parts])
            terms = {whole: 1.0, **dict.fromkeys(parts, -1.0)}
            if measure in ADDITIVE[family]:
                system.require(terms, 0.0, 0.0 if is_complete else inf)
            elif measure in DISTINCT[family]:
                if is_complete:
                    system.require(terms, -inf, 0.0)
                for number in parts:
                    system.require({whole: 1.0, number: -1.0}, 0.0, inf)
        if longer.period_kind == "year":
            for number in numbers:
                to_date = keys[number]
                if to_date.period_kind == "year_to_date" and (
                    to_date.period_start == longer.period_start
                ):
                    is_same = to_date.period_end == longer.period_end
                    if measure in (*ADDITIVE[family], *DISTINCT[family]) or is_same:
                        system.require({whole: 1.0, number: -1.0}, 0.0, 0.0 if is_same else inf)


def _relate_around(system: _System, numbers: list[int], whole: int) -> None:
    """A period that ends within a month is no more than the months around it."""
    longer = system.names[whole][0]
    if longer.measure not in (*ADDITIVE[longer.family], *DISTINCT[longer.family]):
        return
    around = [
        number
        for number in numbers
        for key in [system.names[number][0]]
        if key.period_kind == "month"
        and key.period_start <= longer.period_end
        and longer.period_start <= key.period_end
    ]
    keys = [system.names[number][0] for number in around]
    if all(is_within(key, longer) for key in keys):
        return
    if is_covered(longer, keys):
        # what is left out of the last month is not known: the food bank may have begun in between
        terms = {whole: -1.0, **dict.fromkeys(around, 1.0)}
        system.require(terms, 0.0, inf, is_assumed=True)


def _relate_readings(
    system: _System,
    edition: int,
    cells: Cells,
    values: Mapping[tuple[Key, int], Decimal | None],
    policy: PeoplePolicy,
) -> None:
    """What sums of other tables say of the kilograms of parcels.

    A multiple of the policy's step stands in for a hidden month: up to it, what such multiples
    stand for is at least their sum and less than a step more. What is the sum of its months, or of
    the food banks, says nothing new. Anything else is exact.
    """
    step = float(policy.hidden_parcels_rounding_kg)
    readings: dict[Key, list[tuple[str, Decimal]]] = defaultdict(list)
    for key, value in cells.items():
        if key.measure in READINGS and value is not None:
            readings[key._replace(area=WHOLE)].append((key.area, value))
    known = {
        key: value
        for key, value in cells.items()
        if key.area == WHOLE and key.measure == "parcel_kg"
    }
    for key, found in readings.items():
        cell = key.of("parcel_kg")
        if key.measure == READ_FOOD and known.get(cell) is None:
            # of several, the one that stands in for it
            known[cell] = min((value for _, value in found), key=lambda value: value % int(step))
    stood_in: dict[tuple[str, str, str], list[tuple[Key, int, Decimal]]] = defaultdict(list)
    for key, found in sorted(readings.items()):
        cell = key.of("parcel_kg")
        number = _find_unknown(system, cell, edition)
        if number is None and key.scope_kind == "network":
            number = _add_network(system, cell, edition)
        if number is None:
            continue
        shown = cells.get(cell)
        if key.measure == READ_ALL:
            if shown is not None:
                continue
            whole = system.add(key.of(ALL_PARCELS), edition, 0.0, LARGEST, is_integer=False)
            system.require({whole: 1.0, number: -1.0}, 0.0, inf)
            number = whole
        for place, (source, value) in enumerate(found):
            reading = float(value)
            if shown is not None:
                if abs(value - shown) >= SAME_KG:
                    system.require({number: 1.0}, reading - 0.5, reading + 0.5, is_assumed=True)
                    system.sources[number].append(source)
                continue
            parts = _list_parts(key, known) if key.measure == READ_FOOD else []
            if (
                parts
                and abs(sum((known[part] or 0 for part in parts), Decimal(0)) - value) < SAME_KG
            ):
                # a hidden part without a stand-in has none, or a false zero
                continue
            if value % int(step):
                system.require({number: 1.0}, reading - 0.5, reading + 0.5, is_assumed=True)
                system.sources[number].append(source)
            elif key.period_kind == "month" and key.scope_kind != "network":
                series = (key.scope_kind, key.scope_id, f"{key.measure} {source if place else ''}")
                stood_in[series].append((key, number, value))
            elif key.scope_kind != "network":
                # what was carried into a period is taken from its first month
                least = reading - step if parts else reading
                system.require({number: 1.0}, least, reading + step, is_assumed=True)
    hidden = {
        key
        for key, value in cells.items()
        if (key.area, key.measure, key.period_kind, value) == (WHOLE, "parcel_kg", "month", None)
    }
    for (kind, scope_id, name), months in stood_in.items():
        of_scope = {key for key in hidden if key[:2] == (kind, scope_id)}
        _relate_stand_ins(system, edition, months, of_scope, step, name)


def _relate_stand_ins(
    system: _System,
    edition: int,
    months: Sequence[tuple[Key, int, Decimal]],
    hidden: Collection[Key],
    step: float,
    series: str,
) -> None:
    """Up to each month, amounts are at least the sum of their stand-ins, and less than a step more.

    A hidden month without a stand-in has none of its own, or one of nothing that would give a false
    zero: what is carried over it grows by no more than its amount.
    """
    read = {key.of("parcel_kg"): (key, number, value) for key, number, value in months}
    terms: dict[int, float] = {}
    total = 0.0
    left_out: list[int] = []
    for month in sorted(read.keys() | hidden):
        if month not in read:
            number = _find_unknown(system, month, edition)
            if number is not None and READ_ALL in series:
                whole = system.add(month.of(ALL_PARCELS), edition, 0.0, LARGEST, is_integer=False)
                system.require({whole: 1.0, number: -1.0}, 0.0, inf)
                number = whole
            if number is not None:
                left_out.append(number)
            continue
        key, number, value = read[month]
        if left_out:
            after = system.add(key.of(f"carried {series}"), edition, 0.0, step, is_integer=False)
            before = dict.fromkeys(terms, -1.0)
            system.require({after: 1.0, **before}, -total, inf, is_assumed=True)
            grown = before | dict.fromkeys(left_out, -1.0)
            system.require({after: 1.0, **grown}, -inf, -total, is_assumed=True)
            terms, total, left_out = {after: 1.0}, 0.0, []
        terms[number] = 1.0
        total += float(value)
        system.require(terms, total, total + step, is_assumed=True)


def _add_network(system: _System, cell: Key, edition: int) -> int | None:
    """The sum of the food banks, where a network's own cell is not even said to be hidden."""
    parts = [
        number
        for (key, of), number in system.index.items()
        if of == edition and key.scope_kind == "food_bank" and key[2:] == cell[2:]
    ]
    if not parts:
        return None
    number = system.add(cell, edition, 0.0, LARGEST, is_integer=False)
    system.require({number: 1.0, **dict.fromkeys(parts, -1.0)}, 0.0, 0.0)
    return number


def _find_unknown(system: _System, cell: Key, edition: int) -> int | None:
    """The unknown of a cell in an edition: an earlier one's where that showed it the same way."""
    for number in range(edition, -1, -1):
        if (cell, number) in system.index:
            return system.index[cell, number]
    return None


def _list_parts(key: Key, known: Mapping[Key, Decimal | None]) -> list[Key]:
    """The months that cover a longer period, or the food banks of a network; else nothing."""
    if key.scope_kind == "network":
        return [k for k in known if k.scope_kind == "food_bank" and k[3:7] == key[3:7]]
    parts = [
        k for k in known if k[:2] == key[:2] and k.period_kind == "month" and is_within(k, key)
    ]
    return [] if key.period_kind == "month" or not is_covered(key, parts) else parts


def _find_few_elsewhere(system: _System, policy: PeoplePolicy) -> set[int]:
    """Kilograms and euros of what lives outside a territory, where that is surely a small count."""
    found = set()
    rows: dict[int, dict[int, float]] = {}
    for terms, _, _ in system.rows:
        for number in terms:
            if system.names[number][0].area == "elsewhere":
                rows[number] = terms
    for number, (key, edition) in enumerate(system.names):
        if key.area != "elsewhere" or key.measure not in FAMILIES[key.family].amounts:
            continue
        guard = system.index.get((key.of(FAMILIES[key.family].guard), edition))
        if guard is None:
            continue
        most = sum(
            system.high[other] if factor > 0 else -system.low[other]
            for other, factor in rows[guard].items()
            if other != guard
        )
        least = sum(
            system.low[other] if factor > 0 else -system.high[other]
            for other, factor in rows[guard].items()
            if other != guard
        )
        if most < policy.threshold and most > 0 and least > -LARGEST:
            found.add(number)
    return found


def _relate_editions(system: _System) -> None:
    """A year or quarter that went on between two editions did not become smaller."""
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, (key, _) in enumerate(system.names):
        if key.measure in (*ADDITIVE[key.family], *DISTINCT[key.family]):
            groups[key._replace(period_end=date.min)].append(number)
    for numbers in groups.values():
        ordered = sorted(numbers, key=lambda n: (system.names[n][0].period_end, n))
        for one, other in pairwise(ordered):
            if system.names[one][0].period_end < system.names[other][0].period_end:
                system.require({other: 1.0, one: -1.0}, 0.0, inf, is_assumed=True)


def _relate_measures(system: _System) -> None:
    for number, (key, edition) in enumerate(list(system.names)):
        for parts, whole in WITHIN[key.family]:
            if key.measure != whole:
                continue
            found = [system.index.get((key.of(part), edition)) for part in parts]
            known = [part for part in found if part is not None]
            if known:
                # Declared numbers need not agree: given up where they do not.
                terms = {number: 1.0, **dict.fromkeys(known, -1.0)}
                system.require(terms, 0.0, inf, is_assumed=True)
            if whole == "people" and len(known) == len(parts) == len(BANDS):
                terms = {number: 1.0, **dict.fromkeys(known, -1.0)}
                system.require(terms, 0.0, 0.0, is_assumed=True)


def _relate_areas(
    system: _System,
    territories: Mapping[str, Collection[str]],
    communes: Mapping[str, Collection[str]],
) -> None:
    """Communes and neighbourhoods make a food bank, food banks the network, and what lies in a
    territory and elsewhere its food banks."""
    areas: dict[tuple[Key, int, str], list[int]] = defaultdict(list)
    banks: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, (key, edition) in enumerate(system.names):
        if key.scope_kind == "food_bank" and key.area != WHOLE:
            column = key.area.partition("=")[0] if "," not in key.area else key.area
            areas[key._replace(area=WHOLE), edition, column].append(number)
        if key.scope_kind == "food_bank" and key.area == WHOLE:
            banks[key[3:], edition].append(number)
    for (key, edition, column), numbers in areas.items():
        whole = system.index.get((key, edition))
        if column not in ("commune_code", "qpv_code"):
            if whole is not None:
                for number in numbers:
                    system.require({whole: 1.0, number: -1.0}, 0.0, inf)
            continue
        if whole is not None:
            terms = {whole: 1.0, **dict.fromkeys(numbers, -1.0)}
            system.require(terms, -inf, 0.0)
            # Few households have parcels in two places: whoever counts takes them for none.
            system.require(terms, 0.0, 0.0, is_assumed=True)
    for (key, edition), number in list(system.index.items()):
        if key.scope_kind == "network":
            parts = banks.get((key[3:], edition), [])
            if parts:
                system.require({number: 1.0, **dict.fromkeys(parts, -1.0)}, 0.0, 0.0)
        if key.scope_kind != "territory":
            continue
        members = territories.get(key.scope_id, ())
        wholes = [
            found
            for bank in members
            if (found := system.index.get(
                (key._replace(scope_kind="food_bank", scope_id=bank), edition)
            )) is not None
        ]  # fmt: skip
        if len(wholes) == len(members) and wholes:
            # What lies elsewhere is a cell too, although nobody publishes it.
            elsewhere = system.add(
                key._replace(area="elsewhere"), edition, 0.0, LARGEST, system.is_integer[number]
            )
            system.require({**dict.fromkeys(wholes, 1.0), number: -1.0, elsewhere: -1.0}, 0.0, 0.0)
        inside = [
            part
            for bank in members
            for part in areas.get(
                (key._replace(scope_kind="food_bank", scope_id=bank), edition, "commune_code"), []
            )
            if system.names[part][0].area.partition("=")[2] in communes.get(key.scope_id, ())
        ]
        if inside and key.period_kind == "year":
            terms = {number: 1.0, **dict.fromkeys(inside, -1.0)}
            system.require(terms, -inf, 0.0)
            system.require(terms, 0.0, 0.0, is_assumed=True)


@dataclass(frozen=True)
class _Part:
    unknowns: list[int]
    rows: list[int]
    hidden: list[int]


def _split(system: _System, hidden: Collection[int]) -> list[_Part]:
    """Parts that share no unknown: each is solved alone. Known values link nothing."""
    parent = list(range(len(system.names)))

    def find(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    free = [low < high for low, high in zip(system.low, system.high, strict=True)]
    for terms, _, _ in system.rows:
        numbers = [number for number in terms if free[number]]
        for other in numbers[1:]:
            parent[find(other)] = find(numbers[0])
    members: dict[int, list[int]] = defaultdict(list)
    for number in range(len(system.names)):
        if free[number]:
            members[find(number)].append(number)
    rows: dict[int, list[int]] = defaultdict(list)
    for place, (terms, _, _) in enumerate(system.rows):
        roots = {find(number) for number in terms if free[number]}
        if roots:
            rows[roots.pop()].append(place)
    parts: dict[int, list[int]] = defaultdict(list)
    for number in hidden:
        parts[find(number)].append(number)
    return [
        _Part(members.get(root, [root]), rows.get(root, []), numbers)
        for root, numbers in parts.items()
    ]


def _minimise(
    objective: np.ndarray,
    constraints: list[LinearConstraint],
    bounds: Bounds,
    integrality: np.ndarray,
) -> np.ndarray | None:
    """The unknowns at the least objective; None where no values satisfy the constraints.

    HiGHS's presolve takes some problems that have a solution for infeasible ones (one is kept in
    `test_disclosure.py`): what it gives up is solved again without it.
    """
    for presolve in (True, False):
        answer = milp(
            objective,
            constraints=constraints,
            bounds=bounds,
            integrality=integrality,
            options={"presolve": presolve},
        )
        if answer.status == 0:
            found: np.ndarray = answer.x
            return found
    return None


def _solve(system: _System, part: _Part, policy: PeoplePolicy) -> list[Finding]:
    """Least and greatest value of each hidden cell of one part.

    What published numbers contradict (months of a food bank that began in between, households with
    parcels in two places, hidden cells that are not small) is given up, and nothing else.
    """
    place = {number: at for at, number in enumerate(part.unknowns)}
    low = np.array([system.low[number] for number in part.unknowns])
    high = np.array([system.high[number] for number in part.unknowns])
    integrality = np.array([int(system.is_integer[number]) for number in part.unknowns])
    wide = np.where(_is_hidden(system, part), LARGEST, high)
    assumed = set(system.assumed)

    def read_row(at: int) -> tuple[dict[int, float], float, float]:
        terms, least, greatest = system.rows[at]
        known = sum(
            factor * system.low[number] for number, factor in terms.items() if number not in place
        )
        free = {place[number]: factor for number, factor in terms.items() if number in place}
        return free, least - known, greatest - known

    def constrain(rows: list[int], slack: dict[int, int]) -> list[LinearConstraint]:
        """`slack`: unknowns by which a row may be missed."""
        data: list[float] = []
        indices: list[int] = []
        starts, lower, upper = [0], [], []
        for at in rows:
            free, least, greatest = read_row(at)
            for sign, limit in ((1.0, least), (-1.0, -greatest)):
                if limit == -inf:
                    continue
                terms = {number: sign * factor for number, factor in free.items()}
                if at in slack:
                    terms[slack[at]] = 1.0
                indices += terms.keys()
                data += terms.values()
                starts.append(len(data))
                lower.append(limit - 1e-6)
                upper.append(inf)
        if not lower:
            return []
        shape = (len(lower), len(place) + len(slack))
        return [LinearConstraint(csr_array((data, indices, starts), shape=shape), lower, upper)]

    def optimise(
        objective: np.ndarray, constraints: list[LinearConstraint], largest: np.ndarray
    ) -> np.ndarray | None:
        return _minimise(objective, constraints, Bounds(low, largest), integrality)

    def drop_contradicted(rows: list[int], elastic: list[int]) -> list[int]:
        """Rows without those that have to be missed, as little as possible altogether."""
        slack = {at: len(place) + number for number, at in enumerate(elastic)}
        objective = np.zeros(len(place) + len(slack))
        objective[len(place) :] = 1.0
        answer = _minimise(
            objective,
            constrain(rows, slack),
            Bounds(
                np.concatenate([low, np.zeros(len(slack))]),
                np.concatenate([high, np.full(len(slack), inf)]),
            ),
            np.concatenate([integrality, np.zeros(len(slack))]),
        )
        if answer is None:
            return rows
        missed = {at for at, number in slack.items() if answer[number] > 1e-5}
        return [at for at in rows if at not in missed]

    nothing = np.zeros(len(place))
    rows, largest = part.rows, high
    constraints = constrain(rows, {})
    start = optimise(nothing, constraints, largest)
    if start is None:
        rows = drop_contradicted(part.rows, [at for at in part.rows if at in assumed])
        constraints = constrain(rows, {})
        start = optimise(nothing, constraints, largest)
    if start is None:
        constraints, largest = constrain(part.rows, {}), wide
        start = optimise(nothing, constraints, largest)
    if start is None:
        largest = high
        rows = drop_contradicted(part.rows, part.rows)
        constraints = constrain(rows, {})
        start = optimise(nothing, constraints, largest)
    if start is None:
        raise ArithmeticError(f"{system.names[part.hidden[0]][0].describe()}: cannot be solved")
    least, greatest = start.copy(), start.copy()
    random = np.random.default_rng(len(place))
    wanted = np.array([place[number] for number in part.hidden])
    for turn in range(RANDOM_TRIES):
        objective = np.zeros(len(place))
        signs = random.choice([-1.0, 1.0], len(wanted))  # nosec B311
        if turn < 2:
            signs[:] = 1.0 - 2.0 * turn
        objective[wanted] = signs
        answer = optimise(objective, constraints, largest)
        if answer is not None:
            np.minimum(least, answer, out=least)
            np.maximum(greatest, answer, out=greatest)
    findings = []
    for number in part.hidden:
        at = place[number]
        key = system.names[number][0]
        is_count = key.measure in FAMILIES[key.family].counts
        if key.area == "elsewhere" and is_count and greatest[at] >= policy.threshold:
            continue
        if Finding("too_few_values", key, least[at], greatest[at]).is_protected(policy):
            continue
        for sign in (1.0, -1.0):
            objective = np.zeros(len(place))
            objective[at] = sign
            answer = optimise(objective, constraints, largest)
            if answer is not None:
                np.minimum(least, answer, out=least)
                np.maximum(greatest, answer, out=greatest)
        found = Finding("too_few_values", key, float(least[at]), float(greatest[at]))
        # Nobody elsewhere is no small cell; many are none either.
        if key.area == "elsewhere" and greatest[at] <= 1e-3:
            continue
        if key.area == "elsewhere" and is_count and greatest[at] >= policy.threshold:
            continue
        if not found.is_protected(policy):
            findings.append(found)
    return findings


def _is_hidden(system: _System, part: _Part) -> np.ndarray:
    hidden = set(part.hidden)
    return np.array([number in hidden for number in part.unknowns])
