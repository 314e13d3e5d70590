"""Reads one delivered file into a staged table and its archive: what a worker does for the claim.

What is written here has no identifier of a person in clear and no column that nobody knows. A
staged table is Parquet of text; raw keeps the bytes as sent, or that table where they may not be
kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from data_contracts.loader import ContractError, SourceProfile
from pipelines.ingest.containers import UnreadableError, open_unpacked
from pipelines.ingest.mapping import Staged
from pipelines.ingest.parsing import READ_ERROR, SOURCE_LINE, Table, open_table
from pipelines.ingest.redaction import Redaction
from pipelines.ingest.targets import find_targets, make_reading
from pipelines.store import Pseudonymizer, write_atomically

OUT_OF_MEMORY = "reading the file takes more memory than a file may take"
_METADATA = b"collecto"
_ROWS_READ = 50_000


@dataclass(frozen=True)
class StagingJob:
    """What a worker needs to stage one file. `archive` is its name in raw without endings."""

    source: Path
    source_name: str
    profile: SourceProfile | None
    pseudonymizer: Pseudonymizer
    archive: Path
    staged: Path


@dataclass(frozen=True)
class StagedFile:
    """What became of a file: its archive, why it cannot be read (`reason`), or a `failure` of ours.

    `rows`: rows of the table; `unterminated_line` and `last_column` as in `mapping.Staged`.
    """

    archive: Path | None = None
    reason: str | None = None
    failure: str | None = None
    notes: tuple[str, ...] = ()
    rows: int = 0
    encoding: str = ""
    delimiter: str = ""
    unterminated_line: int | None = None
    last_column: str = ""


def stage_file(job: StagingJob) -> StagedFile:
    """Parse, redact and archive one file; a file that cannot be read gives its reason."""
    try:
        return _stage(job)
    except (UnreadableError, ContractError) as error:
        return StagedFile(reason=str(error))
    except MemoryError:
        return StagedFile(reason=OUT_OF_MEMORY)


def _stage(job: StagingJob) -> StagedFile:
    targets = find_targets(job.source_name, job.profile)
    with open_table(job.source, make_reading(targets)) as table:
        redaction = Redaction(table.columns, targets, job.pseudonymizer)
        with write_atomically(job.staged) as temporary:
            found = _write_table(table, redaction, temporary)
    if redaction.differs:
        archive = job.archive.with_name(job.archive.name + ".parquet")
        if not archive.exists():
            with write_atomically(archive) as temporary:
                temporary.write_bytes(job.staged.read_bytes())
                temporary.chmod(0o440)
    else:
        archive = job.archive.with_name(job.archive.name + _ending(job))
        if not archive.exists():
            with write_atomically(archive) as temporary:
                compressor = zstandard.ZstdCompressor(level=3)
                with job.source.open("rb") as source, temporary.open("wb") as target:
                    compressor.copy_stream(source, target)
                temporary.chmod(0o440)
    return StagedFile(**{**asdict(found), "archive": archive})


def _ending(job: StagingJob) -> str:
    """Tells what lies in an archive; the bytes decide again when it is read."""
    with job.source.open("rb") as handle:
        start = handle.read(2)
    with open_unpacked(job.source) as (_, kind):
        inner = {"text": "csv"}.get(kind, kind)
    packed = ".gz" if start == b"\x1f\x8b" else ""
    if start == b"PK" and kind != "xlsx":
        packed = ".zip"
    return f".{inner}{packed}.zst"


def _write_table(table: Table, redaction: Redaction, path: Path) -> StagedFile:
    schema = pa.schema(
        [(name, pa.large_string()) for name in redaction.kept]
        + [(SOURCE_LINE, pa.int64()), (READ_ERROR, pa.large_string())]
    )
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in table.batches:
            frame = redaction.apply(batch)
            rows += frame.height
            writer.write_table(frame.to_arrow().cast(schema))
        notes = list(table.notes())
        if 0 < len(redaction.dropped) < len(table.columns):
            dropped = ", ".join(redaction.dropped)
            notes.append(f"columns that are not known and were not kept: {dropped}")
        last = table.columns[-1]
        found = StagedFile(
            notes=tuple(notes),
            rows=rows,
            encoding=table.encoding(),
            delimiter=table.delimiter,
            unterminated_line=table.unterminated_line(),
            last_column=last if last in redaction.kept else "",
        )
        writer.add_key_value_metadata({_METADATA: json.dumps(asdict(found)).encode()})
    return found


def read_staged(path: Path) -> Staged:
    """Open a staged (or redacted and archived) table; its batches can be read more than once."""
    metadata = pq.read_metadata(path).metadata or {}
    described = json.loads(metadata[_METADATA])
    names = [name for name in pq.read_schema(path).names if name not in (SOURCE_LINE, READ_ERROR)]

    def batches() -> Iterator[pl.DataFrame]:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_ROWS_READ):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)  # nosec B101
                yield frame

    return Staged(names, batches, described["last_column"], described["unterminated_line"])


@contextmanager
def unpack_archive(path: Path, folder: Path) -> Iterator[Path]:
    """The bytes as sent of an archive in raw, in a file without a name."""
    import tempfile

    from pipelines.ingest.containers import name_of

    with tempfile.TemporaryFile(dir=folder) as target:
        with path.open("rb") as source:
            zstandard.ZstdDecompressor().copy_stream(source, target)
        target.flush()
        yield name_of(target)
