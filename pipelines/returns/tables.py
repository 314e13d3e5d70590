"""Fills the lines of returns from the published marts of one food bank.

A return is a list of tables with their columns; kilograms stay kilograms, exact to the gram. Which
lines there are is said in `forms`, how a table becomes a file in `files`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from data_contracts.periods import Period
from data_contracts.publications import Publication, open_current, open_edition
from data_contracts.spreadsheets import Value
from pipelines.returns.forms import Line, ReturnError, check_period, find_return, load_lines

COMMUNE, UNKNOWN = "^[0-9][0-9AB][0-9]{3}$", "unknown"
ZERO, CENT = Decimal(0), Decimal("0.01")
SIGNS = {"received": 1, "delivered": 1, "returned": -1, "parcels": 1, "removed": 1}
# The flows that a measure adds up, and the column of the marts that its categories come from.
FLOWS = {
    "received": (("received",), "channel"),
    "distributed": (("delivered", "returned", "parcels"), "partner_kind"),
    "removed": (("removed",), "mode"),
}
# Sections of the first form whose lines name every category of a measure, once each.
NAMED = ("received_by_source", "distributed_by_partner", "removed_by_reason")
REMAINDER = {"fr": "Autre ou non renseigné", "en": "Other or unknown"}
TOTAL = {"fr": "Total", "en": "Total"}


@dataclass(frozen=True)
class Table:
    """One table of a return. `columns`: name, label, kind {text, month, kg, eur, number, flag};
    `code` names its file."""

    code: str
    title: str
    columns: tuple[tuple[str, str, str], ...]
    rows: tuple[tuple[Value, ...], ...]

    def values(self, name: str) -> list[Value]:
        """The values of a column, in the order of the rows."""
        index = [column[0] for column in self.columns].index(name)
        return [row[index] for row in self.rows]


@dataclass(frozen=True)
class Asked:
    """A food bank, a period and the publication or edition that fills the tables."""

    publication: Publication
    food_bank: Mapping[str, Any]
    period: Period
    language: str = "fr"

    @property
    def food_bank_id(self) -> str:
        return str(self.food_bank["food_bank_id"])

    @property
    def data_date(self) -> date:
        """The last day that counts: of the edition where one is asked for."""
        data_date: date = self.food_bank["data_date"]
        edition = self.publication.edition
        return min(data_date, edition.end) if edition else data_date

    @property
    def end(self) -> date:
        """Last day of the period that the figures hold."""
        return min(self.period.natural_end, self.data_date)

    @property
    def is_partial(self) -> bool:
        return self.data_date < self.period.natural_end

    def text(self, french: str, english: str) -> str:
        return french if self.language == "fr" else english

    def read_months(self, mart: str) -> pl.DataFrame:
        """Rows of the food bank in the months of the period."""
        return (
            self.publication.scan(mart)
            .filter(
                pl.col("food_bank_id") == self.food_bank_id,
                pl.col("month").is_between(self.period.start, self.end),
            )
            .collect()
        )


def ask(
    published_dir: Path,
    food_bank_id: str,
    period: Period,
    *,
    edition: str | None = None,
    language: str = "fr",
) -> Asked:
    """Open what fills the returns of a food bank: the current publication, or an edition of it.

    `edition`: `<territory>-<number>`. Raises ReturnError for an unknown food bank or edition, or a
    period that its records do not reach.
    """
    audience = f"food_banks/{food_bank_id}"
    if edition is None:
        publication = open_current(published_dir, audience)
    else:
        territory, number = _read_edition(edition)
        publication = open_edition(published_dir, territory, audience, number)
    banks = publication.read("mart_food_banks").filter(pl.col("food_bank_id") == food_bank_id)
    if not banks.height or banks["data_date"][0] is None:
        raise ReturnError(f"{food_bank_id} has no published records")
    asked = Asked(publication, banks.row(0, named=True), period, language)
    if asked.period.start > asked.data_date:
        raise ReturnError(f"{food_bank_id} has no records of {period.code}: its last day is"
                          f" {asked.data_date}")  # fmt: skip
    if period.kind == "year_to_date" and period.start.year != asked.data_date.year:
        raise ReturnError(f"{period.code} is over: ask for --period {period.start.year}")
    return asked


def list_food_banks(published_dir: Path, edition: str | None) -> list[str]:
    """Food banks of the current publication that have figures, or of an edition."""
    if edition is None:
        banks = open_current(published_dir).read("mart_food_banks").sort("position")
        return banks.filter(pl.col("data_date").is_not_null())["food_bank_id"].to_list()
    territory, number = _read_edition(edition)
    opened = open_edition(published_dir, territory, "public", number).edition
    return list(opened.food_banks) if opened else []


def _read_edition(edition: str) -> tuple[str, int]:
    territory, _, number = edition.partition("-")
    if not number.isdigit():
        raise ReturnError(f"{edition!r} is no edition; write <territory>-<number>")
    return territory, int(number)


def build_return(code: str, asked: Asked) -> tuple[Table, ...]:
    """The tables of a return. Raises ReturnError where it is not made for the period."""
    form = find_return(code)
    check_period(form, asked.period)
    return _BUILDERS[code](asked)


def read_flows(asked: Asked) -> pl.DataFrame:
    """Flows of the period: `flow`, its categories, `is_food`, `signed_kg` (returns count less)."""
    return asked.read_months("mart_flows_monthly").with_columns(
        signed_kg=pl.col("weight_kg") * pl.col("flow").replace_strict(SIGNS, default=0)
    )


def select_flows(flows: pl.DataFrame, measure: str, is_food: bool = True) -> pl.DataFrame:
    """Rows of the flows that a measure adds up: food, or what is not eaten."""
    return flows.filter(pl.col("flow").is_in(FLOWS[measure][0]), pl.col("is_food") == is_food)


def read_labels(language: str) -> dict[str, str]:
    """What channels, kinds of partners and reasons are called."""
    return {
        code: line.labels[language]
        for line in load_lines("annual-activity")
        if line.section in NAMED
        for code in line.codes
    }


def title_section(section: str, language: str) -> str:
    return _SECTIONS[section][language]


def sum_kg(frame: pl.DataFrame, column: str = "signed_kg") -> Decimal:
    """Exact sum of kilograms, zero of nothing."""
    total = frame[column].sum() if frame.height else 0
    return Decimal(str(total))


def _fill_lines(asked: Asked, code: str) -> tuple[Table, ...]:
    """A form with fixed lines: a table per section; kilograms end with what no line takes, and with
    their total."""
    lines = load_lines(code)
    flows = read_flows(asked)
    sections = list(dict.fromkeys(line.section for line in lines))
    return tuple(
        _fill_section(asked, section, [line for line in lines if line.section == section], flows)
        for section in sections
    )


def _fill_section(asked: Asked, section: str, lines: Sequence[Line], flows: pl.DataFrame) -> Table:
    measure = lines[0].measure
    language = asked.language
    base: pl.DataFrame | None = None
    amount = "signed_kg"
    if measure in FLOWS:
        base = select_flows(flows, measure)
    elif measure == "removals":
        base = asked.read_months("mart_removals_monthly").filter(pl.col("is_food"))
        amount = "removed_kg"
    rows: list[tuple[Value, ...]] = []
    for line in lines:
        if base is not None:
            value: Value = sum_kg(base.filter(pl.col(line.column).is_in(line.codes)), amount)
        elif measure == "nutrition":
            value = _read_nutrition(asked, line)
        else:
            value = _read_indicator(asked, *line.indicator)
        rows.append((line.code, line.labels[language], value, line.unit, line.is_verified))
    if base is not None:
        whole = sum_kg(base, amount)
        rest = whole - sum((Decimal(str(row[2])) for row in rows), ZERO)
        if rest:
            rows.append((f"{section}_rest", REMAINDER[language], rest, "kg", None))
        rows.append((f"{section}_total", TOTAL[language], whole, "kg", None))
    return Table(section, title_section(section, language), _line_columns(asked), tuple(rows))


def _line_columns(asked: Asked) -> tuple[tuple[str, str, str], ...]:
    return (
        ("line_code", asked.text("Ligne", "Line"), "text"),
        ("label", asked.text("Libellé", "Label"), "text"),
        ("value", asked.text("Valeur", "Value"), "number"),
        ("unit", asked.text("Unité", "Unit"), "text"),
        ("is_verified", asked.text("Lue dans le formulaire", "Read in the form"), "flag"),
    )


def _read_indicator(asked: Asked, code: str, variant: str) -> Decimal | None:
    """The published value of the food bank and period; None where it is not known."""
    rows = (
        asked.publication.scan("mart_indicators")
        .filter(
            pl.col("scope_kind") == "food_bank",
            pl.col("scope_id") == asked.food_bank_id,
            pl.col("indicator_code") == code,
            pl.col("variant") == variant,
            pl.col("period_kind") == asked.period.kind,
            pl.col("period_start") == asked.period.start,
            ~pl.col("is_suppressed"),
        )
        .collect()
    )
    return rows["value"][0] if rows.height else None


def _read_nutrition(asked: Asked, line: Line) -> Decimal | None:
    frame = asked.read_months("mart_nutrition_monthly")
    whole = sum_kg(frame, "weight_kg")
    part = sum_kg(frame.filter(pl.col(line.column).is_in(line.codes)), "weight_kg")
    return part / whole if whole else None


def _build_departments(asked: Asked) -> tuple[Table, ...]:
    """Volumes by the département of the commune of the partner (of the household for parcels), and
    registrations of each month of the quarter."""
    code = pl.col("commune_code")
    # Two characters of the commune's code, three overseas.
    length = pl.when(code.str.slice(0, 2).is_in(["97", "98"])).then(3).otherwise(2)
    department = pl.when(code.str.contains(COMMUNE)).then(code.str.slice(0, length))

    def by_department(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(departement=department.otherwise(pl.lit(UNKNOWN)))

    flows = by_department(select_flows(read_flows(asked), "distributed"))
    declared = by_department(asked.read_months("mart_declared_people_monthly"))
    months = [month for month in asked.period.months() if month <= asked.end]
    rows: list[tuple[Value, ...]] = []
    for name in sorted({*flows["departement"], *declared["departement"]}):
        own = flows.filter(pl.col("departement") == name)
        parcels = own.filter(pl.col("flow") == "parcels")
        people: list[Decimal | None] = []
        for month in months:
            of_month = declared.filter(
                pl.col("departement") == name,
                pl.col("month") == month,
                pl.col("partners_reporting") > 0,
            )
            people.append(sum_kg(of_month, "people") if of_month.height else None)
        known = [count for count in people if count is not None]
        report = declared.filter(pl.col("departement") == name)
        rows.append(
            (
                asked.text("inconnu", "unknown") if name == UNKNOWN else name,
                sum_kg(own) - sum_kg(parcels),
                sum_kg(parcels),
                sum_kg(own),
                *people,
                (sum(known, ZERO) / len(known)).quantize(CENT) if known else None,
                int(sum_kg(report, "partners_reporting")),
                int(sum_kg(report, "partners_expected")),
            )
        )
    text = asked.text
    return (
        Table(
            "departements",
            text("Par département", "By département"),
            (
                ("departement", text("Département", "Département"), "text"),
                ("partners_kg", text("Livré aux partenaires (kg)", "To partners (kg)"), "kg"),
                ("parcels_kg", text("Colis d'urgence (kg)", "Emergency parcels (kg)"), "kg"),
                ("distributed_kg", text("Distribué (kg)", "Distributed (kg)"), "kg"),
                *(
                    (f"people_{month:%Y_%m}",
                     text(f"Inscriptions {month:%Y-%m}", f"Registrations {month:%Y-%m}"), "number")
                    for month in months
                ),
                ("people_mean", text("Moyenne des mois déclarés", "Mean of the months declared"),
                 "number"),
                ("partner_months_reported", text("Mois de partenaires déclarés",
                                                 "Partner months reported"), "number"),
                ("partner_months_expected", text("Mois de partenaires attendus",
                                                 "Partner months expected"), "number"),
            ),
            tuple(rows),
        ),
    )  # fmt: skip


PROGRAMMES = {
    "eu_programme": ("Programme européen (FSE+)", "European programme (ESF+)"),
    "state_grocery_credit": ("Crédit national des épiceries sociales",
                             "State credit of social groceries"),
    "better_food_programme": ("Mieux manger pour tous", "Better food programme"),
}  # fmt: skip
OUTLETS = {
    "household": ("Foyers, par colis d'urgence", "Households, by emergency parcels"),
    "loss": ("Pertes", "Losses"),
    "transformation": ("Transformation", "Transformation"),
    "other_food_bank": ("Autre banque alimentaire", "Other food bank"),
}


def _build_programmes(asked: Asked) -> tuple[Table, ...]:
    """The ledger of each programme month by month and over the period, and its outlets."""
    frame = asked.read_months("mart_programmes_monthly").sort("programme", "month")
    terms = ("opening", "received", "out", "losses", "closing")
    rows: list[tuple[Value, ...]] = []
    for (programme,), ledger in frame.group_by("programme", maintain_order=True):
        label = asked.text(*PROGRAMMES[str(programme)])
        for row in ledger.iter_rows(named=True):
            rows.append(
                (programme, label, row["month"], *(row[f"{term}_kg"] for term in terms),
                 *(row[f"{term}_eur"] for term in terms), row["by_lot_kg"],
                 row["beyond_stock_kg"], row["with_cost_kg"])
            )  # fmt: skip
        rows.append(
            (
                programme,
                label,
                TOTAL[asked.language],
                *(_over_period(ledger, f"{term}_kg", term) for term in terms),
                *(_over_period(ledger, f"{term}_eur", term) for term in terms),
                *(sum_kg(ledger, name) for name in ("by_lot_kg", "beyond_stock_kg",
                                                    "with_cost_kg")),
            )
        )  # fmt: skip
    text = asked.text
    labels = {
        "opening": text("Début", "Opening"),
        "received": text("Reçu", "Received"),
        "out": text("Sorti", "Out"),
        "losses": text("Pertes", "Losses"),
        "closing": text("Fin", "Closing"),
    }
    ledger_table = Table(
        "registres",
        text("Registres", "Ledgers"),
        (
            ("programme", text("Code", "Code"), "text"),
            ("label", text("Programme", "Programme"), "text"),
            ("month", text("Mois", "Month"), "month"),
            *((f"{term}_kg", f"{labels[term]} (kg)", "kg") for term in terms),
            *((f"{term}_eur", f"{labels[term]} (€)", "eur") for term in terms),
            ("by_lot_kg", text("Lot connu (kg)", "Lot known (kg)"), "kg"),
            ("beyond_stock_kg", text("Au-delà du stock, non compté (kg)",
                                     "Beyond the stock, not counted (kg)"), "kg"),
            ("with_cost_kg", text("Reçu avec un coût (kg)", "Received with a cost (kg)"), "kg"),
        ),
        tuple(rows),
    )  # fmt: skip
    return (ledger_table, _build_outlets(asked))


def _over_period(ledger: pl.DataFrame, column: str, term: str) -> Decimal | None:
    """A term over months in their order: what opens the first, closes the last, or their sum."""
    values = ledger[column]
    if values.null_count():
        return None
    if term in ("opening", "closing"):
        return Decimal(str(values[0 if term == "opening" else -1]))
    return Decimal(str(values.sum()))


def _build_outlets(asked: Asked) -> Table:
    """Whom the food of each programme went to, by partner."""
    names = {
        row["place_id"]: (row["name"], row["kind"])
        for row in asked.publication.scan("mart_places")
        .filter(pl.col("food_bank_id") == asked.food_bank_id, pl.col("place_kind") == "partner")
        .collect()
        .iter_rows(named=True)
    }
    frame = (
        asked.read_months("mart_programme_outlets_monthly")
        .group_by("programme", "outlet_kind", "outlet_id")
        .agg(pl.col("weight_kg").sum(), pl.col("value_eur").sum())
        .sort("programme", "outlet_kind", "outlet_id")
    )
    labels = read_labels(asked.language)
    rows: list[tuple[Value, ...]] = []
    for row in frame.iter_rows(named=True):
        kind, outlet = row["outlet_kind"], row["outlet_id"]
        if kind == "partner":
            name, detail = names.get(outlet, (outlet, ""))
        else:
            name, detail = asked.text(*OUTLETS[kind]), outlet
        rows.append(
            (row["programme"], kind, outlet, name, labels.get(detail, detail), row["weight_kg"],
             row["value_eur"])
        )  # fmt: skip
    text = asked.text
    return Table(
        "sorties",
        text("Sorties et pertes", "Out and losses"),
        (
            ("programme", text("Programme", "Programme"), "text"),
            ("outlet_kind", text("Nature", "Kind"), "text"),
            ("outlet_id", text("Identifiant", "Identifier"), "text"),
            ("name", text("Nom", "Name"), "text"),
            ("detail", text("Type de partenaire ou motif", "Kind of partner or reason"), "text"),
            ("weight_kg", "kg", "kg"),
            ("value_eur", "€", "eur"),
        ),
        tuple(rows),
    )


_SECTIONS = {
    "received_by_source": {"fr": "Reçu par source", "en": "Received by source"},
    "distributed_by_partner": {"fr": "Distribué par partenaire", "en": "Distributed by partner"},
    "distributed_by_family": {"fr": "Distribué par famille", "en": "Distributed by family"},
    "removed_by_reason": {"fr": "Non distribuable par motif", "en": "Removed by reason"},
    "removed_by_destination": {"fr": "Non distribuable par dest.", "en": "Removed by destination"},
    "people": {"fr": "Personnes et foyers", "en": "People and households"},
    "means": {"fr": "Moyens", "en": "Means"},
    "economic_supply": {"fr": "Économique - origines", "en": "Economic - supply"},
    "economic": {"fr": "Économique - moyens", "en": "Economic - means"},
    "social_distribution": {"fr": "Social - organisations", "en": "Social - organisations"},
    "social": {"fr": "Social - personnes", "en": "Social - people"},
    "nutritional_families": {"fr": "Nutritionnel - familles", "en": "Nutritional - families"},
    "nutritional": {"fr": "Nutritionnel - groupes", "en": "Nutritional - groups"},
    "environmental": {"fr": "Environnemental", "en": "Environmental"},
}
_BUILDERS: Mapping[str, Callable[[Asked], tuple[Table, ...]]] = {
    "annual-activity": lambda asked: _fill_lines(asked, "annual-activity"),
    "european-observatory": lambda asked: _fill_lines(asked, "european-observatory"),
    "quarterly-departments": _build_departments,
    "programme-ledgers": _build_programmes,
}
