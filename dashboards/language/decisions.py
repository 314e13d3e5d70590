"""What is found in published data, in the words of a language: one sentence for codes and values.

The page Pilotage and the e-mails of alerts write the same sentences. What is found lives in
`data_contracts/decisions.py`, why a publication is refused in `data_contracts/reasons.py`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from dashboards.language.formats import write_date, write_day, write_month, write_number
from dashboards.language.words import Words
from data_contracts.decisions import PlaceNames, Value
from data_contracts.reasons import Reason

_DAYS = {"month": write_month, "day": write_day, "date": write_date}
_CODES = {"family": "network_family", "record": "record", "channel": "channel"}
_PLACES = {"partner": "partner", "store": "supplier"}
# Of these a sentence may have another form where there is one.
_COUNTED = ("orders", "lots", "days", "count")


def write_values(
    words: Words, values: tuple[tuple[str, Value], ...], places: PlaceNames
) -> dict[str, str]:
    """The values of a sentence as they are read, by name, in their order."""
    return {name: _write_value(words, name, value, places) for name, value in values}


def write_sentence(
    words: Words, text_id: str, values: tuple[tuple[str, Value], ...], places: PlaceNames
) -> str:
    """The sentence of `text_id`. `places`: names by kind of place and identifier."""
    one = f"{text_id}.one"
    if one in words.texts and any(dict(values).get(name) == 1 for name in _COUNTED):
        text_id = one
    return words.texts[text_id].format(**write_values(words, values, places))


def write_reason(words: Words, reason: str) -> str:
    """Why a publication was refused or is damaged; the sentence itself where it has no code that
    the catalogues know."""
    if not isinstance(reason, Reason):
        return reason
    try:
        return words.texts[f"refusal.{reason.code}"].format(
            **{name: _write_exactly(words, name, value) for name, value in reason.values.items()}
        )
    except KeyError:
        return str(reason)


def _write_exactly(words: Words, name: str, value: Value) -> str:
    if isinstance(value, Decimal | int):
        exponent = Decimal(value).normalize().as_tuple().exponent
        return write_number(words, value, max(0, -int(exponent)))
    return _write_value(words, name, value, {})


def _write_value(words: Words, name: str, value: Value, places: PlaceNames) -> str:
    if isinstance(value, Reason):
        return write_reason(words, value)
    if isinstance(value, date):
        return _DAYS[name](words, value)
    if isinstance(value, Decimal):
        return write_number(words, value)
    if name in _CODES:
        return words.code(_CODES[name], str(value))
    return places.get((_PLACES.get(name, ""), str(value)), str(value))
