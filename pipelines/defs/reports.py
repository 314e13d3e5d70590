"""The asset of the reports: PDF and workbooks of what is published, outside its hash."""

import os
from collections.abc import Iterator

import dagster as dg

from data_contracts.publications import Publication, list_editions, open_current
from pipelines.settings import Settings, load_settings
from pipelines.store import write_atomically


def list_readers(settings: Settings) -> Iterator[dict[str, str]]:
    """What is asked for each food bank of the current publication and each territory."""
    publication: Publication = open_current(settings.published)
    for bank in publication.read("mart_food_banks")["food_bank_id"].to_list():
        yield {"food_bank": bank}
    for territory in sorted({e.territory for e in list_editions(settings.published)}):
        yield {"territory": territory}


def write_reports(settings: Settings) -> list[str]:
    """Every report that stands without a choice, as PDF and workbook; gives names of files."""
    os.environ["COLLECTO_PUBLISHED_DIR"] = str(settings.published)
    from dashboards.reports import build_reports, write_pdfs, write_report_workbook

    reports = [report for asked in list_readers(settings) for report in build_reports(asked)]
    names = []
    for report, pdf in zip(reports, write_pdfs(reports), strict=True):
        folder = settings.reports / report.publication.publication_id
        folder.mkdir(parents=True, exist_ok=True)
        for extension, content in (("pdf", pdf), ("xlsx", write_report_workbook(report))):
            name = f"{report.stem}.{extension}"
            with write_atomically(folder / name) as temporary:
                temporary.write_bytes(content)
            names.append(name)
    return names


@dg.asset(
    deps=["publication", "editions"],
    group_name="dashboards",
    kinds={"pdf"},
    description="Reports as PDF and workbooks, of the publication and of editions",
)
def reports() -> dg.MaterializeResult[None]:
    names = write_reports(load_settings())
    return dg.MaterializeResult(metadata={"files": len(names)})
