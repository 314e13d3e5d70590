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
    SourceProfile,
    load_contract,
    load_profile,
    load_records,
    load_register,
)
from pipelines.quality.rules import CompiledContract, cell_name, compile_contract, quote_name


def check_contracts(sources_dir: Path | None = None) -> list[dict[str, Any]]:
    """One entry per file: `{check, ok, detail}`; `detail` is empty where it is right."""
    results = []
    for folder in ("records", "marts"):
        for path in sorted((CONTRACTS_DIR / folder).glob("*.odcs.yaml")):
            results.append(_run(f"{folder}/{path.name}", _check_contract, path))
    for path in sorted((sources_dir or CONTRACTS_DIR / "sources").glob("*.yaml")):
        results.append(_run(f"sources/{path.name}", _check_profile, path))
    results.append(_run("indicators.yaml", _check_register, CONTRACTS_DIR / "indicators.yaml"))
    return results


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
        f" (select {factors}) as factors)"
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
        raise ContractError(f"{path.name}: food_bank_id is {profile.food_bank_id!r}")
    for record, rows in profile.reference.items():
        if record not in records or records[record].kind != "reference":
            raise ContractError(f"{path.name}: reference.{record} is no reference record")
        known = {column.name for column in records[record].columns}
        for row in rows:
            for name in set(row) - known:
                raise ContractError(f"{path.name}: reference.{record}: no column {name!r}")
    for file in profile.files:
        if file.record not in records:
            raise ContractError(f"{path.name}: {file.name}: no record {file.record!r}")
        contract = records[file.record]
        known = {column.name for column in contract.columns}
        for name, source in file.columns.items():
            stem = re.sub(r"_(quantity|unit)$", "_kg", name)
            if name not in known and stem not in known:
                raise ContractError(f"{path.name}: {file.name}: no column {name!r}")
            personal = name in known and contract.column(name).is_personal
            if personal and source.source is None:
                raise ContractError(f"{path.name}: {file.name}: {name} is personal: `source` only")
        missing = [key for key in contract.keys if key not in {*file.columns, "food_bank_id"}]
        if missing:
            raise ContractError(f"{path.name}: {file.name}: the key {missing[0]} is not mapped")
        if file.unpivot:
            _check_unpivot(path, file.name, file.unpivot.columns)


def _check_unpivot(path: Path, name: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ContractError(f"{path.name}: {name}: unpivot.columns: {error}") from error


def _check_register(path: Path) -> None:
    for indicator in load_register().values():
        texts = (indicator.label_fr, indicator.label_en, indicator.definition_fr)
        if not all((*texts, indicator.definition_en)):
            raise ContractError(f"{path.name}: {indicator.code} lacks a text in a language")
