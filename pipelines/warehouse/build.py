"""Runs dbt in this process and gives its results as plain values.

`write_inputs` says which deliveries count and what the register holds; `build_warehouse` adds what
is new, or builds everything from nothing in a new database; `run_build` builds models and runs data
tests (unit tests of models run with the test suite, not at night).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import duckdb
import polars as pl

from data_contracts.lateness import find_due, list_expected
from data_contracts.loader import (
    Expected,
    FormerMethod,
    Indicator,
    SourceProfile,
    load_profiles,
    load_records,
    load_register,
)
from data_contracts.reasons import Reason
from pipelines.settings import DBT_PROJECT_DIR, Settings
from pipelines.store import COUNTED, sync_folder, write_atomically, write_json


class WarehouseError(Exception):
    """dbt could not run or a model failed; nothing of this build is used."""


@dataclass(frozen=True)
class NodeResult:
    """What became of one dbt node: a model, a seed or a data test."""

    unique_id: str
    name: str
    resource_type: Literal["model", "seed", "test", "snapshot", "unit_test"]
    status: Literal["success", "pass", "fail", "error", "warn", "skipped"]
    message: str
    seconds: float

    @property
    def has_failed(self) -> bool:
        return self.status in ("fail", "error")

    @property
    def reason(self) -> Reason:
        """Why nothing is published where it failed."""
        code = "test" if self.resource_type == "test" else "model"
        return Reason(f"{self.name}: {self.message}", code, name=self.name)


def write_inputs(settings: Settings, outcomes: list[dict[str, Any]]) -> None:
    """Write which deliveries count, the register, and the date that this run takes as today.

    `outcomes`: the store's, one per delivery and record. Pending deliveries are those that no
    finished build holds.
    """
    counted = [outcome for outcome in outcomes if outcome["state"] in COUNTED]
    deliveries = pl.DataFrame(
        [
            {
                "_delivery_id": outcome["delivery_id"],
                "food_bank_id": outcome["food_bank_id"],
                "record": outcome["record"],
                "arrival_no": outcome["arrival_no"],
                "is_pending": outcome["is_pending"],
            }
            for outcome in counted
        ],
        schema={
            "_delivery_id": pl.String(),
            "food_bank_id": pl.String(),
            "record": pl.String(),
            "arrival_no": pl.Int64(),
            "is_pending": pl.Boolean(),
        },
    )
    with write_atomically(settings.inputs / "deliveries.parquet") as temporary:
        deliveries.write_parquet(temporary)
    with write_atomically(settings.inputs / "delivered_files.parquet") as temporary:
        make_file_table(counted, load_profiles(settings.sources_dir)).write_parquet(temporary)
    with write_atomically(settings.inputs / "register.parquet") as temporary:
        make_register_table().write_parquet(temporary)
    with write_atomically(settings.inputs / "method_versions.parquet") as temporary:
        make_method_table().write_parquet(temporary)
    with write_atomically(settings.inputs / "run.parquet") as temporary:
        pl.DataFrame({"as_of": [settings.today()]}).write_parquet(temporary)


def make_file_table(
    outcomes: list[dict[str, Any]], profiles: Mapping[str, SourceProfile]
) -> pl.DataFrame:
    """Rows of every delivered file and record, of which days they speak, and how many days after
    the last of them the next file is due.

    Nothing here says when a file came: the same files give the same table. `broken_rules`:
    `<column>.<rule>=<rows>`, joined by `|`.
    """
    calendars = list_expected(
        profiles, ((row["food_bank_id"], row["record"], row["stream"]) for row in outcomes)
    )
    rows = [
        {
            **{
                name: outcome[name]
                for name in (
                    "delivery_id",
                    "food_bank_id",
                    "record",
                    "rows_delivered",
                    "rows_accepted",
                    "rows_quarantined",
                    "rows_replayed",
                )
            },
            "broken_rules": "|".join(
                f"{rule}={count}" for rule, count in sorted(outcome["broken_rules"].items())
            ),
            **_read_days(outcome, calendars.get((outcome["food_bank_id"], outcome["record"]))),
        }
        for outcome in outcomes
    ]
    return pl.DataFrame(
        rows,
        schema={
            "delivery_id": pl.String(),
            "food_bank_id": pl.String(),
            "record": pl.String(),
            "rows_delivered": pl.Int64(),
            "rows_accepted": pl.Int64(),
            "rows_quarantined": pl.Int64(),
            "rows_replayed": pl.Int64(),
            "broken_rules": pl.String(),
            "late_after_days": pl.Int64(),
            "first_date": pl.Date(),
            "last_date": pl.Date(),
        },
    )


def _read_days(outcome: dict[str, Any], expected: Expected | None) -> dict[str, Any]:
    """First and last day of the accepted rows, and from that one the days until the next file is
    due; None for records without days."""
    profile = json.loads(outcome["profile"])
    first, last = (
        date.fromisoformat(profile[name]) if profile.get(name) else None
        for name in ("first_date", "last_date")
    )
    due = find_due(expected, outcome["record"], last) if last else None
    late_after = (due - last).days if due and last else None
    return {"late_after_days": late_after, "first_date": first, "last_date": last}


def make_register_table() -> pl.DataFrame:
    """The register as published: one row per indicator, the columns of `mart_register`."""
    rows = [
        {
            "indicator_code": indicator.code,
            "position": position,
            **{
                name: getattr(indicator, name)
                for name in (
                    "label_fr",
                    "label_en",
                    "definition_fr",
                    "definition_en",
                    "formula",
                    "unit",
                    "good_direction",
                    "axis",
                )
            },
            "additive_over": ",".join(indicator.additive_over),
            "territory_basis": indicator.territory_basis,
            "mart": indicator.mart,
            "method_version": indicator.method_version,
            "valid_from": indicator.valid_from,
            "source": indicator.source,
        }
        for position, indicator in enumerate(load_register().values(), start=1)
    ]
    return pl.DataFrame(rows).with_columns(
        pl.col("valid_from").str.to_date(), pl.col("position").cast(pl.Int64)
    )


def make_method_table() -> pl.DataFrame:
    """Methods of every indicator with their validity: the columns of `mart_method_versions`."""
    rows = []
    for indicator in load_register().values():
        versions: list[FormerMethod | Indicator] = [*indicator.history, indicator]
        for version, following in zip_longest(versions, versions[1:]):
            former = version if isinstance(version, FormerMethod) else None
            last = date.fromisoformat(following.valid_from) - timedelta(1) if following else None
            rows.append(
                {
                    "indicator_code": indicator.code,
                    "method_version": version.method_version,
                    "valid_from": date.fromisoformat(version.valid_from),
                    "valid_to": last,
                    "replaced_fr": former.replaced_fr if former else None,
                    "replaced_en": former.replaced_en if former else None,
                }
            )
    return pl.DataFrame(
        rows,
        schema={
            "indicator_code": pl.String(),
            "method_version": pl.String(),
            "valid_from": pl.Date(),
            "valid_to": pl.Date(),
            "replaced_fr": pl.String(),
            "replaced_en": pl.String(),
        },
    )


def target_dir(settings: Settings) -> Path:
    """Where dbt writes its manifest and run results for this data folder."""
    return settings.warehouse_dir / "target"


@contextmanager
def dbt_environment(settings: Settings) -> Iterator[None]:
    """Run dbt in the data folder, to which the paths of the project are relative."""
    values = {
        "COLLECTO_MEMORY_LIMIT": settings.memory_limit,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }
    former = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        with chdir(settings.data):
            yield
    finally:
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def run_dbt(
    settings: Settings,
    arguments: list[str],
    on_event: Callable[[Any], None] = lambda event: None,
    target: Path | None = None,
) -> Any:
    """Run one dbt command in this process; give dbt's result object.

    `target`: where its files go, by default those of the last build (see `target_dir`).
    Raises WarehouseError where dbt itself failed (not where a model or test did).
    """
    from dbt.cli.main import dbtRunner

    settings.warehouse_dir.mkdir(parents=True, exist_ok=True)
    common = [
        "--project-dir", str(DBT_PROJECT_DIR),
        "--profiles-dir", str(DBT_PROJECT_DIR),
        "--target-path", str(target or target_dir(settings)),
        "--log-path", str(settings.warehouse_dir / "logs"),
        "--quiet",
        "--log-level-file", "info",
    ]  # fmt: skip
    with dbt_environment(settings):
        try:
            result = dbtRunner(callbacks=[on_event]).invoke([*arguments, *common])
        finally:
            _release_warehouse()
    if result.exception is not None:
        raise WarehouseError(f"dbt {arguments[0]} failed: {result.exception}")
    return result


def _release_warehouse() -> None:
    """Close the database file, which dbt-duckdb keeps open until the process ends."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV
    if environment is not None:
        environment.close()
        DuckDBConnectionManager._ENV = None


def parse_project(settings: Settings) -> Path:
    """Parse the dbt project; give the path of its manifest."""
    run_dbt(settings, ["parse"])
    return target_dir(settings) / "manifest.json"


def ensure_manifest(settings: Settings) -> Path:
    """The manifest of the project, parsed again where a file of it is newer."""
    manifest = target_dir(settings) / "manifest.json"
    newest = max(
        path.stat().st_mtime
        for folder in ("models", "macros", "seeds", "tests")
        for path in (DBT_PROJECT_DIR / folder).rglob("*.*")
    )
    if manifest.is_file() and manifest.stat().st_mtime > newest:
        return manifest
    return parse_project(settings)


def run_build(
    settings: Settings,
    *,
    is_full_refresh: bool = False,
    on_result: Callable[[str], None] = lambda name: None,
) -> list[NodeResult]:
    """Build every model and run every data test; give a result per node, in order of execution.

    Failures of models and tests are in the results. Raises WarehouseError where dbt cannot run.
    """

    def on_event(event: Any) -> None:
        if event.info.name in ("LogModelResult", "LogSeedResult", "LogTestResult"):
            on_result(event.data.node_info.node_name)

    arguments = ["build", "--exclude-resource-type", "unit_test"]
    if is_full_refresh:
        arguments.append("--full-refresh")
    result = run_dbt(settings, arguments, on_event)
    if result.result is None:
        raise WarehouseError("dbt build gave no result; see the log folder of the warehouse")
    nodes = [
        NodeResult(
            unique_id=node.node.unique_id,
            name=node.node.name,
            resource_type=str(node.node.resource_type),  # type: ignore[arg-type]
            status=str(node.status),  # type: ignore[arg-type]
            message=str(node.message or ""),
            seconds=float(node.execution_time),
        )
        for node in result.result.results
    ]
    tests = {node.name: not node.has_failed for node in nodes if node.resource_type == "test"}
    write_json(settings.warehouse_dir / "test_results.json", tests)
    return nodes


def build_warehouse(
    settings: Settings,
    code: dict[str, str],
    *,
    is_from_nothing: bool = False,
    on_result: Callable[[str], None] = lambda name: None,
) -> list[NodeResult]:
    """Add pending deliveries to the warehouse; give a result per node.

    `code`: hashes of the project. Where the last finished build was made by other code or reference
    data, or `is_from_nothing`, everything is built in a new database, and the former one is kept
    until the new one is finished. A build that stopped half-way is simply run again.
    """
    _put_former_back(settings)
    is_full = is_from_nothing or _read_finished(settings) != code
    if is_full:
        _set_former_aside(settings)
    nodes = run_build(settings, is_full_refresh=is_full, on_result=on_result)
    if not any(node.has_failed for node in nodes):
        _former_file(settings).unlink(missing_ok=True)
        write_json(_finished_file(settings), {"code": code})
    return nodes


def _finished_file(settings: Settings) -> Path:
    """Says by which code the last finished build was made."""
    return settings.warehouse_dir / "finished_build.json"


def _read_finished(settings: Settings) -> dict[str, str] | None:
    try:
        text = _finished_file(settings).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    code: dict[str, str] = json.loads(text)["code"]
    return code if settings.warehouse_file.exists() else None


def _former_file(settings: Settings) -> Path:
    return settings.warehouse_file.with_suffix(".former.duckdb")


def _log_file(settings: Settings) -> Path:
    """DuckDB's write-ahead log, which a killed process leaves behind."""
    return settings.warehouse_file.with_name(settings.warehouse_file.name + ".wal")


def _set_former_aside(settings: Settings) -> None:
    """Make room for a new database; the last finished one is kept under another name."""
    if _read_finished(settings) is None:
        _drop_database(settings)
        return
    if _log_file(settings).exists():
        duckdb.connect(str(settings.warehouse_file)).close()
    settings.warehouse_file.replace(_former_file(settings))
    sync_folder(settings.warehouse_dir)


def _put_former_back(settings: Settings) -> None:
    """Undo a build from nothing that did not end."""
    if _former_file(settings).exists():
        _drop_database(settings)
        _former_file(settings).replace(settings.warehouse_file)
        sync_folder(settings.warehouse_dir)


def _drop_database(settings: Settings) -> None:
    _log_file(settings).unlink(missing_ok=True)
    settings.warehouse_file.unlink(missing_ok=True)


def read_test_results(settings: Settings) -> dict[str, bool]:
    """Which data tests of the last build passed, by name."""
    text = (settings.warehouse_dir / "test_results.json").read_text(encoding="utf-8")
    results: dict[str, bool] = json.loads(text)
    return results


def count_accepted(settings: Settings) -> dict[str, int]:
    """Rows of each record that the last build read, versions and withdrawals alike."""
    # The sources of staging are named from the data folder on.
    with (
        chdir(settings.data),
        duckdb.connect(str(settings.warehouse_file), read_only=True) as connection,
    ):
        counts = {
            record: connection.execute(f'select count(*) from "stg_{record}"').fetchone()  # nosec B608
            for record in load_records()
        }
    return {record: int(found[0]) for record, found in counts.items() if found and found[0]}
