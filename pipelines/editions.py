"""Months closed, editions proposed, approved and put in place: what the metropole and public see.

Every step is an entry of the log of editions, bound to the one before; an edition itself is a file
`published/editions/<territory>/<n>.json` that nobody changes. Approvals that a page gives come as
files in the inbox, which `refresh` checks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from data_contracts.disclosure import load_policy
from data_contracts.periods import parse_period
from data_contracts.publications import (
    Edition,
    Publication,
    PublicationError,
    list_editions,
    open_edition,
    open_publication,
    read_pointer,
    read_proposal,
)
from pipelines.health import describe_closing
from pipelines.publish.attacker import attack
from pipelines.publish.audit import find_complementary
from pipelines.publish.disclosure import Sources
from pipelines.publish.history import find_movements
from pipelines.publish.kilograms import read_published
from pipelines.publish.log import append_log, read_log
from pipelines.publish.people import read_cells
from pipelines.settings import Settings
from pipelines.store import (
    DeliveryStore,
    hash_file,
    hold_pointer_lock,
    open_store,
    sync_folder,
    write_json,
)

LOG = "editions"
MAX_REQUEST_BYTES = 20_000


class EditionError(Exception):
    """This step cannot be done now; the message says what is missing and what to do."""


@dataclass(frozen=True)
class Closing:
    """Whether a food bank's records have come to a day, and who closed it."""

    food_bank_id: str
    end: date
    records: tuple[dict[str, Any], ...]
    closed_by: str | None

    @property
    def missing(self) -> list[str]:
        return [row["record"] for row in self.records if row["is_missing"]]


def read_end(period: str | None, end: date | None) -> tuple[str, date]:
    """A month (`2024-05`), or a stated day, as the period's code and its last day."""
    if (period is None) == (end is None):
        raise EditionError("say a month (2024-05) or a day (--to 2024-06-25)")
    if end is not None:
        return f"to-{end.isoformat()}", end
    parsed = parse_period(str(period))
    if parsed.kind != "month":
        raise EditionError(f"{period!r} is not a month: 2024-05, or a day by --to")
    return parsed.code, parsed.natural_end


def describe_closings(
    settings: Settings, store: DeliveryStore, end: date, food_banks: Sequence[str] = ()
) -> list[Closing]:
    """By food bank, what has come to a day and what is missing."""
    outcomes = store.list_outcomes()
    known = sorted({row["food_bank_id"] for row in outcomes if row["record"] == "receipts"})
    if unknown := [name for name in food_banks if name not in known]:
        raise EditionError(f"{unknown[0]!r} has delivered no receipts; known: {', '.join(known)}")
    closings = []
    for bank in food_banks or known:
        records = describe_closing(settings, outcomes, bank, end)
        closed = _find_closing(settings, bank, end)
        declared = set(closed["declared_none"]) if closed else set()
        closings.append(
            Closing(
                bank,
                end,
                tuple(
                    {**row, "is_missing": row["is_missing"] and row["record"] not in declared}
                    for row in records
                ),
                closed["by"] if closed else None,
            )
        )
    return closings


def close(
    settings: Settings,
    store: DeliveryStore,
    food_bank: str,
    end: date,
    by: str,
    at: datetime,
    declared_none: Sequence[str] = (),
) -> Closing:
    """Close a food bank's records to a day: every expected delivery has come, or `declared_none`.

    Raises EditionError where a record is neither: silence is not zero.
    """
    _require_name(by)
    closing = describe_closings(settings, store, end, [food_bank])[0]
    records = {row["record"] for row in closing.records}
    if unknown := set(declared_none) - records:
        raise EditionError(
            f"{min(unknown)!r} is no record with a rhythm of {food_bank}:"
            f" {', '.join(sorted(records))}"
        )
    missing = [record for record in closing.missing if record not in declared_none]
    if missing:
        details = {row["record"]: row["detail"] for row in closing.records}
        raise EditionError(
            f"{food_bank}: {missing[0]} {details[missing[0]]}"
            + (f", and {len(missing) - 1} records more" if len(missing) > 1 else "")
            + f"; deliver them, or declare that there are none: --none {missing[0]}"
        )
    with hold_pointer_lock(settings):
        append_log(settings, {
            "event": "closed", "food_bank_id": food_bank, "end": end.isoformat(), "by": by,
            "declared_none": sorted(declared_none), "at": at,
        }, LOG)  # fmt: skip
    return describe_closings(settings, store, end, [food_bank])[0]


def _find_closing(settings: Settings, food_bank: str, end: date) -> dict[str, Any] | None:
    found = [
        entry
        for entry in read_log(settings, LOG)
        if entry["event"] == "closed"
        and entry["food_bank_id"] == food_bank
        and entry["end"] == end.isoformat()
    ]
    return found[-1] if found else None


def _require_name(by: str) -> None:
    if len(by.strip()) < 2:
        raise EditionError("say who: --by NAME")


def find_proposal(settings: Settings, territory: str) -> dict[str, Any] | None:
    """The proposal of a territory that waits, with its `approvals`; None where none does."""
    try:
        return read_proposal(settings.published, territory)
    except PublicationError as error:
        raise EditionError(str(error)) from None


def propose(
    settings: Settings,
    territory: str,
    period: str,
    end: date,
    at: datetime,
    *,
    publication_id: str | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """Prepare an edition of a publication (the current one) for the approval of its food banks.

    Raises EditionError where a food bank is not closed to the day, the publication does not reach
    it, a correction gives no reason, or what the attacker reads in all editions together would give
    a hidden cell back.
    """
    pointer = read_pointer(settings.published) or {}
    chosen = publication_id or pointer.get("publication_id")
    if chosen is None:
        raise EditionError("nothing is published yet: collecto refresh")
    inside = open_publication(settings.published, chosen)
    banks = _find_food_banks(inside, territory)
    for bank in banks:
        if _find_closing(settings, bank, end) is None:
            raise EditionError(
                f"{bank} is not closed to {end}: collecto close {end:%Y-%m} --to {end}"
                f" --food-bank {bank} --by NAME"
            )
        day = inside.manifest["data_up_to"].get(bank)
        if day is None or day < end.isoformat():
            raise EditionError(f"publication {chosen} holds the data of {bank} to {day} only")
    earlier = list_editions(settings.published, territory)
    replaced = [entry for entry in earlier if entry.period == period]
    if replaced and not (reason or "").strip():
        raise EditionError(
            f"edition {replaced[-1].number} is of {period} already: say why it is corrected,"
            " --reason TEXT"
        )
    require_safe(settings, chosen)
    waiting = find_proposal(settings, territory)
    entry = {
        "event": "proposed",
        "territory": territory,
        "number": max((found.number for found in earlier), default=0) + 1,
        "attempt": waiting["attempt"] + 1 if waiting else 1,
        "period": period,
        "end": end.isoformat(),
        "food_banks": banks,
        "publication_id": chosen,
        "manifest_sha256": hash_file(settings.published / chosen / "manifest.json"),
        "reason": (reason or "").strip() or None,
        "replaces": replaced[-1].number if replaced else None,
        "at": at,
    }
    with hold_pointer_lock(settings):
        append_log(settings, entry, LOG)
    return entry


def _find_food_banks(publication: Publication, territory: str) -> list[str]:
    rows = publication.read("mart_food_banks").sort("position").iter_rows(named=True)
    banks = [
        row["food_bank_id"]
        for row in rows
        if territory in (row["territory_codes"] or "").split("|")
    ]
    if not banks:
        raise EditionError(f"no published food bank belongs to the territory {territory}")
    return banks


def require_safe(settings: Settings, publication_id: str) -> None:
    """Raise EditionError where this publication, beside the editions of the last months, gives a
    hidden cell back."""
    people = load_policy().people
    inside = open_publication(settings.published, publication_id)
    sources = Sources(
        {name: inside.read(name) for name in inside.marts()},
        donations=inside.read("mart_communes").clear(),
        neighbourhoods=inside.read("mart_communes").clear(),
    )
    last = max(inside.manifest["data_up_to"].values(), default="1970-01-01")
    first = date.fromisoformat(last) - timedelta(days=31 * people.edition_months)
    ids = {
        entry.publication_id
        for entry in list_editions(settings.published)
        if entry.end >= first and entry.publication_id != publication_id
    }
    cells = []
    for name in [*sorted(ids), publication_id]:
        public = open_publication(settings.published, name, "public")
        tables = {mart: public.read(mart) for mart in public.marts()}
        cells.append(read_published(tables.get))
    truth = read_cells(sources.marts.get)
    found = attack(
        cells, people, sources.territories(), sources.communes(),
        find_complementary(cells[-1], truth, load_policy()),
    )  # fmt: skip
    if found:
        raise EditionError(
            f"with the editions that stand, {found[0].describe()}; refresh first: a publication"
            " made now takes them into account"
        )


def approve(
    settings: Settings, territory: str, food_bank: str, by: str, comment: str, at: datetime
) -> dict[str, Any]:
    """Approve the proposal of a territory for one food bank, by name; give the proposal.

    Raises EditionError where none waits or the food bank has no part in it.
    """
    _require_name(by)
    proposal = find_proposal(settings, territory)
    if proposal is None:
        raise EditionError(f"no proposal of {territory} waits: collecto editions propose")
    if food_bank not in proposal["food_banks"]:
        raise EditionError(
            f"{food_bank!r} is no food bank of {territory}: {', '.join(proposal['food_banks'])}"
        )
    with hold_pointer_lock(settings):
        append_log(settings, {
            "event": "approved", "territory": territory, "number": proposal["number"],
            "publication_id": proposal["publication_id"], "food_bank_id": food_bank,
            "by": by.strip(), "comment": comment.strip(), "at": at,
        }, LOG)  # fmt: skip
    approved = find_proposal(settings, territory)
    assert approved is not None  # nosec B101
    return approved


def publish(settings: Settings, territory: str, at: datetime) -> Edition:
    """Put an approved proposal in place as the next edition.

    Raises EditionError where an approval is missing, or the publication was altered since.
    """
    proposal = find_proposal(settings, territory)
    if proposal is None:
        raise EditionError(f"no proposal of {territory} waits: collecto editions propose")
    approved = {entry["food_bank_id"] for entry in proposal["approvals"]}
    if missing := [bank for bank in proposal["food_banks"] if bank not in approved]:
        raise EditionError(
            f"{missing[0]} has not approved it: collecto editions approve {territory}"
            f" --food-bank {missing[0]} --by NAME"
        )
    publication_id = proposal["publication_id"]
    manifest = settings.published / publication_id / "manifest.json"
    if not manifest.is_file() or hash_file(manifest) != proposal["manifest_sha256"]:
        raise EditionError(f"publication {publication_id} is gone or was altered; propose again")
    require_safe(settings, publication_id)
    names = ("territory", "number", "period", "end", "food_banks", "publication_id",
             "manifest_sha256", "approvals", "reason", "replaces")  # fmt: skip
    path = settings.published / "editions" / territory / f"{proposal['number']}.json"
    with hold_pointer_lock(settings):
        if path.exists():
            raise EditionError(f"edition {proposal['number']} of {territory} was just published")
        content = {name: proposal[name] for name in names}
        write_json(path, {**content, "published_at": at.isoformat()})
        path.chmod(0o444)
        sync_folder(path.parent)
        append_log(settings, {
            "event": "edition", "territory": territory, "number": proposal["number"],
            "publication_id": publication_id, "sha256": hash_file(path), "at": at,
        }, LOG)  # fmt: skip
    return list_editions(settings.published, territory)[-1]


def describe_editions(settings: Settings, territory: str | None = None) -> list[dict[str, Any]]:
    """Editions and proposals that wait, for `editions list`: `{id, ok, detail, ...}`."""
    rows = []
    editions = list_editions(settings.published, territory)
    territories = {entry.territory for entry in editions}
    territories |= {
        str(entry["territory"])
        for entry in read_log(settings, LOG)
        if "territory" in entry and territory in (None, entry["territory"])
    }
    for entry in editions:
        names = ", ".join(f"{one['by']} ({one['food_bank_id']})" for one in entry.approvals)
        rows.append({
            "id": f"{entry.territory}/{entry.number}", "ok": True, "state": "published",
            "territory": entry.territory, "number": entry.number, "period": entry.period,
            "end": entry.end.isoformat(), "publication_id": entry.publication_id,
            "approvals": list(entry.approvals), "published_at": entry.published_at.isoformat(),
            "reason": entry.reason, "replaces": entry.replaces,
            "detail": f"{entry.period}, approved by {names}"
            + (f"; corrects {entry.replaces}: {entry.reason}" if entry.replaces else ""),
        })  # fmt: skip
    for code in sorted(territories):
        proposal = find_proposal(settings, code)
        if proposal is None:
            continue
        approved = {one["food_bank_id"] for one in proposal["approvals"]}
        missing = [bank for bank in proposal["food_banks"] if bank not in approved]
        rows.append({
            "id": f"{code}/{proposal['number']}", "ok": not missing, "state": "proposed",
            **{name: proposal[name] for name in (
                "territory", "number", "period", "end", "publication_id", "approvals", "reason",
                "replaces")},
            "published_at": None,
            "detail": f"{proposal['period']}, waits for {', '.join(missing) or 'publication'}",
        })  # fmt: skip
    return rows


def compare_editions(
    settings: Settings, territory: str, first: int, second: int
) -> list[dict[str, Any]]:
    """Figures that differ between two editions as the metropole reads them."""
    audience = f"metropole/{territory}"
    one, other = (
        open_edition(settings.published, territory, audience, number) for number in (first, second)
    )
    return [movement.as_json() for movement in find_movements(one, other)]


def has_requests(settings: Settings) -> bool:
    """Whether something waits in the inbox."""
    return settings.inbox.is_dir() and any(settings.inbox.glob("*.json"))


def process_inbox(
    settings: Settings, at: datetime, report: Callable[[str], None] = lambda step: None
) -> list[str]:
    """Do what files in the inbox ask, oldest name first; give a sentence for each.

    A page writes `{action: approve, territory, food_bank_id, by, comment}`; the demonstration asks
    for an edition of its own (`action: demonstration`). What was done goes to `inbox/done`, what
    could not be to `inbox/refused` with the reason beside it: nothing is lost.
    """
    answers: list[str] = []
    if not has_requests(settings):
        return answers
    for path in sorted(settings.inbox.glob("*.json")):
        report(f"Reading {path.name}")
        try:
            answer = _do_request(settings, _read_request(path), at)
            folder = settings.inbox / "done"
        except (EditionError, ValueError, KeyError, TypeError) as error:
            answer = f"{path.name}: refused, {error}"
            folder = settings.inbox / "refused"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{path.name}.reason.txt").write_text(f"{error}\n", encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        path.replace(folder / path.name)
        answers.append(answer)
    return answers


def _read_request(path: Path) -> dict[str, Any]:
    if path.is_symlink() or path.stat().st_size > MAX_REQUEST_BYTES:
        raise EditionError("not a small file of its own")
    request = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(request, dict):
        raise EditionError("not a JSON object")
    return request


def _do_request(settings: Settings, request: dict[str, Any], at: datetime) -> str:
    action = request["action"]
    if action == "demonstration":
        return _publish_demonstration(settings, request, at)
    territory = str(request["territory"])
    if action == "approve":
        proposal = find_proposal(settings, territory)
        if proposal and request["publication_id"] != proposal["publication_id"]:
            raise EditionError("another publication is proposed by now: look at it again")
        seen = {name: request[name] for name in ("number", "attempt") if name in request}
        if proposal and any(proposal[name] != value for name, value in seen.items()):
            raise EditionError("another proposal waits by now: look at it again")
        proposal = approve(
            settings, territory, str(request["food_bank_id"]), str(request["by"]),
            str(request.get("comment", "")), at,
        )  # fmt: skip
        approved = {one["food_bank_id"] for one in proposal["approvals"]}
        if approved >= set(proposal["food_banks"]):
            edition = publish(settings, territory, at)
            return f"edition {edition.number} of {territory} published"
        return f"{request['food_bank_id']} approved the proposal of {territory}"
    raise EditionError(f"{action!r} is nothing that can be asked")


def _publish_demonstration(settings: Settings, request: dict[str, Any], at: datetime) -> str:
    """The editions that the demonstration ships, one of each of its territories.

    Nobody but a demonstration may approve itself.
    """
    pointer = read_pointer(settings.published)
    if pointer is None:
        raise EditionError("nothing is published yet")
    period, end = read_end(None, date.fromisoformat(str(request["to"])))
    by, comment = str(request["by"]), str(request.get("comment", ""))
    inside = open_publication(settings.published, pointer["publication_id"])
    members: dict[str, list[dict[str, Any]]] = {}
    for row in inside.read("mart_food_banks").sort("position").iter_rows(named=True):
        for code in filter(None, (row["territory_codes"] or "").split("|")):
            members.setdefault(code, []).append(row)
    numbers = []
    for territory, banks in sorted(members.items()):
        if not all(bank["is_demonstration"] for bank in banks):
            continue
        if any(entry.period == period for entry in list_editions(settings.published, territory)):
            continue
        names = [bank["food_bank_id"] for bank in banks]
        with open_store(settings) as store:
            for name in names:
                close(settings, store, name, end, by, at)
        propose(settings, territory, period, end, at)
        for name in names:
            approve(settings, territory, name, by, comment, at)
        numbers.append(f"{territory}/{publish(settings, territory, at).number}")
    return f"editions of the demonstration: {', '.join(numbers) or 'there already'}"
