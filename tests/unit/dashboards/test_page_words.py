"""Both catalogues are complete, and numbers are written as people read them."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from string import Formatter

import pytest
from babel.numbers import format_decimal

from dashboards.language import LANGUAGES, Words, read_words
from dashboards.language.decisions import write_reason
from dashboards.language.formats import (
    write_date,
    write_growth,
    write_number,
    write_points,
    write_share,
    write_tonnes,
)
from data_contracts.reasons import read_reasons

PROJECT = Path(__file__).parents[3]
# E-mails of alerts are written in the words of the pages.
SOURCES = [
    path for room in ("dashboards", "pipelines/alerts") for path in (PROJECT / room).rglob("*.py")
]
TEXT_IDS = re.compile(r'words(?:\([a-z]+\))?\(\s*"([a-z0-9_.]+)"')
ALERT_IDS = re.compile(r'"((?:alert|decision)\.[a-z_.]+)"')
COUNTED_IDS = re.compile(r'words\.count\(\s*"([a-z_.]+)"')
COMPOSED_IDS = re.compile(r'words\(\s*f"([^"]+)"')
NARROW = "\u202f"


def _used_ids() -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in SOURCES]
    counted = {text_id for text in texts for text_id in COUNTED_IDS.findall(text)}
    used = {text_id for text in texts for text_id in TEXT_IDS.findall(text)}
    told = {text_id for text in texts for text_id in ALERT_IDS.findall(text)} - counted
    return used | told | {f"{text_id}.{form}" for text_id in counted for form in ("one", "other")}


def test_both_languages_have_the_same_texts() -> None:
    french, english = (read_words(language).texts for language in LANGUAGES)
    assert set(french) == set(english)
    assert all(text.strip() for text in [*french.values(), *english.values()])


def test_every_text_that_the_code_asks_for_exists() -> None:
    used = _used_ids()
    assert len(used) > 80
    assert used <= set(read_words("fr").texts)


def test_no_text_of_an_alert_is_left_over() -> None:
    told = {text_id for text_id in read_words("fr").texts if text_id.startswith("alert.")}
    used = _used_ids()
    assert told <= used | {f"{text_id}.one" for text_id in used} and len(told) > 10


def test_every_composed_identifier_has_at_least_one_text() -> None:
    texts = read_words("fr").texts
    for path in SOURCES:
        for composed in COMPOSED_IDS.findall(path.read_text(encoding="utf-8")):
            pattern = re.compile(re.sub(r"\\{.*?\\}", ".+", re.escape(composed)) + "$")
            assert any(pattern.match(text_id) for text_id in texts), composed


@pytest.mark.parametrize(
    "codes",
    [None, "x", [], [None], [{}], [{"code": "more"}], [{"code": 3, "values": []}],
     [{"code": "outside", "values": {"kg": "many"}}], [{"code": "more", "values": {"count": []}}],
     [{"code": "no such code", "values": {}}], [{"code": "more", "values": {"other": 1}}]],
    ids=str,
)  # fmt: skip
def test_a_reason_whose_code_cannot_be_read_is_told_by_its_sentence(codes: object) -> None:
    """As of earlier versions, which wrote sentences only."""
    refusal: dict[str, object] = {"reasons": ["too few rows"]}
    if codes is not None:
        refusal["codes"] = codes
    (reason,) = read_reasons(refusal)
    assert reason == "too few rows"
    assert write_reason(read_words("fr"), reason) == "too few rows"


def test_every_reason_of_a_refusal_is_given_somewhere() -> None:
    """By its code, or its last part where the code is put together."""
    rooms = ("data_contracts", "pipelines/publish", "pipelines/quality", "pipelines/warehouse")
    paths = [path for room in rooms for path in (PROJECT / room).rglob("*.py")]
    sources = "".join(path.read_text("utf-8") for path in [*paths, PROJECT / "pipelines/health.py"])
    given = set(re.findall(r'"([a-z_.]+)"', sources))
    texts = [t for t in read_words("fr").texts if t.startswith("refusal.")]
    codes = {text_id.removeprefix("refusal.") for text_id in texts}
    assert len(codes) > 20
    assert {code for code in codes if not {code, code.split(".")[-1]} & given} == set()
    people = {f"people.{kind}" for kind in ("below_threshold", "unguarded", "not_rounded",
                                            "too_few_values")}  # fmt: skip
    asked = set(re.findall(r'Reason\([^)]*?"((?:people|damaged|audience)\.[a-z_]+)"', sources))
    assert people | asked <= codes and len(asked) > 5


@pytest.mark.parametrize("text_id", sorted(read_words("fr").texts))
def test_both_languages_take_the_same_values(text_id: str) -> None:
    fields = [
        {name for _, name, _, _ in Formatter().parse(read_words(language)(text_id)) if name}
        for language in LANGUAGES
    ]
    assert fields[0] == fields[1]


def test_french_numbers_have_a_narrow_space_and_a_comma(french: Words) -> None:
    assert write_number(french, Decimal("1234.5"), 1) == f"1{NARROW}234,5"
    assert write_tonnes(french, Decimal("1234500")) == f"1{NARROW}234,5\u00a0t"
    assert write_share(french, Decimal("0.4978")) == f"49,8{NARROW}%"
    assert write_growth(french, Decimal("0.036")) == f"+3,6{NARROW}%"
    assert write_points(french, Decimal("0.012")) == "+1,2 point"
    assert write_points(french, Decimal("-0.024")) == "-2,4 points"


def test_english_numbers_have_a_comma_and_a_point(english: Words) -> None:
    assert write_number(english, Decimal("1234.5"), 1) == "1,234.5"
    assert write_share(english, Decimal("0.4978")) == "49.8%"


def test_zero_is_a_true_zero_only(french: Words) -> None:
    assert write_tonnes(french, Decimal(0)) == "0\u00a0t"
    assert write_tonnes(french, Decimal(12)) == "0,012\u00a0t"
    assert write_tonnes(french, None) == "n.d."
    assert write_number(french, None) == "n.d."
    for decimals in range(3):
        assert write_number(french, Decimal("0.000"), decimals) == "0"
    assert write_share(french, Decimal(0)) == f"0{NARROW}%"
    assert write_growth(french, Decimal(0)) == f"0{NARROW}%"
    assert write_points(french, Decimal(0)) == "0 point"
    for small in (Decimal("0.04"), Decimal("-0.04"), Decimal("0.0004")):
        assert write_number(french, small) == write_number(french, small, 1) == "0,0"
    assert write_number(french, Decimal("0.3")) == "0,3"
    assert write_share(french, Decimal("0.0001")) == f"0,0{NARROW}%"


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_are_written_as_babel_writes_them(language: str) -> None:
    words, random = read_words(language), Random(7)
    for decimals in range(5):
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        for _ in range(400):
            size = random.choice((1, 10, 10**4, 10**7, 10**10))
            value = Decimal(random.randint(-(10**6), 10**6)) * size / 10**6
            if abs(value) >= 1:
                rounded = round(value, decimals)
                expected = format_decimal(rounded, format=pattern, locale=words.locale)
                assert write_number(words, value, decimals) == expected


def test_a_fall_keeps_the_ascii_minus_and_a_flat_change_no_sign(french: Words) -> None:
    assert write_growth(french, Decimal("-0.08")) == f"-8,0{NARROW}%"
    assert write_growth(french, Decimal("-0.00001")) == f"0,0{NARROW}%"


def test_the_first_of_a_month_is_written_1er(french: Words, english: Words) -> None:
    assert write_date(french, date(2024, 1, 1)) == "1er janvier 2024"
    assert write_date(french, date(2024, 1, 11)) == "11 janvier 2024"
    assert write_date(english, date(2024, 1, 1)) == "1 January 2024"
