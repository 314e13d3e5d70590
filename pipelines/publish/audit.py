"""The audit of a draft: what was checked, with which result, of exactly which files.

Contracts are checked in `quality`, models in dbt. Here lie the checks of what leaves: that each
audience has its own and nothing else, that nothing hidden can be found again, that what is shown
outside adds up to what is inside; and the record of all of them, bound to the hashes of the files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from data_contracts.disclosure import Policy, contract_for, load_policy
from data_contracts.publications import open_publication
from data_contracts.reasons import Reason, put_under
from pipelines.publish.attacker import attack
from pipelines.publish.disclosure import Sources, find_exposed_donors
from pipelines.publish.draft import AUDIENCE, DraftedMart, draft_folder, list_audiences
from pipelines.publish.kilograms import find_parts, read_published
from pipelines.publish.people import Cells, Key, read_cells
from pipelines.settings import Settings
from pipelines.store import hash_file, write_json

# Columns that name a household, a lot, a person or a single donor: never outside a food bank.
FORBIDDEN_OUTSIDE = {
    "household_id", "lot_id", "user_id", "supplier_id", "receipt_id", "parcel_id", "partner_ids",
}  # fmt: skip
MAX_NAMED = 5
AUDIT_CHECKS = (
    "audiences_hold_their_own", "small_counts_are_hidden", "donors_are_hidden", "outside_adds_up",
    "deliveries_balance", "reconciles_with_manifest", "drift_is_plausible",
)  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One check of a draft. `expectations`: how many it holds."""

    check: str
    has_passed: bool
    expectations: int


@dataclass(frozen=True)
class AuditFinding:
    """What one check of the audit found: a reason per failure, of `expectations` looked at."""

    check: str
    failures: tuple[str, ...]
    expectations: int

    def as_check(self) -> Check:
        return Check(self.check, not self.failures, self.expectations)


def audit_draft(
    folder: Path, donations: pl.DataFrame, earlier: Sequence[Cells] = ()
) -> list[AuditFinding]:
    """Look at the files of a draft as its readers will."""
    policy = load_policy()
    marts = {name: _read_table(folder / AUDIENCE, name) for name in policy.marts_of(AUDIENCE)}
    sources = Sources(marts, donations, pl.DataFrame())
    return [
        gather("audiences_hold_their_own", check_audiences(folder, sources, policy)),
        gather("small_counts_are_hidden", check_people(folder, sources, policy, earlier)),
        gather("donors_are_hidden", check_donors(folder, sources, policy)),
        gather("outside_adds_up", check_sums(folder, sources)),
    ]


def read_earlier(settings: Settings, inputs: Mapping[str, Any]) -> list[Cells]:
    """Cells of people that the public knows from the editions that the inputs name.

    Raises PublicationError where such a publication is gone or was altered.
    """
    found = []
    for publication_id in inputs["editions"]:
        publication = open_publication(settings.published, publication_id, "public")
        tables = {mart: publication.read(mart) for mart in publication.marts()}
        found.append(read_published(tables.get))
    return found


def gather(name: str, results: Iterable[str | None]) -> AuditFinding:
    """What a check found: its first failures, and how many more."""
    found = list(results)
    failures = [failure for failure in found if failure is not None]
    more = len(failures) - MAX_NAMED
    named = failures[:MAX_NAMED]
    if more > 0:
        named.append(Reason(f"and {more} more", "more", count=more))
    return AuditFinding(name, tuple(put_under(name, text) for text in named), max(1, len(found)))


def _find_table(folder: Path, mart: str) -> pl.DataFrame | None:
    path = folder / f"{mart}.parquet"
    return pl.read_parquet(path, glob=False) if path.is_file() else None


def _read_table(folder: Path, mart: str) -> pl.DataFrame:
    return pl.read_parquet(folder / f"{mart}.parquet", glob=False)


def check_audiences(folder: Path, sources: Sources, policy: Policy) -> Iterator[str | None]:
    """Each audience has its marts with the columns of its contract, and rows of its own only."""
    territories = sources.territories()
    banks = sources.marts["mart_food_banks"]["food_bank_id"].to_list()
    expected = {AUDIENCE, "public"}
    expected |= {f"food_banks/{bank}" for bank in banks}
    expected |= {f"metropole/{code}" for code in territories}
    found = set(list_audiences(folder))
    for audience in sorted(expected ^ found):
        found_so = "is missing" if audience in expected else "is nobody"
        yield Reason(f"{audience} {found_so}", "audience.folder", audience=audience)
    for audience in sorted(expected & found):
        kind, _, name = audience.partition("/")
        marts = sorted(path.stem for path in (folder / audience).glob("*.parquet"))
        if marts != policy.marts_of(audience):
            other = ", ".join(sorted(set(marts) ^ set(policy.marts_of(audience))))
            yield _tell_audience(f"{audience}: {other} is not what it should have", audience, other)
        allowed = {
            "food_banks": {name},
            "metropole": set(territories.get(name, ())),
        }.get(kind, set(banks))
        for mart in marts:
            table = _read_table(folder / audience, mart)
            columns = [column.name for column in contract_for(mart, audience).columns]
            if table.columns != columns:
                text = f"{audience}/{mart}: its columns are not those of its contract"
                yield _tell_audience(text, audience, mart)
            elif kind in ("metropole", "public") and FORBIDDEN_OUTSIDE & set(table.columns):
                column = min(FORBIDDEN_OUTSIDE & set(table.columns))
                yield _tell_audience(f"{audience}/{mart}: {column} is shown", audience, mart)
            elif audience == AUDIENCE:
                yield None
            else:
                yield _find_broken_promise(audience, mart, table)
                yield _find_foreign_rows(audience, mart, table, allowed)


def _tell_audience(sentence: str, audience: str, what: str) -> Reason:
    return Reason(sentence, "audience.content", audience=audience, what=what)


def _find_broken_promise(audience: str, mart: str, table: pl.DataFrame) -> str | None:
    """What the contract of an audience asks for beside the mart's own, which its suite checks:
    keys after columns were summed over, values and codes after cells were hidden or merged."""
    contract = contract_for(mart, audience)
    if table.select(contract.keys).is_duplicated().any():
        text = f"{audience}/{mart}: rows are not unique by {', '.join(contract.keys)}"
        return _tell_audience(text, audience, mart)
    for column in contract.columns:
        values = table[column.name]
        if column.is_required and values.has_nulls():
            return _tell_audience(f"{audience}/{mart}: {column.name} is missing", audience, mart)
        if column.codes and (other := set(values.drop_nulls().unique()) - set(column.codes)):
            text = f"{audience}/{mart}: {column.name} has {min(other)}"
            return _tell_audience(text, audience, mart)
    return None


def _find_foreign_rows(
    audience: str, mart: str, table: pl.DataFrame, allowed: set[str]
) -> str | None:
    kind, _, name = audience.partition("/")
    if "food_bank_id" in table.columns:
        foreign = set(table["food_bank_id"].unique()) - allowed
    elif "scope_kind" in table.columns and kind in ("food_banks", "metropole"):
        of_banks = table.filter(pl.col("scope_kind") == "food_bank")
        foreign = set(of_banks["scope_id"].unique()) - allowed
        if kind == "metropole":
            of_territories = table.filter(pl.col("scope_kind") == "territory")
            foreign |= set(of_territories["scope_id"].unique()) - {name}
        foreign |= set(table.filter(pl.col("scope_kind") == "network")["scope_id"].unique())
    else:
        return None
    if not foreign:
        return None
    text = f"{audience}/{mart}: rows of {', '.join(sorted(foreign))}"
    return _tell_audience(text, audience, mart)


def check_people(
    folder: Path, sources: Sources, policy: Policy, earlier: Sequence[Cells] = ()
) -> Iterator[str | None]:
    """Let the attacker try what the public and each metropole see, with the editions that stand."""
    truth = read_cells(sources.marts.get)
    members, communes = sources.territories(), sources.communes()
    public: Cells = {}
    # The public first: a metropole that sees no cell beside it learns no more.
    for audience in sorted(list_audiences(folder), key=lambda name: name != "public"):
        if audience.partition("/")[0] not in ("public", "metropole"):
            continue
        read = partial(_find_table, folder / audience)
        cells = read_published(read)
        yield from (None for _ in cells)
        for text in find_parts(read, cells, policy.people):
            yield put_under(audience, text, audience=audience)
        if cells.items() <= public.items():
            continue
        public = public or cells
        complementary = find_complementary(cells, truth, policy)
        found = attack([*earlier, cells], policy.people, members, communes, complementary)
        for finding in found:
            yield put_under(audience, finding.describe(), audience=audience)


def find_complementary(cells: Cells, truth: Cells, policy: Policy) -> set[Key]:
    """Hidden cells that are not small: the auditor knows which, and so may the attacker."""
    return {
        key
        for key, value in cells.items()
        if value is None and (truth.get(key) or 0) >= policy.people.threshold
    }


def check_donors(folder: Path, sources: Sources, policy: Policy) -> Iterator[str | None]:
    """Every cell of received food that is shown has enough donors."""
    for audience in list_audiences(folder):
        if audience.partition("/")[0] in ("public", "metropole"):
            flows = _find_table(folder / audience, "mart_flows_monthly")
            if flows is None:
                continue
            yield None
            for text in find_exposed_donors(flows, sources.donations, policy.donors):
                yield put_under(audience, text, audience=audience)


def check_sums(folder: Path, sources: Sources) -> Iterator[str | None]:
    """Kilograms of each food bank, month and flow are the same outside as inside."""
    keys = ["food_bank_id", "month", "flow"]

    def add(table: pl.DataFrame) -> pl.DataFrame:
        is_known = pl.col("weight_kg").is_not_null().all().alias("is_known")
        return table.group_by(keys).agg(pl.col("weight_kg").sum(), is_known)

    inside = add(sources.marts["mart_flows_monthly"])
    outside = add(_read_table(folder / "public", "mart_flows_monthly"))
    both = inside.join(outside, on=keys, how="full", suffix="_outside", coalesce=True)
    for row in both.sort(keys).iter_rows(named=True):
        if row["is_known_outside"] is False:
            yield None  # hidden
        elif row["weight_kg"] != row["weight_kg_outside"]:
            yield Reason(
                f"{row['flow']} of {row['food_bank_id']} in {row['month']}: {row['weight_kg']} kg"
                f" inside, {row['weight_kg_outside']} kg outside",
                "outside", flow=row["flow"], food_bank=row["food_bank_id"], month=row["month"],
                kg=row["weight_kg"], outside_kg=row["weight_kg_outside"],
            )  # fmt: skip
        else:
            yield None


def write_audit(settings: Settings, publication_id: str, checks: Sequence[Check]) -> None:
    """Write the audit record of a draft, bound to the hashes of its files as they stand."""
    folder = draft_folder(settings, publication_id)
    marts = [
        asdict(DraftedMart(path.stem, _count_rows(path), hash_file(path), audience))
        for audience in list_audiences(folder)
        for path in sorted((folder / audience).glob("*.parquet"))
    ]
    ordered = sorted(checks, key=lambda check: check.check)
    write_json(
        folder / "audit.json", {"marts": marts, "checks": [asdict(check) for check in ordered]}
    )


def _count_rows(path: Path) -> int:
    return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())


def read_audit(settings: Settings, publication_id: str) -> tuple[list[DraftedMart], list[Check]]:
    """The audit record of a draft.

    Raises FileNotFoundError where it was not audited.
    """
    path = draft_folder(settings, publication_id) / "audit.json"
    audit = json.loads(path.read_text(encoding="utf-8"))
    marts = [DraftedMart(**mart) for mart in audit["marts"]]
    return marts, [Check(**check) for check in audit["checks"]]


def compare_with_inputs(counted: Mapping[str, int], inputs: Mapping[str, Any]) -> AuditFinding:
    """Whether the warehouse read the rows that the manifest says: by record, accepted and replayed.

    `counted`: rows that each staging model holds.
    """
    wanted: dict[str, int] = {}
    for delivery in inputs["deliveries"]:
        rows = delivery["rows_accepted"] + delivery["rows_replayed"] + delivery["rows_replaced"]
        wanted[delivery["record"]] = wanted.get(delivery["record"], 0) + rows
    failures = [
        Reason(
            f"reconciles_with_manifest: {record}: {wanted.get(record, 0)} rows were accepted, the"
            f" warehouse read {counted.get(record, 0)}",
            "reconciliation",
            record=record,
            accepted=wanted.get(record, 0),
            read=counted.get(record, 0),
        )
        for record in sorted(wanted.keys() | counted.keys())
        if wanted.get(record, 0) != counted.get(record, 0)
    ]
    return AuditFinding("reconciles_with_manifest", tuple(failures), max(1, len(wanted)))
