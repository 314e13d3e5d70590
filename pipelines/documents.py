"""What `make docs` writes: pages of indicators, the tables of audiences and of personal data, dbt's
site, and the Data Docs of the checks.

Data Docs are Great Expectations' own pages: each suite, and what it finds over the deliveries and
over the marts of the publication that stands. They are for the data team and stay in the data
folder.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl

from data_contracts.disclosure import load_policy
from data_contracts.loader import load_marts, load_records
from data_contracts.publications import PublicationError, open_current
from pipelines.privacy import BLANKED
from pipelines.quality.profiles import compile_profile_suite, make_profile_table
from pipelines.quality.suites import Expectation, compile_mart_suite, write_data_docs
from pipelines.settings import PROJECT_DIR, Settings, load_settings
from pipelines.store import COUNTED, open_store
from pipelines.warehouse.document import generate_dbt_docs, write_indicator_pages

AUDIENCE_PAGE = PROJECT_DIR / "docs" / "audiences.md"
DPIA_PAGE = PROJECT_DIR / "docs" / "dpia.md"
_FORMS = {
    "whole": "as it is",
    "people": "small counts hidden, others rounded",
    "flows": "parcels as one row a month, cells of few donors merged",
    "indicators": "by the rule of each indicator",
    "key_figures": "exact, hidden below the threshold",
    "with_parcels": "sums hold what stands in for hidden parcels, parts with them are empty",
    "places": "sites and, for the metropole, partners",
    "agreements": "for the metropole, the agreements of its territory",
    "supplied": "rows of records of people not counted",
}


def make_data_docs(settings: Settings) -> Path | None:
    """Write the Data Docs of a data folder; their first page, None where nothing was judged."""
    suites: dict[str, tuple[list[Expectation], pl.DataFrame]] = {}
    with open_store(settings) as store:
        outcomes = [
            {**row, "profile": json.loads(row["profile"])}
            for row in store.list_outcomes()
            if row["state"] in (*COUNTED, "set_aside")
        ]
    for contract in load_records().values():
        rows = [row for row in outcomes if row["record"] == contract.name]
        if rows:
            table = make_profile_table(contract, rows)
            suites[f"deliveries_{contract.name}"] = (compile_profile_suite(contract), table)
    try:
        publication = open_current(settings.published)
    except PublicationError:
        publication = None
    if publication is not None:
        for contract in load_marts().values():
            suites[contract.name] = (compile_mart_suite(contract), publication.read(contract.name))
    if not suites:
        return None
    folder = settings.data / "docs" / "data_docs"
    shutil.rmtree(folder, ignore_errors=True)
    return write_data_docs(folder, suites)


def make_audience_page() -> str:
    """Which mart goes to which audience, and in which form: `docs/audiences.md`."""
    policy = load_policy()
    lines = [
        "<!-- Written by `make docs` from data_contracts/disclosure.yaml: change that file. -->",
        "# Who reads which mart",
        "",
        "`data_team/` holds every mart. `food_banks/<id>/` holds every mart, the rows of that food"
        " bank alone. `metropole/<territory>/` and `public/` hold the marts marked here, in the"
        " form of the last column, with the same protected cells: those of the food banks of the"
        " territory, those of all. The metropole and the public read them through editions.",
        "",
        "| mart | data_team | food_banks | metropole | public | outside the food bank |",
        "|---|---|---|---|---|---|",
    ]
    for name, mart in policy.marts.items():
        marks = ["x" if kind in mart.outside else "" for kind in ("metropole", "public")]
        form = _FORMS[mart.form] if mart.outside else "not shown"
        if mart.outside and mart.dropped:
            form += f"; without {', '.join(f'`{column}`' for column in mart.dropped)}"
        lines.append(f"| `{name}` | x | x | {marks[0]} | {marks[1]} | {form} |")
    people, donors = policy.people, policy.donors
    lines += [
        "",
        f"People: counts below {people.threshold} are hidden with all that belongs to them, others"
        f" rounded to {people.rounding} (never below the threshold); rates are computed from"
        f" rounded cells; hidden cells keep at least {people.possible_values} possible values for"
        " whoever combines everything that is published, editions of the last"
        f" {people.edition_months} months included.",
        "",
        "Kilograms and euros are rounded to what one household is given in a month at most"
        f" ({people.household_kg} kg, {people.household_eur} EUR), and hidden ones are known no"
        " more closely. In sums that hold hidden kilograms of parcels a multiple of"
        f" {people.hidden_parcels_rounding_kg} kg stands in for them.",
        "",
        *(
            f"Exception `{entry.name}`: {entry.reason_en} / {entry.reason_fr}"
            for entry in people.exceptions
        ),
        "",
        f"Donors: a cell of given food needs {donors.minimum_donors} donors and none above"
        f" {donors.maximum_share:.0%} of it; others are merged, two or more, into"
        f" `{donors.merged_code}`. No donors:"
        f" {', '.join(f'`{channel}`' for channel in donors.channels_without_donors)}.",
    ]
    return "\n".join(lines) + "\n"


def make_dpia_page() -> str:
    """The sheet of the data protection impact assessment, from the contracts: `docs/dpia.md`."""
    lines = [
        "<!-- Written by `make docs` from the contracts of the records: change those. -->",
        "# Personal data: what is kept, why, how long",
        "",
        "Sheet for the data protection impact assessment of a food bank (the controller); the"
        " platform is its processor. It lists what the contracts say; the assessment itself is the"
        " controller's.",
        "",
        "| record | purpose | replaced by a keyed hash | with it | kept recognisable |",
        "|---|---|---|---|---|",
    ]
    for contract in load_records().values():
        if not contract.is_personal:
            continue
        personal = [f"`{c.name}`" for c in contract.columns if c.is_personal]
        beside = [f"`{c.name}`" for c in contract.columns if c.name in BLANKED]
        kept = f"{contract.retention_months} months after the last row"
        lines.append(
            f"| `{contract.name}` | {contract.description.rstrip('.')} | {', '.join(personal)} |"
            f" {', '.join(beside) or 'nothing'} | {kept} |"
        )
    people = load_policy().people
    lines += [
        "",
        "- **Identifiers** are normalised and replaced by HMAC-SHA-256 while a delivery is read,"
        " before anything is written, with a key per food bank derived (HKDF) from a secret that"
        " only the environment holds. Columns that no contract or profile knows are dropped and"
        " reported.",
        "- **Names, addresses, telephone numbers** are no column of any contract.",
        "- **Held back rows** keep a value only where it has its declared shape; else its length.",
        "- **Who reads**: the food bank its own rows; nobody outside it a household. Counts below"
        f" {people.threshold} are hidden outside, others rounded to {people.rounding}"
        " (`docs/audiences.md`).",
        "- **Rights**: erasure by `collecto erase`, with a certificate; retention each"
        " month by the schedule `monthly_retention` (by hand: `collecto erase --expired`);"
        " rotation of keys by `collecto rotate`.",
        "- **Residual risk**: whoever holds the secret and an identifier can find its pseudonym;"
        " whoever holds the landing folder reads what senders wrote (rights on that folder are the"
        " food bank's).",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write everything that `make docs` promises."""
    settings = load_settings()
    write_indicator_pages()
    AUDIENCE_PAGE.write_text(make_audience_page(), encoding="utf-8")
    DPIA_PAGE.write_text(make_dpia_page(), encoding="utf-8")
    print(f"dbt's site: {generate_dbt_docs(settings)}")
    print(f"Data Docs: {make_data_docs(settings)}")


if __name__ == "__main__":
    main()
