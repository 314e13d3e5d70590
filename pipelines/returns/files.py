"""Writes the tables of a return as a workbook and as CSV, each with where its figures come from.

Workbooks hold real numbers and dates, a sheet per table, the table of consistency and a sheet about
them; the same tables of the same publication give the same bytes. Tables come from `tables`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path

import xlsxwriter

from data_contracts.loader import load_register
from data_contracts.periods import parse_period
from data_contracts.spreadsheets import (
    BYTE_ORDER_MARK,
    LICENCE,
    neutralise,
    write_cell,
    write_rows,
)
from pipelines.returns.consistency import build_consistency
from pipelines.returns.forms import ReturnError, check_period, find_return, load_lines
from pipelines.returns.tables import Asked, Table, ask, build_return, list_food_banks
from pipelines.store import write_atomically

FORMATS = {
    "month": "yyyy-mm",
    "kg": "#,##0.000",
    "eur": "#,##0.00",
    "number": "#,##0.###",
}


def export_returns(
    published_dir: Path,
    code: str,
    period_code: str | None,
    folder: Path,
    food_banks: Sequence[str] = (),
    edition: str | None = None,
    language: str = "fr",
) -> list[Path]:
    """Write a return of some food banks, or of all that the publication or edition holds.

    Raises ReturnError where it cannot be made as asked.
    """
    form = find_return(code)
    if language not in ("fr", "en"):
        raise ReturnError(f"{language!r} is no language of the returns: fr, en")
    if period_code is None:
        raise ReturnError(f"say for which period: --period {form.example}")
    period = parse_period(period_code)
    check_period(form, period)
    known = list_food_banks(published_dir, edition)
    if unknown := [bank for bank in food_banks if bank not in known]:
        raise ReturnError(f"{unknown[0]!r} is not a published food bank: {', '.join(known)}")
    wanted = food_banks or known
    # Everything is asked for before anything is written.
    asked = [ask(published_dir, bank, period, edition=edition, language=language)
             for bank in wanted]  # fmt: skip
    return [path for one in asked for path in export_return(code, one, folder)]


def export_return(code: str, asked: Asked, folder: Path) -> list[Path]:
    """Write one return of one food bank; give the files, the workbook first."""
    tables = (*build_return(code, asked), build_consistency(asked))
    about = describe(code, asked)
    stem = f"{code}_{asked.food_bank_id}_{asked.period.code.replace('..', '_')}"
    contents = {f"{stem}.xlsx": write_workbook(tables, about, asked)}
    texts = {table.code: write_table(table) for table in tables}
    texts["a-propos"] = write_rows(("name", "value"), about)
    for name, text in texts.items():
        contents[f"{stem}_{name}.csv"] = (BYTE_ORDER_MARK + text).encode()
    for name, content in contents.items():
        with write_atomically(folder / name) as temporary:
            temporary.write_bytes(content)
    return [folder / name for name in contents]


def write_table(table: Table) -> str:
    """The rows of a table as RFC 4180 text, under the names of its columns."""
    return write_rows([name for name, _, _ in table.columns], table.rows)


def describe(code: str, asked: Asked) -> list[tuple[str, str]]:
    """What a return says of itself: filters, definitions, method, publication, licence."""
    form, publication = find_return(code), asked.publication
    edition = publication.edition
    lines = load_lines(code)
    unread = sum(not line.is_verified for line in lines)
    text = asked.text
    about = [
        (text("Déclaration", "Return"), form.title(asked.language)),
        (text("Banque alimentaire", "Food bank"), str(asked.food_bank["name"])),
        ("food_bank_id", asked.food_bank_id),
        (text("Période", "Period"), asked.period.code),
        (text("Du", "From"), asked.period.start.isoformat()),
        (text("Au", "To"), asked.end.isoformat()),
        (text("Période complète", "Complete period"), text("non", "no") if asked.is_partial
         else text("oui", "yes")),
        (text("Publication", "Publication"), publication.publication_id),
        (text("Édition", "Edition"), f"{edition.territory}-{edition.number}" if edition else ""),
        (text("Données de démonstration", "Demonstration data"),
         text("oui", "yes") if asked.food_bank["is_demonstration"] else text("non", "no")),
        (text("Licence", "Licence"), LICENCE),
        (text("Masses", "Mass"),
         text("Kilogrammes exacts au gramme. Reçu : net des refus au quai. Distribué : net des"
              " retours, colis compris. Aliments seulement, hygiène à part.",
              "Kilograms, exact to the gram. Received: net of refusals at the dock. Distributed:"
              " net of what came back, with parcels. Food only, hygiene apart.")),
    ]  # fmt: skip
    if lines:
        about += [
            (text("Formulaire", "Form"), lines[0].source),
            (text("Lignes non confirmées", "Unconfirmed lines"),
             text(f"{unread} lignes sur {len(lines)} n'ont pas été lues dans le formulaire :"
                  " à vérifier avant l'envoi.",
                  f"{unread} of {len(lines)} lines were not read in the form: check them before"
                  " sending.")),
        ]  # fmt: skip
    if code == "programme-ledgers":
        about.append(
            (text("Méthode", "Method"),
             text("Début + reçu − sorti − pertes = fin. L'origine de ce qui sort est celle du lot ;"
                  " sans lot, la composition des réceptions du mois et des deux précédents,"
                  " sans dépasser ce qui reste du programme. Coût : coût moyen pondéré du stock."
                  " Le stock commence à zéro à la première réception enregistrée. Texte des"
                  " programmes non lu : à vérifier.",
                  "Opening + received − out − losses = closing. What goes out has the origin of its"
                  " lot; without one, the mix of the receipts of the month and the two before, at"
                  " most what is left of the programme. Cost: the weighted mean cost of the stock."
                  " The stock begins at zero with the first recorded receipt. The texts of the"
                  " programmes were not read: check them."))
        )  # fmt: skip
    if code == "quarterly-departments":
        about.append(
            (text("Méthode", "Method"),
             text("Département de la commune du partenaire, ou du foyer pour un colis. Inscriptions"
                  " comme les partenaires les déclarent, avec doubles comptes entre partenaires ;"
                  " moyenne des mois déclarés, jamais leur somme. Formulaire non lu : à vérifier.",
                  "Département of the partner's commune, or of the household's for a parcel."
                  " Registrations as partners declare them, double between partners; the mean of"
                  " the months declared, never their sum. The form was not read: check it."))
        )  # fmt: skip
    register = load_register()
    for indicator_code in dict.fromkeys(
        line.indicator[0] for line in lines if line.measure == "indicator"
    ):
        indicator = register[indicator_code]
        label, definition = (
            (indicator.label_fr, indicator.definition_fr)
            if asked.language == "fr"
            else (indicator.label_en, indicator.definition_en)
        )
        about.append((label, f"{definition} ({indicator.code}, {indicator.method_version})"))
    return about


def write_workbook(
    tables: Sequence[Table], about: Sequence[tuple[str, str]], asked: Asked
) -> bytes:
    """The tables as a workbook, with the sheet about them at its end."""
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(buffer, options) as workbook:
        # The day of the data, not of the writing: the same figures are the same file.
        day = asked.data_date
        workbook.set_properties(
            {"title": about[0][1], "comments": LICENCE,
             "created": datetime.combine(day, time(), UTC)}
        )  # fmt: skip
        head = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        forms = {kind: workbook.add_format({"num_format": text}) for kind, text in FORMATS.items()}
        for table in tables:
            sheet = workbook.add_worksheet(table.title[:31].replace(":", ""))
            for place, (_, label, kind) in enumerate(table.columns):
                sheet.write_string(0, place, label, head)
                sheet.set_column(place, place, 28 if kind == "text" else 16)
            for line, row in enumerate(table.rows, start=1):
                for place, ((_, _, kind), value) in enumerate(zip(table.columns, row, strict=True)):
                    write_cell(sheet, line, place, value, forms.get(kind, forms["number"]))
            sheet.freeze_panes(1, 0)
        last = workbook.add_worksheet(asked.text("À propos", "About"))
        last.set_column(0, 0, 34)
        last.set_column(1, 1, 110)
        for line, (name, value) in enumerate(about):
            last.write_string(line, 0, neutralise(name), head)
            last.write_string(line, 1, neutralise(value))
    return buffer.getvalue()
