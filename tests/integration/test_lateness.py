"""Late is one thing: the page, the doctor and the alerts name the same records, by the same day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from dashboards.figure_models import FigureModel
from dashboards.filters import resolve_filters
from dashboards.language import read_words
from dashboards.page_models.donnees import build_donnees
from dashboards.page_models.page import Decisions
from dashboards.page_models.pilotage import build_pilotage
from dashboards.published import Source, read_choices
from data_contracts.publications import Publication, open_current
from pipelines.alerts.facts import list_facts
from pipelines.alerts.rules import load_rules
from pipelines.health import describe_status, examine
from pipelines.settings import PROJECT_DIR, Settings, now
from tests.conftest import BuildOnce, DataFolder
from tests.fixtures.earlier import drop_columns
from tests.fixtures.publication import build_marts, write_publication
from tests.integration.conftest import FILES

AS_OF = date(2024, 6, 9)
CALENDARS = {"receipts": {"every": "month", "days": 20}, "deliveries": {"every": "day", "days": 1}}
# Last day, by when the next file is due, and whether 9 June is later than that.
EXPECTED = {
    # monthly: that of June may come until 20 July; the contract's week is over since 14 May
    "receipts": (date(2024, 5, 7), date(2024, 7, 20), False),
    # daily: that of 5 June was due on the 6th; by the contract the 11th would be in time
    "deliveries": (date(2024, 6, 4), date(2024, 6, 6), True),
    # no calendar: a fortnight by the contract
    "removals": (date(2024, 5, 20), date(2024, 6, 3), True),
}


@pytest.fixture(scope="module")
def folder(build_once: BuildOnce) -> DataFolder:
    """The small food bank, its receipts until 7 May, with calendars of its own."""

    def fill(folder: DataFolder) -> None:
        files = []
        for record, text in FILES.items():
            if record in CALENDARS:
                head, *lines = text.splitlines()
                columns = {name: {"source": name} for name in head.split(",")}
                files.append({"name": record, "match": f"{record}*", "record": record,
                              "columns": columns, "expected": CALENDARS[record]})  # fmt: skip
                text = "\n".join([head, *(line for line in lines if "SAV" not in line)]) + "\n"
                folder.deliver(f"petite/{record}.csv", text)
            else:
                folder.deliver(f"petite/{record}/{record}.csv", text)
        folder.deliver(
            "petite/removals/mai.csv",
            "removal_id,line_no,removed_at,site_id,product_code,weight_kg,reason,destination\n"
            "E1,1,2024-05-20T10:00:00,S1,POM,2,sorting,composting\n",
        )
        profile = {"food_bank_id": "petite", "version": "1", "timezone": "Europe/Paris",
                   "files": files}  # fmt: skip
        sources = folder.path / "sources"
        sources.mkdir()
        (sources / "petite.yaml").write_text(yaml.safe_dump(profile), encoding="utf-8")
        answer = folder.collecto(
            "refresh", COLLECTO_SOURCES_DIR=str(sources), COLLECTO_AS_OF=AS_OF.isoformat()
        )
        assert answer.status == 0, answer.err + answer.out

    return build_once("lateness", fill)


@pytest.fixture
def settings(folder: DataFolder) -> Settings:
    return Settings(
        data_dir=folder.path, sources_dir=folder.path / "sources", as_of=AS_OF, _env_file=None
    )


def test_the_doctor_and_the_mart_tell_the_same(settings: Settings) -> None:
    told = {
        row["record"]: (date.fromisoformat(row["last_date"]), date.fromisoformat(row["due_on"]),
                        row["is_late"])
        for row in describe_status(settings)["lateness"]
    }  # fmt: skip
    rows = open_current(settings.published).read("mart_supplied_records").to_dicts()
    published = {
        row["record"]: (row["last_date"], row["due_on"], row["is_late"])
        for row in rows if row["due_on"]
    }  # fmt: skip
    assert told == published == EXPECTED
    assert {row["is_late"] for row in rows if not row["due_on"]} == {False}
    (said,) = [entry["detail"] for entry in examine(settings) if entry["check"] == "late"]
    assert said == "2 records are late: petite/deliveries, petite/removals; ask their senders"


def read_pages(publication: Publication) -> tuple[list[str], FigureModel]:
    """What the page Pilotage says is late, and the table of the page Données."""
    words = read_words("fr")
    filters, _ = resolve_filters({}, read_choices(Source.of(publication)))
    sections = build_pilotage(publication, filters, words).sections
    decisions = next(section for section in sections if isinstance(section, Decisions))
    late = [item.what for item in decisions.items if item.what.startswith("Rien reçu")]
    return sorted(late), build_donnees(publication, filters, words).figure("fraicheur")


def test_the_alerts_and_the_pages_name_the_same_records(settings: Settings) -> None:
    rules = load_rules(PROJECT_DIR / "docs" / "alerts.example.yaml")
    facts = [fact for fact in list_facts(settings, rules, now()) if fact.kind == "late"]
    assert {dict(fact.values)["record"] for fact in facts} == {"deliveries", "removals"}

    said, table = read_pages(open_current(settings.published))
    assert [text.replace("\u00a0", " ") for text in said] == [
        "Rien reçu depuis le 20 mai 2024 : produits non distribuables",
        "Rien reçu depuis le 4 juin 2024 : livraisons aux partenaires",
    ]
    assert table.title == "2 enregistrements en retard"
    rows = zip(table.values("record"), table.values("due_on"), table.values("state"), strict=True)
    told = {record: (due, state == "en retard") for record, due, state in rows if due}
    assert told == {record: (due, is_late) for record, (_, due, is_late) in EXPECTED.items()}


def test_a_publication_that_does_not_tell_it_says_nothing(tmp_path: Path) -> None:
    """One that was made before the day was published."""
    rows = [{**row, "is_late": True} for row in build_marts()["mart_supplied_records"]]
    write_publication(tmp_path, changes={"mart_supplied_records": rows})
    said, table = read_pages(open_current(tmp_path))
    assert len(said) == len(rows)
    assert set(table.values("state")) == {"en retard"}
    drop_columns(tmp_path, "mart_supplied_records", ("due_on", "is_late"))
    said, table = read_pages(open_current(tmp_path))
    assert said == []
    assert table.values("state") == table.values("due_on") == [None] * len(rows)
