"""Suites of Great Expectations compiled from contracts, and how they are run on one batch.

Two kinds: over the table of delivery profiles of a record (`profiles`, a row per delivery), and
over a mart before it is published. Row rules are compiled in `rules`. Great Expectations takes
seconds to import and has no engine for polars or DuckDB: it is imported on use and given pandas
frames.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from data_contracts.loader import Contract
from data_contracts.reasons import Reason, ReasonValue


@dataclass(frozen=True)
class Expectation:
    """One expectation: its class in Great Expectations, its arguments, and a sentence.

    `name`: what it is called where something depends on it, or is told of it.
    """

    kind: str
    arguments: dict[str, Any] = field(hash=False)
    sentence: str
    name: str = ""


@dataclass(frozen=True)
class Finding:
    """An expectation that a row does not meet. `row`: its place in the batch; `value`: as found."""

    expectation: Expectation
    row: int
    value: Any


@dataclass(frozen=True)
class SuiteResult:
    """What a suite found.

    `failures`: a reason for each expectation that was not met; `errors`: for each that could not
    be checked, which is a fault of ours and says nothing of the data; `findings`: the rows.
    """

    suite: str
    count_expectations: int
    failures: tuple[str, ...]
    errors: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def has_passed(self) -> bool:
        return not self.failures and not self.errors


def compile_mart_suite(contract: Contract) -> list[Expectation]:
    """What the readers of a mart may rely on: columns, keys, required values, codes, limits."""
    names = [column.name for column in contract.columns]
    suite = [
        Expectation(
            "ExpectTableColumnsToMatchOrderedList",
            {"column_list": names},
            "The columns are those of the contract, in its order",
            "columns",
        ),
        Expectation(
            "ExpectCompoundColumnsToBeUnique"
            if len(contract.keys) > 1
            else "ExpectColumnValuesToBeUnique",
            {"column_list": list(contract.keys)}
            if len(contract.keys) > 1
            else {"column": contract.keys[0]},
            f"Rows are unique by {', '.join(contract.keys)}",
            "unique",
        ),
    ]
    if contract.minimum_rows:
        suite.append(
            Expectation(
                "ExpectTableRowCountToBeBetween",
                {"min_value": contract.minimum_rows},
                f"There are at least {contract.minimum_rows} rows",
                "rows",
            )
        )
    for column in contract.columns:
        if column.is_required:
            suite.append(
                Expectation(
                    "ExpectColumnValuesToNotBeNull",
                    {"column": column.name},
                    f"{column.name} has a value on every row",
                    "missing",
                )
            )
        if column.codes:
            suite.append(
                Expectation(
                    "ExpectColumnValuesToBeInSet",
                    {"column": column.name, "value_set": list(column.codes)},
                    f"{column.name} is one of {', '.join(column.codes)}",
                    "codes",
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
                    "limits",
                )
            )
    return suite


def run_suite(name: str, expectations: list[Expectation], batch: pl.DataFrame) -> SuiteResult:
    """Run a suite on one batch with Great Expectations.

    An expectation that raised is an error of ours: it is never taken for a pass, nor for bad data.
    """
    gx, context = _open_great_expectations()
    frame = _as_pandas(batch)
    definition = (
        context.data_sources.add_or_update_pandas("batches")
        .add_dataframe_asset(name)
        .add_batch_definition_whole_dataframe("whole")
    )
    suite = _make_suite(gx, name, expectations)
    result = definition.get_batch(batch_parameters={"dataframe": frame}).validate(
        suite, result_format="COMPLETE"
    )
    failures, errors = [], []
    findings: list[Finding] = []
    for found in result.results:
        wanted = _find(expectations, found.expectation_config)
        raised = _find_exception(found)
        if raised is not None:
            errors.append(f"{name}: {wanted.sentence}; it could not be checked: {raised}")
        elif not found.success:
            failures.append(_give_reason(name, wanted, found.result))
            places = found.result.get("unexpected_index_list") or []
            values = found.result.get("unexpected_list") or []
            findings += [
                Finding(wanted, int(place), value)
                for place, value in zip(places, values, strict=False)
            ]
    if len(result.results) != len(expectations):
        errors.append(f"{name}: {len(result.results)} of {len(expectations)} expectations ran")
    return SuiteResult(
        name, len(expectations), tuple(sorted(failures)), tuple(sorted(errors)), tuple(findings)
    )


def _as_pandas(batch: pl.DataFrame) -> Any:
    return batch.with_columns(
        pl.selectors.decimal().cast(pl.Float64), pl.selectors.date().cast(pl.Datetime("us"))
    ).to_pandas()


def _make_suite(gx: Any, name: str, expectations: list[Expectation]) -> Any:
    return gx.ExpectationSuite(
        name=name,
        expectations=[
            getattr(gx.expectations, expectation.kind)(**expectation.arguments)
            for expectation in expectations
        ],
    )


def write_data_docs(
    folder: Path, suites: dict[str, tuple[list[Expectation], pl.DataFrame]]
) -> Path:
    """Write Great Expectations' pages of these suites, each run on its batch; give the first."""
    gx, _ = _open_great_expectations()
    context = gx.get_context(mode="file", project_root_dir=str(folder))
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    source = context.data_sources.add_pandas("observatory")
    for name, (expectations, batch) in suites.items():
        asset = source.add_dataframe_asset(name)
        definition = gx.ValidationDefinition(
            name=name,
            data=asset.add_batch_definition_whole_dataframe("whole"),
            suite=context.suites.add(_make_suite(gx, name, expectations)),
        )
        checkpoint = gx.Checkpoint(
            name=name,
            validation_definitions=[context.validation_definitions.add(definition)],
            actions=[],
        )
        context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": _as_pandas(batch)})
    pages = context.build_data_docs()
    return Path(next(iter(pages.values())).removeprefix("file://"))


@cache
def _open_great_expectations() -> tuple[Any, Any]:
    """The package and one context in memory; both are costly and kept for the process."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context: Any = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return great_expectations, context


def _find(expectations: list[Expectation], configuration: Any) -> Expectation:
    for expectation in expectations:
        kind = "".join(part.capitalize() for part in configuration.type.split("_"))
        if expectation.kind == kind and all(
            configuration.kwargs.get(name) == value
            for name, value in expectation.arguments.items()
            if value is not None
        ):
            return expectation
    return Expectation(str(configuration.type), {}, str(configuration.type))


def _find_exception(found: Any) -> str | None:
    """What Great Expectations raised within an expectation, which it reports as a failure."""
    information = found.exception_info or {}
    details = [information, *information.values()]
    for entry in details:
        if isinstance(entry, dict) and entry.get("raised_exception"):
            return str(entry.get("exception_message"))
    return None


def _give_reason(suite: str, wanted: Expectation, result: Mapping[str, Any]) -> Reason:
    """What was asked for, and how many rows are not so or what was found instead."""
    if "unexpected_count" in result:
        count = result["unexpected_count"]
        examples = ", ".join(str(value) for value in result["partial_unexpected_list"][:3])
        found: dict[str, ReasonValue] = {"count": count, "examples": examples}
        text = f"{count} rows are not so, such as {examples}"
    else:
        least = wanted.arguments.get("min_value", 0)
        found = {"found": str(result.get("observed_value")), "least": least}
        text = f"found {result.get('observed_value')}"
    columns = wanted.arguments.get("column_list") or [wanted.arguments.get("column", "")]
    sentence = f"{suite}: {wanted.sentence}; {text}"
    return Reason(sentence, f"mart.{wanted.name}", mart=suite, column=", ".join(columns), **found)
