"""Measures the pipeline beside the hand-written limit, in the same run on the same machine.

Run by `make bench`. Figures are CPU seconds of processes, as ratios to `limit.py`; its marts are
compared with the published ones. Only the food bank that `limit.py` can read is kept in landing.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parent.parent
RESULTS = PROJECT / "benchmarks" / "results.md"
MARTS = (
    "mart_flows_monthly",
    "mart_fresh_monthly",
    "mart_households_monthly",
    "mart_mass_balance_monthly",
)
FOOD_BANK = "bourgogne"
ROWS_OF_SCALE_1 = 188_540
AS_OF = "2024-06-26"
LAST_DAY = "2024-06-25"
DATES = {
    "receipts": "received_at", "orders": "ordered_at", "deliveries": "delivered_at",
    "parcels": "handed_over_at", "removals": "removed_at", "transfers": "shipped_at",
    "rounds": "started_at", "round_stops": "arrived_at", "platform_sessions": "started_at",
}  # fmt: skip
REFERENCES = ("food_banks", "sites", "partners", "suppliers", "products", "vehicles")
ONE_MONTH, THREE_MONTHS = ("2023-05",), ("2023-02", "2023-07", "2023-12")


@dataclass
class Spent:
    """What one process took: CPU seconds of it and its children, wall seconds, peak memory."""

    cpu: float
    wall: float
    megabytes: float


@dataclass
class Measured:
    """Everything measured at one size."""

    lines: int
    csv_bytes: int
    spent: dict[str, Spent] = field(default_factory=dict)
    differences: dict[str, int] = field(default_factory=dict)
    is_rebuild_same: bool = False
    disk_share: float = 0.0
    publication_share: float = 0.0
    slowest: list[tuple[str, float]] = field(default_factory=list)

    def ratio(self, name: str) -> float:
        return self.spent[name].cpu / self.spent["limit"].cpu


def run(command: list[str], data: Path) -> Spent:
    """Run one process to its end; its status must be 0."""
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("COLLECTO_")},
        "COLLECTO_DATA_DIR": str(data),
        "COLLECTO_AS_OF": AS_OF,
        "COLLECTO_PSEUDONYM_KEY": "a key of at least thirty-two characters, for benchmarks",
        "PYTHONPATH": str(PROJECT),
        "PYTHONPYCACHEPREFIX": str(data.parent / "bytecode"),
    }
    # Byte code is kept between runs, as on any machine where the project is installed.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    log = data.parent / "process.log"
    with log.open("wb") as handle:
        before = _clock()
        process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=handle, stderr=handle
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} gave {process.returncode}:\n{log.read_text()[-2000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return Spent(cpu, _clock() - before, usage.ru_maxrss / 1024)


def _clock() -> float:
    return os.times().elapsed


def collecto(data: Path, *arguments: str) -> Spent:
    return run([sys.executable, "-m", "pipelines.cli", *arguments], data)


def run_limit(landing: Path, output: Path) -> Spent:
    script = str(PROJECT / "benchmarks" / "limit.py")
    return run([sys.executable, script, str(landing), str(output), AS_OF], output.parent / "limit")


def split_last_day(landing: Path, held_back: Path) -> int:
    """Move the rows of the last day out of landing into files of their own; give their count."""
    moved = 0
    for record, column in DATES.items():
        for path in landing.glob(f"{FOOD_BANK}/{record}/*{LAST_DAY[:7]}*.csv"):
            # Latin-1 keeps every byte as it is.
            text = path.read_text(encoding="latin-1")
            newline = "\r\n" if "\r\n" in text else "\n"
            delimiter = ";" if ";" in text.split("\n", 1)[0] else ","
            rows = list(csv.reader(text.splitlines(), delimiter=delimiter))
            place = rows[0].index(column)
            late = [row for row in rows[1:] if row[place].startswith(LAST_DAY)]
            if not late or len(late) == len(rows) - 1:
                continue
            kept = [row for row in rows[1:] if not row[place].startswith(LAST_DAY)]
            target = held_back / FOOD_BANK / record / f"{record}-{LAST_DAY}.csv"
            for file, content in ((path, kept), (target, late)):
                write_rows(file, [rows[0], *content], delimiter, newline)
            moved += len(late)
    return moved


def write_rows(path: Path, rows: list[list[str]], delimiter: str, newline: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="latin-1", newline="") as handle:
        csv.writer(handle, delimiter=delimiter, lineterminator=newline).writerows(rows)


def write_corrections(landing: Path, months: tuple[str, ...]) -> None:
    """Correct a hundred receipt lines of each month, in one late file."""
    corrected: list[list[str]] = []
    header: list[str] = []
    for month in months:
        path = landing / FOOD_BANK / "receipts" / f"receipts-{month}.csv"
        with path.open(encoding="utf-8", newline="") as handle:
            rows = csv.reader(handle)
            header = next(rows)
            column = {name: place for place, name in enumerate(header)}
            found = [row for row in rows if row[column["unit"]] == "kg"][:1000:10]
        for row in found:
            row[column["quantity"]] = "1.000"
            row[column["refused_at_dock_kg"]] = ""
            row[column["updated_at"]] = f"{LAST_DAY}T20:00:00"
        corrected += found
    name = f"receipts-corrections-{'-'.join(months)}.csv"
    write_rows(landing / FOOD_BANK / "receipts" / name, [header, *corrected], ",", "\n")


def write_smallest(landing: Path, target: Path) -> None:
    """The reference records and one row of each event record: what a run costs without rows."""
    for record in (*REFERENCES, *DATES, "stock_counts"):
        paths = sorted((landing / FOOD_BANK / record).glob("*.csv"))
        with paths[0].open("rb") as handle:
            lines = (
                handle.readlines() if record in REFERENCES else [handle.readline() for _ in "12"]
            )
        file = target / FOOD_BANK / record / paths[0].name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join(lines))


def add_one_row(landing: Path) -> None:
    """One receipt more in a folder that has run once: imports, dbt and audit, hardly a row."""
    [path] = (landing / FOOD_BANK / "receipts").glob("*.csv")
    text = path.read_text(encoding="utf-8").replace(",R", ",R9")
    path.with_name("receipts-more.csv").write_text(text, encoding="utf-8")


def compare_marts(data: Path, output: Path) -> dict[str, int]:
    """By mart, how many rows differ between the publication and the limit's files."""
    published = data / "published"
    pointer = json.loads((published / "CURRENT").read_text(encoding="utf-8"))
    folder = published / pointer["path"] / "data_team"
    differences = {}
    for mart in MARTS:
        ours, theirs = f"'{folder}/{mart}.parquet'", f"'{output}/{mart}.parquet'"
        described = duckdb.sql(f"describe from {theirs}").fetchall()
        columns = ", ".join(str(row[0]) for row in described)
        row = duckdb.sql(
            f"select (select count(*) from (select {columns} from {ours} except all from {theirs}))"
            f" + (select count(*) from (from {theirs} except all select {columns} from {ours}))"
        ).fetchone()
        assert row is not None
        differences[mart] = int(row[0])
    return differences


def count_bytes(*folders: Path) -> int:
    return sum(
        path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()
    )


def measure(lines: int, folder: Path) -> Measured:
    """Run every scenario at one size in an empty folder."""
    data, output, held_back = folder / "data", folder / "limit_marts", folder / "held_back"
    landing = data / "landing"
    scale = max(1, round(lines / ROWS_OF_SCALE_1))
    (output.parent / "limit").mkdir(parents=True)
    data.mkdir()
    say(f"{lines:.0e} lines: writing the demonstration at scale {scale}")
    collecto(data, "demo", "--scale", str(scale), "--food-bank", FOOD_BANK)
    files = list(landing.rglob("*.csv"))
    rows = sum(path.read_bytes().count(b"\n") for path in files) - len(files)
    day_rows = split_last_day(landing, held_back)
    found = Measured(rows, sum(path.stat().st_size for path in files))
    write_smallest(landing, folder / "smallest" / "landing")

    def step(name: str, spent: Spent) -> None:
        found.spent[name] = spent
        say(f"  {name}: {spent.cpu:.1f} CPU s, {spent.wall:.1f} s, {spent.megabytes:.0f} MB")

    step("limit", run_limit(landing, output))
    step("first run of a folder", collecto(folder / "smallest", "refresh"))
    add_one_row(folder / "smallest" / "landing")
    step("smallest run", collecto(folder / "smallest", "refresh"))
    step("full run", collecto(data, "refresh"))
    found.slowest = list_slowest(data)
    found.differences = compare_marts(data, output)
    say(f"  rows that differ from the limit: {found.differences}")
    disk = [data / name for name in ("raw", "accepted", "warehouse", "published")]
    found.disk_share = count_bytes(*disk) / found.csv_bytes
    found.publication_share = count_bytes(data / "published") / found.csv_bytes
    step("nothing new", collecto(data, "refresh"))
    shutil.copytree(held_back, landing, dirs_exist_ok=True)
    say(f"  one day more has {day_rows} rows")
    step("one day more", collecto(data, "refresh"))
    for name, months in (
        ("corrections, 1 month", ONE_MONTH),
        ("corrections, 3 months", THREE_MONTHS),
    ):
        write_corrections(landing, months)
        step(name, collecto(data, "refresh"))
    before = (data / "published" / "CURRENT").read_bytes()
    # A rebuild that gives other bytes for the same inputs is refused and ends the benchmark.
    step("rebuild", collecto(data, "rebuild"))
    found.is_rebuild_same = (data / "published" / "CURRENT").read_bytes() == before
    step("limit with corrections", run_limit(landing, output))
    for mart, count in compare_marts(data, output).items():
        found.differences[mart] += count
    say(f"  rows that differ in either comparison: {found.differences}")
    return found


def list_slowest(data: Path) -> list[tuple[str, float]]:
    """dbt's nodes by the seconds that they took."""
    text = (data / "warehouse" / "target" / "run_results.json").read_text(encoding="utf-8")
    nodes = [
        (entry["unique_id"].split(".")[2], float(entry["execution_time"]))
        for entry in json.loads(text)["results"]
    ]
    total = sum(seconds for _, seconds in nodes)
    ordered = sorted(nodes, key=lambda node: -node[1])
    return [("all dbt nodes", total), *ordered[:8]]


def say(text: str) -> None:
    print(text, flush=True)


def exponent(first: Measured, second: Measured, name: str, fixed: str | None) -> float | None:
    """Growth of the CPU beyond the fixed cost between two sizes; None where it is below noise."""
    beyond = [
        entry.spent[name].cpu - (entry.spent[fixed].cpu if fixed else 0)
        for entry in (first, second)
    ]
    if min(beyond) < 1:
        return None
    return math.log(beyond[1] / beyond[0]) / math.log(second.lines / first.lines)


def judge(found: list[Measured]) -> list[tuple[str, str, str]]:
    """Goals of the design, at the largest size run: number, what was found, met or not."""
    last = found[-1]
    spent = last.spent
    limit, fixed = spent["limit"].cpu, spent["smallest run"].cpu
    size = f"at {last.lines:.1e} lines"

    def mark(is_met: bool) -> str:
        return "met" if is_met else "not met"

    def elsewhere(is_met: bool, wanted: float) -> str:
        """A goal at another size is never called met by a smaller run."""
        return mark(is_met) if last.lines >= 0.5 * wanted else f"not measured ({mark(is_met)} here)"

    day, rebuilt = spent["one day more"], spent["rebuild"]
    one, three = spent["corrections, 1 month"], spent["corrections, 3 months"]
    full_bound = 2 * limit + 30
    goals = [
        ("1 full run", f"{spent['full run'].cpu:.1f} CPU s, bound 2 x {limit:.1f} + 30 ="
         f" {full_bound:.1f}, {size}", elsewhere(spent["full run"].cpu <= full_bound, 1e7)),
        ("2 rebuild", f"{rebuilt.cpu:.1f} CPU s, {last.ratio('rebuild'):.2f} x limit (of which a"
         f" smallest run {fixed:.1f}), {rebuilt.megabytes:.0f} MB, {size}",
         elsewhere(rebuilt.cpu <= 1.5 * limit and rebuilt.megabytes <= 3072, 1e8)),
        ("3 nothing new", f"{spent['nothing new'].cpu:.1f} CPU s, bound 3",
         mark(spent["nothing new"].cpu <= 3)),
        ("4 one day more", f"{day.cpu:.1f} CPU s, {day.cpu - fixed:.1f} beyond a smallest run,"
         f" {size}",
         elsewhere(day.cpu <= fixed + 10, 1e8)),
        ("6 late corrections", f"3 months {three.cpu:.1f} CPU s, 1 month {one.cpu:.1f};"
         f" a rebuild gives the same bytes: {last.is_rebuild_same}",
         mark(three.cpu <= 1.2 * 3 * one.cpu and last.is_rebuild_same)),
        ("10 disk", f"{last.disk_share:.2f} of the CSV, one publication"
         f" {last.publication_share:.3f}, {size}",
         elsewhere(last.disk_share <= 1 and last.publication_share <= 0.02, 1e7)),
    ]  # fmt: skip
    if len(found) > 1:
        former = found[-2]
        ratio = day.cpu / former.spent["one day more"].cpu
        goals.append(
            ("5 the same day on ten times the history", f"{ratio:.2f} x from {former.lines:.1e} to"
             f" {last.lines:.1e} lines (a day grows with the scale, too)",
             elsewhere(ratio <= 1.5, 1e8))
        )  # fmt: skip
        grown = exponent(former, last, "full run", "smallest run")
        goals.append(
            ("8 growth", f"exponent {grown:.2f} from {former.lines:.1e} to {last.lines:.1e} lines"
             if grown is not None else "below noise",
             mark(grown is not None and grown <= 1.05))
        )  # fmt: skip
    else:
        goals += [
            (name, "needs two sizes", "not measured") for name in ("5 the same day", "8 growth")
        ]
    for name in ("7 judging 12 rules", "9 day files", "11 pages", "12 server", "13 Spark"):
        goals.append((name, "no scenario here", "not measured"))
    return sorted(goals, key=lambda goal: int(goal[0].split()[0]))


def make_report(found: list[Measured]) -> str:
    """The report in Markdown: what each scenario took, growth, goals, where the time goes."""
    names = list(found[0].spent)
    lines = [
        "# Results",
        "",
        f"Written by `make bench` on {os.cpu_count()} cores ({platform.machine()}, Python"
        f" {platform.python_version()}, DuckDB {duckdb.__version__}). CPU seconds of whole"
        " processes; in brackets the ratio to the limit at the same size.",
        "",
        "| scenario | " + " | ".join(f"{entry.lines:.1e} lines" for entry in found) + " | growth |",
        "|---|" + "---|" * (len(found) + 1),
    ]
    for name in names:
        cells = [
            f"{entry.spent[name].cpu:.1f} ({entry.ratio(name):.1f}),"
            f" {entry.spent[name].megabytes:.0f} MB"
            for entry in found
        ]
        grown = None
        if len(found) > 1 and name not in ("smallest run", "first run of a folder"):
            fixed = None if name.startswith("limit") else "smallest run"
            grown = exponent(found[-2], found[-1], name, fixed)
        growth = "" if grown is None else f"{grown:.2f}"
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {growth} |")
    lines += [
        "",
        "Growth: exponent of CPU beyond a smallest run (one receipt more in a folder of one row a"
        " record);\nthe first run of a folder parses the dbt project.",
        "",
    ]
    for entry in found:
        total = sum(entry.differences.values())
        lines.append(
            f"- {entry.lines:.1e} lines: {total} rows of {', '.join(entry.differences)} differ from"
            " the limit, after the full run and after the corrections."
        )
    lines += ["", "| goal | found | |", "|---|---|---|"]
    lines += [f"| {name} | {text} | {verdict} |" for name, text, verdict in judge(found)]
    lines += ["", "Seconds of dbt nodes in the full run at the largest size (two threads):", ""]
    lines += [f"- {name}: {seconds:.1f}" for name, seconds in found[-1].slowest]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", nargs="*", type=float, default=[1e5], help="sizes, as 1e5 1e6")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    sizes = sorted(int(lines) for lines in options.lines or [1e5])
    found = []
    for lines in sizes:
        with tempfile.TemporaryDirectory(dir=options.folder, ignore_cleanup_errors=True) as folder:
            found.append(measure(lines, Path(folder)))
    report = make_report(found)
    RESULTS.write_text(report, encoding="utf-8")
    say(report)
    if any(sum(entry.differences.values()) or not entry.is_rebuild_same for entry in found):
        sys.exit("the marts are not those of the limit, or a rebuild gave other bytes")


if __name__ == "__main__":
    main()
