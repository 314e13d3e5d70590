"""Measures the intake: judging beside a hand-written scan, one large file, many small ones.

Run by `make bench-intake`. Figures are CPU seconds, as ratios to a DuckDB script that checks the
same rules over the same rows in the same run, and the peak memory of each process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import polars as pl

PROJECT = Path(__file__).resolve().parent.parent
RESULTS = PROJECT / "benchmarks" / "intake.md"
HEADER = (
    "removal_id,line_no,removed_at,site_id,product_code,lot_id,weight_kg,reason,destination,"
    "updated_at"
)
REASONS = ("sorting", "expired", "damaged", "cold_chain_break", "packaging", "recall", "other")
DESTINATIONS = ("animal_feed", "methanisation", "composting", "incineration", "landfill", "unknown")


def write_removals(path: Path, lines: int, seed: int = 1, note: str = "") -> int:
    """Removals in their own columns, one in a thousand of them bad; the bytes written."""
    chance = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as handle:
        handle.write(f"{HEADER}\n")
        for number in range(lines):
            day = f"2024-{1 + number % 6:02d}-{1 + number % 25:02d}T{number % 24:02d}:15:00"
            weight = "-1" if number % 1000 == 7 else f"{chance.randrange(1, 99_999) / 1000:.3f}"
            handle.write(
                f"E{note}{number},1,{day},S{number % 9},P{number % 400:03d},L{number % 5000},"
                f"{weight},{REASONS[number % 7]},{DESTINATIONS[number % 6]},{day}\n"
            )
    return path.stat().st_size


SCAN = r"""
copy (
  with cells as (
    select *, row_number() over () + 1 as line
    from read_csv(?, all_varchar = true, header = true)
  ),
  typed as (
    select *, try_cast(line_no as integer) as n, try_cast(removed_at as timestamp) as moment,
      try_cast(weight_kg as decimal(14, 3)) as kg, try_cast(updated_at as timestamp) as changed
    from cells
  ),
  judged as (
    select *,
      not regexp_matches(coalesce(removal_id, ''), '^[^\x00-\x1f|]{1,64}$') as r1,
      coalesce(n < 1 or n > 1000000, true) as r2,
      moment is null as r3,
      moment >= timestamp '2024-06-28' as r4,
      not regexp_matches(coalesce(site_id, ''), '^[^\x00-\x1f|]{1,64}$') as r5,
      not regexp_matches(coalesce(product_code, ''), '^[^\x00-\x1f|]{1,64}$') as r6,
      lot_id is not null and not regexp_matches(lot_id, '^[^\x00-\x1f|]{1,64}$') as r7,
      kg is null as r8,
      coalesce(kg < 0, false) as r9,
      coalesce(kg > 100000, false) as r10,
      reason not in ('sorting', 'expired', 'damaged', 'cold_chain_break', 'packaging', 'recall',
        'other') as r11,
      destination not in ('animal_feed', 'methanisation', 'composting', 'incineration', 'landfill',
        'unknown') as r12
    from typed
  )
  select * from judged
  where not (r1 or r2 or r3 or r4 or r5 or r6 or r7 or r8 or r9 or r10 or r11 or r12)
  order by moment, removal_id, n
) to '{output}' (format parquet, compression zstd)
"""


def scan(source: Path, output: Path) -> None:
    """The limit: one hand-written pass over the file that gives the accepted rows."""
    started = time.process_time()
    with duckdb.connect() as connection:
        connection.execute("set threads = 2")
        connection.execute(SCAN.replace("{output}", str(output)), [str(source)])
        [(rows,)] = connection.execute(f"select count(*) from '{output}'").fetchall()
    print(json.dumps({"accepted": rows, "cpu": time.process_time() - started}))


def judge(source: Path, output: Path) -> None:
    """Our judging of the same rows, parsed before: types, every rule, accepted and held back."""
    from datetime import UTC, date, datetime

    from data_contracts.loader import load_records
    from pipelines.quality.judge import DeliveredRows, FoodBankContext, Origin, judge_rows

    origin = Origin(
        "petite", "d1", "x.csv", datetime(2024, 6, 26, tzinfo=UTC), None, 1, "own columns"
    )
    kinds = ("unit_weight_kg", "case_weight_kg", "pallet_weight_kg")
    factors = pl.DataFrame(
        schema={"product_code": pl.String, **dict.fromkeys(kinds, pl.Decimal(14, 3))}
    )
    contract = load_records()["removals"]
    started = time.process_time()
    with duckdb.connect() as connection:
        connection.execute("set threads = 2")
        [result] = judge_rows(
            connection,
            contract,
            [DeliveredRows(origin, source)],
            FoodBankContext("Europe/Paris", factors),
            output,
            date(2024, 6, 26),
        )
    accepted = result.outcome.rows_accepted
    print(json.dumps({"accepted": accepted, "cpu": time.process_time() - started}))


def map_cells(source: Path, output: Path) -> None:
    """The mapped cells of a file, as the intake gives them to the judge."""
    names = HEADER.split(",")
    frame = pl.read_csv(source, infer_schema=False).select(names)
    frame.with_columns(
        pl.lit("petite").alias("food_bank_id"),
        pl.int_range(2, 2 + frame.height, dtype=pl.Int64).alias("_source_line"),
        *(
            pl.lit(None, dtype=pl.String).alias(name)
            for name in ("_source_column", "_read_error", "_adjustment", "_corrects")
        ),
    ).write_parquet(output, compression="lz4")


def take(folder: Path, _: Path) -> None:
    """Claim and judge what lies in the landing folder of a data folder."""
    from pipelines.intake import take_deliveries
    from pipelines.settings import Settings
    from pipelines.store import open_store

    settings = Settings(
        data_dir=folder,
        pseudonym_key="a key of at least thirty-two characters, for benchmarks",
        memory_limit="300MB",
        as_of="2024-06-26",
        _env_file=None,
    )  # type: ignore[call-arg, arg-type]
    with open_store(settings) as store:
        take_deliveries(settings, store, {})
        rows = [row["rows_accepted"] for row in store.list_outcomes()]
    print(json.dumps({"accepted": sum(rows), "deliveries": len(rows)}))


STEPS = {"scan": scan, "judge": judge, "map": map_cells, "take": take}


def run(step: str, source: Path, output: Path) -> dict[str, float]:
    """One step in a process of its own: what it says of itself, wall seconds, peak memory of the
    largest process, how many processes there were at once."""
    command = [sys.executable, str(Path(__file__)), "--step", step, str(source), str(output)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    started = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        peak, most = 0, 0
        while process.poll() is None:
            sizes = _list_sizes(process.pid)
            peak, most = max([peak, *sizes]), max(most, len(sizes))
            time.sleep(0.02)
        log.seek(0)
        text = log.read().decode()
    if process.returncode:
        sys.exit(text)
    said = json.loads(text.strip().splitlines()[-1]) if text.strip() else {}
    return {
        **said,
        "wall": time.monotonic() - started,
        "megabytes": peak / 1e6,
        "processes": most,
    }


def _list_sizes(root: int) -> list[int]:
    """Resident bytes of a process and of all that it started."""
    sizes, waiting = [], [root]
    while waiting:
        process = waiting.pop()
        try:
            pages = Path(f"/proc/{process}/statm").read_text().split()[1]
            children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        sizes.append(int(pages) * 4096)
        waiting += [int(child) for child in children]
    return sizes


def bench(lines: int, large_bytes: int, small_files: int) -> list[str]:
    """A sentence for each figure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "removals.csv"
        write_removals(source, lines)
        run("map", source, folder / "cells.parquet")
        limits = [run("scan", source, folder / "out.parquet") for _ in range(3)]
        judged = [run("judge", folder / "cells.parquet", folder / "accepted") for _ in range(3)]
        assert limits[0]["accepted"] == judged[0]["accepted"]
        limit, ours = (min(found["cpu"] for found in each) for each in (limits, judged))
        said = [
            f"Judging {lines:,} lines of removals (39 rules, of which the scan checks 12), types,"
            f" accepted file and figures included: {ours:.2f} CPU s; hand-written scan"
            f" {limit:.2f}; ratio {ours / limit:.2f} (bound 2)."
        ]
        large = folder / "large"
        per_line = source.stat().st_size / lines
        size = write_removals(
            large / "landing/petite/removals/a.csv", int(large_bytes / per_line), note="L"
        )
        spent = run("take", large, folder / "x")
        said.append(
            f"A CSV of {size / 1e9:.2f} GB, {spent['accepted']:,.0f} rows accepted, memory limit of"
            f" the judge 300 MB: {spent['megabytes']:.0f} MB resident in the largest process"
            f" (bound 1000), {spent['wall']:.0f} s."
        )
        small = folder / "small"
        for number in range(small_files):
            write_removals(
                small / f"landing/petite/removals/{number:04d}.csv", 20, number, f"S{number}-"
            )
        spent = run("take", small, folder / "x")
        said.append(
            f"{small_files:,} files of 20 lines: {spent['processes']:.0f} processes at most,"
            f" {spent['megabytes']:.0f} MB, {spent['wall']:.0f} s."
        )
        return said


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", nargs=3, metavar=("STEP", "SOURCE", "OUTPUT"))
    parser.add_argument("--lines", type=float, default=1e6)
    parser.add_argument("--large", type=float, default=1e9)
    parser.add_argument("--small", type=int, default=1000)
    options = parser.parse_args()
    if options.step:
        name, source, output = options.step
        STEPS[name](Path(source), Path(output))
    else:
        found = bench(int(options.lines), int(options.large), options.small)
        text = "\n".join(f"- {sentence}" for sentence in found)
        RESULTS.write_text(f"# Intake (`make bench-intake`)\n\n{text}\n", encoding="utf-8")
        print(text)
