"""Suites of Great Expectations compiled from contracts, and how they are run on one batch.

Two kinds: over the table of delivery profiles of a record (a row per delivery), and over a mart
before it is published. Row rules are compiled in `rules`. Great Expectations takes seconds to
import and has no engine for polars or DuckDB: it is imported on use and given pandas frames.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import polars as pl

from data_contracts.loader import Contract

MAX_QUARANTINED_SHARE = 0.5
MAX_MISSING_SHARE_RISE = 0.5


@dataclass(frozen=True)
class Expectation:
    """One expectation: its class in Great Expectations, its arguments, and a sentence."""

    kind: str
    arguments: dict[str, Any] = field(hash=False)
    sentence: str


@dataclass(frozen=True)
class SuiteResult:
    """What a suite found. `failures`: a sentence for each expectation that was not met."""

    suite: str
    count_expectations: int
    failures: tuple[str, ...]

    @property
    def has_passed(self) -> bool:
        return not self.failures


def compile_mart_suite(contract: Contract) -> list[Expectation]:
    """What the readers of a mart may rely on: columns, keys, required values, codes, limits."""
    names = [column.name for column in contract.columns]
    suite = [
        Expectation(
            "ExpectTableColumnsToMatchOrderedList",
            {"column_list": names},
            "The columns are those of the contract, in its order",
        ),
        Expectation(
            "ExpectCompoundColumnsToBeUnique"
            if len(contract.keys) > 1
            else "ExpectColumnValuesToBeUnique",
            {"column_list": list(contract.keys)}
            if len(contract.keys) > 1
            else {"column": contract.keys[0]},
            f"Rows are unique by {', '.join(contract.keys)}",
        ),
    ]
    if contract.minimum_rows:
        suite.append(
            Expectation(
                "ExpectTableRowCountToBeBetween",
                {"min_value": contract.minimum_rows},
                f"There are at least {contract.minimum_rows} rows",
            )
        )
    for column in contract.columns:
        if column.is_required:
            suite.append(
                Expectation(
                    "ExpectColumnValuesToNotBeNull",
                    {"column": column.name},
                    f"{column.name} has a value on every row",
                )
            )
        if column.codes:
            suite.append(
                Expectation(
                    "ExpectColumnValuesToBeInSet",
                    {"column": column.name, "value_set": list(column.codes)},
                    f"{column.name} is one of {', '.join(column.codes)}",
                )
            )
        if column.minimum is not None or column.maximum is not None:
            suite.append(
                Expectation(
                    "ExpectColumnValuesToBeBetween",
                    {
                        "column": column.name,
                        "min_value": column.minimum,
                        "max_value": column.maximum,
                    },
                    f"{column.name} lies between {column.minimum} and {column.maximum}",
                )
            )
    return suite


def compile_profile_suite(contract: Contract) -> list[Expectation]:
    """What is expected of each delivery of a record, over the table of delivery profiles."""
    suite = [
        Expectation(
            "ExpectColumnValuesToBeBetween",
            {"column": "rows_delivered", "min_value": 1},
            "A delivery holds at least one row",
        ),
        Expectation(
            "ExpectColumnPairValuesToBeEqual",
            {"column_A": "rows_delivered", "column_B": "rows_judged"},
            "Accepted, quarantined and replayed rows add up to the rows delivered",
        ),
        Expectation(
            "ExpectColumnValuesToBeBetween",
            {"column": "quarantined_share", "max_value": MAX_QUARANTINED_SHARE},
            f"No more than {MAX_QUARANTINED_SHARE:.0%} of a delivery's rows are held back",
        ),
    ]
    for column in contract.columns:
        if not column.is_required and not column.is_personal:
            suite.append(
                Expectation(
                    "ExpectColumnValuesToBeBetween",
                    {"column": f"rise_{column.name}", "max_value": MAX_MISSING_SHARE_RISE},
                    f"{column.name} is not missing far more often than in earlier deliveries",
                )
            )
    return suite


def make_profile_table(contract: Contract, outcomes: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """The table of delivery profiles of one record: one row per delivery, in order of arrival.

    `outcomes`: `delivery_id, rows_delivered, rows_accepted, rows_quarantined, rows_replayed` and
    `profile` (a dictionary). `rise_<column>` is the missing share less the mean of the missing
    shares of earlier deliveries, 0 for the first.
    """
    rows: list[dict[str, Any]] = []
    history: dict[str, list[float]] = {}
    for outcome in outcomes:
        profile, accepted = outcome["profile"], outcome["rows_accepted"]
        delivered = outcome["rows_delivered"]
        row: dict[str, Any] = {
            "delivery_id": outcome["delivery_id"],
            "rows_delivered": delivered,
            "rows_judged": accepted + outcome["rows_quarantined"] + outcome["rows_replayed"],
            "quarantined_share": outcome["rows_quarantined"] / delivered if delivered else 0.0,
        }
        for column in contract.columns:
            if column.is_required or column.is_personal:
                continue
            missing = profile.get(f"missing_{column.name}", 0) / accepted if accepted else 0.0
            earlier = history.setdefault(column.name, [])
            mean = sum(earlier) / len(earlier) if earlier else missing
            row[f"rise_{column.name}"] = missing - mean
            earlier.append(missing)
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


def run_suite(name: str, expectations: list[Expectation], batch: pl.DataFrame) -> SuiteResult:
    """Run a suite on one batch with Great Expectations.

    An expectation that raised is a failure that says so: it is never taken for a pass.
    """
    gx, context = _open_great_expectations()
    frame = batch.with_columns(
        pl.selectors.decimal().cast(pl.Float64), pl.selectors.date().cast(pl.Datetime("us"))
    ).to_pandas()
    definition = (
        context.data_sources.add_or_update_pandas("batches")
        .add_dataframe_asset(name)
        .add_batch_definition_whole_dataframe("whole")
    )
    suite = gx.ExpectationSuite(
        name=name,
        expectations=[
            getattr(gx.expectations, expectation.kind)(**expectation.arguments)
            for expectation in expectations
        ],
    )
    result = definition.get_batch(batch_parameters={"dataframe": frame}).validate(suite)
    failures = []
    for found in result.results:
        if found.success:
            continue
        wanted = _find(expectations, found.expectation_config)
        failures.append(f"{name}: {wanted}; {_describe(found)}")
    if len(result.results) != len(expectations):
        failures.append(f"{name}: {len(result.results)} of {len(expectations)} expectations ran")
    return SuiteResult(name, len(expectations), tuple(sorted(failures)))


@cache
def _open_great_expectations() -> tuple[Any, Any]:
    """The package and one context in memory; both are costly and kept for the process."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context: Any = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return great_expectations, context


def _find(expectations: list[Expectation], configuration: Any) -> str:
    for expectation in expectations:
        kind = "".join(part.capitalize() for part in configuration.type.split("_"))
        if expectation.kind == kind and all(
            configuration.kwargs.get(name) == value
            for name, value in expectation.arguments.items()
            if value is not None
        ):
            return expectation.sentence
    return str(configuration.type)


def _describe(found: Any) -> str:
    raised = [
        details
        for details in (found.exception_info or {}).values()
        if isinstance(details, dict) and details.get("raised_exception")
    ]
    if raised:
        return f"it could not be checked: {raised[0].get('exception_message')}"
    result = found.result
    if "unexpected_count" in result:
        examples = ", ".join(str(value) for value in result["partial_unexpected_list"][:3])
        return f"{result['unexpected_count']} rows are not so, such as {examples}"
    return f"found {result.get('observed_value')}"
