"""Decodes a text file block by block: encodings, line ends, lines that are no text.

Each line is UTF-8 where its bytes are, else cp1252: a file that mixes the two is read, and said to.
A line that is neither keeps its bytes visible and its reason. Cells belong in `parsing`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipelines.ingest import marks
from pipelines.ingest.containers import UnreadableError

BLOCK_BYTES = 8 << 20
MAX_LINE_BYTES = 10 << 20
_UTF8_PAIR = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
_CUT_CHARACTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}\Z")
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def _mark_with(mark: str) -> Callable[[UnicodeError], tuple[str, int]]:
    def replace(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)  # nosec B101
        odd = error.object[error.start : error.end]
        return mark + "".join(f"\\x{byte:02x}" for byte in odd), error.end

    return replace


for _mark in (marks.NEITHER, marks.DECLARED, marks.CUT):
    codecs.register_error(f"collecto-{ord(_mark):x}", _mark_with(_mark))


def _decode_marking(line: bytes, encoding: str, mark: str) -> str:
    return line.decode(encoding, f"collecto-{ord(mark):x}")


@dataclass
class Block:
    """Whole lines of a file, with marks before what cannot be decoded."""

    text: str
    first_line: int


class TextFile:
    """A text file as blocks of whole lines, and what was found while reading it.

    `lines`: how many lines each encoding decoded that has characters beyond ASCII;
    `first_of`: the first line of each; `is_unterminated`: the last line has no line end.
    """

    def __init__(self, path: Path, declared: str | None) -> None:
        self._path = path
        self._declared = declared
        self.lines: dict[str, int] = {}
        self.first_of: dict[str, int] = {}
        self.is_unterminated = False
        with path.open("rb") as handle:
            head = handle.read(1 << 16)
        self.utf16 = _find_utf16(head)
        if self.utf16 is None:
            _refuse_binary(head)
        self._newline = b"\r" if b"\r" in head and b"\n" not in head else b"\n"

    @property
    def encoding(self) -> str:
        """The encoding as found: `utf-8`, `cp1252`, `utf-16`, or `utf-8 and cp1252`."""
        if self.utf16:
            return "utf-16"
        return " and ".join(sorted(self.lines, reverse=True)) or (self._declared or "utf-8")

    @property
    def notes(self) -> list[str]:
        if len(self.lines) < 2:
            return []
        counted = ", ".join(
            f"{count} lines in {name} (the first is line {self.first_of[name]})"
            for name, count in sorted(self.lines.items(), reverse=True)
        )
        return [f"the file mixes encodings: {counted}"]

    def blocks(self) -> Iterator[Block]:
        """Blocks of whole lines, in order. Raises UnreadableError where it is not text."""
        number = 1
        with self._path.open("rb") as handle:
            pieces = self._decode_utf16(handle) if self.utf16 else self._read_lines(handle)
            for piece in pieces:
                block = piece if isinstance(piece, Block) else self._decode(piece, number)
                block.first_line = number
                if number == 1:
                    block.text = block.text.removeprefix("\ufeff")
                number += _count_lines(block.text)
                yield block

    def _read_lines(self, handle: IO[bytes]) -> Iterator[bytes]:
        data = handle.read(BLOCK_BYTES)
        while following := handle.read(BLOCK_BYTES):
            end = data.rfind(self._newline) + 1
            if not end and len(data) > MAX_LINE_BYTES:
                raise UnreadableError(f"a line is longer than {MAX_LINE_BYTES // 1_000_000} MB")
            if end:
                yield data[:end]
            data = data[end:] + following
        if data:
            self.is_unterminated = not data.endswith(self._newline)
            yield data

    def _decode(self, data: bytes, first_line: int) -> Block:
        declared = self._declared
        if data.isascii():
            return Block(data.decode("ascii"), first_line)
        if declared in (None, "utf-8"):
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError:
                pass
            else:
                self._note("utf-8", first_line, data)
                return Block(text, first_line)
        if declared == "cp1252" or (
            declared is None and not _UTF8_PAIR.search(data) and not self._is_cut(data)
        ):
            try:
                text = data.decode("cp1252")
            except UnicodeDecodeError:
                pass
            else:
                self._note("cp1252", first_line, data)
                return Block(text, first_line)
        return self._decode_lines(data, first_line)

    def _is_cut(self, data: bytes) -> bool:
        """Whether a file that shows no cp1252 ends where a character of UTF-8 began."""
        if "cp1252" in self.lines or not _CUT_CHARACTER.search(data):
            return False
        before = data.rpartition(self._newline)[0]
        try:
            before.decode("utf-8")
        except UnicodeDecodeError:
            return False
        return True

    def _note(self, encoding: str, first_line: int, data: bytes) -> None:
        """Count the lines of a block that an encoding decoded, those of ASCII left out."""
        lines = data.split(self._newline)
        found = [number for number, line in enumerate(lines) if not line.isascii()]
        if found:
            self.lines[encoding] = self.lines.get(encoding, 0) + len(found)
            self.first_of.setdefault(encoding, first_line + found[0])

    def _decode_lines(self, data: bytes, first_line: int) -> Block:
        """Line by line, each by its own bytes."""
        candidates = [self._declared] if self._declared else ["utf-8", "cp1252"]
        texts = []
        lines = data.split(self._newline)
        for number, line in enumerate(lines, start=first_line):
            for encoding in candidates:
                try:
                    texts.append(line.decode(encoding))
                except UnicodeDecodeError as error:
                    # Only the end of the file stands without a line end, and may have been cut.
                    is_end = number == first_line + len(lines) - 1
                    if encoding == "utf-8" and is_end and error.reason == "unexpected end of data":
                        texts.append(_decode_marking(line, encoding, marks.CUT))
                        break
                    continue
                if not line.isascii():
                    self.lines[encoding] = self.lines.get(encoding, 0) + 1
                    self.first_of.setdefault(encoding, number)
                break
            else:
                mark = marks.DECLARED if self._declared else marks.NEITHER
                texts.append(_decode_marking(line, candidates[0], mark))
        return Block(self._newline.decode().join(texts), first_line)

    def _decode_utf16(self, handle: IO[bytes]) -> Iterator[Block]:
        assert self.utf16 is not None  # nosec B101
        decoder = codecs.getincrementaldecoder(self.utf16)()
        try:
            text = decoder.decode(handle.read(BLOCK_BYTES))
            while data := handle.read(BLOCK_BYTES):
                end = text.rfind("\n") + 1
                if not end and len(text) > MAX_LINE_BYTES:
                    raise UnreadableError(f"a line is longer than {MAX_LINE_BYTES // 1_000_000} MB")
                if end:
                    yield Block(text[:end], 0)
                text = text[end:] + decoder.decode(data)
            text += decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise UnreadableError(
                "the file is not whole UTF-16 (it ends in the middle of a character: it was cut)"
            ) from None
        if text:
            self.is_unterminated = not text.endswith(("\n", "\r"))
            yield Block(text, 0)


def _find_utf16(head: bytes) -> str | None:
    """UTF-16 by its mark, or by the zero bytes beside its ASCII characters."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = head[:2000]
    if len(sample) < 4 or not sample.count(0):
        return None
    half = len(sample) // 2
    # In tables of figures and Latin letters nearly every second byte of UTF-16 is zero.
    if sample[1::2].count(0) > 0.7 * half and sample[::2].count(0) < 0.05 * half:
        return "utf-16-le"
    if sample[::2].count(0) > 0.7 * half and sample[1::2].count(0) < 0.05 * half:
        return "utf-16-be"
    return None


def _refuse_binary(head: bytes) -> None:
    """A stray NUL holds one row back; a file full of control characters is no text."""
    odd = len(_NOT_TEXT.findall(head))
    if (len(head) > 200 and odd > 0.05 * len(head)) or b"\x00" in head.split(b"\n", 1)[0]:
        raise UnreadableError(
            "the file is not text (it holds control characters); save it as CSV or XLSX"
        )


def _count_lines(text: str) -> int:
    """Physical lines of a block, as a reader of CSV counts them (LF, CRLF or CR)."""
    plain = text.count("\n")
    if "\r" in text:
        plain += text.count("\r") - text.count("\r\n")
    return plain + (0 if text.endswith(("\n", "\r")) or not text else 1)
