"""What `make docs` writes: pages of indicators, dbt's site, and the Data Docs of the checks.

Data Docs are Great Expectations' own pages: each suite, and what it finds over the deliveries and
over the marts of the publication that stands. They are for the data team and stay in the data
folder.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl

from data_contracts.loader import load_marts, load_records
from data_contracts.publications import PublicationError, open_current
from pipelines.quality.profiles import compile_profile_suite, make_profile_table
from pipelines.quality.suites import Expectation, compile_mart_suite, write_data_docs
from pipelines.settings import Settings, load_settings
from pipelines.store import COUNTED, open_store
from pipelines.warehouse.document import generate_dbt_docs, write_indicator_pages


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


def main() -> None:
    """Write everything that `make docs` promises."""
    settings = load_settings()
    write_indicator_pages()
    print(f"dbt's site: {generate_dbt_docs(settings)}")
    print(f"Data Docs: {make_data_docs(settings)}")


if __name__ == "__main__":
    main()
