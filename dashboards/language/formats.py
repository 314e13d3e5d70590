"""Numbers and dates as people read them, with the symbols of Babel.

Here lives every way to write a value on a screen. Missing is `n.d.` (`n/a`), suppressed is `s`,
and `0` is a true zero only: what is too small for its decimals is `0,0`. Deltas keep the ASCII
minus. Values for machines (CSV) are written in `exports.py`.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache

from babel import Locale
from babel.dates import format_date
from babel.numbers import get_decimal_symbol, get_group_symbol, get_minus_sign_symbol

from dashboards.language.words import NO_BREAK_SPACE, Words

Number = Decimal | int

SUPPRESSED = "s"


def write_number(words: Words, value: Number | None, decimals: int = 0) -> str:
    """A number with the grouping of the language: `1 234,5`; a true zero without decimals.

    As Babel's `format_decimal`, forty times as fast: tables have thousands.
    """
    if value is None:
        return words("state.missing")
    if value == 0:
        return "0"
    exact = Decimal(value)
    if decimals == 0 and round(exact) == 0:
        decimals = 1
    return f"{round(exact, decimals) + 0:,.{decimals}f}".translate(_read_symbols(words.locale))


@cache
def _read_symbols(locale: str) -> dict[int, str]:
    """The signs of a language for those of Python."""
    return str.maketrans(
        {
            ",": get_group_symbol(locale),
            ".": get_decimal_symbol(locale),
            "-": get_minus_sign_symbol(locale),
        }
    )


def write_tonnes(words: Words, weight_kg: Decimal | None) -> str:
    """Kilograms written in tonnes with one decimal and the unit.

    Less than 50 kg keeps two more decimals, so that only a true zero is `0`.
    """
    if weight_kg is None:
        return words("state.missing")
    return f"{write_tonnes_only(words, weight_kg)}{NO_BREAK_SPACE}t"


def write_tonnes_only(words: Words, weight_kg: Decimal | None) -> str:
    """Kilograms written in tonnes with one decimal, without the unit."""
    if weight_kg is None:
        return words("state.missing")
    if weight_kg == 0:
        return "0"
    decimals = 1 if abs(weight_kg) >= 50 else 3
    return write_number(words, weight_kg / 1000, decimals)


def write_share(words: Words, share: Decimal | None, decimals: int = 1) -> str:
    """A share in [0, 1] as a percentage."""
    if share is None:
        return words("state.missing")
    return words("format.percent", number=write_number(words, share * 100, decimals))


def write_growth(words: Words, growth: Decimal | None, decimals: int = 1) -> str:
    """A relative difference as a signed percentage: `+3,6 %`."""
    if growth is None:
        return words("state.missing")
    return words("format.percent", number=_signed(words, growth * 100, decimals))


def write_points(words: Words, difference: Decimal, decimals: int = 1) -> str:
    """A difference of shares in percentage points: `+1,2 point`."""
    points = difference * 100
    is_one = abs(round(points, decimals)) < (2 if words.language == "fr" else 1)
    text_id = "format.point" if is_one else "format.points"
    return words(text_id, number=_signed(words, points, decimals))


def write_date(words: Words, day: date) -> str:
    """A day in full: `25 juin 2024`, `1er janvier 2024`."""
    text = _write_day_as(words, day, "d MMMM y")
    return _first_of_month(words, day, text)


def write_day(words: Words, day: date) -> str:
    """A day without its year: `25 juin`, `1er janvier`."""
    text = _write_day_as(words, day, "d MMMM")
    return _first_of_month(words, day, text)


def write_month(words: Words, month: date) -> str:
    """A month with its year: `novembre 2023`."""
    return _write_day_as(words, month, "MMMM y")


def write_short_month(words: Words, month: date) -> str:
    """A month without its year, in at most four letters: `nov`, `juil`."""
    return _write_day_as(words, month, "MMM").rstrip(".")


def write_span(words: Words, start: date, end: date) -> str:
    """A span of days inside one year: `du 1er janvier au 25 juin 2024`."""
    return words("format.span", start=write_day(words, start), end=write_date(words, end))


@lru_cache(maxsize=4096)
def _write_day_as(words: Words, day: date, pattern: str) -> str:
    return str(format_date(day, format=pattern, locale=_parse_locale(words.locale)))


@cache
def _parse_locale(locale: str) -> Locale:
    """Babel parses the name of a locale anew at each date."""
    return Locale.parse(locale)


def write_published(words: Words, moment: datetime) -> str:
    """The day of a publication."""
    return write_date(words, moment.date())


def _signed(words: Words, value: Decimal, decimals: int) -> str:
    text = write_number(words, value, decimals).replace("\u2212", "-")
    return text if round(value, decimals) <= 0 else f"+{text}"


def _first_of_month(words: Words, day: date, text: str) -> str:
    return text.replace("1 ", "1er ", 1) if words.language == "fr" and day.day == 1 else text
