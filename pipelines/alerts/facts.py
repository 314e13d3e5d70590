"""What is so today that somebody may want to know: facts, the most urgent first.

The doctor's checks and lateness come from `pipelines/health.py`, lots from their published mart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from data_contracts.publications import NoPublicationError, list_editions, open_current
from pipelines.alerts.rules import AlertRules, Kind
from pipelines.health import describe_lateness, examine
from pipelines.settings import Settings
from pipelines.store import open_store

URGENCY: tuple[Kind, ...] = (
    "publication", "disk", "use_by", "late", "backup", "edition_corrected",
)  # fmt: skip
PAGES: dict[Kind, str] = {"use_by": "/stock", "late": "/donnees", "edition_corrected": "/methode"}


@dataclass(frozen=True)
class Fact:
    """`food_bank_ids` empty: of the platform, for the data team only. `values`: the sentence's."""

    kind: Kind
    food_bank_ids: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What makes it the same fact on the same day."""
        return "|".join((self.kind, *self.food_bank_ids, *map(str, self.values.values())))

    @property
    def path(self) -> str:
        """The page that shows it."""
        return PAGES.get(self.kind, "/")


def list_facts(settings: Settings, rules: AlertRules) -> list[Fact]:
    """All facts, the most urgent first."""
    found = [
        Fact(kind, (), {"detail": entry["detail"]})
        for entry in examine(settings)
        for kind in URGENCY
        if entry["check"] == kind in ("publication", "disk", "backup") and not entry["ok"]
    ]
    with open_store(settings) as store:
        late = describe_lateness(settings, store.list_outcomes())
    found += [
        Fact("late", (row["food_bank_id"],), {n: row[n] for n in ("record", "last_date")})
        for row in late
        if row["is_late"]
    ]
    found += [
        Fact("edition_corrected", edition.food_banks,
             {"edition": f"{edition.territory}-{edition.number}"})
        for edition in list_editions(settings.published)
        if edition.replaces is not None and edition.published_at.date() == settings.today()
    ]  # fmt: skip
    found += _list_lots(settings, rules.use_by_days)
    return sorted(found, key=lambda fact: (URGENCY.index(fact.kind), fact.key))


def _list_lots(settings: Settings, days: int) -> list[Fact]:
    """Kilograms at risk by food bank and day: lots that no delivery takes before their day."""
    try:
        lots = open_current(settings.published).scan("mart_lots_at_risk")
    except NoPublicationError:
        return []
    near = (
        lots.filter(pl.col("days_left").is_between(0, days), pl.col("at_risk_kg") > 0)
        .group_by("food_bank_id", "expires_on")
        .agg(pl.col("at_risk_kg").sum(), lots=pl.len())
        .collect()
    )
    return [
        Fact("use_by", (row["food_bank_id"],),
             {"day": row["expires_on"].isoformat(), "lots": str(row["lots"]),
              "kg": f"{row['at_risk_kg']:.0f}"})
        for row in near.iter_rows(named=True)
    ]  # fmt: skip
