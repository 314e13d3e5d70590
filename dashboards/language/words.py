"""Reads the gettext catalogues and gives texts by their identifier.

Here live the lookup of a text and the spaces that French typography asks for. Numbers and dates
are written in `formats.py`. The `.po` files are read as they are: no compiled file is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from babel.messages.pofile import read_po

LANGUAGES = ("fr", "en")
DEFAULT_LANGUAGE = "fr"

NO_BREAK_SPACE = "\u00a0"
NARROW_NO_BREAK_SPACE = "\u202f"


@dataclass(frozen=True)
class Words:
    """Texts and formats of one language."""

    language: str
    texts: Mapping[str, str] = field(repr=False, compare=False)

    @property
    def locale(self) -> str:
        """Locale of Babel."""
        return {"fr": "fr_FR", "en": "en_GB"}[self.language]

    def __call__(self, text_id: str, **values: object) -> str:
        """The text of `text_id` with its values. Raises KeyError where no catalogue has it."""
        text = self.texts[text_id]
        return text.format(**values) if values else text

    def code(self, group: str, code: str) -> str:
        """Label of a published code (`partner_kind.ccas`); the code itself where it has none."""
        return self.texts.get(f"{group}.{code}", code)

    def count(self, text_id: str, number: int, **values: object) -> str:
        """The text of `text_id` for one or for several (`<text_id>.one`, `<text_id>.other`).

        French takes the singular below two, English for one only.
        """
        is_one = number in (0, 1) if self.language == "fr" else number == 1
        return self(f"{text_id}.{'one' if is_one else 'other'}", **values)


def space_french(text: str) -> str:
    """Puts the no-break spaces of French typography before `: ; ? ! % »` and after `«`."""
    text = re.sub(r" ([;?!%])", NARROW_NO_BREAK_SPACE + r"\1", text)
    text = re.sub(r" ([:»])", NO_BREAK_SPACE + r"\1", text)
    return text.replace("« ", "«" + NO_BREAK_SPACE)


@lru_cache(maxsize=len(LANGUAGES))
def read_words(language: str) -> Words:
    """Texts of a language, read from its catalogue. Raises ValueError for an unknown language."""
    if language not in LANGUAGES:
        raise ValueError(f"{language!r} is not a language of the screens: {', '.join(LANGUAGES)}")
    path = Path(__file__).with_name(f"{language}.po")
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    texts = {
        str(message.id): str(message.string)
        for message in catalogue
        if message.id and message.string
    }
    if language == "fr":
        texts = {text_id: space_french(text) for text_id, text in texts.items()}
    return Words(language, texts)
