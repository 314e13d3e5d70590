"""Which returns there are, for which periods, and the lines of their forms.

Lines live in the seed `return_lines`; what fills them belongs in `tables`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from data_contracts.periods import Period
from pipelines.settings import DBT_PROJECT_DIR

LINES_FILE = DBT_PROJECT_DIR / "seeds" / "return_lines.csv"


class ReturnError(Exception):
    """The return cannot be made as asked; the message says why and what can be asked."""


@dataclass(frozen=True)
class Return:
    """A return: its code, what it is, the kinds of periods for which it is made."""

    code: str
    title_fr: str
    title_en: str
    periods: tuple[str, ...]
    example: str

    def title(self, language: str) -> str:
        return self.title_fr if language == "fr" else self.title_en


RETURNS: Mapping[str, Return] = {
    one.code: one
    for one in (
        Return(
            "annual-activity",
            "Activité annuelle (fédération et État, SIAA)",
            "Annual activity (federation and State)",
            ("year", "year_to_date"),
            "2023",
        ),
        Return(
            "quarterly-departments",
            "Volumes et inscriptions du trimestre par département",
            "Volumes and registrations of the quarter by département",
            ("quarter",),
            "2024-Q1",
        ),
        Return(
            "programme-ledgers",
            "Registres des programmes publics (FSE+, crédit épiceries, Mieux manger pour tous)",
            "Ledgers of public programmes (ESF+, grocery credit, better food)",
            ("month", "quarter", "year", "year_to_date", "span"),
            "2024-to-date",
        ),
        Return(
            "european-observatory",
            "Observatoire européen du don alimentaire, quatre domaines",
            "European observatory on food donation, four areas",
            ("year", "year_to_date"),
            "2023",
        ),
    )
}


@dataclass(frozen=True)
class Line:
    """A line of a form: rows of a measure whose `column` has one of `codes`, or an indicator."""

    return_code: str
    section: str
    code: str
    labels: Mapping[str, str]
    unit: str
    measure: str
    column: str
    codes: tuple[str, ...]
    source: str
    is_verified: bool
    note: str

    @property
    def indicator(self) -> tuple[str, str]:
        """Code and variant of the indicator that fills the line."""
        code, _, variant = self.codes[0].partition(":")
        return code, variant


@cache
def load_lines(return_code: str) -> tuple[Line, ...]:
    """The lines of a return in their order; none where its tables have no fixed lines."""
    with LINES_FILE.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["return_code"] == return_code]
    return tuple(_read_line(row) for row in sorted(rows, key=lambda row: int(row["position"])))


def _read_line(row: Mapping[str, str]) -> Line:
    column, is_selection, codes = row["selector"].rpartition("=")
    return Line(
        return_code=row["return_code"],
        section=row["section"],
        code=row["line_code"],
        labels={"fr": row["label_fr"], "en": row["label_en"]},
        unit=row["unit"],
        measure=row["measure"],
        column=column if is_selection else "",
        codes=tuple(codes.split("|")),
        source=row["source"],
        is_verified=row["is_verified"] == "true",
        note=row["note"],
    )


def find_return(code: str) -> Return:
    """The return of a code. Raises ReturnError for an unknown one."""
    if code not in RETURNS:
        raise ReturnError(f"{code!r} is no return; there are {', '.join(RETURNS)}, and open-data")
    return RETURNS[code]


def check_period(form: Return, period: Period) -> None:
    """Raises ReturnError where a return is not made for this kind of period."""
    if period.kind not in form.periods:
        kinds = " or ".join(kind.replace("_", " ") for kind in form.periods)
        raise ReturnError(
            f"{form.code} is made for a {kinds}, not for {period.code}; ask for"
            f" --period {form.example}"
        )
