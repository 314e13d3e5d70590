"""Tells what a delivered file is by its content, and unpacks gzip and zip within limits.

Nothing is trusted of its name. What a file cannot be is said in one sentence for its sender. Rows
and cells belong in `parsing` and `workbooks`.
"""

from __future__ import annotations

import gzip
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, Protocol

Kind = Literal["text", "jsonl", "xlsx", "xls", "parquet"]

MAX_BYTES = 4_000_000_000
MAX_RATIO = 100
MAX_ENTRIES = 2_000
# Below this much, a ratio says nothing: a page of zeros is no attack.
SMALL_BYTES = 20_000_000
MAX_WORKBOOK_BYTES = 600_000_000
_BLOCK = 1 << 20

_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_FOREIGN = {
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"{\\rtf": "a text document (RTF)",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"SQLite format 3": "a database (SQLite)",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"PK\x05\x06": "an empty zip archive",
}
_TEXT_STARTS = {
    b"<!doctype html": "a web page (HTML)",
    b"<html": "a web page (HTML)",
    b"<table": "a web page (HTML)",
    b"<?xml": "an XML document",
    b"[": "a JSON array (one object per line is read: JSON lines)",
}
_SEND_TABLE = "save it as CSV or XLSX and send it again"


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class UnreadableError(Exception):
    """The file cannot be read at all; the message is one sentence for the person who sent it."""


@contextmanager
def open_unpacked(path: Path) -> Iterator[tuple[Path, Kind]]:
    """The table file within `path`, unpacked where it is a gzip or zip archive, and its kind.

    What is unpacked has no name on disk and is gone when the process ends.
    Raises UnreadableError for what is no table, or unpacks to too much.
    """
    with path.open("rb") as handle:
        start = handle.read(64)
    if start.startswith(_GZIP):
        opened = _unpack_gzip(path)
    elif start.startswith(_ZIP) and _tell_zip(path) is None:
        opened = _unpack_zip(path)
    else:
        yield path, tell_kind(path)
        return
    with opened:
        inner = name_of(opened)
        with inner.open("rb") as handle:
            start = handle.read(64)
        if start.startswith(_GZIP) or (start.startswith(_ZIP) and _tell_zip(inner) is None):
            raise UnreadableError("the archive holds an archive; send the file in it on its own")
        yield inner, tell_kind(inner)


def name_of(handle: IO[bytes]) -> Path:
    """A path by which an open file without a name can be opened, also by a child process."""
    return Path(f"/proc/{os.getpid()}/fd/{handle.fileno()}")


def tell_kind(path: Path) -> Kind:
    """What the file is. Raises UnreadableError for what is no table, in one sentence."""
    with path.open("rb") as handle:
        start = handle.read(4096)
    if start.startswith(_ZIP):
        kind = _tell_zip(path)
        assert kind is not None  # nosec B101
        return kind
    if start.startswith(_OLE2):
        return _tell_ole2(path)
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"PARE"):
        raise UnreadableError("the Parquet file is encrypted; send it without encryption")
    for signature, what in _FOREIGN.items():
        if start.startswith(signature):
            raise UnreadableError(f"the file is not text but {what}; {_SEND_TABLE}")
    written = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginning, what in _TEXT_STARTS.items():
        if written.startswith(beginning) and not _is_header(written):
            raise UnreadableError(f"the file is {what}, no table; {_SEND_TABLE}")
    return "jsonl" if written.startswith(b"{") and b":" in written else "text"


def _is_header(written: bytes) -> bool:
    """A header may begin with a bracket: `[id];[name]` is one, `[{"id": 1}]` is not."""
    first = written.split(b"\n", 1)[0]
    return (
        written.startswith(b"[")
        and b"]" in first
        and not written[1:].lstrip().startswith((b"{", b"["))
    )


def _tell_zip(path: Path) -> Kind | None:
    """`xlsx` for a workbook, None for an archive of files."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnreadableError(
            f"the file begins like a zip archive or workbook and cannot be opened"
            f" ({type(error).__name__}): it was cut or damaged on its way; send it again"
        ) from None
    if "[Content_Types].xml" in names:
        if any(name.startswith("xl/worksheets/") for name in names):
            if "xl/workbook.bin" in names:
                raise UnreadableError("the file is a binary workbook (XLSB); save it as XLSX")
            return "xlsx"
        raise UnreadableError(f"the file is an Office document without sheets; {_SEND_TABLE}")
    if "mimetype" in names and "content.xml" in names:
        raise UnreadableError("the file is an OpenDocument file (ODS); save it as XLSX")
    return None


def _tell_ole2(path: Path) -> Kind:
    with path.open("rb") as handle:
        content = handle.read(min(path.stat().st_size, MAX_WORKBOOK_BYTES))
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise UnreadableError("the workbook is protected by a password; send it without one")
    is_workbook = any(name.encode("utf-16-le") in content for name in ("Workbook", "Book"))
    if not is_workbook:
        raise UnreadableError(
            "the file is an old Office document without sheets, or a workbook that was cut on its"
            f" way; {_SEND_TABLE}"
        )
    return "xls"


def _make_nameless() -> IO[bytes]:
    return tempfile.TemporaryFile(prefix="collecto-")


def _copy(source: _Readable, target: IO[bytes], packed_bytes: int) -> None:
    """Copy what is unpacked, up to the limits. `packed_bytes`: what it was packed in."""
    limit = min(MAX_BYTES, max(SMALL_BYTES, MAX_RATIO * packed_bytes))
    written = 0
    while block := source.read(_BLOCK):
        written += len(block)
        if written > limit:
            raise UnreadableError(
                f"the archive unpacks to more than {limit // 1_000_000} MB; send the file unpacked"
            )
        target.write(block)
    target.flush()


def _unpack_gzip(path: Path) -> IO[bytes]:
    target = _make_nameless()
    try:
        with gzip.open(path, "rb") as source:
            _copy(source, target, path.stat().st_size)
    except (EOFError, OSError, zlib.error) as error:
        target.close()
        raise UnreadableError(
            f"the gzip archive is cut or damaged ({type(error).__name__}); send it again"
        ) from None
    except BaseException:
        target.close()
        raise
    return target


def _unpack_zip(path: Path) -> IO[bytes]:
    target = _make_nameless()
    try:
        with zipfile.ZipFile(path) as archive:
            entry = _find_entry(archive)
            with archive.open(entry) as source:
                _copy(source, target, max(entry.compress_size, 1))
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
        target.close()
        raise UnreadableError(
            f"the zip archive is cut or damaged ({type(error).__name__}); send it again"
        ) from None
    except BaseException:
        target.close()
        raise
    return target


def _find_entry(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    if len(archive.infolist()) > MAX_ENTRIES:
        raise UnreadableError(f"the zip archive holds more than {MAX_ENTRIES} files")
    entries = [
        entry
        for entry in archive.infolist()
        if not entry.is_dir()
        and not any(part.startswith((".", "__MACOSX")) for part in entry.filename.split("/"))
    ]
    if not entries:
        raise UnreadableError("the zip archive is empty")
    if len(entries) > 1:
        raise UnreadableError(
            f"the zip archive holds {len(entries)} files; send each of them on its own"
        )
    if entries[0].flag_bits & 1:
        raise UnreadableError("the zip archive is protected by a password; send it without one")
    if entries[0].file_size > max(SMALL_BYTES, MAX_RATIO * max(entries[0].compress_size, 1)):
        raise UnreadableError(
            f"the archive unpacks to {entries[0].file_size // 1_000_000} MB; send the file unpacked"
        )
    return entries[0]
