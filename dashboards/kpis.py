"""Key figures as view models: what a card says, worked out from published values.

Here live the anatomy of a card (label, definition, value, difference with its basis, part of the
territory) and the reasons for not showing one. Cards are drawn in `blocks.py`; which cards a page
has belongs in `page_models/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from dashboards.filters import Filters, label_period
from dashboards.language.formats import (
    SUPPRESSED,
    write_date,
    write_growth,
    write_number,
    write_points,
    write_share,
    write_span,
    write_tonnes_only,
)
from dashboards.language.words import Words
from dashboards.readings import (
    Comparison,
    Definition,
    Definitions,
    DistributedFood,
    Reading,
    Readings,
    Target,
    compare_year_before,
    has_records_before,
    read_value,
)
from data_contracts.loader import load_register

# Records without which an indicator cannot be computed.
RECORDS_OF = {
    "tonnes_distributed": ("deliveries",),
    "tonnes_received": ("receipts",),
    "households_helped": ("parcels",),
    "people_declared": ("beneficiary_reports",),
    "induced_kg_per_tonne": ("rounds",),
    "km_per_tonne": ("rounds",),
    "load_factor": ("rounds",),
    "km_without_load": ("rounds",),
    "order_fill_share": ("orders",),
    "on_time_share": ("orders",),
    "unmet_kg": ("orders",),
    "hours_order_to_delivery": ("orders",),
    "orders": ("orders",),
    "orders_per_partner": ("orders",),
    "tonnes_ordered_and_delivered": ("orders",),
    "platform_tonnes_share": ("orders",),
    "platform_users_active": ("platform_sessions",),
    "vouchers_eur": ("vouchers",),
    "voucher_use_share": ("vouchers",),
    "voucher_households": ("vouchers",),
    "tonnes_transformed": ("transformations",),
    "unexplained_tonnes": ("stock_counts",),
    "support_activities": ("support_activities",),
    "participants": ("support_activities",),
    "expenses_eur": ("expenses",),
    "cost_per_tonne": ("expenses",),
    "public_eur_per_tonne": ("funding",),
    "funding_used_share": ("funding",),
    "food_value_per_public_euro": ("funding",),
    "visible_stock_share": ("offers",),
    "offer_taken_share": ("offers",),
    "kg_saved_by_offer": ("offers",),
    "hours_offer_to_order": ("offers",),
    "volunteer_hours": ("volunteer_shifts",),
    "shared_rounds_share": ("shared_resources",),
    "temperature_checks_outside_share": ("temperature_checks",),
}
DECIMALS_OF_UNIT = {
    "kgCO2e per t": 1, "km per t": 1, "orders per partner": 1, "h": 1, "days": 1, "min": 1,
    "EUR per kg": 2, "points": 1, "t per 1000 inhabitants": 2, "kg per household": 1,
    "kg per person": 1, "EUR per EUR": 1, "min per 100 kg": 1, "kg per stop": 1,
}  # fmt: skip
ARROWS = {"up": "▲", "down": "▼", "flat": "="}
# From three times as much on, a factor reads better than a percentage.
MANY_TIMES = 2


@dataclass(frozen=True)
class Difference:
    """Change against the year before. `judgement`: `favourable`, `unfavourable` or `neutral`.

    `earlier`: the value of the same days a year before, `earlier_text` as it is shown.
    """

    text: str
    direction: str
    judgement: str
    basis: str
    earlier: Decimal
    earlier_text: str


@dataclass(frozen=True)
class Kpi:
    """One card. `state`: `ok`, `missing`, `suppressed` or `not_supplied`.

    `territory`: what is the territory's, as a sentence; `territory_value`: the same alone.
    """

    code: str
    label: str
    state: str
    value: str = ""
    unit: str = ""
    definition: str = ""
    formula: str = ""
    method: str = ""
    difference: Difference | None = None
    no_difference: str | None = None
    territory: str | None = None
    territory_value: str | None = None
    target: str | None = None
    notes: tuple[str, ...] = ()
    raw_value: Decimal | None = None
    variant: str = ""


@dataclass(frozen=True)
class Scope:
    """What the cards of a page are read from.

    `whole_readings`: of the food bank, where `readings` are those of a territory alone.
    """

    filters: Filters
    words: Words
    definitions: Definitions
    readings: Readings
    territory_readings: Readings
    distributed: DistributedFood
    territory_distributed: DistributedFood | None
    targets: Mapping[tuple[str, int], Target] = field(default_factory=dict)
    supplied: frozenset[str] = frozenset()
    whole_readings: Readings | None = None


def write_value(words: Words, unit: str, value: Decimal | None) -> tuple[str, str]:
    """A value and its unit as they are shown."""
    unit_text = words.code("unit", unit)
    if value is None:
        return words("state.missing"), ""
    if unit == "t":
        return write_tonnes_only(words, value * 1000), unit_text
    if unit == "share":
        return write_share(words, value), ""
    return write_number(words, value, DECIMALS_OF_UNIT.get(unit, 0)), unit_text


def build_kpi(scope: Scope, code: str, variant: str = "") -> Kpi:
    """The card of an indicator for the period, with the year before and the territory."""
    definition = scope.definitions[code]
    reading = read_value(scope.readings, code, variant, scope.filters.period)
    label = definition.label
    if variant and f"variant.{code}.{variant}" in scope.words.texts:
        label = scope.words(f"variant.{code}.{variant}")
    base = Kpi(
        code=code,
        variant=variant,
        label=label,
        state="missing",
        value=scope.words("state.missing"),
        definition=definition.definition,
        formula=definition.formula,
        method=definition.method_version,
    )
    if not definition.is_published:
        return replace(
            base,
            state="not_supplied",
            value=scope.words("state.not_in_publication"),
            notes=(scope.words("not_in_publication"),),
        )
    if reading is None:
        missing = [name for name in RECORDS_OF.get(code, ()) if name not in scope.supplied]
        if not missing or not scope.supplied:
            return replace(base, notes=(explain_missing(scope, definition, variant),))
        names = ", ".join(scope.words.code("record", name) for name in missing)
        return replace(
            base,
            state="not_supplied",
            value=scope.words("state.not_supplied"),
            notes=(scope.words("not_supplied.record", record=names),),
        )
    base = replace(base, method=reading.method_version)
    if reading.is_suppressed:
        return replace(base, state="suppressed", value=SUPPRESSED)
    if reading.value is None:
        return replace(base, notes=(scope.words("kpi.missing.not_computed"),))
    value, unit = write_value(scope.words, definition.unit, reading.value)
    territory, territory_value = _write_territory(scope, definition, reading)
    comparison = compare_same_days(scope, reading, scope.readings, scope.distributed)
    difference = write_difference(scope.words, definition, reading.value, comparison)
    return replace(
        base,
        state="ok",
        value=value,
        unit=unit,
        raw_value=reading.value,
        difference=difference,
        no_difference=None if difference else explain_no_difference(scope, comparison),
        territory=territory,
        territory_value=territory_value,
        target=_write_target(scope, definition, reading),
    )


def explain_missing(scope: Scope, definition: Definition, variant: str) -> str:
    """Why an indicator has no row for the period."""
    words, code, period = scope.words, definition.code, scope.filters.period
    if scope.whole_readings is not None and definition.territory_basis == "none":
        whole = read_value(scope.whole_readings, code, variant, period)
        if whole is None or whole.value is None:
            return words("kpi.missing.whole_only")
        value = " ".join(filter(None, write_value(words, definition.unit, whole.value)))
        return words("kpi.missing.whole_only.value", value=value)
    is_of_territories = load_register()[code].dimensions == ["territory"]
    if is_of_territories and scope.filters.territory_code is None:
        return words("kpi.missing.territory_only")
    is_known = scope.readings.has(code, variant)
    return words("kpi.missing.period" if is_known else "kpi.missing.never")


def build_people_kpi(scope: Scope) -> Kpi:
    """The card of declared people, never without the share of partners that declared."""
    card = build_kpi(scope, "people_declared")
    coverage = build_kpi(scope, "reporting_coverage")
    if card.state != "ok" or coverage.state != "ok":
        return card
    return replace(card, notes=(scope.words("people.coverage", share=coverage.value),))


def not_supplied(words: Words, code: str) -> Kpi:
    """A card without a published indicator: says what is missing, never a zero."""
    return Kpi(
        code=code,
        label=words(f"not_supplied.{code}.label"),
        state="not_supplied",
        value=words("state.not_supplied"),
        definition=words(f"not_supplied.{code}.definition"),
        notes=(words(f"not_supplied.{code}.missing"),),
    )


def compare_same_days(
    scope: Scope, reading: Reading, readings: Readings, distributed: DistributedFood
) -> Comparison:
    """The published value of the same days, else the same days of the monthly flows.

    The flows answer for tonnes distributed and for their fresh share only: what is not additive
    over days has no other source than a published value.
    """
    comparison = compare_year_before(readings, reading, scope.filters.food_bank.first_date)
    if comparison.reason not in ("not_same_days", "absent"):
        return comparison
    weight = distributed.weight_kg_same_days
    if weight <= 0:
        return comparison
    if reading.code == "tonnes_distributed":
        return Comparison(weight / 1000, comparison.start, comparison.end)
    is_fresh_share = (reading.code, reading.variant) == ("fresh_share_distributed", "standard")
    if is_fresh_share and distributed.fresh_kg_same_days is not None:
        share = distributed.fresh_kg_same_days / weight
        return Comparison(share, comparison.start, comparison.end)
    return comparison


def write_difference(
    words: Words, definition: Definition, value: Decimal, comparison: Comparison
) -> Difference | None:
    """The change against the year before, None where it cannot be given."""
    earlier = comparison.value
    if earlier is None or (earlier == 0 and definition.unit != "share"):
        return None
    if definition.unit == "share":
        change = value - earlier
        text = write_points(words, change)
        is_flat = round(change * 100, 1) == 0
    else:
        change = value / earlier - 1
        text = (
            words("format.times", number=write_number(words, value / earlier, 1))
            if change >= MANY_TIMES
            else write_growth(words, change)
        )
        is_flat = round(change * 100, 1) == 0
    direction = "flat" if is_flat else "up" if change > 0 else "down"
    if is_flat:
        text = words("kpi.flat")
    earlier_text = " ".join(filter(None, write_value(words, definition.unit, earlier)))
    return Difference(
        text=text,
        direction=direction,
        judgement=judge(direction, definition.good_direction),
        basis=words(
            "kpi.basis",
            value=earlier_text,
            span=write_span(words, comparison.start, comparison.end),
        ),
        earlier=earlier,
        earlier_text=earlier_text,
    )


def judge(direction: str, good_direction: str) -> str:
    """Whether a change is favourable, by the register."""
    if direction == "flat" or good_direction == "none":
        return "neutral"
    return "favourable" if direction == good_direction else "unfavourable"


def explain_no_difference(scope: Scope, comparison: Comparison) -> str:
    """Why no difference is shown."""
    words = scope.words
    if comparison.reason == "records_begin":
        first_date = scope.filters.food_bank.first_date
        if first_date is None:
            return words("kpi.no_difference.absent")
        return words("kpi.no_difference.records_begin", date=write_date(words, first_date))
    if comparison.reason == "not_same_days":
        return words(
            "kpi.no_difference.not_same_days", period=label_period(words, scope.filters.period)
        )
    if comparison.reason == "method_break":
        return words("kpi.no_difference.method_break")
    return words("kpi.no_difference.absent")


def has_year_before(scope: Scope) -> bool:
    """Whether the records cover the year before the period."""
    period = scope.filters.period
    start = period.start.replace(year=period.start.year - 1)
    return has_records_before(scope.filters.food_bank.first_date, start)


def _write_target(scope: Scope, definition: Definition, reading: Reading) -> str | None:
    """What was decided for the year of the period, and how much of a quantity is reached."""
    target = scope.targets.get((reading.code, reading.start.year))
    if target is None or reading.variant not in ("", "standard", "transport"):
        return None
    words = scope.words
    text = " ".join(filter(None, write_value(words, definition.unit, target.value)))
    if definition.unit == "t" and target.value and reading.value is not None:
        share = write_share(words, reading.value / target.value, 0)
        return words("kpi.target.part", year=reading.start.year, value=text, share=share)
    return words("kpi.target", year=reading.start.year, value=text)


def _write_territory(
    scope: Scope, definition: Definition, reading: Reading
) -> tuple[str | None, str | None]:
    """What of a value is the territory's, as a sentence and alone."""
    name = scope.filters.territory_name
    if name is None or definition.territory_basis == "none":
        return None, None
    words = scope.words
    part = read_value(scope.territory_readings, reading.code, reading.variant, scope.filters.period)
    if part is None:
        return None, None
    if part.is_suppressed:
        text = SUPPRESSED
    else:
        text = " ".join(filter(None, write_value(words, definition.unit, part.value)))
    if definition.unit == "share" or " per " in definition.unit:
        return words("kpi.territory.ratio", territory=name, value=text), text
    if part.value is None or not reading.value:
        return words("kpi.territory.part", territory=name, value=text), text
    share = write_share(words, part.value / reading.value, 0)
    sentence = words("kpi.territory.part_share", territory=name, value=text, share=share)
    return sentence, words("kpi.territory.value", value=text, share=share)
