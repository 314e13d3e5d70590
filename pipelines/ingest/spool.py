"""Batches of one table, kept in memory while they are few and on disk where they are many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

MAX_ROWS_IN_MEMORY = 300_000
_ROWS_READ = 100_000


class Spool:
    """Takes batches in order, gives them back in order. Without `path` all stays in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._frames: list[pl.DataFrame] = []
        self._writer: pq.ParquetWriter | None = None
        self.rows = 0
        self.columns: list[str] | None = None
        self.is_on_disk = False

    def write(self, frame: pl.DataFrame) -> None:
        """Take a batch; all batches have the same columns."""
        self.columns = frame.columns
        self.rows += frame.height
        if self._writer is not None:
            self._write(frame)
            return
        self._frames.append(frame)
        if self._path is not None and self.rows > MAX_ROWS_IN_MEMORY:
            self.is_on_disk = True
            for kept in self._frames:
                self._write(kept)
            self._frames = []

    def _write(self, frame: pl.DataFrame) -> None:
        assert self._path is not None  # nosec B101
        table = frame.to_arrow()
        if self._writer is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="lz4")
        self._writer.write_table(table.cast(self._writer.schema))

    def close(self) -> None:
        """No batch follows."""
        if self._writer is not None:
            self._writer.close()

    @property
    def path(self) -> Path | None:
        """The Parquet file that holds the rows; None where they are in memory."""
        return self._path if self.is_on_disk else None

    def batches(self) -> Iterator[pl.DataFrame]:
        """The batches, in order."""
        if not self.is_on_disk:
            yield from self._frames
            return
        assert self._path is not None  # nosec B101
        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(batch_size=_ROWS_READ):
                found = pl.from_arrow(batch)
                assert isinstance(found, pl.DataFrame)  # nosec B101
                yield found

    def read(self) -> pl.DataFrame:
        """All rows as one table."""
        return pl.concat(list(self.batches())) if self.columns is not None else pl.DataFrame()

    def remove(self) -> None:
        """Forget the rows."""
        self._frames = []
        if self.is_on_disk and self._path is not None:
            self._path.unlink(missing_ok=True)
