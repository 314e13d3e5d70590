"""What is found in published data, in the words of a language: one sentence for codes and values.

The page Pilotage and the e-mails of alerts write the same sentences. What is found lives in
`data_contracts/decisions.py`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from dashboards.language.formats import write_date, write_day, write_month, write_number
from dashboards.language.words import Words
from data_contracts.decisions import PlaceNames, Value

_DAYS = {"month": write_month, "day": write_day, "date": write_date}
_CODES = {"family": "network_family", "record": "record"}
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


def _write_value(words: Words, name: str, value: Value, places: PlaceNames) -> str:
    if isinstance(value, date):
        return _DAYS[name](words, value)
    if isinstance(value, Decimal):
        return write_number(words, value)
    if name in _CODES:
        return words.code(_CODES[name], str(value))
    return places.get((_PLACES.get(name, ""), str(value)), str(value))
