"""Checks contracts, source profiles and the register as a whole, beyond the shape of each file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from data_contracts.loader import (
    CONTRACTS_DIR,
    Contract,
    ContractError,
    FileProfile,
    SourceProfile,
    find_line,
    load_contract,
    load_profile,
    load_records,
    load_register,
)
from pipelines.quality.replacements import can_replace
from pipelines.quality.rules import CompiledContract, cell_name, compile_contract, quote_name


def check_contracts(sources_dir: Path | None = None) -> list[dict[str, Any]]:
    """One entry per file: `{check, ok, detail}`; `detail` is empty where it is right."""
    results = []
    for folder in ("records", "marts"):
        for path in sorted((CONTRACTS_DIR / folder).glob("*.odcs.yaml")):
            results.append(_run(f"{folder}/{path.name}", _check_contract, path))
    results += check_profiles(sources_dir or CONTRACTS_DIR / "sources")
    results.append(_run("indicators.yaml", _check_register, CONTRACTS_DIR / "indicators.yaml"))
    return results


def check_profiles(folder: Path) -> list[dict[str, Any]]:
    """One entry per source profile of a folder, as `check_contracts` gives them."""
    return [
        _run(f"sources/{path.name}", _check_profile, path) for path in sorted(folder.glob("*.yaml"))
    ]


def _run(name: str, check: Callable[[Path], None], path: Path) -> dict[str, Any]:
    try:
        check(path)
    except (ContractError, OSError) as error:
        return {"check": name, "ok": False, "detail": str(error)}
    return {"check": name, "ok": True, "detail": ""}


def _check_contract(path: Path) -> None:
    contract = load_contract(path)
    if path.name != f"{contract.name}.odcs.yaml":
        raise ContractError(f"{path.name} describes {contract.name}; give the file its name")
    if not contract.keys:
        raise ContractError(f"{path.name}: no column is a primary key")
    if not contract.description.startswith("One row per "):
        raise ContractError(f"{path.name}: the description does not begin with 'One row per'")
    for column in contract.columns:
        _check_pattern(path, column.name, column.pattern)
        target = (column.reference or "").split(".")[0]
        if target and target not in load_records():
            raise ContractError(
                f"{path.name}: {column.name} refers to {target}, which is no record"
            )
    if contract.kind != "mart":
        _check_rules(path, contract)


def _check_pattern(path: Path, name: str, pattern: str | None) -> None:
    if pattern is None:
        return
    try:
        re.compile(pattern)
    except re.error as error:
        raise ContractError(f"{path.name}: the pattern of {name} is wrong: {error}") from error
    if not pattern.startswith("^") or not pattern.endswith("$"):
        raise ContractError(f"{path.name}: the pattern of {name} must stand between ^ and $")


def _check_rules(path: Path, contract: Contract) -> None:
    """Every rule must be SQL over the columns of the record."""
    names = [column.name for column in contract.columns]
    compiled = compile_contract(contract, names, "Europe/Paris", "2024-01-01")
    cells = ", ".join(f"''::VARCHAR as {quote_name(cell_name(name))}" for name in names)
    factors = "null::VARCHAR as product_code, " + ", ".join(
        f"null::DECIMAL(14,3) as {unit}_weight_kg" for unit in ("unit", "case", "pallet")
    )
    typed = (
        f"with typed as (select cells.*, {compiled.select_typed} from (select {cells},"
        " null::VARCHAR as _delivery_id, null::VARCHAR as _read_error) as cells,"
        f" (select {factors}) as factors)"  # nosec B608
    )
    if compiled.headers:
        typed += f", inconsistent as ({compiled.select_inconsistent('typed')})"
    typed += " select "
    source = "typed"
    if compiled.headers:
        source += " " + compiled.join_inconsistent("typed")
    with duckdb.connect() as connection:
        try:
            broken = ", ".join(rule.broken for rule in compiled.rules)
            connection.execute(f"{typed}{broken} from {source}")
        except duckdb.Error:
            _find_wrong_rule(connection, path, typed, source, compiled)


def _find_wrong_rule(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    typed: str,
    source: str,
    compiled: CompiledContract,
) -> None:
    for rule in compiled.rules:
        try:
            connection.execute(f"{typed}{rule.broken} from {source}")
        except duckdb.Error as error:
            raise ContractError(f"{path.name}: rule {rule.name}: {error}") from error


def _check_profile(path: Path) -> None:
    profile: SourceProfile = load_profile(path)
    records = load_records()
    if path.stem != profile.food_bank_id:
        raise _wrong(path, ["food_bank_id"], f"is {profile.food_bank_id!r}, not the file's name")
    for record, rows in profile.reference.items():
        if record not in records or records[record].kind != "reference":
            raise _wrong(path, ["reference", record], "is no reference record")
        known = {column.name for column in records[record].columns}
        for number, row in enumerate(rows):
            for name in set(row) - known:
                raise _wrong(path, ["reference", record, number, name], f"no column {name!r}")
    for number, file in enumerate(profile.files):
        if file.record is None:
            continue
        place = ["files", number]
        if file.record not in records:
            raise _wrong(path, [*place, "record"], f"no record {file.record!r}")
        _check_file(path, place, file, records[file.record])


def _wrong(path: Path, place: list[Any], message: str) -> ContractError:
    written = ".".join(str(part) for part in place)
    return ContractError(f"{path.name}, line {find_line(path, place)}: {written}: {message}")


def _check_file(path: Path, place: list[Any], file: FileProfile, contract: Contract) -> None:
    """What a file gives must be columns of its record, and codes of their contracts."""
    columns = {column.name: column for column in contract.columns}
    for name, source in file.columns.items():
        at = [*place, "columns", name]
        stem = re.sub(r"_(quantity|unit)$", "_kg", name)
        if name not in columns and stem not in columns:
            raise _wrong(path, at, f"{contract.name} has no column {name!r}")
        column = columns.get(name)
        joined = file.join.columns if file.join else []
        if column and column.is_personal and (source.source is None or source.source in joined):
            raise _wrong(path, at, f"{name} is personal: `source` only")
        given = [
            *(source.values or {}).values(),
            *filter(None, (source.constant, source.otherwise)),
        ]
        for value in given if column and column.codes else ():
            assert column is not None  # nosec B101
            if value not in column.codes:
                codes = ", ".join(column.codes)
                raise _wrong(path, at, f"{value!r} is not one of the codes ({codes})")
    missing = [key for key in contract.keys if key not in {*file.columns, "food_bank_id"}]
    if missing:
        raise _wrong(path, [*place, "columns"], f"the key {missing[0]} is not mapped")
    if file.replaces != "rows" and not can_replace(contract):
        raise _wrong(
            path, [*place, "replaces"], f"{contract.name} has no is_deleted: only rows are replaced"
        )
    for number, adjustment in enumerate(file.adjustments):
        if adjustment.column not in file.columns:
            at = [*place, "adjustments", number, "column"]
            raise _wrong(path, at, f"{adjustment.column!r} is no column of this profile")


def _check_register(path: Path) -> None:
    for indicator in load_register().values():
        texts = (indicator.label_fr, indicator.label_en, indicator.definition_fr)
        if not all((*texts, indicator.definition_en)):
            raise ContractError(f"{path.name}: {indicator.code} lacks a text in a language")
