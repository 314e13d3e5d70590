"""The proposal of an edition that waits for a food bank, as its director sees it on Pilotage.

Here live who is asked, with which figures, and the request that an approval leaves in the inbox
(the one folder besides the log of accesses that the dashboards write). What the request does
belongs in `pipelines/editions.py`; the form in `views/approval.py`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from dashboards.access import ForbiddenError, Principal
from dashboards.filters import Filters, Period, label_period
from dashboards.kpis import Kpi, build_kpi
from dashboards.language import Words
from dashboards.page_models.scope import read_scope
from dashboards.published import Opened, Source, read_choices
from data_contracts.publications import PublicationError, read_proposal
from data_contracts.requests import ApprovalRequest, find_outcome, name_approval, write_request

INBOX_VARIABLE = "COLLECTO_INBOX_DIR"
CARDS = (
    ("tonnes_distributed", ""),
    ("fresh_share_distributed", "standard"),
    ("households_helped", ""),
    ("induced_kg_per_tonne", "transport"),
)
State = Literal["asked", "waiting", "approved", "gone"]


@dataclass(frozen=True)
class Approval:
    """A proposal for one food bank. `refused`: why an earlier approval could not be taken in;
    `others`: who approved for other food banks; `missing`: food banks that did not yet."""

    territory: str
    number: int
    attempt: int
    end: date
    publication_id: str
    food_bank_id: str
    state: State
    reason: str
    replaces: int | None
    others: tuple[str, ...]
    missing: tuple[str, ...]
    refused: str
    period_code: str
    period_text: str
    cards: tuple[Kpi, ...]


def read_approvals(opened: Opened, filters: Filters, words: Words) -> tuple[Approval, ...]:
    """Proposals that name the food bank of the page, for its director alone."""
    inbox = read_inbox()
    bank = filters.food_bank
    principal = opened.principal
    if inbox is None or not may_approve(principal, bank.food_bank_id):
        return ()
    folder = opened.publication.published_dir
    found = []
    for territory in bank.territory_codes:
        try:
            proposal = read_proposal(folder, territory)
        except PublicationError:
            continue
        if proposal and bank.food_bank_id in proposal["food_banks"]:
            found.append(_describe(opened, filters, words, proposal, inbox))
    return tuple(found)


def may_approve(principal: Principal, food_bank_id: str) -> bool:
    """Whether the principal answers for the food bank."""
    return principal.role == "food_bank" and food_bank_id in principal.scope


def read_inbox() -> Path | None:
    """The folder of requests; None where this server was given none."""
    value = os.environ.get(INBOX_VARIABLE, "")
    return Path(value) if value else None


def send_approval(principal: Principal, approval: Approval, by: str, comment: str) -> None:
    """Leave the request. Who signed in approves by the name that the provider tells.

    Raises ForbiddenError for another food bank's, ValueError for a name or comment that cannot be
    taken, OSError where the inbox cannot be written.
    """
    inbox = read_inbox()
    if inbox is None or not may_approve(principal, approval.food_bank_id):
        raise ForbiddenError(f"approval for {approval.food_bank_id}")
    request = ApprovalRequest(
        territory=approval.territory,
        number=approval.number,
        attempt=approval.attempt,
        publication_id=approval.publication_id,
        food_bank_id=approval.food_bank_id,
        by=(principal.name or by).strip(),
        comment=comment.strip(),
        reader=principal.reader,
        asked_at=datetime.now(UTC).replace(microsecond=0).isoformat(),
    )
    write_request(inbox, request)


def _describe(
    opened: Opened, filters: Filters, words: Words, proposal: dict[str, Any], inbox: Path
) -> Approval:
    bank = filters.food_bank.food_bank_id
    territory, number, attempt = proposal["territory"], proposal["number"], proposal["attempt"]
    end = date.fromisoformat(proposal["end"])
    approved = {entry["food_bank_id"]: str(entry["by"]) for entry in proposal["approvals"]}
    outcome, refused = find_outcome(inbox, name_approval(territory, number, attempt, bank))
    period, cards = _read_cards(opened, filters, words, proposal["publication_id"], end)
    state: State = "asked"
    if bank in approved:
        state = "approved"
    elif outcome == "waiting":
        state = "waiting"
    elif period is None:
        state = "gone"
    return Approval(
        territory=territory,
        number=number,
        attempt=attempt,
        end=end,
        publication_id=proposal["publication_id"],
        food_bank_id=bank,
        state=state,
        reason=proposal.get("reason") or "",
        replaces=proposal.get("replaces"),
        others=tuple(by for name, by in approved.items() if name != bank),
        missing=tuple(name for name in proposal["food_banks"] if name not in approved),
        refused=refused if state == "asked" else "",
        period_code=period.code if period else "",
        period_text=label_period(words, period) if period else "",
        cards=cards,
    )


def _read_cards(
    opened: Opened, filters: Filters, words: Words, publication_id: str, end: date
) -> tuple[Period | None, tuple[Kpi, ...]]:
    """The figures of the proposed publication, for the latest period that ends by its day."""
    door = opened.principal.open_door(opened.publication.published_dir)
    audience = f"food_banks/{filters.food_bank.food_bank_id}"
    try:
        source = Source.of(door.open_publication(publication_id, audience), door)
        return _read_cards_once(source, replace(filters, options=()), words, end)
    except (PublicationError, KeyError):
        return None, ()


@lru_cache(maxsize=64)
def _read_cards_once(
    source: Source, filters: Filters, words: Words, end: date
) -> tuple[Period | None, tuple[Kpi, ...]]:
    publication = source.open()
    periods = read_choices(source).periods[filters.food_bank.food_bank_id]
    within = [period for period in periods if period.end <= end]
    order = ("year_to_date", "month")
    candidates = [period for period in within if period.kind in order and period.end == end]
    candidates = candidates or [period for period in within if period.kind == "month"]
    if not candidates:
        return None, ()
    period = max(candidates, key=lambda found: (found.end, -order.index(found.kind)))
    scope = read_scope(publication, replace(filters, period=period), words)
    return period, tuple(build_kpi(scope, code, variant) for code, variant in CARDS)
