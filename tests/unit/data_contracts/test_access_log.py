"""The log of accesses: one chain over months, processes and threads; what is altered is found."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data_contracts.access_log import (
    append_access,
    find_access_breaks,
    list_segments,
    name_reader,
    read_accesses,
    remove_old_segments,
)

MAY, JUNE, JULY = (datetime(2024, month, 3, tzinfo=UTC) for month in (5, 6, 7))
WRITERS, ENTRIES = 3, 40


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "access_log"
    for number, moment in enumerate((MAY, MAY, JUNE, JUNE, JULY)):
        append_access(folder, {"event": "view", "number": number}, moment)
    return folder


def test_months_are_segments_of_one_chain(log: Path) -> None:
    assert [path.name for path in list_segments(log)] == [
        "2024-05.jsonl", "2024-06.jsonl", "2024-07.jsonl",
    ]  # fmt: skip
    assert [entry["number"] for entry in read_accesses(log)] == [0, 1, 2, 3, 4]
    assert [entry["number"] for entry in read_accesses(log, "2024-06")] == [2, 3]
    assert find_access_breaks(log) == []
    assert {path.stat().st_mode & 0o777 for path in list_segments(log)} == {0o600}


@pytest.mark.parametrize(
    ("name", "line", "place"),
    [("2024-05.jsonl", 0, "line 1"), ("2024-05.jsonl", 1, "line 2"), ("2024-06.jsonl", 0, "line 1"),
     ("2024-07.jsonl", 0, "line 1")],
)  # fmt: skip
def test_an_altered_entry_is_named(log: Path, name: str, line: int, place: str) -> None:
    path = log / name
    lines = path.read_text().splitlines(keepends=True)
    lines[line] = lines[line].replace('"event": "view"', '"event": "none"')
    path.write_text("".join(lines))
    assert find_access_breaks(log)[0].startswith(f"{name}, {place}")


@pytest.mark.parametrize("name", ["2024-05.jsonl", "2024-06.jsonl"])
def test_a_month_that_is_taken_away_is_missed(log: Path, name: str) -> None:
    (log / name).unlink()
    assert find_access_breaks(log) != []


def test_an_entry_that_is_left_out_or_moved_is_missed(log: Path) -> None:
    path = log / "2024-06.jsonl"
    first, second = path.read_text().splitlines(keepends=True)
    for lines in (second, second + first, first + first + second):
        path.write_text(lines)
        assert find_access_breaks(log) != []


def test_a_month_that_is_old_is_removed_and_said(log: Path) -> None:
    assert remove_old_segments(log, "2024-06", JULY) == ["2024-05.jsonl"]
    assert remove_old_segments(log, "2024-06", JULY) == []
    assert find_access_breaks(log) == []
    assert [entry["event"] for entry in read_accesses(log)][-1] == "segment_removed"
    # the last segment stays, whatever its age
    assert remove_old_segments(log, "2030-01", JULY) == ["2024-06.jsonl"]
    assert find_access_breaks(log) == []
    assert remove_old_segments(log / "nothing", "2030-01", JULY) == []


def test_a_clock_that_goes_back_writes_behind_nothing(log: Path) -> None:
    append_access(log, {"event": "late"}, MAY - timedelta(days=90))
    assert [entry["event"] for entry in read_accesses(log, "2024-07")] == ["view", "late"]
    assert find_access_breaks(log) == []


def test_a_line_that_a_crash_cut_short_is_none(log: Path) -> None:
    path = log / "2024-07.jsonl"
    with path.open("ab") as handle:
        handle.write(b'{"event": "view", "numb')
    assert len(list(read_accesses(log))) == 5
    append_access(log, {"event": "after"}, JULY)
    assert [entry["event"] for entry in read_accesses(log, "2024-07")] == ["view", "after"]
    assert find_access_breaks(log) == []


@pytest.mark.parametrize(
    "text",
    [
        'a\n{"event": "forged"}',
        "\r\n",
        "\u2028{}",
        "\u0085",
        "\x1b[2J",
        "\x00",
        '"}\n',
        "é",
        "\x9b1m",
    ],
)
def test_no_text_begins_a_line_or_steers_a_terminal(tmp_path: Path, text: str) -> None:
    append_access(tmp_path, {"event": "view", "text": text}, MAY)
    append_access(tmp_path, {"event": "view"}, MAY)
    data = (tmp_path / "2024-05.jsonl").read_bytes()
    assert data.count(b"\n") == 2 and all(32 <= byte < 127 for byte in data.replace(b"\n", b""))
    assert [entry.get("text") for entry in read_accesses(tmp_path)] == [text, None]
    assert find_access_breaks(tmp_path) == []


def write_many(folder: Path, writer: int) -> None:
    def write(number: int) -> None:
        append_access(folder, {"event": "view", "writer": writer, "number": number}, MAY)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(ENTRIES)))


def test_processes_and_threads_write_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [
        context.Process(target=write_many, args=(tmp_path, number)) for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    written = {(entry["writer"], entry["number"]) for entry in read_accesses(tmp_path)}
    assert written == {(w, n) for w in range(WRITERS) for n in range(ENTRIES)}
    assert len(list(read_accesses(tmp_path))) == WRITERS * ENTRIES
    assert find_access_breaks(tmp_path) == []


def test_a_reader_has_one_name_and_no_other_has_it() -> None:
    name = name_reader("secret", "https://a", "1")
    assert len(name) == 24 and name == name_reader("secret", "https://a", "1")
    others = {name_reader("other", "https://a", "1"), name_reader("secret", "https://a1", ""),
              name_reader("secret", "https://a", "2")}  # fmt: skip
    assert name not in others and len(others) == 3


def test_a_line_that_is_no_entry_is_named(log: Path) -> None:
    path = log / "2024-06.jsonl"
    path.write_text("nothing\n" + path.read_text())
    assert any("no entry" in text for text in find_access_breaks(log))
    assert json.loads(path.read_text().splitlines()[1])["number"] == 2
