"""Sentences to quote, and those that would mislead, written from the data of the period.

Here lives which sentence can be written from which published value: a sentence without its value
is left out. Its words belong in the catalogues.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from dashboards.kpis import Scope, write_value
from dashboards.language.formats import (
    write_date,
    write_growth,
    write_number,
    write_share,
    write_span,
    write_tonnes,
)
from dashboards.readings import Reading, Readings, compare_year_before, read_value


@dataclass(frozen=True)
class Quote:
    """A sentence, and what it rests on or why not to say it."""

    sentence: str
    reason: str


def write_quotes(scope: Scope) -> tuple[Quote, ...]:
    """« À citer ainsi »: each sentence names its period, its place and its measure."""
    return tuple(
        quote
        for quote in (
            _quote_tonnes(scope),
            _quote_households(scope),
            _quote_emissions(scope),
            _quote_fresh(scope),
        )
        if quote is not None
    )


def write_warnings(scope: Scope) -> tuple[Quote, ...]:
    """« À ne pas dire »: what the same values do not say, with the reason."""
    return tuple(
        quote
        for quote in (
            _warn_households(scope),
            _warn_all_helped(scope),
            _warn_emissions(scope),
            _warn_fresh(scope),
        )
        if quote is not None
    )


def _reading(scope: Scope, code: str, variant: str = "") -> Reading | None:
    return _known(scope, scope.readings, code, variant)


def _known(scope: Scope, readings: Readings, code: str, variant: str) -> Reading | None:
    reading = read_value(readings, code, variant, scope.filters.period)
    return None if reading is None or reading.value is None else reading


def _value(reading: Reading) -> Decimal:
    return Decimal(0) if reading.value is None else reading.value


def _context(scope: Scope) -> dict[str, str]:
    filters, words = scope.filters, scope.words
    return {
        "span": write_span(words, filters.period.start, filters.period.end),
        "food_bank": filters.food_bank.name,
    }


def _quote_tonnes(scope: Scope) -> Quote | None:
    reading = _reading(scope, "tonnes_distributed")
    if reading is None:
        return None
    words, context = scope.words, _context(scope)
    weight = write_tonnes(words, _value(reading) * 1000)
    part = _known(scope, scope.territory_readings, "tonnes_distributed", "")
    reason = words("quote.tonnes.reason")
    if part is None or scope.filters.territory_name is None:
        return Quote(words("quote.tonnes.plain", value=weight, **context), reason)
    part_weight = write_tonnes(words, _value(part) * 1000)
    sentence = words(
        "quote.tonnes.territory",
        value=weight,
        part=part_weight,
        territory=scope.filters.territory_name,
        **context,
    )
    return Quote(sentence, reason)


def _quote_households(scope: Scope) -> Quote | None:
    reading = _reading(scope, "households_helped")
    if reading is None:
        return None
    words = scope.words
    count = write_number(words, reading.value)
    return Quote(
        words("quote.households", value=count, **_context(scope)),
        words("quote.households.reason"),
    )


def _quote_emissions(scope: Scope) -> Quote | None:
    reading = _reading(scope, "induced_kg_per_tonne", "transport")
    if reading is None:
        return None
    words = scope.words
    value = write_value(words, "kgCO2e per t", reading.value)[0]
    measured = _reading(scope, "measured_data_share")
    if measured is None:
        reason = words("quote.emissions.reason")
    else:
        share = write_share(words, _value(measured), 0)
        reason = words("quote.emissions.reason_measured", share=share)
    return Quote(words("quote.emissions", value=value, **_context(scope)), reason)


def _quote_fresh(scope: Scope) -> Quote | None:
    reading = _reading(scope, "fresh_tonnes_growth", "standard")
    if reading is None:
        return None
    words = scope.words
    growth = write_growth(words, _value(reading))
    year = scope.filters.period.start.year - 1
    return Quote(
        words("quote.fresh", value=growth, year=year, **_context(scope)),
        words("quote.fresh.reason"),
    )


def _warn_households(scope: Scope) -> Quote | None:
    reading = _reading(scope, "households_helped")
    if reading is None:
        return None
    words = scope.words
    earlier = compare_year_before(scope.readings, reading, scope.filters.food_bank.first_date)
    year_before = scope.filters.period.start.year - 1
    whole_year = scope.readings.find(
        "households_helped",
        "",
        "year",
        scope.filters.period.start.replace(year=year_before, month=1, day=1),
    )
    other = whole_year.value if whole_year and whole_year.value is not None else earlier.value
    reason = words("warning.households.reason")
    if other is None:
        return Quote(words("warning.households.plain"), reason)
    sentence = words(
        "warning.households.sum",
        first=write_number(words, other),
        second=write_number(words, reading.value),
        total=write_number(words, other + _value(reading)),
    )
    return Quote(sentence, reason)


def _warn_all_helped(scope: Scope) -> Quote | None:
    reading = _reading(scope, "households_helped")
    if reading is None:
        return None
    words = scope.words
    count = write_number(words, reading.value)
    return Quote(words("warning.all_helped", value=count), words("warning.all_helped.reason"))


def _warn_emissions(scope: Scope) -> Quote | None:
    reading = _reading(scope, "induced_kg_co2e", "transport")
    if reading is None:
        return None
    words = scope.words
    tonnes = write_number(words, _value(reading) / 1000, 1)
    return Quote(words("warning.emissions", value=tonnes), words("warning.emissions.reason"))


def _warn_fresh(scope: Scope) -> Quote | None:
    reading = _reading(scope, "fresh_tonnes_growth", "standard")
    if reading is None or _value(reading) == 0:
        return None
    words = scope.words
    text_id = "up" if _value(reading) > 0 else "down"
    growth = write_growth(words, abs(_value(reading))).lstrip("+")
    share = _reading(scope, "fresh_share_received", "standard")
    if share is None:
        return Quote(words(f"warning.fresh.{text_id}", value=growth), words("warning.fresh.reason"))
    return Quote(
        words(f"warning.fresh.{text_id}", value=growth),
        words("warning.fresh.reason_share", share=write_share(words, _value(share))),
    )


def write_signature(scope: Scope) -> str:
    """What follows every quotation: the data date, and that it is a demonstration."""
    words, bank = scope.words, scope.filters.food_bank
    day = write_date(words, bank.data_date or scope.filters.period.end)
    text_id = "quote.signature.demonstration" if bank.is_demonstration else "quote.signature.plain"
    return words(text_id, date=day)
