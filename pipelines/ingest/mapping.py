"""Turns the columns of a delivered file into the columns of a record, still as text.

A source profile says how; a file in the record's own columns needs none. A file is mapped batch by
batch; how it writes numbers and days is decided by its profile or by evidence over all of it.
What a file holds is told in `targets`, people are hashed in `redaction`; types and rules are judged
in `quality`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from data_contracts.loader import (
    Adjustment,
    Column,
    ColumnSource,
    Contract,
    ContractError,
    Control,
    FileProfile,
)
from pipelines.ingest import dates, numbers
from pipelines.ingest.containers import UnreadableError
from pipelines.ingest.parsing import READ_ERROR, SOURCE_LINE, ParsedTable
from pipelines.ingest.spool import Spool
from pipelines.ingest.targets import CORRECTS, FOOD_BANK_ID, Target, known_columns, list_parts

SOURCE_COLUMN = "_source_column"
ADJUSTMENT = "_adjustment"
TECHNICAL = (SOURCE_LINE, SOURCE_COLUMN, READ_ERROR, ADJUSTMENT, CORRECTS)
EARLIEST_YEAR = dates.EARLIEST_YEAR


@dataclass(frozen=True)
class MappedRows:
    """Rows of one record as text, with the columns of TECHNICAL, in memory or on disk.

    `rows` come from `lines` of the file; `rows_filtered` lines more are left out by the profile.
    `sent_at`: as a column of the file says.
    """

    contract: Contract
    spool: Spool
    rows: int
    lines: int
    rows_filtered: int
    sent_at: datetime | None = None
    columns: tuple[str, ...] = ()

    @property
    def frame(self) -> pl.DataFrame:
        return self.spool.read()


@dataclass
class Staged:
    """A redacted table that can be read batch by batch, more than once.

    `last_column`: the last column of the file, empty where it was not kept; `unterminated_line`:
    the number of a last line without line end.
    """

    columns: list[str]
    batches: Callable[[], Iterable[pl.DataFrame]]
    last_column: str = ""
    unterminated_line: int | None = None

    @classmethod
    def of(cls, table: ParsedTable) -> Staged:
        """A table in memory."""
        return cls(
            table.columns,
            lambda: [table.frame],
            table.columns[-1] if table.columns else "",
            table.unterminated_line,
        )


@dataclass
class _Evidence:
    """What all batches of a file show together."""

    separators: set[numbers.Separator] = field(default_factory=set)
    orders: set[dates.Order] = field(default_factory=set)
    needs_writing: bool = False
    last_shapes: set[str] = field(default_factory=set)
    last_decimals: set[int] = field(default_factory=set)
    filtered: int = 0
    controls: list[dict[str, str]] = field(default_factory=list)
    sums: dict[str, dict[str, int]] = field(default_factory=dict)
    rows: int = 0
    sent_at: set[str] = field(default_factory=set)

    def decide_separator(self, declared: numbers.Separator | None) -> numbers.Separator | None:
        evident = next(iter(self.separators)) if len(self.separators) == 1 else None
        return declared or evident

    def decide_order(self, declared: dates.Order | None) -> dates.Order | None:
        return declared or (next(iter(self.orders)) if len(self.orders) == 1 else None)


def map_rows(
    staged: Staged,
    target: Target,
    food_bank_id: str,
    *,
    timezone: str = "Europe/Paris",
    lookups: Mapping[str, pl.DataFrame] | None = None,
    spill: Path | None = None,
) -> MappedRows:
    """Give a redacted table the columns of the record.

    `lookups`: tables for joins, by name; `spill`: the file that takes the rows where they are too
    many for memory. Raises UnreadableError where key columns are missing, rows are another food
    bank's, or the control totals of the file are not those of its rows.
    """
    contract, profile = target.contract, target.profile
    evidence = _Evidence()
    typed = _TypedColumns(contract, profile)
    first = Spool(spill.with_suffix(".first") if spill else None)
    for batch in staged.batches():
        frame = _map_batch(batch, staged, target, food_bank_id, lookups or {}, evidence)
        typed.collect(frame, evidence)
        _collect_shapes(frame, staged, target, evidence)
        first.write(frame)
    if first.columns is None:
        empty = _map_batch(_empty(staged), staged, target, food_bank_id, lookups or {}, evidence)
        first.write(empty)
    first.close()
    assert first.columns is not None  # nosec B101
    missing = [key for key in contract.keys if key not in first.columns]
    if missing:
        raise UnreadableError(f"the key column {', '.join(missing)} of {contract.name} is missing")
    if profile and profile.control:
        _check_control(profile.control, evidence, evidence.decide_separator(profile.decimal))
    needs_more = staged.unterminated_line is not None or (profile and profile.adjustments)
    if not (evidence.needs_writing or needs_more):
        spool = first
    else:
        spool = Spool(spill)
        for frame in first.batches():
            # The last cell is compared with the others as they were all written.
            frame = _note_cut_line(frame, staged, target, evidence)
            frame = typed.write(frame, evidence)
            for adjustment in profile.adjustments if profile else ():
                frame = _adjust(frame, adjustment, contract, evidence)
            spool.write(frame)
        spool.close()
        first.remove()
    sent_at = _read_sent_at(profile, evidence, timezone)
    columns = tuple(name for name in spool.columns or () if not name.startswith("_"))
    return MappedRows(
        contract, spool, spool.rows, evidence.rows, evidence.filtered, sent_at, columns
    )


def _empty(staged: Staged) -> pl.DataFrame:
    schema = {
        **dict.fromkeys(staged.columns, pl.String()),
        SOURCE_LINE: pl.Int64(),
        READ_ERROR: pl.String(),
    }
    return pl.DataFrame(schema=schema)


class _TypedColumns:
    """The columns of a record that hold numbers and days, and how a profile says they are read."""

    def __init__(self, contract: Contract, profile: FileProfile | None) -> None:
        self._decimal = profile.decimal if profile else None
        self._order = profile.date_order if profile else None
        self._numbers = {
            c.name for c in contract.columns if c.logical_type in ("number", "integer")
        }
        declared = {
            name
            for name, source in (profile.columns.items() if profile else ())
            if source.date_format
        }
        self._kinds: dict[str, dates.Kind] = {
            column.name: _kind_of(column)
            for column in contract.columns
            if column.logical_type in ("date", "timestamp") and column.name not in declared
        }

    def _find(self, frame: pl.DataFrame) -> tuple[list[str], dict[str, dates.Kind]]:
        found = [
            name for name in frame.columns if name.endswith("_quantity") or name in self._numbers
        ]
        return found, {name: kind for name, kind in self._kinds.items() if name in frame.columns}

    def collect(self, frame: pl.DataFrame, evidence: _Evidence) -> None:
        """Note what a batch shows."""
        names, kinds = self._find(frame)
        readable = frame.filter(pl.col(READ_ERROR).is_null())
        if self._decimal == "," or numbers.needs_reading(frame, names):
            evidence.needs_writing = True
            evidence.separators |= numbers.show_separators(readable, names)
        if dates.needs_reading(frame, kinds):
            evidence.needs_writing = True
            evidence.orders |= dates.show_orders(readable, kinds)

    def write(self, frame: pl.DataFrame, evidence: _Evidence) -> pl.DataFrame:
        """Write numbers and days in one way, as the whole file shows."""
        names, kinds = self._find(frame)
        separator = evidence.decide_separator(self._decimal)
        frame = numbers.write_numbers(frame, names, separator, self._decimal is not None)
        return dates.write_dates(frame, kinds, evidence.decide_order(self._order))


def _kind_of(column: Column) -> dates.Kind:
    if column.logical_type == "timestamp":
        return "timestamp"
    return "month" if column.name == "month" else "date"


def _map_batch(
    batch: pl.DataFrame,
    staged: Staged,
    target: Target,
    food_bank_id: str,
    lookups: Mapping[str, pl.DataFrame],
    evidence: _Evidence,
) -> pl.DataFrame:
    if target.profile is None:
        evidence.rows += batch.height
        frame = batch.rename(known_columns(staged.columns, target)).with_columns(
            pl.lit(None, dtype=pl.String).alias(SOURCE_COLUMN),
            pl.lit(None, dtype=pl.String).alias(ADJUSTMENT),
        )
        if CORRECTS not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(CORRECTS))
    else:
        frame = _apply_profile(batch, target.profile, target.contract, lookups, evidence)
    if target.lookup is None:
        frame = _check_food_bank(frame, food_bank_id)
    technical = [name for name in frame.columns if name in TECHNICAL]
    return frame.select(pl.exclude(technical), *technical)


def _check_food_bank(frame: pl.DataFrame, food_bank_id: str) -> pl.DataFrame:
    if "food_bank_id" not in frame.columns:
        return frame.with_columns(pl.lit(food_bank_id).alias("food_bank_id"))
    written = pl.col("food_bank_id").str.strip_chars()
    others = frame.filter(
        (written != food_bank_id) & (written != "") & pl.col(READ_ERROR).is_null()
    )
    if others.height:
        name = others["food_bank_id"][0].strip()
        whose = f"the food bank {name!r}" if FOOD_BANK_ID.match(name) else "another food bank"
        raise UnreadableError(
            f"line {others[SOURCE_LINE][0]} is of {whose}, in the folder of {food_bank_id!r}"
        )
    return frame


def _holds(name: str, values: list[str]) -> pl.Expr:
    return pl.col(name).str.strip_chars().is_in(values)


def _apply_profile(
    frame: pl.DataFrame,
    profile: FileProfile,
    contract: Contract,
    lookups: Mapping[str, pl.DataFrame],
    evidence: _Evidence,
) -> pl.DataFrame:
    before = frame.height
    control = profile.control
    for name in [*profile.keep_rows, *profile.drop_rows, *(control.rows if control else {})]:
        if name not in frame.columns:
            raise UnreadableError(f"the column {name!r}, which says which rows count, is missing")
    if control:
        frame = _take_controls(frame, control, evidence)
    for name, values in profile.keep_rows.items():
        frame = frame.filter(_holds(name, values))
    for name, values in profile.drop_rows.items():
        frame = frame.filter(~_holds(name, values))
    evidence.filtered += before - frame.height
    evidence.rows += frame.height
    _collect_sums(frame, profile, evidence)
    if profile.join:
        frame = _join(frame, profile, lookups)
    frame = (
        _unpivot(frame, profile)
        if profile.unpivot
        else frame.with_columns(pl.lit(None, dtype=pl.String).alias(SOURCE_COLUMN))
    )
    kinds = {column.name: column.logical_type == "date" for column in contract.columns}
    columns = [
        _column_expression(name, source, frame.columns, kinds.get(name, False)).alias(name)
        for name, source in profile.columns.items()
    ]
    pers = [
        pl.col(one.per).alias(f"_per_{number}")
        for number, one in enumerate(profile.adjustments)
        if one.per
    ]
    return frame.select(
        *columns,
        SOURCE_LINE,
        SOURCE_COLUMN,
        READ_ERROR,
        pl.lit(None, dtype=pl.String).alias(ADJUSTMENT),
        pl.lit(None, dtype=pl.String).alias(CORRECTS),
        *pers,
    )


def _take_controls(frame: pl.DataFrame, control: Control, evidence: _Evidence) -> pl.DataFrame:
    is_control = pl.all_horizontal(_holds(name, values) for name, values in control.rows.items())
    names = [*control.sums, *([control.count] if control.count else [])]
    for name in names:
        if name not in frame.columns:
            raise UnreadableError(f"the column {name!r} of the control totals is missing")
    evidence.controls += frame.filter(is_control).select(names).to_dicts()
    return frame.filter(~is_control)


def _collect_sums(frame: pl.DataFrame, profile: FileProfile, evidence: _Evidence) -> None:
    for name in profile.control.sums if profile.control else ():
        counted = evidence.sums.setdefault(name, {})
        for cell, count in frame[name].value_counts().iter_rows():
            counted[cell] = counted.get(cell, 0) + count
    if profile.sent_at and profile.sent_at.column:
        if profile.sent_at.column not in frame.columns:
            raise UnreadableError(f"the column {profile.sent_at.column!r} (sent_at) is missing")
        evidence.sent_at |= set(frame[profile.sent_at.column].unique().to_list())


def _check_control(
    control: Control, evidence: _Evidence, separator: numbers.Separator | None
) -> None:
    """Raise UnreadableError unless the totals that a file carries are those of its rows."""
    if len(evidence.controls) != 1:
        raise UnreadableError(
            f"the file has {len(evidence.controls)} lines of control totals where its source"
            " profile says one: it was cut, or holds two exports"
        )
    [line] = evidence.controls

    def read(cell: str) -> Decimal | None:
        readings = numbers.list_readings(cell)
        distinct = set(readings.values())
        chosen = distinct.pop() if len(distinct) == 1 else readings.get(separator or ".")
        return Decimal(chosen) if chosen else None

    for name in control.sums:
        total = read(line[name])
        found: Decimal = sum(
            (
                count * (read(cell) or Decimal(0))
                for cell, count in evidence.sums.get(name, {}).items()
            ),
            Decimal(0),
        )
        if total is None or total != found:
            raise UnreadableError(
                f"the total line says {line[name].strip() or 'nothing'} for {name!r}, its lines add"
                f" up to {found.normalize():f}: the file was cut or changed; export it again"
            )
    if control.count:
        count = read(line[control.count])
        if count != evidence.rows:
            raise UnreadableError(
                f"the total line says {line[control.count].strip() or 'nothing'} lines, the file"
                f" has {evidence.rows}: it was cut or changed; export it again"
            )


def _join(
    frame: pl.DataFrame, profile: FileProfile, lookups: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Take over columns of a lookup by its key; a row without its line there is held back."""
    assert profile.join is not None  # nosec B101
    join = profile.join
    for name in join.by:
        if name not in frame.columns:
            raise UnreadableError(
                f"the column {name!r}, by which {join.lookup!r} is found, is missing"
            )
    twice = [name for name in join.columns if name in frame.columns]
    if twice:
        raise ContractError(f"profile {profile.name}: {twice[0]!r} is a column of both files")
    keys = list(join.by.values())
    other = lookups.get(join.lookup)
    if other is None:
        other = pl.DataFrame(schema=dict.fromkeys([*keys, *join.columns], pl.String()))
    for name in [*keys, *join.columns]:
        if name not in other.columns:
            raise ContractError(
                f"profile {profile.name}: the lookup {join.lookup!r} has no column {name!r}"
            )
    here = [f"_key_{number}" for number, _ in enumerate(keys)]
    frame = frame.with_columns(
        pl.col(name).str.strip_chars().alias(key) for name, key in zip(join.by, here, strict=True)
    )
    other = other.select(
        *(pl.col(name).str.strip_chars().alias(key) for name, key in zip(keys, here, strict=True)),
        *join.columns,
        pl.lit(True).alias("_found"),
    ).unique(here, keep="last", maintain_order=True)
    frame = frame.join(other, on=here, how="left", maintain_order="left")
    # Braces would be taken for places of the format.
    lookup, named = (
        text.replace("{", "").replace("}", "") for text in (join.lookup, ", ".join(join.by))
    )
    absent = pl.when(pl.col("_found").is_null()).then(
        pl.format(
            f"no line of {lookup!r} has the key {{}} ({named})",
            pl.concat_str(here, separator="|"),
        )
    )
    return frame.with_columns(
        pl.coalesce(READ_ERROR, absent).alias(READ_ERROR), pl.col(join.columns).fill_null("")
    ).drop([*here, "_found"])


def _adjust(
    frame: pl.DataFrame, adjustment: Adjustment, contract: Contract, evidence: _Evidence
) -> pl.DataFrame:
    """Add a dated adjustment to the rows that it is for, and note how much was added."""
    column = adjustment.column
    applies = pl.lit(True)
    for name, values in adjustment.where.items():
        applies = applies & _holds(name, values)
    if contract.date_column and (adjustment.first_day or adjustment.last_day):
        day = pl.col(contract.date_column).str.slice(0, 10)
        applies = applies & day.str.contains(r"^\d{4}-\d{2}-\d{2}$")
        if adjustment.first_day:
            applies = applies & (day >= adjustment.first_day.isoformat())
        if adjustment.last_day:
            applies = applies & (day <= adjustment.last_day.isoformat())
    number = pl.Decimal(38, 6)
    amount: pl.Expr = pl.lit(adjustment.add).cast(number)
    per = [name for name in frame.columns if name.startswith("_per_")]
    if adjustment.per:
        name = per[0]
        frame = numbers.write_numbers(frame, [name], evidence.decide_separator(None), False)
        units = pl.col(name).str.strip_chars().cast(number, strict=False)
        lacking = applies & units.is_null()
        reason = pl.format(
            f"{adjustment.per}: no number, by which {column} is adjusted ({{}})", name
        )
        frame = frame.with_columns(
            pl.coalesce(READ_ERROR, pl.when(lacking).then(reason)).alias(READ_ERROR)
        )
        amount = (units * amount).cast(number)
        frame = frame.with_columns(amount.alias("_amount")).drop(name)
        amount = pl.col("_amount")
    written = pl.col(column).str.strip_chars().cast(number, strict=False)
    frame = frame.with_columns(
        pl.when(applies & written.is_not_null() & amount.is_not_null()).then(amount).alias("_added")
    )
    before = pl.col(ADJUSTMENT).cast(number, strict=False).fill_null(0)
    is_added = pl.col("_added").is_not_null()
    frame = frame.with_columns(
        pl.when(is_added)
        .then((written + pl.col("_added")).cast(number).cast(pl.String))
        .otherwise(pl.col(column))
        .alias(column),
        pl.when(is_added)
        .then((before + pl.col("_added")).cast(number).cast(pl.String))
        .otherwise(pl.col(ADJUSTMENT))
        .alias(ADJUSTMENT),
    )
    return frame.drop("_added", "_amount", strict=False)


def _fed_by(staged: Staged, target: Target) -> list[str]:
    """The columns of the record that the last column of the file feeds."""
    name, profile = staged.last_column, target.profile
    if not name:
        return []
    if profile is None:
        found = known_columns(staged.columns, target).get(name)
        return [found] if found else []
    fed = [
        column
        for column, source in profile.columns.items()
        if (source.source or column) == name or name in list_parts(source.template or "")
    ]
    if profile.unpivot and re.search(profile.unpivot.columns, name):
        value = profile.unpivot.value
        fed += [column for column, source in profile.columns.items() if source.source == value]
    return fed


def _collect_shapes(
    frame: pl.DataFrame, staged: Staged, target: Target, evidence: _Evidence
) -> None:
    if staged.unterminated_line is None:
        return
    others = frame.filter(pl.col(SOURCE_LINE) != staged.unterminated_line)
    for name in _fed_by(staged, target):
        for cell in others[name].unique().to_list() if name in others.columns else ():
            text = (cell or "").strip()
            evidence.last_shapes.add(re.sub(r"\d", "9", text))
            decimals = re.search(r"[.,](\d+)$", text)
            evidence.last_decimals.add(len(decimals[1]) if decimals else 0)


def _is_whole(text: str, column: Column | None, evidence: _Evidence) -> bool:
    """Whether the last cell of a file without a last line end shows that nothing is cut off it."""
    if not text:
        return evidence.last_shapes == {""}
    if column is not None and column.codes:
        longer = [code for code in column.codes if code != text and code.startswith(text)]
        return text in column.codes and not longer
    if column is not None and column.logical_type == "boolean":
        return evidence.last_shapes <= {"true", "false", "oui", "non", "9", "", "yes", "no"}
    if column is not None and column.logical_type in ("date", "timestamp"):
        return evidence.last_shapes - {""} == {re.sub(r"\d", "9", text)}
    decimals = re.search(r"[.,](\d+)$", text)
    if column is not None and column.logical_type in ("number", "integer") and decimals:
        return evidence.last_decimals == {len(decimals[1])}
    return False


def _note_cut_line(
    frame: pl.DataFrame, staged: Staged, target: Target, evidence: _Evidence
) -> pl.DataFrame:
    """Hold back a last line without line end, unless its last cell shows that it is whole."""
    if staged.unterminated_line is None:
        return frame
    if target.profile is not None and target.profile.ends_without_newline:
        return frame
    columns = {column.name: column for column in target.contract.columns}
    is_last = pl.col(SOURCE_LINE) == staged.unterminated_line
    last = frame.filter(is_last)
    for name in _fed_by(staged, target) if last.height else ():
        cells = last[name].to_list() if name in last.columns else []
        if not all(_is_whole((cell or "").strip(), columns.get(name), evidence) for cell in cells):
            reason = "the file ends without a line end: its last line may be cut"
            noted = pl.coalesce(READ_ERROR, pl.when(is_last).then(pl.lit(reason)))
            return frame.with_columns(noted.alias(READ_ERROR))
    return frame


def _read_sent_at(
    profile: FileProfile | None, evidence: _Evidence, timezone: str
) -> datetime | None:
    if profile is None or profile.sent_at is None:
        return None
    moments = [
        moment
        for cell in evidence.sent_at
        if (moment := read_stamp(cell, profile.sent_at.date_format, timezone))
    ]
    return max(moments, default=None)


def read_stamp(text: str, date_format: str, timezone: str) -> datetime | None:
    """A moment as a profile writes it, in UTC; local to `timezone` where it has no offset."""
    try:
        moment = datetime.strptime(text.strip(), date_format)  # noqa: DTZ007 (its zone follows)
    except ValueError:
        return None
    local = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone))
    return local.astimezone(UTC)


def _unpivot(frame: pl.DataFrame, profile: FileProfile) -> pl.DataFrame:
    assert profile.unpivot is not None  # nosec B101
    pattern = re.compile(profile.unpivot.columns)
    wide = [name for name in frame.columns if pattern.search(name)]
    if not wide:
        raise UnreadableError(f"no column has a name like {profile.unpivot.columns}")
    names = pl.DataFrame(
        [
            {SOURCE_COLUMN: name, profile.unpivot.position: str(number), **found.groupdict()}
            for number, name in enumerate(wide, start=1)
            if (found := pattern.search(name))
        ]
    )
    index = [name for name in frame.columns if name not in wide]
    value = profile.unpivot.value
    long = frame.unpivot(on=wide, index=index, variable_name=SOURCE_COLUMN, value_name=value)
    # A line that does not fit its header stays a row, to be held back, also without a value.
    is_broken = pl.col(READ_ERROR).is_not_null() & (pl.col(SOURCE_COLUMN) == wide[0])
    long = long.filter((pl.col(value).str.strip_chars() != "") | is_broken)
    return long.join(names, on=SOURCE_COLUMN, how="left", maintain_order="left")


def _column_expression(
    name: str, source: ColumnSource, available: list[str], is_date: bool
) -> pl.Expr:
    if source.constant is not None:
        expression: pl.Expr = pl.lit(source.constant)
    elif source.template is not None:
        parts = re.split(r"\{([^{}]+)\}", source.template)
        for part in parts[1::2]:
            _require_column(name, part, available)
        expression = pl.concat_str(
            pl.col(part).str.strip_chars() if number % 2 else pl.lit(part)
            for number, part in enumerate(parts)
        )
    else:
        _require_column(name, source.source or name, available)
        expression = pl.col(source.source or name).str.strip_chars()
    if source.extract is not None:
        # What the expression does not fit stays as it is, for a rule to hold it back.
        expression = pl.coalesce(expression.str.extract(source.extract), expression)
    if source.values is not None:
        if source.otherwise is not None:
            other: pl.Expr = (
                pl.when(expression == "").then(pl.lit("")).otherwise(pl.lit(source.otherwise))
            )
        else:
            other = expression
        expression = expression.replace_strict(source.values, default=other, return_dtype=pl.String)
    if source.date_format in ("excel", "excel_1904"):
        system = source.date_format
        expression = expression.map_elements(
            lambda cell: dates.read_serial(cell, system) or cell, return_dtype=pl.String
        )
    elif source.date_format is not None:
        expression = _read_moment(expression, source.date_format, is_date)
    return expression


def _read_moment(written: pl.Expr, date_format: str, is_date: bool) -> pl.Expr:
    """ISO 8601 text of what is written in `date_format`; what cannot be read stays as it is.

    `24` read as `%Y` would be the year 24: no record is older than EARLIEST_YEAR.
    """
    moment = written.str.strptime(pl.Datetime, date_format, strict=False)
    shape = "%Y-%m-%d" if is_date else "%Y-%m-%dT%H:%M:%S"
    offset = "Z" if "%z" in date_format and not is_date else ""
    text = pl.when(moment.dt.year() >= EARLIEST_YEAR).then(moment.dt.strftime(shape + offset))
    return pl.coalesce(text, written)


def _require_column(name: str, source: str, available: list[str]) -> None:
    if source not in available:
        raise UnreadableError(f"the column {source!r}, from which {name} is read, is missing")
