"""By when the next file of a record must have come: the one home of what is late.

What a source profile expects of a kind of file goes before the service level of the record's
contract. Who is told, and on which day it is asked, belongs to `pipelines/health.py` and to the
marts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from data_contracts.loader import Expected, SourceProfile, load_records


def list_expected(
    profiles: Mapping[str, SourceProfile], delivered: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str], Expected]:
    """By food bank and record, the calendar that its profile declares for what it delivers.

    `delivered`: food bank, record and kind of file (stream) of each delivery.
    """
    streams: dict[tuple[str, str], set[str]] = {}
    for food_bank, record, stream in delivered:
        streams.setdefault((food_bank, record), set()).add(stream)
    found = {}
    for (food_bank, record), names in streams.items():
        profile = profiles.get(food_bank)
        for file in profile.files if profile else ():
            if file.record == record and file.name in names and file.expected:
                found[food_bank, record] = file.expected
                break
    return found


def find_due(expected: Expected | None, record: str, last_day: date) -> date | None:
    """The day by which a file of later days than `last_day` must have come; None for a record
    without a rhythm. Raises KeyError for an unknown record."""
    if expected is not None:
        return next_due(expected, last_day)
    limit = load_records()[record].late_after_days
    return None if limit is None else last_day + timedelta(limit)


def next_due(expected: Expected, last_day: date) -> date:
    """The day by which the file after that of `last_day` must have come."""
    if expected.every == "day":
        period_end = last_day + timedelta(1)
        while period_end.isoweekday() not in expected.weekdays or period_end in expected.closed:
            period_end += timedelta(1)
    elif expected.every == "week":
        period_end = last_day + timedelta(7 + 7 - last_day.isoweekday())
    else:
        following = (last_day.replace(day=1) + timedelta(62)).replace(day=1)
        period_end = following - timedelta(1)
    due = period_end + timedelta(expected.days)
    while due in expected.closed:
        due += timedelta(1)
    return due
