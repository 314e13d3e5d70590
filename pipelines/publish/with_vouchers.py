"""What is published of agreements, and of deliveries, where it holds vouchers that are hidden.

An agreement that pays vouchers alone shows in its used euros what they were worth. Here lives how
these sums are shown; which vouchers are hidden is decided in `disclosure`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from data_contracts.disclosure import PeoplePolicy
from data_contracts.loader import load_records
from pipelines.publish.people import OF_MONTHS_OF_VOUCHERS, Key, round_people
from pipelines.publish.with_parcels import fit_rows

# Indicators whose euros are those used of agreements; the first counts them since they began.
SINCE_THE_BEGINNING = "funding_used_share"
OF_AGREEMENTS = frozenset(
    {SINCE_THE_BEGINNING, "public_eur_per_tonne", "food_value_per_public_euro"}
)


@dataclass(frozen=True)
class HiddenVouchers:
    """Months of food banks in which euros of vouchers are hidden: theirs, or a territory's."""

    people: PeoplePolicy
    months: frozenset[tuple[str, date]]

    @classmethod
    def among(
        cls,
        hidden: Iterable[Key],
        territories: Mapping[str, Collection[str]],
        people: PeoplePolicy,
    ) -> HiddenVouchers:
        """Those of the cells that are hidden."""
        months: set[tuple[str, date]] = set()
        for key in hidden:
            if (key.area, key.period_kind, key.family) != OF_MONTHS_OF_VOUCHERS:
                continue
            banks = {"food_bank": [key.scope_id], "territory": territories.get(key.scope_id, ())}
            months.update((bank, key.period_start) for bank in banks.get(key.scope_kind, ()))
        return cls(people, frozenset(months))

    def show_agreements(self, table: pl.DataFrame) -> pl.DataFrame:
        """`mart_funding_monthly`: euros used in such a month as a multiple of `household_eur`."""
        rows = []
        for row in table.iter_rows(named=True):
            if (row["food_bank_id"], row["month"]) in self.months:
                row["used_eur"] = round_people(row["used_eur"], self.people, "used_eur")
            rows.append(row)
        return fit_rows(rows, table.schema)

    def is_in(self, row: Mapping[str, Any], territories: Mapping[str, Collection[str]]) -> bool:
        """Whether the euros of an indicator hold those of such a month."""
        if row["indicator_code"] not in OF_AGREEMENTS:
            return False
        scope = row["scope_id"]
        own = {"food_bank": {scope}, "territory": territories.get(scope, ())}
        banks = own.get(row["scope_kind"])
        first = row["period_start"].replace(day=1)
        return any(
            (banks is None or bank in banks)
            and month <= row["period_end"]
            and (month >= first or row["indicator_code"] == SINCE_THE_BEGINNING)
            for bank, month in self.months
        )


def show_supplied(table: pl.DataFrame) -> pl.DataFrame:
    """`mart_supplied_records`: how many rows came is not told of records of people; two editions
    would say how many came in between."""
    personal = sorted(name for name, contract in load_records().items() if contract.is_personal)
    rows = pl.when(~pl.col("record").is_in(personal)).then(pl.col("count_rows"))
    return table.with_columns(rows.alias("count_rows"))
