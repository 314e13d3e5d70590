"""The state of a page, and its address: period, food bank, territory, language, publication.

Here live the codes of the address and their meaning; periods are written as
`data_contracts.periods` says. What a page does with them belongs in `page_models/`; the widgets in
`app.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from dashboards.language.formats import write_month, write_span
from dashboards.language.words import DEFAULT_LANGUAGE, LANGUAGES, Words
from data_contracts.periods import format_period, natural_end

PARAMETERS = ("period", "food_bank", "territory", "lang", "pub", "edition")
# What single pages ask besides: their meaning is in the file of the page.
PAGE_PARAMETERS = ("commune", "site", "lot", "partner", "donor", "rounds", "as_of")
LONGEST_VALUE = 400
NO_TERRITORY = "none"


@dataclass(frozen=True)
class Period:
    """A calendar period, or a year to its data date.

    `end` is the last day that is counted: the data date where the period is partial.
    """

    kind: str
    start: date
    end: date
    is_partial: bool = False

    @property
    def code(self) -> str:
        """The code in the address."""
        return format_period(self.kind, self.start)


@dataclass(frozen=True)
class FoodBank:
    """A food bank that the reader may look at."""

    food_bank_id: str
    name: str
    territory_codes: tuple[str, ...]
    is_demonstration: bool
    first_date: date | None
    data_date: date | None


@dataclass(frozen=True)
class Choices:
    """What can be chosen in a publication: `periods` by food bank, names of territories."""

    food_banks: tuple[FoodBank, ...]
    periods: Mapping[str, tuple[Period, ...]]
    territories: Mapping[str, str]


@dataclass(frozen=True)
class Filters:
    """What a page is asked for. `publication_id` is set for an earlier publication only.

    `edition`: code of an edition (`242100410-1`); `options`: parameters of single pages.
    """

    period: Period
    food_bank: FoodBank
    territory_code: str | None
    territory_name: str | None
    language: str
    publication_id: str | None = None
    edition: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str | None:
        """The value of a parameter of a single page, None where the address has none."""
        return dict(self.options).get(name)


@dataclass(frozen=True)
class IgnoredValue:
    """A value of the address that means nothing here, and what is shown instead."""

    parameter: str
    value: str
    shown: str


def same_day_year_before(day: date) -> date:
    """The same day a year before; 29 February becomes the 28th."""
    if (day.month, day.day) == (2, 29):
        return date(day.year - 1, 2, 28)
    return day.replace(year=day.year - 1)


def is_same_days(start: date, end: date, earlier_start: date, earlier_end: date) -> bool:
    """Whether the earlier span holds the same days of the year before.

    The last day of February stands for the last day of February.
    """
    if earlier_start != same_day_year_before(start):
        return False
    if earlier_end == same_day_year_before(end):
        return True
    return _is_end_of_february(end) and _is_end_of_february(earlier_end)


def read_language(parameters: Mapping[str, str]) -> str:
    """Language of the address, French where it has none that is known."""
    language = parameters.get("lang", "")
    return language if language in LANGUAGES else DEFAULT_LANGUAGE


def default_period(periods: Sequence[Period]) -> Period:
    """Year to date of the latest year; its latest year or last period where there is none."""
    for kind in ("year_to_date", "year", "quarter", "month"):
        of_kind = [period for period in periods if period.kind == kind]
        if of_kind:
            return max(of_kind, key=lambda period: period.start)
    raise ValueError("the publication holds no period")


def resolve_filters(
    parameters: Mapping[str, str], choices: Choices
) -> tuple[Filters, tuple[IgnoredValue, ...]]:
    """What the address asks for, and the values that were ignored."""
    ignored: list[IgnoredValue] = []
    language = read_language(parameters)
    if parameters.get("lang", language) != language:
        ignored.append(IgnoredValue("lang", parameters["lang"], language))

    by_id = {bank.food_bank_id: bank for bank in choices.food_banks}
    food_bank = choices.food_banks[0]
    if "food_bank" in parameters:
        food_bank = by_id.get(parameters["food_bank"], food_bank)
        if parameters["food_bank"] not in by_id:
            ignored.append(
                IgnoredValue("food_bank", parameters["food_bank"], food_bank.food_bank_id)
            )

    periods = choices.periods[food_bank.food_bank_id]
    by_code = {period.code: period for period in periods}
    period = default_period(periods)
    if "period" in parameters:
        period = by_code.get(parameters["period"], period)
        if parameters["period"] not in by_code:
            ignored.append(IgnoredValue("period", parameters["period"], period.code))

    territory = food_bank.territory_codes[0] if food_bank.territory_codes else None
    asked = parameters.get("territory")
    if asked == NO_TERRITORY:
        territory = None
    elif asked is not None and asked in food_bank.territory_codes:
        territory = asked
    elif asked is not None:
        ignored.append(IgnoredValue("territory", asked, territory or NO_TERRITORY))

    filters = Filters(
        period,
        food_bank,
        territory,
        choices.territories.get(territory) if territory else None,
        language,
        parameters.get("pub"),
        parameters.get("edition"),
        tuple(
            (name, parameters[name][:LONGEST_VALUE])
            for name in PAGE_PARAMETERS
            if parameters.get(name)
        ),
    )
    return filters, tuple(ignored)


def write_query(filters: Filters, **changes: str | None) -> str:
    """The query of the address that shows the same state, with the `changes` asked for.

    A change to None leaves the parameter out.
    """
    values: dict[str, str | None] = {
        "period": filters.period.code,
        "food_bank": filters.food_bank.food_bank_id,
        "territory": filters.territory_code or NO_TERRITORY,
        "lang": filters.language,
        "pub": filters.publication_id,
        "edition": filters.edition,
        **dict(filters.options),
    }
    return urlencode({name: value for name, value in (values | changes).items() if value})


def label_period(words: Words, period: Period) -> str:
    """A period as a label: `2023`, `4e trimestre 2023`, `du 1er janvier au 25 juin 2024`."""
    if period.kind == "year_to_date" or period.is_partial:
        return write_span(words, period.start, period.end)
    if period.kind == "year":
        return str(period.start.year)
    if period.kind == "quarter":
        quarter = (period.start.month + 2) // 3
        return words(f"period.quarter.{quarter}", year=period.start.year)
    return write_month(words, period.start)


def label_choice(words: Words, period: Period) -> str:
    """A period as it is offered in the list."""
    if period.kind == "year_to_date":
        return words("period.choice.to_date", year=period.start.year)
    whole = Period(period.kind, period.start, natural_end(period.kind, period.start))
    label = label_period(words, whole)
    return words("period.choice.partial", period=label) if period.is_partial else label


def order_choices(periods: Sequence[Period]) -> tuple[Period, ...]:
    """Periods in the order of the list: to date, years, quarters, months, the latest first.

    A partial year is left out: its year to date says the same. Of the years to date, only the
    latest is offered.
    """
    latest = default_period(periods)
    rank = {"year_to_date": 0, "year": 1, "quarter": 2, "month": 3}
    offered = [
        period
        for period in periods
        if not (period.kind == "year_to_date" and period != latest)
        and not (period.kind == "year" and period.is_partial)
    ]
    return tuple(sorted(offered, key=lambda period: (rank[period.kind], -period.start.toordinal())))


def _is_end_of_february(day: date) -> bool:
    return day.month == 2 and (day + timedelta(days=1)).month == 3
