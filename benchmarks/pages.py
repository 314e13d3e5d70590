"""Budgets of the dashboards as ratios in one run: `make bench-dashboards`.

    python benchmarks/pages.py [--published data/published] [--larger FOLDER]

Each line is a ratio (or milliseconds, megabytes) and its bound; exit status 1 where one is not met.
Pages run by Streamlit, set as the server sets it, over the publication of the data folder; the
limit is a page of one line beside them, or the page's own queries with nothing around them. A table
of all pages follows. `--larger`: a publication of ten times the records and more, for the rows of
`performance.md` that ask for one; make it by `COLLECTO_DATA_DIR=FOLDER collecto demo --scale 53
--food-bank bourgogne` and `collecto refresh`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import streamlit as st
import websockets
import yaml
from streamlit import config, file_util
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest

from dashboards import published
from dashboards.access import Principal
from dashboards.figure_models import read_provenance
from dashboards.filters import Filters, resolve_filters
from dashboards.pages import PAGES
from dashboards.server import STREAMLIT_OPTIONS
from dashboards.views.page import lay_out_page

ROOT = Path(__file__).resolve().parents[1]
RUNS = 7
MANY = 30
SIMULTANEOUS = 20
TIMEOUT = 120


@dataclass(frozen=True)
class Budget:
    """A ratio and the most that it may be."""

    name: str
    value: float
    bound: float

    @property
    def is_met(self) -> bool:
        return self.value <= self.bound


def median_of(run: Callable[[], None], times: int = RUNS) -> float:
    """Median of the wall seconds of several runs."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def beside_one_line(page: AppTest) -> float:
    """CPU of a run of a page beside that of a page of one line, the two in turn."""
    line = AppTest.from_string("import streamlit as st\nst.write('one line')\n").run()
    taken: dict[int, list[float]] = {id(line): [], id(page): []}
    for _ in range(MANY):
        for each in (line, page):
            start = time.process_time()
            each.run()
            taken[id(each)].append(time.process_time() - start)
    return statistics.median(taken[id(page)]) / statistics.median(taken[id(line)])


def measure_models() -> list[Budget]:
    """View models: kept against made, and what making them costs beside reading their marts."""
    opened = published.open_asked({}, Principal("data_team"))
    choices = published.read_choices(opened.source)
    filters, _ = resolve_filters({}, choices)
    made, kept = [], []
    for code in PAGES:
        published.read_page_of.cache_clear()
        made.append(median_of(lambda code=code: _make(opened, code, filters), 3))
        published.read_page(opened, code, filters)
        kept.append(median_of(lambda code=code: published.read_page(opened, code, filters), 50))
    return [Budget("kept view model / made", sum(kept) / sum(made), 1 / 50)]


def _make(opened: published.Opened, code: str, filters: Filters) -> None:
    published.read_page_of.cache_clear()
    published.read_page(opened, code, filters)


def open_page(**parameters: str) -> AppTest:
    """The application, as a first visit."""
    page = AppTest.from_string("from dashboards.app import run\nrun()\n", default_timeout=TIMEOUT)
    for name, value in parameters.items():
        page.query_params[name] = value
    return page


def measure_runs() -> list[Budget]:
    """Runs of the script: a change of filter, twenty at once, CPU beside a page of one line."""
    forget()
    page = open_page()
    start = time.perf_counter()
    page.run()
    first = time.perf_counter() - start
    page.query_params["period"] = "2023"
    start = time.perf_counter()
    page.run()
    change = time.perf_counter() - start
    return [
        Budget("change of filter / first load", change / first, 0.5),
        Budget("CPU of a page run / of a one-line page", beside_one_line(page), 8),
    ]


def forget() -> None:
    """Empty what is kept between runs: the next run reads and makes everything."""
    published.read_page_of.cache_clear()
    published.read_choices.cache_clear()
    lay_out_page.cache_clear()
    st.cache_resource.clear()


def read_queries(code: str) -> list[str]:
    """The marts of a page, as its exposure names them."""
    text = (ROOT / "dbt_project" / "models" / "marts" / "_exposures.yml").read_text("utf-8")
    exposures = {entry["name"]: entry["depends_on"] for entry in yaml.safe_load(text)["exposures"]}
    return [entry.split("'")[1] for entry in exposures[code.replace("-", "_")]]


def query_times(code: str = "essentiel") -> tuple[float, float]:
    """Seconds of the raw queries of a page: their sum, and the slowest one's p95."""
    opened = published.open_asked({}, Principal("data_team"))
    choices = published.read_choices(opened.source)
    bank = resolve_filters({}, choices)[0].food_bank.food_bank_id
    total, slowest = 0.0, 0.0
    for mart in read_queries(code):

        def query(mart: str = mart) -> None:
            frame = opened.publication.scan(mart)
            if "food_bank_id" in frame.collect_schema():
                frame = frame.filter(pl.col("food_bank_id") == bank)
            frame.collect()

        taken = [median_of(query, 1) for _ in range(MANY)]
        total += statistics.median(taken)
        slowest = max(slowest, p95(taken))
    return total, slowest


def script_times() -> list[float]:
    """Seconds of runs of the first page with nothing kept."""
    page = open_page().run()

    def run() -> None:
        forget()
        page.run()

    return [median_of(run, 1) for _ in range(MANY)]


def p95(taken: list[float]) -> float:
    return sorted(taken)[max(int(0.95 * len(taken)) - 1, 0)]


def measure_larger(smaller: Path, larger: Path) -> list[Budget]:
    """A page on ten times the records, and rows 11 and 12 of performance.md on the larger."""
    use(smaller)
    small = statistics.median(script_times())
    use(larger)
    raw, slowest = query_times()
    scripts = script_times()
    thoughtful, megabytes = measure_crowd(larger)
    return [
        Budget("page on the larger / smaller publication", statistics.median(scripts) / small, 1.3),
        Budget("larger: page, nothing kept / its raw queries", statistics.median(scripts) / raw, 4),
        Budget("larger: page, nothing kept, p95 (ms)", 1000 * p95(scripts), 100),
        Budget("larger: slowest raw query, p95 (ms)", 1000 * slowest, 25),
        Budget(
            "larger: CPU of a page run / one-line page", beside_one_line(open_page().run()), 2.5
        ),
        Budget("larger: 10 users with 3 s of thought, p95 (ms)", 1000 * thoughtful, 500),
        Budget("larger: memory of the server, 50 sessions (MB)", megabytes, 400),
    ]


def measure_crowd(published_dir: Path) -> tuple[float, float]:
    """Seconds (p95) of ten users who think for three seconds; megabytes with fifty sessions open.

    Megabytes are private memory of the server after its fiftieth session, not shared libraries.
    """

    async def use_pages(port: int, delay: float) -> list[float]:
        await asyncio.sleep(delay)
        taken = []
        async with open_session(port) as stream:
            for _ in range(5):
                taken.append(await run_script(stream))
                await asyncio.sleep(3)
        return taken

    async def crowd(port: int) -> tuple[float, float]:
        await visit(port)
        users = await asyncio.gather(*(use_pages(port, number * 0.3) for number in range(10)))
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(50):
                await run_script(await stack.enter_async_context(open_session(port)))
            megabytes = private_megabytes(process.pid)
        return p95([seconds for taken in users for seconds in taken]), megabytes

    with serve(published_dir) as (process, port):
        return asyncio.run(crowd(port))


def private_megabytes(pid: int) -> float:
    """Memory that a process shares with no other (Linux)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return sum(int(kilobytes) for kilobytes in re.findall(r"Private_\w+:\s+(\d+) kB", text)) / 1024


@contextlib.contextmanager
def serve(published_dir: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The dashboards as a process, and their port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dashboards", "--port", str(port)]
    environment = {**os.environ, published.PUBLISHED_DIR_VARIABLE: str(published_dir)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        time.sleep(2)
        try:
            yield server, port
        finally:
            server.terminate()


def measure_many(published_dir: Path) -> Budget:
    """Twenty visits of a page at once, each its own websocket, beside one alone.

    A visit is a browser's: the address, then the websocket until the script has ended.
    """

    async def run(port: int) -> tuple[float, float]:
        for _ in range(3):
            await visit(port)
        alone = statistics.median([await visit(port) for _ in range(RUNS)])
        return alone, p95(await asyncio.gather(*(visit(port) for _ in range(SIMULTANEOUS))))

    with serve(published_dir) as (_, port):
        alone, slow = asyncio.run(run(port))
    return Budget("p95 of 20 visits at once / one alone", slow / alone, 25)


def open_session(port: int) -> websockets.connect:
    """A visitor's websocket."""
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    return websockets.connect(address, subprotocols=["streamlit"], max_size=None)


async def visit(port: int) -> float:
    """Seconds until the script of the first page has ended for a new visitor."""
    start = time.perf_counter()
    async with open_session(port) as stream:
        await run_script(stream)
    return time.perf_counter() - start


async def run_script(stream: websockets.ClientConnection, code: str = "essentiel") -> float:
    """Seconds of one run of the script of a page."""
    start = time.perf_counter()
    asked = BackMsg()
    asked.rerun_script.query_string = ""
    asked.rerun_script.page_name = "" if code == "essentiel" else code
    await stream.send(asked.SerializeToString())
    while True:
        message = ForwardMsg()
        message.ParseFromString(await stream.recv())
        if message.WhichOneof("type") == "script_finished":
            return time.perf_counter() - start


def use(published_dir: Path) -> None:
    """Let pages of this process read another folder of publications."""
    os.environ[published.PUBLISHED_DIR_VARIABLE] = str(published_dir.resolve())
    forget()


def measure_bytes() -> Budget:
    """Bytes of the scripts that the server sends, beside uncompressed."""
    folder = Path(file_util.get_static_dir())
    files = [path for path in folder.rglob("*") if path.suffix in (".js", ".css")]
    sent = sum(len(gzip.compress(path.read_bytes(), 6, mtime=0)) for path in files)
    return Budget("bytes sent / uncompressed", sent / sum(p.stat().st_size for p in files), 0.35)


def print_pages(published_dir: Path) -> None:
    """Milliseconds of each page: its raw queries, made with nothing kept, a run with all kept."""
    use(published_dir)
    opened = published.open_asked({}, Principal("data_team"))
    filters, _ = resolve_filters({}, published.read_choices(opened.source))
    bank = filters.food_bank
    provenance = read_provenance(opened.publication, bank.name, bank.data_date)

    def make(code: str) -> None:
        forget()
        lay_out_page(opened.source, code, filters, provenance, "")

    async def serve_pages(port: int) -> dict[str, float]:
        taken = {}
        async with open_session(port) as stream:
            for code in PAGES:
                await run_script(stream, code)
                runs = [await run_script(stream, code) for _ in range(RUNS)]
                taken[code] = statistics.median(runs)
        return taken

    with serve(published_dir) as (_, port):
        served = asyncio.run(serve_pages(port))
    print(f"\n{'page (ms)':24} {'queries':>8} {'made':>8} {'ratio':>8} {'p95':>8} {'kept':>8}")
    for code in PAGES:
        raw, _ = query_times(code)
        made = [median_of(lambda code=code: make(code), 1) for _ in range(MANY)]
        middle = statistics.median(made)
        numbers = (1000 * raw, 1000 * middle, middle / raw, 1000 * p95(made), 1000 * served[code])
        print(f"{code:24} " + " ".join(f"{number:8.1f}" for number in numbers))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, default=Path("data/published"))
    parser.add_argument("--larger", type=Path, help="published folder of ten times the records")
    asked = parser.parse_args()
    for name, value in STREAMLIT_OPTIONS.items():
        config.set_option(name, value)
    use(asked.published)
    budgets = [*measure_models(), *measure_runs(), measure_many(asked.published), measure_bytes()]
    if asked.larger:
        budgets += measure_larger(asked.published, asked.larger)
    for budget in budgets:
        mark = "met" if budget.is_met else "NOT MET"
        print(f"{budget.name:48} {budget.value:8.3f}  bound {budget.bound:7.3f}  {mark}")
    print_pages(asked.larger or asked.published)
    return 0 if all(budget.is_met for budget in budgets) else 1


if __name__ == "__main__":
    sys.exit(main())
