"""Budgets of the dashboards as ratios in one run: `make bench-dashboards`.

    python benchmarks/pages.py [--published data/published]

Each line is a ratio and its bound; exit status 1 where one is not met. Pages run by Streamlit over
the publication of the data folder; the limit is a page of one line beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import websockets
from streamlit import file_util
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest

from dashboards import published
from dashboards.access import Principal
from dashboards.filters import Filters, resolve_filters
from dashboards.pages import PAGES

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


def cpu_of(run: Callable[[], None], times: int = RUNS) -> float:
    """Median of the CPU seconds of this process over several runs."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def measure_models() -> list[Budget]:
    """View models: kept against made, and what making them costs beside reading their marts."""
    opened = published.open_asked({}, Principal("data_team"))
    choices = published.read_choices(opened.source)
    filters, _ = resolve_filters({}, choices)
    made, kept = [], []
    for code in PAGES:
        published._read_page.cache_clear()
        made.append(median_of(lambda code=code: _make(opened, code, filters), 3))
        published.read_page(opened, code, filters)
        kept.append(median_of(lambda code=code: published.read_page(opened, code, filters), 50))
    return [Budget("kept view model / made", sum(kept) / sum(made), 1 / 50)]


def _make(opened: published.Opened, code: str, filters: Filters) -> None:
    published._read_page.cache_clear()
    published.read_page(opened, code, filters)


def open_page(**parameters: str) -> AppTest:
    """The application, as a first visit."""
    page = AppTest.from_string("from dashboards.app import run\nrun()\n", default_timeout=TIMEOUT)
    for name, value in parameters.items():
        page.query_params[name] = value
    return page


def measure_runs() -> list[Budget]:
    """Runs of the script: a change of filter, twenty at once, CPU beside a page of one line."""
    one_line = AppTest.from_string("import streamlit as st\nst.write('one line')\n").run()
    cpu_line = cpu_of(lambda: one_line.run() and None, MANY)
    published._read_page.cache_clear()
    published._read_choices.cache_clear()
    page = open_page()
    start = time.perf_counter()
    page.run()
    first = time.perf_counter() - start
    page.query_params["period"] = "2023"
    start = time.perf_counter()
    page.run()
    change = time.perf_counter() - start
    cpu_page = cpu_of(lambda: page.run() and None, MANY)
    return [
        Budget("change of filter / first load", change / first, 0.5),
        Budget("CPU of a page run / of a one-line page", cpu_page / cpu_line, 8),
    ]


def measure_many(published_dir: Path) -> Budget:
    """Twenty visits of a page at once, each its own websocket, beside one alone.

    A visit is a browser's: the address, then the websocket until the script has ended.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dashboards", "--port", str(port)]
    environment = {**os.environ, published.PUBLISHED_DIR_VARIABLE: str(published_dir)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        time.sleep(2)

        async def run() -> tuple[float, float]:
            for _ in range(3):
                await visit(port)
            alone = statistics.median([await visit(port) for _ in range(RUNS)])
            taken = sorted(await asyncio.gather(*(visit(port) for _ in range(SIMULTANEOUS))))
            return alone, taken[int(0.95 * SIMULTANEOUS) - 1]

        try:
            alone, p95 = asyncio.run(run())
        finally:
            server.terminate()
    return Budget("p95 of 20 visits at once / one alone", p95 / alone, 25)


async def visit(port: int) -> float:
    """Seconds until the script of the first page has ended for a new visitor."""
    start = time.perf_counter()
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    async with websockets.connect(address, subprotocols=["streamlit"], max_size=None) as stream:
        asked = BackMsg()
        asked.rerun_script.query_string = ""
        await stream.send(asked.SerializeToString())
        while True:
            message = ForwardMsg()
            message.ParseFromString(await stream.recv())
            if message.WhichOneof("type") == "script_finished":
                return time.perf_counter() - start


def measure_bytes() -> Budget:
    """Bytes of the scripts that the server sends, beside uncompressed."""
    folder = Path(file_util.get_static_dir())
    files = [path for path in folder.rglob("*") if path.suffix in (".js", ".css")]
    sent = sum(len(gzip.compress(path.read_bytes(), 6, mtime=0)) for path in files)
    return Budget("bytes sent / uncompressed", sent / sum(p.stat().st_size for p in files), 0.35)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, default=Path("data/published"))
    asked = parser.parse_args()
    os.environ[published.PUBLISHED_DIR_VARIABLE] = str(asked.published.resolve())
    budgets = [*measure_models(), *measure_runs(), measure_many(asked.published), measure_bytes()]
    for budget in budgets:
        mark = "met" if budget.is_met else "NOT MET"
        print(f"{budget.name:44} {budget.value:8.3f}  bound {budget.bound:6.3f}  {mark}")
    return 0 if all(budget.is_met for budget in budgets) else 1


if __name__ == "__main__":
    sys.exit(main())
