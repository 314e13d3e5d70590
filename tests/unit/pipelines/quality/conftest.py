"""Judging a few rows of one record of the small food bank `petite`, in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from data_contracts.loader import load_records
from pipelines.quality.judge import (
    DeliveredRows,
    FoodBankContext,
    Origin,
    accepted_path,
    judge_rows,
)
from pipelines.store import QuarantinedRow, RecordOutcome

Row = dict[str, str]
TODAY = date(2024, 6, 26)
# What a unit, a case and a pallet of each product weigh.
WEIGHTS = {"POM": ("0.150", "10", "400"), "RIZ": (None, "5", None)}


@dataclass(frozen=True)
class Judged:
    """What became of some rows: the outcome, the rows held back, the rows accepted."""

    outcome: RecordOutcome
    held_back: list[QuarantinedRow]
    accepted: pl.DataFrame

    @property
    def rules(self) -> list[list[tuple[str, str | None]]]:
        """By row held back, the names of its rules with their columns."""
        return [[(rule["rule"], rule["column"]) for rule in row.rules] for row in self.held_back]


Judge = Callable[..., Judged]


def make_cells(rows: Sequence[Row], errors: Sequence[str | None] = ()) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame(
        [[row.get(name, "") for name in names] for row in rows],
        schema=dict.fromkeys(names, pl.String),
        orient="row",
    ).with_columns(
        pl.int_range(2, 2 + len(rows), dtype=pl.Int64).alias("_source_line"),
        pl.lit(None, dtype=pl.String).alias("_source_column"),
        pl.Series("_read_error", list(errors) or [None] * len(rows), dtype=pl.String),
        pl.lit(None, dtype=pl.String).alias("_adjustment"),
        pl.lit(None, dtype=pl.String).alias("_corrects"),
    )


def make_origin(delivery_id: str = "d1") -> Origin:
    received = datetime(2024, 6, 26, 3, tzinfo=UTC)
    return Origin("petite", delivery_id, "x.csv", received, None, 1, "own columns")


def make_context(timezone: str = "Europe/Paris") -> FoodBankContext:
    kinds = ("unit_weight_kg", "case_weight_kg", "pallet_weight_kg")
    return FoodBankContext(
        timezone,
        pl.DataFrame(
            [
                {
                    "product_code": code,
                    **{
                        kind: Decimal(weight) if weight else None
                        for kind, weight in zip(kinds, weights, strict=True)
                    },
                }
                for code, weights in WEIGHTS.items()
            ],
            schema={"product_code": pl.String, **dict.fromkeys(kinds, pl.Decimal(14, 3))},
        ),
    )


@pytest.fixture(scope="session")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("set threads = 1")
        yield opened


@pytest.fixture
def judge(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> Judge:
    """Judge rows of one record as one delivery."""

    def judge_some(
        record: str,
        rows: Sequence[Row] | pl.DataFrame,
        *,
        timezone: str = "Europe/Paris",
        errors: Sequence[str | None] = (),
        today: date = TODAY,
    ) -> Judged:
        contract = load_records()[record]
        cells = rows if isinstance(rows, pl.DataFrame) else make_cells(rows, errors)
        delivered = DeliveredRows(make_origin(), cells)
        context = make_context(timezone)
        (result,) = judge_rows(connection, contract, [delivered], context, tmp_path, today)
        path = accepted_path(tmp_path, contract, make_origin())
        accepted = pl.read_parquet(path, glob=False) if path.exists() else pl.DataFrame()
        return Judged(result.outcome, list(result.held_back), accepted)

    return judge_some
