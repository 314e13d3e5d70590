"""Which records a landing file holds, how it is read, and which of its columns are used.

By the food bank's source profile, else by the record's folder and columns. How rows are mapped
belongs in `mapping`.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from data_contracts.loader import (
    Column,
    Contract,
    ContractError,
    FileProfile,
    SourceProfile,
    load_records,
)
from pipelines.ingest.containers import UnreadableError
from pipelines.ingest.parsing import Reading

FOOD_BANK_ID = re.compile(r"^[a-z][a-z0-9_]{1,31}$")
CORRECTS = "_corrects"


@dataclass(frozen=True)
class Target:
    """One record (or lookup) that a file holds, and the profile that says how (None: its own
    columns)."""

    contract: Contract
    profile: FileProfile | None

    @property
    def lookup(self) -> str | None:
        return self.profile.lookup if self.profile else None


def find_targets(relative_path: str, profile: SourceProfile | None) -> list[Target]:
    """Which records a landing file holds: by the source profile, else by its folder.

    `relative_path` is relative to the food bank's landing folder. Raises UnreadableError where
    neither says so.
    """
    records = load_records()
    matching = [
        file
        for file in (profile.files if profile else [])
        if fnmatch.fnmatchcase(relative_path, file.match)
    ]
    if matching:
        for file in matching:
            _check_profile(file, records)
        given = [file.target_name for file in matching]
        repeated = {name for name in given if given.count(name) > 1}
        if repeated:
            raise ContractError(f"two profiles of one file give rows of {min(repeated)}")
        if len({_reading(file) for file in matching}) > 1:
            names = " and ".join(file.name for file in matching)
            raise ContractError(f"the profiles {names} of one file read it in different ways")
        return [Target(_contract_of(file, records), file) for file in matching]
    folder = PurePosixPath(relative_path).parts[0]
    if folder in records and "/" in relative_path:
        return [Target(records[folder], None)]
    raise UnreadableError(
        "no source profile of this food bank takes a file of this name, and its folder is not"
        f" the name of a record ({', '.join(records)})"
    )


def _contract_of(profile: FileProfile, records: dict[str, Contract]) -> Contract:
    """The contract of a record; a lookup is a table of text of its own."""
    if profile.record is not None:
        return records[profile.record]
    columns = tuple(
        Column(
            name, "string", "VARCHAR", name, name, name, False, False, False,
            None, None, None, None, (), None, None,
        )
        for name in profile.columns
    )  # fmt: skip
    return Contract(
        profile.target_name, "1.0.0", "One row per key", columns, (), "reference", None, None,
        (), 0, 0,
    )  # fmt: skip


def _reading(profile: FileProfile) -> tuple[object, ...]:
    """What decides the cells: a file is read, redacted and archived once for all its records."""
    return (
        profile.encoding,
        profile.delimiter,
        profile.header_rows,
        profile.skip_rows,
        profile.sheet,
    )


def _check_profile(profile: FileProfile, records: dict[str, Contract]) -> None:
    """Refuse a profile under which identifiers of people would be read past the redaction."""
    if profile.record is None:
        return
    if profile.record not in records:
        raise ContractError(f"profile {profile.name}: no record is called {profile.record!r}")
    derived = _derived_names(profile)
    for column in records[profile.record].columns:
        source = profile.columns.get(column.name)
        if source and column.is_personal and (source.source is None or source.source in derived):
            raise ContractError(
                f"profile {profile.name}: {column.name} is personal: it must come from one column"
            )


def make_reading(targets: list[Target]) -> Reading:
    """How the file of these targets is read, and which names its header has."""
    target = targets[0]
    profile = target.profile
    if profile is None:
        keys = frozenset(key for key in target.contract.keys if key != "food_bank_id")
        return Reading(expected=keys, ignores_case=True)
    expected: set[str] = set()
    for one in targets:
        assert one.profile is not None  # nosec B101
        expected |= _required_names(one.profile)
    return Reading(
        encoding=profile.encoding,
        delimiter=profile.delimiter,
        header_rows=profile.header_rows,
        skip_rows=profile.skip_rows,
        sheet=profile.sheet,
        expected=frozenset(expected),
    )


def _required_names(profile: FileProfile) -> set[str]:
    """The columns of the file that a profile needs; parts of wide names and joins left out."""
    return _used_names(profile) - _derived_names(profile)


def _derived_names(profile: FileProfile) -> set[str]:
    """Names that are no columns of the file itself: parts of wide names, columns of a lookup."""
    derived = set(profile.join.columns) if profile.join else set()
    if profile.unpivot:
        wide = re.compile(profile.unpivot.columns)
        derived |= {profile.unpivot.value, profile.unpivot.position, *wide.groupindex}
    return derived


def _used_names(profile: FileProfile) -> set[str]:
    used = {*profile.keep_rows, *profile.drop_rows}
    for name, source in profile.columns.items():
        if source.template is not None:
            used |= set(list_parts(source.template))
        elif source.constant is None:
            used.add(source.source or name)
    if profile.join:
        used |= set(profile.join.by)
    if profile.control:
        used |= {*profile.control.rows, *profile.control.sums}
        used |= {profile.control.count} if profile.control.count else set()
    if profile.sent_at and profile.sent_at.column:
        used.add(profile.sent_at.column)
    return used | {one.per for one in profile.adjustments if one.per}


def list_parts(template: str) -> list[str]:
    """The columns that a template joins."""
    return re.findall(r"\{([^{}]+)\}", template)


def known_columns(names: Iterable[str], target: Target) -> dict[str, str]:
    """Source column -> contract column, for the columns that are used; templates keep names."""
    contract, profile = target.contract, target.profile
    if profile is None:
        accepted = {column.name: column.name for column in contract.columns}
        accepted[CORRECTS] = CORRECTS
        for column in contract.columns:
            if column.is_mass:
                stem = column.name.removesuffix("_kg")
                accepted |= {f"{stem}_quantity": f"{stem}_quantity", f"{stem}_unit": f"{stem}_unit"}
        known = {name: accepted[name.lower()] for name in names if name.lower() in accepted}
        if len(set(known.values())) < len(known):
            twice = next(name for name in known.values() if list(known.values()).count(name) > 1)
            raise UnreadableError(f"the header names {twice} twice, in capitals and small letters")
        return known
    used = dict.fromkeys(_used_names(profile), "")
    personal = {column.name for column in contract.columns if column.is_personal}
    # Personal columns last: a source column that is read twice is still an identifier.
    for name, source in sorted(profile.columns.items(), key=lambda entry: entry[0] in personal):
        if source.template is None and source.constant is None:
            used[source.source or name] = name
    wide = re.compile(profile.unpivot.columns) if profile.unpivot else None
    return {
        name: used.get(name, "") for name in names if name in used or (wide and wide.search(name))
    }
