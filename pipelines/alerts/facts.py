"""What is so today that somebody may want to know: facts, as codes and values.

Disk, backup, publication and lateness come from `pipelines/health.py`; what a food bank has to
decide from its published folder, by the rules of `data_contracts/decisions.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import chain
from typing import Any

from data_contracts.decisions import (
    Finding,
    PlaceNames,
    Value,
    find_decisions,
    read_place_names,
    weigh,
)
from data_contracts.publications import (
    NoPublicationError,
    PublicationError,
    list_editions,
    open_current,
    open_publication,
    read_pointer,
    read_refusal,
)
from data_contracts.reasons import read_reasons
from pipelines.alerts.rules import (
    KINDS,
    AccreditationRule,
    AlertRules,
    DaysRule,
    PartnerRule,
    Rule,
    Rules,
    StoreRule,
    UseByRule,
)
from pipelines.health import (
    count_backup_days,
    describe_lateness,
    measure_free_bytes,
    needs_backup,
)
from pipelines.settings import Settings
from pipelines.store import open_store

# What may change from one refresh to the next while the fact is the same.
MEASURES = {"lots", "kg", "days", "count", "reason", "free", "least", "missed"}


@dataclass(frozen=True)
class Fact:
    """One thing to tell. `food_bank_ids` empty: of the platform, for the data team only.

    `text_id` and `values`: its sentence; `page` and `option`: where more is shown; `weight`:
    kilograms by urgency, by which facts of a kind are ordered.
    """

    kind: str
    text_id: str
    food_bank_ids: tuple[str, ...] = ()
    values: tuple[tuple[str, Value], ...] = ()
    page: str = "donnees"
    option: tuple[str, str] | None = None
    weight: float = 0.0
    places: PlaceNames = field(default_factory=dict, compare=False, repr=False)

    @property
    def key(self) -> str:
        """What makes it the same fact on the same day."""
        named = (str(value) for name, value in self.values if name not in MEASURES)
        return "|".join((self.text_id, *self.food_bank_ids, *named))


def list_facts(settings: Settings, rules: AlertRules, at: datetime) -> list[Fact]:
    """All facts: the first of each kind, the most urgent kind first, then their second ones.

    So seven a day hold something of every kind. `at`: the clock.
    """
    asked = rules.rules
    found = chain(
        _list_platform(settings, asked, at),
        _list_late(settings, asked),
        _list_corrections(settings, asked, at),
        _list_decisions(settings, asked),
    )
    by_kind: dict[str, list[Fact]] = defaultdict(list)
    for fact in sorted(found, key=lambda fact: (-fact.weight, fact.key)):
        by_kind[fact.kind].append(fact)
    places = [
        (place, KINDS.index(kind), fact)
        for kind, facts in by_kind.items()
        for place, fact in enumerate(facts)
    ]
    return [fact for *_, fact in sorted(places, key=lambda entry: entry[:2])]


def _list_platform(settings: Settings, rules: Rules, at: datetime) -> Iterator[Fact]:
    if rules.publication:
        yield from _list_refusal(settings)
    if rules.disk:
        free = Decimal(measure_free_bytes(settings)) / 10**9
        if free < rules.disk.gigabytes:
            least = rules.disk.gigabytes
            values = (("free", free.quantize(Decimal(1), ROUND_FLOOR)), ("least", least))
            yield Fact("disk", "alert.disk", values=values)
    if rules.backup and needs_backup(settings):
        days = count_backup_days(settings, at)
        if days is None:
            yield Fact("backup", "alert.backup.none")
        elif days > rules.backup.days:
            yield Fact("backup", "alert.backup", values=(("days", days),))


def _list_refusal(settings: Settings) -> Iterator[Fact]:
    try:
        refusal = read_refusal(settings.published)
        is_published = read_pointer(settings.published) is not None
    except PublicationError as error:
        yield _tell_damage(error)
        return
    if refusal:
        reasons = read_reasons(refusal)
        yield Fact(
            "publication", "alert.publication",
            values=(("publication", refusal["publication_id"]), ("count", len(reasons)),
                    ("reason", reasons[0])),
        )  # fmt: skip
    elif not is_published:
        yield Fact("publication", "alert.publication.none")


def _list_late(settings: Settings, rules: Rules) -> Iterator[Fact]:
    if rules.late is None:
        return
    last_due = settings.today() - timedelta(rules.late.days)
    with open_store(settings) as store:
        rows = describe_lateness(settings, store.list_outcomes())
    for row in rows:
        if row["is_late"] and date.fromisoformat(row["due_on"]) < last_due:
            values = (("record", row["record"]), ("date", date.fromisoformat(row["last_date"])))
            yield Fact("late", "decision.late", (row["food_bank_id"],), values, "methode")


def _list_corrections(settings: Settings, rules: Rules, at: datetime) -> Iterator[Fact]:
    if rules.edition_corrected is None:
        return
    first = at.date() - timedelta(rules.edition_corrected.days)
    for edition in list_editions(settings.published):
        if edition.replaces is not None and edition.published_at.date() >= first:
            code = f"{edition.territory}-{edition.number}"
            yield Fact(
                "edition_corrected", "alert.edition_corrected", edition.food_banks,
                (("edition", code), ("replaces", edition.replaces),
                 ("reason", edition.reason or "")),
                "methode", ("edition", code),
            )  # fmt: skip


def _list_decisions(settings: Settings, rules: Rules) -> Iterator[Fact]:
    """What each food bank has to decide, as its own folder of the current publication tells it."""
    try:
        current = open_current(settings.published)
        banks = current.read("mart_food_banks")
        for row in banks.filter(banks["data_date"].is_not_null()).iter_rows(named=True):
            bank, today = row["food_bank_id"], row["data_date"]
            own = open_publication(settings.published, current.publication_id, f"food_banks/{bank}")
            period = ("year_to_date", today.replace(month=1, day=1))
            found = [
                finding
                for finding in find_decisions(own, bank, today, period)
                if _is_asked(finding, rules, today)
            ]
            yield from _add_up_lots(bank, found, today)
            places = read_place_names(own, bank)
            for finding in found:
                if finding.kind != "use_by":
                    yield Fact(
                        _KINDS[finding.kind], f"decision.{finding.kind}", (bank,), finding.values,
                        finding.page, finding.option, weigh(finding, today), places,
                    )  # fmt: skip
    except NoPublicationError:
        return
    except PublicationError as error:
        yield _tell_damage(error)


def _tell_damage(error: PublicationError) -> Fact:
    return Fact("publication", "alert.publication.damaged", values=(("reason", error.reason),))


_KINDS = {
    "use_by": "use_by",
    "store_missed": "store_missed",
    "partner_silent": "partner_silent",
    "accreditation": "accreditation",
    "accreditation_expired": "accreditation",
    "closing": "closing",
}


def _is_asked(finding: Finding, rules: Rules, today: date) -> bool:
    """Whether a finding is of a rule of the file, and beyond its threshold."""
    values: dict[str, Any] = dict(finding.values)
    rule: Rule | None = getattr(rules, _KINDS.get(finding.kind, ""), None)
    match rule:
        case UseByRule():
            return (finding.due - today).days <= rule.days
        case StoreRule():
            return int(values["missed"]) >= rule.pickups
        case PartnerRule():
            return finding.weight_kg >= rule.kg
        case AccreditationRule():
            return int(values["count"]) >= rule.partners
        case DaysRule():
            return today.day > rule.days
    return False


def _add_up_lots(bank: str, found: Sequence[Finding], today: date) -> Iterator[Fact]:
    """Lots without an outlet of a food bank, day by day."""
    days: dict[date, list[Finding]] = defaultdict(list)
    for finding in found:
        if finding.kind == "use_by":
            days[finding.due].append(finding)
    for day, findings in days.items():
        weight = sum((finding.weight_kg for finding in findings), Decimal(0))
        lots = sum(int(str(dict(finding.values)["lots"])) for finding in findings)
        yield Fact(
            "use_by", "alert.use_by", (bank,), (("lots", lots), ("kg", weight), ("day", day)),
            "stock", None, sum(weigh(finding, today) for finding in findings),
        )  # fmt: skip
