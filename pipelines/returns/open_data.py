"""Open data: what the public reads of an edition, as a Frictionless data package.

Each mart as CSV and Parquet with the schema of its contract, copies of the contracts (ODCS), a
README in both languages and the licence. The same edition gives the same bytes; what the public may
read is decided in `pipelines/publish/disclosure.py`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from data_contracts.disclosure import contract_for
from data_contracts.loader import CONTRACTS_DIR, Column, Contract, load_marts
from data_contracts.publications import Edition, Publication, list_editions, open_edition
from data_contracts.spreadsheets import LICENCE, write_rows
from pipelines.returns.forms import ReturnError

LICENCE_ADDRESS = "https://www.etalab.gouv.fr/licence-ouverte-open-licence/"
TYPES = {"timestamp": "datetime"}


def export_open_data(published_dir: Path, folder: Path, edition: str | None = None) -> list[Path]:
    """Write the package of an edition, or of the last edition of each territory.

    `edition`: `<territory>` or `<territory>-<number>`. Gives the folders, one per edition. Raises
    ReturnError where the edition is written otherwise, NoEditionError where none was approved.
    """
    if edition is None:
        territories = dict.fromkeys(one.territory for one in list_editions(published_dir))
        if not territories:
            raise ReturnError(
                "open data are of an edition, and none was approved; `collecto editions propose`"
                " prepares one"
            )
        wanted: list[tuple[str, int | None]] = [(code, None) for code in territories]
    else:
        territory, _, number = edition.partition("-")
        if number and not number.isdigit():
            raise ReturnError(f"{edition!r} is no edition; write <territory>-<number>")
        wanted = [(territory, int(number) if number else None)]
    return [
        write_package(open_edition(published_dir, territory, "public", number), folder)
        for territory, number in wanted
    ]


def write_package(publication: Publication, folder: Path) -> Path:
    """Write one edition into a folder of its own, and give that folder."""
    edition = publication.edition
    if edition is None:
        raise ReturnError("open data are of an edition only")
    finished = folder / f"open-data_{edition.territory}-{edition.number}"
    # Written aside: a folder under its own name is whole, and holds nothing of an earlier writing.
    target = folder / f".{finished.name}.part"
    shutil.rmtree(target, ignore_errors=True)
    for name in ("data", "contracts"):
        (target / name).mkdir(parents=True, exist_ok=True)
    resources = []
    for mart in publication.marts():
        contract = contract_for(mart, "public")
        table = publication.read(mart).select([column.name for column in contract.columns])
        resources += _write_mart(table.sort(contract.keys), contract, target)
        source = CONTRACTS_DIR / "marts" / f"{mart}.odcs.yaml"
        (target / "contracts" / source.name).write_bytes(source.read_bytes())
    is_demonstration = bool(publication.read("mart_food_banks")["is_demonstration"].any())
    (target / "README.md").write_text(
        _write_readme(edition, publication, is_demonstration), encoding="utf-8"
    )
    (target / "LICENCE.txt").write_text(f"{LICENCE}\n{LICENCE_ADDRESS}\n", encoding="utf-8")
    (target / "datapackage.json").write_text(
        json.dumps(
            _describe(edition, publication, resources, is_demonstration),
            ensure_ascii=False,
            indent=2,
        )
        + "\n",
        encoding="utf-8",
    )
    shutil.rmtree(finished, ignore_errors=True)
    return target.replace(finished)


def _write_mart(table: pl.DataFrame, contract: Contract, target: Path) -> list[dict[str, Any]]:
    """Write one mart twice; give its two resources."""
    csv_path = target / "data" / f"{contract.name}.csv"
    csv_path.write_text(write_rows(table.columns, table.iter_rows()), encoding="utf-8", newline="")
    parquet_path = csv_path.with_suffix(".parquet")
    pq.write_table(
        table.to_arrow(compat_level=pl.CompatLevel.oldest()), parquet_path, compression="zstd"
    )
    name = contract.name.replace("_", "-")
    return [
        {
            "name": name,
            "type": "table",
            "path": f"data/{csv_path.name}",
            "scheme": "file",
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "description": contract.description,
            "version": contract.version,
            **_measure(csv_path),
            "schema": _describe_schema(contract),
        },
        {
            "name": f"{name}-parquet",
            "type": "file",
            "path": f"data/{parquet_path.name}",
            "scheme": "file",
            "format": "parquet",
            "mediatype": "application/vnd.apache.parquet",
            "description": contract.description,
            **_measure(parquet_path),
        },
    ]


def _measure(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "hash": f"sha256:{hashlib.sha256(content).hexdigest()}"}


def _describe_schema(contract: Contract) -> dict[str, Any]:
    return {
        "fields": [_describe_field(column) for column in contract.columns],
        "primaryKey": list(contract.keys),
        "missingValues": [""],
    }


def _describe_field(column: Column) -> dict[str, Any]:
    """A field of the table. No text is required: an empty one is a value of some columns."""
    constraints: dict[str, Any] = {}
    if column.is_required and column.logical_type != "string":
        constraints["required"] = True
    if column.codes:
        constraints["enum"] = list(column.codes)
    for name, limit in (("minimum", column.minimum), ("maximum", column.maximum)):
        if limit is not None:
            constraints[name] = limit
    return {
        "name": column.name,
        "type": TYPES.get(column.logical_type, column.logical_type),
        "description": column.description,
        **({"unit": column.unit} if column.unit else {}),
        **({"constraints": constraints} if constraints else {}),
    }


def _describe(
    edition: Edition,
    publication: Publication,
    resources: list[dict[str, Any]],
    is_demonstration: bool,
) -> dict[str, Any]:
    return {
        "profile": "data-package",
        "name": f"food-aid-{edition.territory}-{edition.number}",
        "id": publication.publication_id,
        "title": f"Observatoire ouvert de l'aide alimentaire, édition {edition.number} de"
        f" {edition.territory} / Open observatory of food aid",
        "description": "Public data of an approved edition: small counts of people and single"
        " donors are protected.",
        "version": f"{edition.number}",
        "created": edition.published_at.isoformat(),
        "licenses": [{"name": "etalab-2.0", "title": LICENCE, "path": LICENCE_ADDRESS}],
        "sources": [{"title": bank} for bank in edition.food_banks],
        "keywords": ["food aid", "aide alimentaire", edition.territory],
        "isDemonstration": is_demonstration,
        "dataTo": edition.end.isoformat(),
        "corrects": edition.replaces,
        "correctionReason": edition.reason,
        "resources": resources,
    }


def _write_readme(edition: Edition, publication: Publication, is_demonstration: bool) -> str:
    marts = load_marts()
    rows = [f"| `{name}` | {marts[name].description} |" for name in publication.marts()]
    signers = ", ".join(str(approval["by"]) for approval in edition.approvals)
    correction = edition.reason or ""
    return "\n".join(
        [
            f"# Données ouvertes de l'aide alimentaire, édition {edition.number}"
            f" ({edition.territory})",
            "",
            *(["**Données de démonstration : générées, aucun magasin ni foyer n'est réel.**", ""]
              if is_demonstration else []),
            f"Données jusqu'au {edition.end.isoformat()}, approuvées par {signers}. Publication"
            f" {publication.publication_id}. Licence : {LICENCE}.",
            *([f"Corrige l'édition {edition.replaces} : {correction}"] if edition.replaces else []),
            "",
            "Chaque table est en CSV (UTF-8, point décimal) et en Parquet ; `datapackage.json` en"
            " donne les colonnes, `contracts/` les contrats (ODCS 3.1). Une cellule vide n'est pas"
            " un zéro : elle est inconnue, ou masquée pour protéger de petits effectifs ou un"
            " donateur. Les textes qui commencent comme une formule portent une apostrophe.",
            "",
            f"# Open data of food aid, edition {edition.number} ({edition.territory})",
            "",
            *(["**Demonstration data: generated, no store and no household is real.**", ""]
              if is_demonstration else []),
            f"Data up to {edition.end.isoformat()}, approved by {signers}. Publication"
            f" {publication.publication_id}. Licence: {LICENCE}.",
            *([f"Corrects edition {edition.replaces}: {correction}"] if edition.replaces else []),
            "",
            "Each table comes as CSV (UTF-8, decimal point) and Parquet; `datapackage.json` gives"
            " its columns, `contracts/` the contracts (ODCS 3.1). An empty cell is no zero: it is"
            " unknown, or hidden to protect small counts or a donor. Texts that begin like a"
            " formula carry an apostrophe.",
            "",
            "| table | |",
            "|---|---|",
            *rows,
            "",
        ]
    )  # fmt: skip
