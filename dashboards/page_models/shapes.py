"""Figures of the same shape on several pages: ranked, lines, a waterfall, a table, an absent one.

Here live their columns, their titles (`<figure>.title.finding`, else `<figure>.title`) and their
alternative texts, so that a page says only which rows it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from dashboards.figure_models import Cell, Column, FigureModel, write_measure
from dashboards.filters import label_period
from dashboards.kpis import Scope
from dashboards.language.formats import write_share, write_short_month
from dashboards.language.words import Words
from dashboards.readings import has_records_before
from data_contracts.loader import load_records

ZERO = Decimal(0)
REST = "rest"
Amounts = Mapping[str, tuple[Decimal, Decimal | None]]


def write_subtitle(scope: Scope, figure_id: str) -> str:
    """Measure and unit, then place and period."""
    return scope.words(
        "figure.subtitle",
        measure=scope.words(f"{figure_id}.subtitle"),
        food_bank=scope.filters.food_bank.name,
        period=label_period(scope.words, scope.filters.period),
    )


def write_title(words: Words, figure_id: str, **values: str) -> str:
    """The finding where there is one, else what the figure is about.

    `count` in the singular takes the text `<figure>.title.finding.one` where there is one.
    """
    if not values:
        return words(f"{figure_id}.title")
    text_id = f"{figure_id}.title.finding"
    is_one = values.get("count") in (("0", "1") if words.language == "fr" else ("1",))
    if is_one and f"{text_id}.one" in words.texts:
        return words.texts[f"{text_id}.one"].format(**values)
    return words(f"{figure_id}.title.finding", **values)


def has_year_before(scope: Scope) -> bool:
    """Whether records cover the first month of the period a year before."""
    first = scope.filters.period.start.replace(day=1)
    return has_records_before(
        scope.filters.food_bank.first_date, first.replace(year=first.year - 1)
    )


def keep_largest(amounts: Amounts, keep: int) -> list[tuple[str, Decimal, Decimal | None]]:
    """The largest amounts in order, the others added up under `rest` where they are several."""
    ranked = sorted(amounts.items(), key=lambda item: (-item[1][0], item[0]))
    if len(ranked) <= keep + 1:
        return [(code, value, earlier) for code, (value, earlier) in ranked]
    rest = [amount for _, amount in ranked[keep:]]
    return [(code, value, earlier) for code, (value, earlier) in ranked[:keep]] + [
        (
            REST,
            sum((value for value, _ in rest), ZERO),
            None
            if any(earlier is None for _, earlier in rest)
            else sum((earlier or ZERO for _, earlier in rest), ZERO),
        )
    ]


def build_ranked(
    scope: Scope,
    figure_id: str,
    amounts: Amounts,
    label: Callable[[str], str],
    *,
    kind: str = "tonnes",
    keep: int = 8,
    key: str = "weight_kg",
    opens: str = "",
    method: str = "",
    notes: tuple[str, ...] = (),
) -> FigureModel:
    """Amounts by code, the largest first, with their part of the whole and the same days before.

    `opens`: the parameter of the address that a code sets.
    """
    words = scope.words
    compares = has_year_before(scope)
    total = sum((value for value, _ in amounts.values()), ZERO)
    rows: list[tuple[Cell, ...]] = []
    for code, value, before in keep_largest(amounts, keep):
        earlier = before if compares else None
        rows.append(
            (
                code,
                words("column.rest") if code == REST else label(code),
                value,
                value / total if total > 0 else None,
                earlier,
                value / earlier - 1 if earlier and earlier > 0 else None,
            )
        )
    title, alt = write_title(words, figure_id), words("figure.empty")
    if rows and total > 0:
        _, first_label, first, share, *_ = rows[0]
        text = write_share(words, share if isinstance(share, Decimal) else None, 0)
        value_text = write_measure(words, kind, first)
        title = write_title(
            words, figure_id, label=str(first_label), share=text, value=value_text,
            total=write_measure(words, kind, total),
        )  # fmt: skip
        alt = words(
            "ranked.alt",
            label=str(first_label),
            value=value_text,
            share=text,
            rows=len(rows),
            total=write_measure(words, kind, total),
        )
    year = scope.filters.period.start.year
    return FigureModel(
        figure_id=figure_id,
        kind="ranked",
        title=title,
        subtitle=write_subtitle(scope, figure_id),
        alt=alt,
        columns=(
            Column("code", "", opens=opens),
            Column("label", words(f"{figure_id}.column"), role="label"),
            Column(key, words.code("measure_name", kind), kind, "value"),
            Column("share", words("column.share"), "share", "share"),
            Column(f"{key}_same_days", words("column.same_days"), kind, "earlier"),
            Column("difference_share", words("column.difference"), "growth"),
        ),
        rows=tuple(rows),
        method=method,
        notes=notes,
        state="ok" if rows and total > 0 else "empty",
        labels=(str(year), words("partner_kinds.same_days", year=year - 1)),
    )


def build_lines(
    scope: Scope,
    figure_id: str,
    values: Mapping[tuple[str, date], Decimal | None],
    label: Callable[[str], str],
    *,
    kind: str = "tonnes",
    key: str = "weight_kg",
    write_day: Callable[[Words, date], str] = write_short_month,
    method: str = "",
    notes: tuple[str, ...] = (),
    finding: Mapping[str, str] | None = None,
) -> FigureModel:
    """Values by series and day, at most four series and the rest, in the order of their sums."""
    words = scope.words
    sums: dict[str, Decimal] = {}
    for (code, _), value in values.items():
        sums[code] = sums.get(code, ZERO) + (value or ZERO)
    order = sorted(sums, key=lambda code: (-sums[code], code))
    kept = order if len(order) <= 5 else order[:4]
    days = sorted({day for _, day in values})
    rows: list[tuple[Cell, ...]] = []
    for code in [*kept, *([REST] if len(kept) < len(order) else [])]:
        members = [code] if code != REST else order[4:]
        name = words("column.rest") if code == REST else label(code)
        for day in days:
            known = [values[member, day] for member in members if (member, day) in values]
            found = [value for value in known if value is not None]
            rows.append(
                (code, name, day, write_day(words, day), sum(found, ZERO) if found else None)
            )
    known_rows = [row for row in rows if row[4] is not None]
    alt = words("figure.empty")
    if known_rows:
        last = known_rows[-1]
        alt = words(
            "lines.alt",
            series=len(kept) + (len(kept) < len(order)),
            label=str(last[1]) or words(f"{figure_id}.title"),
            day=str(last[3]),
            value=write_measure(words, kind, last[4]),
        )
    return FigureModel(
        figure_id=figure_id,
        kind="lines",
        title=write_title(words, figure_id, **dict(finding or {})),
        subtitle=write_subtitle(scope, figure_id),
        alt=alt,
        columns=(
            Column("code", ""),
            Column("series", words(f"{figure_id}.column"), role="series"),
            Column("starts_on", words("column.from_day"), "date", "x"),
            Column("starts_on_short", "", role="x_label"),
            Column(key, words.code("measure_name", kind), kind, "value"),
        ),
        rows=tuple(rows),
        method=method,
        notes=notes,
        state="ok" if known_rows else "empty",
    )


def build_table(
    scope: Scope,
    figure_id: str,
    columns: Sequence[Column],
    rows: Sequence[tuple[Cell, ...]],
    *,
    kind: str = "table",
    finding: Mapping[str, str] | None = None,
    alt: str | None = None,
    method: str = "",
    notes: tuple[str, ...] = (),
    empty: str | None = None,
) -> FigureModel:
    """Rows as they are; the title is the finding where the page has one."""
    words = scope.words
    return FigureModel(
        figure_id=figure_id,
        kind=kind,
        title=write_title(words, figure_id, **dict(finding or {})),
        subtitle=write_subtitle(scope, figure_id),
        alt=alt or words("table.alt", rows=len(rows)),
        columns=tuple(columns),
        rows=tuple(rows),
        method=method,
        notes=notes if rows or empty is None else (*notes, empty),
        state="ok" if rows else "empty",
    )


def build_absent(scope: Scope, figure_id: str, record: str) -> FigureModel:
    """A figure whose record the food bank does not supply: says so, with an example to take away.

    `labels` holds the record where it has a contract: the example file is made from it.
    """
    words = scope.words
    missing = words("not_supplied.record", record=words.code("record", record))
    return FigureModel(
        figure_id=figure_id,
        kind="none",
        title=words(f"{figure_id}.title"),
        subtitle=write_subtitle(scope, figure_id),
        alt=missing,
        columns=(),
        rows=(),
        notes=(missing,),
        state="not_supplied",
        labels=(record,) if record in load_records() else (),
    )
