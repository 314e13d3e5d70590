"""The address and the state of a page."""

from __future__ import annotations

from datetime import date

import pytest

from dashboards.filters import (
    Filters,
    Period,
    is_same_days,
    label_choice,
    label_period,
    order_choices,
    resolve_filters,
    same_day_year_before,
    write_query,
)
from dashboards.language import Words
from dashboards.published import Source, read_choices
from data_contracts.periods import natural_end
from data_contracts.publications import Publication
from tests.fixtures.publication import FOOD_BANK, TERRITORY


def test_an_empty_address_shows_the_latest_year_to_date(to_date: Filters) -> None:
    assert to_date.period.code == "2024-to-date"
    assert to_date.period.end == date(2024, 6, 25)
    assert to_date.food_bank.food_bank_id == FOOD_BANK
    assert to_date.territory_name == "Dijon Métropole"
    assert to_date.language == "fr"


@pytest.mark.parametrize("code", ["2023", "2023-Q4", "2023-11", "2024-to-date", "2024-Q2"])
def test_a_period_code_of_the_address_comes_back_as_it_was(
    publication: Publication, code: str
) -> None:
    filters, ignored = resolve_filters({"period": code}, read_choices(Source.of(publication)))
    assert filters.period.code == code
    assert ignored == ()


def test_unknown_values_are_ignored_with_a_note(publication: Publication) -> None:
    asked = {"period": "2019", "food_bank": "nowhere", "territory": "x", "lang": "de"}
    filters, ignored = resolve_filters(asked, read_choices(Source.of(publication)))
    assert filters.period.code == "2024-to-date"
    assert filters.territory_code == TERRITORY
    assert filters.language == "fr"
    assert {value.parameter for value in ignored} == set(asked)


def test_the_territory_can_be_left_out(publication: Publication) -> None:
    filters, ignored = resolve_filters({"territory": "none"}, read_choices(Source.of(publication)))
    assert filters.territory_code is None
    assert ignored == ()


def test_the_query_leads_back_to_the_same_state(publication: Publication) -> None:
    choices = read_choices(Source.of(publication))
    filters, _ = resolve_filters({"period": "2023-Q4", "lang": "en"}, choices)
    query = dict(part.split("=") for part in write_query(filters).split("&"))
    assert resolve_filters(query, choices)[0] == filters


def test_the_29th_of_february_compares_with_the_28th() -> None:
    assert same_day_year_before(date(2024, 2, 29)) == date(2023, 2, 28)
    assert is_same_days(date(2024, 2, 1), date(2024, 2, 29), date(2023, 2, 1), date(2023, 2, 28))
    assert is_same_days(date(2025, 2, 1), date(2025, 2, 28), date(2024, 2, 1), date(2024, 2, 29))
    assert not is_same_days(
        date(2024, 6, 1), date(2024, 6, 25), date(2023, 6, 1), date(2023, 6, 30)
    )


def test_a_period_ends_on_its_last_calendar_day() -> None:
    assert natural_end("month", date(2024, 2, 1)) == date(2024, 2, 29)
    assert natural_end("quarter", date(2023, 10, 1)) == date(2023, 12, 31)
    assert natural_end("year", date(2023, 1, 1)) == date(2023, 12, 31)


def test_labels_say_what_a_period_holds(french: Words, english: Words) -> None:
    to_date = Period("year_to_date", date(2024, 1, 1), date(2024, 6, 25))
    quarter = Period("quarter", date(2023, 10, 1), date(2023, 12, 31))
    partial = Period("month", date(2024, 6, 1), date(2024, 6, 25), is_partial=True)
    assert label_period(french, to_date) == "du 1er janvier au 25 juin 2024"
    assert label_period(english, to_date) == "1 January to 25 June 2024"
    assert label_period(french, quarter) == "4e trimestre 2023"
    assert label_choice(french, partial) == "juin 2024 (en cours)"
    assert label_period(french, partial) == "du 1er juin au 25 juin 2024"


def test_the_list_offers_the_latest_first_and_no_partial_year(publication: Publication) -> None:
    periods = order_choices(read_choices(Source.of(publication)).periods[FOOD_BANK])
    codes = [period.code for period in periods]
    assert codes[:4] == ["2024-to-date", "2023", "2024-Q2", "2024-Q1"]
    assert "2024" not in codes
    assert "2023-to-date" not in codes
    assert len(codes) == 1 + 1 + 6 + 18
