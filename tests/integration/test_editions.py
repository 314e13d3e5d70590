"""What moved and why, the way back, and editions: closed, proposed, approved by name, corrected."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from dashboards.access import Principal
from dashboards.approvals import INBOX_VARIABLE, Approval, read_approvals, send_approval
from dashboards.language import read_words
from dashboards.published import PUBLISHED_DIR_VARIABLE, open_asked, read_choices, read_filters
from data_contracts.disclosure import load_policy
from data_contracts.publications import (
    ForbiddenError,
    NoEditionError,
    PublicationError,
    list_editions,
    open_current,
    open_edition,
    open_publication,
    read_pointer,
)
from pipelines.documents import AUDIENCE_PAGE, make_audience_page
from tests.conftest import BuildOnce, DataFolder

TERRITORY = "242100410"
MORE = (
    "receipt_id,line_no,received_at,site_id,supplier_id,channel,product_code,quantity,unit,"
    "refused_at_dock_kg\n"
    "R9,1,2024-05-09T09:00:00,S1,D2,farm,POM,75,kg,\n"
    "R1,1,2024-05-06T09:00:00,S1,D1,retail_pickup,POM,100,kg,40\n"
)


@pytest.fixture(scope="session")
def corrected(build_once: BuildOnce, small_world: Callable[[DataFolder], None]) -> DataFolder:
    """`petite`, published twice: one more receipt, and a correction of another, came between."""

    def fill(folder: DataFolder) -> None:
        small_world(folder)
        assert folder.collecto("refresh", "--json").status == 0
        folder.deliver("petite/receipts/more.csv", MORE)
        assert folder.collecto("refresh", "--json").status == 0

    return build_once("corrected", fill)


@pytest.fixture
def petite(corrected: DataFolder, tmp_path: Path) -> DataFolder:
    return corrected.copy_to(tmp_path / "petite")


def list_ids(folder: DataFolder) -> list[str]:
    """Publications, newest first."""
    rows = folder.collecto("publications", "list", "--json").json
    assert rows[0]["state"] == "current"
    return [row["id"] for row in rows]


def current(folder: DataFolder) -> str:
    pointer = read_pointer(folder.path / "published")
    assert pointer is not None
    return str(pointer["publication_id"])


# publications


def test_a_difference_names_the_deliveries_and_adds_up(petite: DataFolder) -> None:
    ids = list_ids(petite)
    answer = petite.collecto("publications", "diff", ids[-1][:8], current(petite)[:8], "--json")
    assert answer.status == 0, answer.err
    found = answer.json
    assert len(found["inputs"]["deliveries_added"]) == 1
    came = found["inputs"]["deliveries_added"][0]
    row = next(
        row for row in found["figures"]
        if (row["indicator_code"], row["variant"], row["period_kind"]) == (
            "tonnes_received", "gross", "month") and row["period_start"] == "2024-05-01"
    )  # fmt: skip
    # 75 kg came, and of the 90 kg of R1 only 60 kg are left: they moved from one file to the other
    assert row["change"] == pytest.approx(0.045)
    changes = {cause["kind"]: cause["change"] for cause in row["causes"]}
    assert changes == {"delivery": pytest.approx(0.135), "corrected": pytest.approx(-0.09)}
    assert sum(changes.values()) == pytest.approx(row["change"])
    assert {c["what"] for c in row["causes"] if c["kind"] == "delivery"} == {came}
    text = petite.collecto("publications", "diff", ids[-1][:8], current(petite)[:8]).out
    assert "tonnes_received gross" in text and "+0.135" in text


def test_every_figure_that_can_be_added_is_explained_to_the_gram(petite: DataFolder) -> None:
    ids = list_ids(petite)
    figures = petite.collecto("publications", "diff", ids[-1], ids[0], "--json").json["figures"]
    summed = [row for row in figures if row["causes"] and row["causes"][0]["change"] is not None]
    assert len(summed) >= 1
    for row in summed:
        total = sum(Decimal(str(cause["change"])) for cause in row["causes"])
        assert total == Decimal(str(row["change"])), row


def test_a_rollback_is_quick_held_and_released(petite: DataFolder) -> None:
    first, last = list_ids(petite)[-1], current(petite)
    started = time.monotonic()
    answer = petite.collecto("publications", "rollback", first[:10], "--reason", "test", "--json")
    assert time.monotonic() - started < 5
    assert answer.json == {"publication_id": first, "is_held": True}
    assert current(petite) == first
    # nothing is built again while it is held
    held = petite.collecto("refresh", "--json")
    assert (held.status, held.json["is_held"], current(petite)) == (0, True, first)
    assert petite.collecto("publications", "release", "--json").json == {"was_held": True}
    assert petite.collecto("publications", "release", "--json").json == {"was_held": False}
    again = petite.collecto("refresh", "--json")
    assert (again.status, again.json["is_held"], current(petite)) == (0, False, last)
    states = {row["id"]: row["state"] for row in petite.collecto(
        "publications", "list", "--json").json}  # fmt: skip
    assert states == {first: "rolled_back", last: "current"}
    assert all(check["ok"] for check in petite.collecto("verify", "--json").json)


def test_an_altered_publication_is_found_and_not_gone_back_to(petite: DataFolder) -> None:
    first = list_ids(petite)[-1]
    path = petite.path / "published" / first / "data_team" / "mart_targets.parquet"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    wrong = petite.collecto("verify", "--json")
    assert wrong.status == 1
    assert f"published/{first}/data_team/mart_targets.parquet" in wrong.out
    refused = petite.collecto("publications", "rollback", first)
    assert refused.status == 1 and "was altered" in refused.err
    manifest = petite.path / "published" / current(petite) / "public" / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text(manifest.read_text().replace("2024", "2023", 1))
    with pytest.raises(PublicationError, match="manifest of public"):
        open_current(petite.path / "published", "public")


def test_an_altered_log_is_found(petite: DataFolder) -> None:
    path = petite.path / "published" / "log" / "publications.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0].replace("published", "refused"), *lines[1:]]) + "\n")
    rows = petite.collecto("verify", "--json").json
    assert [row["detail"] for row in rows if not row["ok"]][-1].startswith("publications.jsonl")


def test_an_unknown_publication_is_one_clear_line(petite: DataFolder) -> None:
    for arguments in (["show", "zzz"], ["rollback", "zzz"], ["diff", "zzz", "zzz"]):
        answer = petite.collecto("publications", *arguments)
        assert answer.status == 1
        assert "no publication begin" in answer.err and "publications list" in answer.err


# audiences


def test_what_is_written_is_what_the_page_of_audiences_says(petite: DataFolder) -> None:
    page = AUDIENCE_PAGE.read_text(encoding="utf-8")
    assert page == make_audience_page(), "run `make docs` and commit docs/audiences.md"
    folder = petite.path / "published" / current(petite)
    columns = {"data_team": 2, "food_banks/petite": 3, f"metropole/{TERRITORY}": 4, "public": 5}
    for audience, column in columns.items():
        wanted = {
            line.split("|")[1].strip(" `")
            for line in page.splitlines()
            if line.startswith("| `mart_") and line.split("|")[column].strip() == "x"
        }
        found = {path.stem for path in (folder / audience).glob("*.parquet")}
        assert found == wanted, audience
    written = {path.parent.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}
    assert written == set(columns)


def test_each_audience_has_its_own_manifest_and_nobody_elses_rows(petite: DataFolder) -> None:
    published = petite.path / "published"
    for audience in ("food_banks/petite", f"metropole/{TERRITORY}", "public"):
        publication = open_current(published, audience)
        assert "inputs" not in publication.manifest
        assert publication.manifest["data_up_to"].keys() == {"petite"}
        for mart in publication.marts():
            assert publication.read(mart).height >= 0
    with pytest.raises(PublicationError, match="has nothing for food_banks/grande"):
        open_current(published, "food_banks/grande")
    outside = open_current(published, "public")
    with pytest.raises(PublicationError, match="has no mart_lots for public"):
        outside.read("mart_lots")
    # two donors only: what they gave is not told apart
    received = outside.read("mart_flows_monthly").filter(pl.col("flow") == "received")
    assert set(received["network_family"]) <= {"protected", "hygiene"}


# editions


def approve_on_page(petite: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the form of Pilotage does, for the director and for others."""
    monkeypatch.setenv(PUBLISHED_DIR_VARIABLE, str(petite.path / "published"))
    monkeypatch.setenv(INBOX_VARIABLE, str(petite.path / "inbox"))
    words = read_words("fr")

    def see(principal: Principal) -> tuple[Approval, ...]:
        opened = open_asked({}, principal)
        filters, _ = read_filters({}, opened, read_choices(opened.source))
        return read_approvals(opened, filters, words)

    director = Principal("food_bank", ("petite",), "reader", "Direction Bourgogne")
    approval = see(director)[0]
    assert (approval.state, approval.number, approval.replaces) == ("asked", 2, 1)
    assert approval.reason == "un bon oublié"
    # 105 kg until 4 June, of which 40 kg in June
    assert approval.cards[0].value.startswith("0,1") and approval.cards[0].unit == "t"
    assert see(Principal("data_team")) == ()
    for other in (Principal("data_team"), Principal("food_bank", ("x",)),
                  Principal("metropole", (TERRITORY,))):  # fmt: skip
        with pytest.raises(ForbiddenError):
            send_approval(other, approval, "Essai", "")
    for by, comment in (("", ""), ("Essai", "x" * 3000)):
        with pytest.raises(ValueError, match=r"by|comment"):
            send_approval(Principal("food_bank", ("petite",)), approval, by, comment)
    send_approval(director, approval, "another name", "corrigé")
    send_approval(director, approval, "another name", "corrigé")
    assert see(director)[0].state == "waiting"


def test_an_edition_from_closing_to_correction(
    petite: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = petite.path / "published"
    with pytest.raises(NoEditionError, match="editions propose"):
        open_edition(published, TERRITORY)
    day = ("--to", "2024-06-04")

    # nothing is proposed before the food bank has closed
    early = petite.collecto("editions", "propose", TERRITORY, *day)
    assert early.status == 2 and "collecto close 2024-06" in early.err
    missing = petite.collecto("close", "2024-06", "--json")
    assert missing.status == 1
    assert {"deliveries", "receipts"} <= set(missing.json[0]["missing"])
    silent = petite.collecto("close", "2024-06", "--by", "Essai")
    assert silent.status == 2 and "--none" in silent.err
    assert petite.collecto("close", "--to", "2024-06-04").status == 0
    closed = petite.collecto("close", "--to", "2024-06-04", "--by", "Essai", "--json")
    assert (closed.status, closed.json[0]["closed_by"]) == (0, "Essai")

    # the first edition is of the first publication
    first = list_ids(petite)[-1]
    proposed = petite.collecto(
        "editions", "propose", TERRITORY, *day, "--publication", first[:9], "--json"
    )
    assert proposed.status == 0, proposed.err
    assert (proposed.json["number"], proposed.json["publication_id"]) == (1, first)
    unapproved = petite.collecto("editions", "publish", TERRITORY)
    assert unapproved.status == 2 and "petite has not approved" in unapproved.err
    wrong = petite.collecto("editions", "approve", TERRITORY, "--food-bank", "x", "--by", "Essai")
    assert wrong.status == 2 and "no food bank of" in wrong.err
    approve = ("editions", "approve", TERRITORY, "--food-bank", "petite", "--by", "Essai")
    assert petite.collecto(*approve, "--comment", "vu").status == 0
    assert petite.collecto("editions", "publish", TERRITORY, "--json").status == 0
    edition = list_editions(published, TERRITORY)[0]
    assert (edition.number, edition.end, edition.publication_id) == (1, date(2024, 6, 4), first)
    assert [(a["by"], a["comment"]) for a in edition.approvals] == [("Essai", "vu")]
    # what is published from now on must be safe beside this edition of an older publication
    renewed = petite.collecto("refresh", "--json")
    assert (renewed.status, renewed.json["is_new"]) == (0, True)
    manifest = open_current(published).manifest
    assert manifest["inputs"]["editions"] == [first]

    # a correction has a number and a reason of its own
    nameless = petite.collecto("editions", "propose", TERRITORY, *day)
    assert nameless.status == 2 and "--reason" in nameless.err
    again = petite.collecto(
        "editions", "propose", TERRITORY, *day, "--reason", "un bon oublié", "--json"
    )
    assert (again.status, again.json["replaces"]) == (0, 1), again.err

    # the page's approval is a file in the inbox: a stale one is refused, the right one is taken
    inbox = petite.path / "inbox"
    inbox.mkdir()
    request = {"action": "approve", "territory": TERRITORY, "food_bank_id": "petite",
               "by": "Essai", "comment": "corrigé"}  # fmt: skip
    (inbox / "1.json").write_text(json.dumps({**request, "publication_id": first}))
    (inbox / "2.json").write_text("{")
    (inbox / "3.json").write_text(json.dumps(
        {**request, "publication_id": current(petite), "number": 2, "attempt": 2}))  # fmt: skip
    approve_on_page(petite, monkeypatch)
    answers = petite.collecto("refresh", "--json").json["inbox"]
    assert len(answers) == 4 and answers[3] == f"edition 2 of {TERRITORY} published"
    assert {path.name for path in (inbox / "refused").glob("*.json")} == {
        "1.json", "2.json", "3.json",
    }  # fmt: skip
    assert "another proposal" in (inbox / "refused" / "3.json.reason.txt").read_text()
    assert "another publication" in (inbox / "refused" / "1.json.reason.txt").read_text()
    assert {path.name for path in (inbox / "done").iterdir()} == {
        f"approve-{TERRITORY}-2-1-petite.json"
    }
    assert list_editions(published, TERRITORY)[1].approvals[0]["by"] == "Direction Bourgogne"

    rows = petite.collecto("editions", "list", "--json").json
    assert [(row["id"], row["state"], row["reason"]) for row in rows] == [
        (f"{TERRITORY}/1", "published", None), (f"{TERRITORY}/2", "published", "un bon oublié")
    ]  # fmt: skip
    old, new = (open_edition(published, TERRITORY, number=number) for number in (1, 2))
    assert (old.publication_id, new.publication_id) == (first, current(petite))
    assert open_edition(published, TERRITORY, f"metropole/{TERRITORY}").edition == new.edition
    moved = petite.collecto("editions", "diff", TERRITORY, "1", "2", "--json").json["figures"]
    assert any(row["indicator_code"] == "tonnes_received" for row in moved)
    assert all(check["ok"] for check in petite.collecto("verify", "--json").json)
    path = published / "editions" / TERRITORY / "1.json"
    path.chmod(0o644)
    path.write_text(path.read_text().replace("Essai", "Autre"))
    assert petite.collecto("verify").status == 1


def test_an_edition_shows_its_own_days_and_food_banks(petite: DataFolder) -> None:
    day = ("--to", "2024-05-31")
    petite.collecto("close", *day, "--by", "Essai")
    assert petite.collecto("editions", "propose", TERRITORY, *day).status == 0
    petite.collecto("editions", "approve", TERRITORY, "--food-bank", "petite", "--by", "Essai")
    assert petite.collecto("editions", "publish", TERRITORY).status == 0
    edition = open_edition(petite.path / "published", TERRITORY)
    whole = open_current(petite.path / "published", "public")
    months = whole.read("mart_flows_monthly")["month"].unique().sort().to_list()
    assert months == [date(2024, 5, 1), date(2024, 6, 1)]
    assert edition.read("mart_flows_monthly")["month"].unique().to_list() == [date(2024, 5, 1)]
    indicators = edition.read("mart_indicators")
    assert indicators["period_end"].max() == date(2024, 5, 31)
    assert set(indicators["scope_kind"]) == {"food_bank", "territory"}
    assert edition.read("mart_communes").height == whole.read("mart_communes").height
    with pytest.raises(PublicationError, match="reads no edition"):
        open_edition(petite.path / "published", TERRITORY, "data_team")


@pytest.mark.slow
def test_the_demonstration_ships_three_editions_without_a_small_cell(
    demonstration: DataFolder,
) -> None:
    published = demonstration.path / "published"
    editions = list_editions(published)
    assert [(entry.territory, entry.number, str(entry.end)) for entry in editions] == [
        ("200040715", 1, "2024-06-25"), ("242100410", 1, "2024-06-25"),
        ("243400017", 1, "2024-06-25"),
    ]  # fmt: skip
    threshold = load_policy().people.threshold
    for entry in editions:
        for audience in ("public", f"metropole/{entry.territory}"):
            edition = open_edition(published, entry.territory, audience)
            for mart in edition.marts():
                table = edition.read(mart)
                for column in table.columns:
                    if "household" in column or column in ("people_helped", "parcels", "people"):
                        shown = table[column].drop_nulls()
                        assert ((shown == 0) | (shown >= threshold)).all(), (mart, column)
    dijon = open_edition(published, "242100410", "metropole/242100410")
    assert set(dijon.read("mart_food_banks")["food_bank_id"]) == {"bourgogne"}
    helped = dijon.read("mart_indicators").filter(
        (pl.col("indicator_code") == "households_helped")
        & (pl.col("period_kind") == "year_to_date")
        & (pl.col("period_start") == date(2024, 1, 1))
    )
    values = dict(helped.select("scope_kind", "value").iter_rows())
    assert values["food_bank"] == 847  # exact by policy
    assert values["territory"] % 5 == 0  # rounded
    communes = dijon.read("mart_households_yearly")
    assert communes["is_suppressed"].sum() > 50
    checks = {c["check"]: c for c in open_publication(
        published, entry.publication_id, "public").manifest["checks"]}  # fmt: skip
    assert checks["small_counts_are_hidden"]["has_passed"]
    assert checks["small_counts_are_hidden"]["expectations"] > 1000
