"""Why a publication is refused or damaged, so that it can be told in the language of a reader.

A reason is a sentence in English, for logs and the command line, with a code and values. How a code
is put into words belongs in `dashboards/language/decisions.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

ReasonValue = str | int | date | Decimal

# How values are read that JSON has as text; all others are text or whole numbers.
_READERS: dict[str, Callable[[str], ReasonValue]] = {
    "month": date.fromisoformat,
    "date": date.fromisoformat,
    "kg": Decimal,
    "outside_kg": Decimal,
    "before": Decimal,
    "after": Decimal,
}


class Reason(str):
    """A sentence that also tells its `code` and `values`, by name."""

    code: str
    values: Mapping[str, ReasonValue]

    def __new__(cls, sentence: str, code: str, **values: ReasonValue) -> Reason:
        """`code`: what `refusal.<code>` of the catalogues tells."""
        reason = super().__new__(cls, sentence)
        reason.code, reason.values = code, values
        return reason

    def __getnewargs_ex__(self) -> tuple[tuple[str, str], dict[str, ReasonValue]]:
        return (str(self), self.code), dict(self.values)


def put_under(heading: str, sentence: str, **values: ReasonValue) -> str:
    """`heading: sentence`, of a reason with its code, its values and those that are added."""
    text = f"{heading}: {sentence}"
    if not isinstance(sentence, Reason):
        return text
    return Reason(text, sentence.code, **{**sentence.values, **values})


def list_codes(sentences: Iterable[str]) -> list[dict[str, Any] | None]:
    """Code and values of each reason, as JSON takes them; None for a plain sentence."""
    return [
        {
            "code": sentence.code,
            "values": {
                name: value if isinstance(value, int) else str(value)
                for name, value in sentence.values.items()
            },
        }
        if isinstance(sentence, Reason)
        else None
        for sentence in sentences
    ]


def read_reasons(refusal: Mapping[str, Any]) -> list[str]:
    """The reasons of a refusal of `STATUS.json`: sentences, with their codes where it has them."""
    sentences: list[str] = refusal["reasons"]
    codes = refusal.get("codes")
    if not isinstance(codes, list) or len(codes) != len(sentences):
        return sentences
    return [_read_reason(*entry) for entry in zip(sentences, codes, strict=True)]


def _read_reason(sentence: str, coded: Any) -> str:
    """A plain sentence where its code cannot be read."""
    try:
        values = {
            name: _READERS[name](value) if name in _READERS else value
            for name, value in coded["values"].items()
        }
        if all(isinstance(value, ReasonValue) for value in values.values()):
            return Reason(sentence, coded["code"], **values)
    except (TypeError, KeyError, AttributeError, ValueError, ArithmeticError):
        pass  # as where it has none
    return sentence
