"""How a data folder is: what came and balances, what is late, what was altered, what to do next.

`describe_status` counts, `verify` hashes again, `examine` is the doctor. Nothing here writes.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from data_contracts.access_log import (
    find_access_breaks,
    list_segments,
    name_reader,
    read_accesses,
)
from data_contracts.access_rules import AccessRulesError, load_access_rules
from data_contracts.lateness import find_due, list_expected
from data_contracts.loader import Expected, load_profiles, load_records
from data_contracts.publications import PublicationError, read_pointer, read_refusal
from data_contracts.reasons import Reason
from pipelines.backup import read_last_backup
from pipelines.ingest.landing import has_new_files, list_ignored
from pipelines.publish.log import find_breaks, read_log
from pipelines.publish.pointer import list_hashes
from pipelines.settings import Settings, SettingsError, now
from pipelines.store import (
    COUNTED,
    AlertLogError,
    DeliveryStore,
    hash_file,
    load_pseudonymizer,
    open_store,
    read_alert_log,
)

ROWS = ("delivered", "accepted", "quarantined", "replayed")
LOW_DISK_BYTES = 5_000_000_000
# A weekly backup that came a day late is no alarm.
BACKUP_DAYS = 8
# Records due within a week are written daily: to a day means to that day, but for a long weekend.
DAILY_LIMIT = 7
LONG_WEEKEND = 3


def count_rows(outcomes: list[dict[str, Any]]) -> dict[str, int]:
    """Rows delivered, accepted, quarantined, replayed, and set aside with their delivery."""
    counted = [row for row in outcomes if row["state"] in COUNTED]
    rows = {name: sum(row[f"rows_{name}"] for row in counted) for name in ROWS}
    aside = sum(row["rows_delivered"] for row in outcomes if row["state"] not in COUNTED)
    rows["delivered"] += aside
    return {**rows, "set_aside": aside} if aside else rows


def count_kilograms(outcomes: list[dict[str, Any]]) -> dict[str, float]:
    """Kilograms that can be read, as `count_rows` counts rows; to the gram."""
    counted = [row for row in outcomes if row["state"] in COUNTED]
    grams = {name: sum(row[f"grams_{name}"] or 0 for row in counted) for name in ROWS}
    aside = sum(row["grams_delivered"] or 0 for row in outcomes if row["state"] not in COUNTED)
    grams["delivered"] += aside
    if aside:
        grams["set_aside"] = aside
    return {name: amount / 1000 for name, amount in grams.items()}


def find_imbalances(outcomes: list[dict[str, Any]]) -> list[str]:
    """A reason for each delivery whose lines, rows or kilograms do not add up."""
    found: list[str] = []
    for row in outcomes:
        source = f"{row['food_bank_id']}/{row['source_name']}"
        name = f"{source} ({row['record']})"
        values = {"source": source, "record": row["record"]}
        if row["lines_read"] != row["rows_filtered"] + row["lines_mapped"]:
            text = (
                f"{name}: {row['lines_read']} lines read, {row['rows_filtered']} filtered and"
                f" {row['lines_mapped']} mapped"
            )
            found.append(Reason(text, "imbalance", **values))
        for kind in ("rows", "grams"):
            parts = [row[f"{kind}_{part}"] or 0 for part in ROWS]
            if parts[0] != sum(parts[1:]):
                text = f"{name}: {kind} {parts[0]} is not {' + '.join(map(str, parts[1:]))}"
                found.append(Reason(text, "imbalance", **values))
    return found


def describe_status(settings: Settings) -> dict[str, Any]:
    """Deliveries by state, rows and kilograms, lines to correct, what is late, the publication."""
    with open_store(settings) as store:
        deliveries = store.list_deliveries()
        outcomes = store.list_outcomes()
        states = Counter(entry.state for entry in deliveries)
        states["duplicate"] = store.count_duplicates()
        open_rows = store.count_quarantine("open")
        warnings = [row for row in store.list_verdicts() if not row["has_passed"]]
    pointer = read_pointer(settings.published)
    return {
        "deliveries": {state: count for state, count in sorted(states.items()) if count},
        "rows": count_rows(outcomes),
        "kilograms": count_kilograms(outcomes),
        "lines": {
            "read": sum(row["lines_read"] or 0 for row in outcomes),
            "filtered": sum(row["rows_filtered"] for row in outcomes),
            "mapped": sum(row["lines_mapped"] for row in outcomes),
        },
        "imbalances": find_imbalances(outcomes),
        "quarantine_open": open_rows,
        "held": [
            {
                "delivery_id": entry.delivery_id,
                "source_name": entry.source_name,
                "food_bank_id": entry.food_bank_id,
                "reason": entry.reason,
            }
            for entry in deliveries
            if entry.state == "held"
        ],
        "warnings": [
            {name: row[name] for name in ("food_bank_id", "record", "source_name", "sentence")}
            for row in warnings
        ],
        "lateness": describe_lateness(settings, outcomes),
        "publication_id": pointer["publication_id"] if pointer else None,
        "published_at": pointer["published_at"] if pointer else None,
        "refused": (read_refusal(settings.published) or {}).get("reasons"),
    }


def describe_lateness(settings: Settings, outcomes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By food bank and record, the last day delivered, when the next file is due, and whether that
    was before today (the rule is `data_contracts/lateness.py`)."""
    counted = [
        outcome
        for outcome in outcomes
        if outcome["state"] in COUNTED and outcome["record"] in load_records()
    ]
    calendars = _list_calendars(settings, counted)
    last: dict[tuple[str, str], str] = {}
    for outcome in counted:
        key = (outcome["food_bank_id"], outcome["record"])
        if day := json.loads(outcome["profile"]).get("last_date"):
            last[key] = max(last.get(key, ""), day)
    today = settings.today()
    rows = []
    for (food_bank, record), day in sorted(last.items()):
        last_day = date.fromisoformat(day)
        due = find_due(calendars.get((food_bank, record)), record, last_day)
        rows.append(
            {
                "food_bank_id": food_bank,
                "record": record,
                "last_date": day,
                "days_since": (today - last_day).days,
                "due_on": due.isoformat() if due else None,
                "is_late": bool(due and today > due),
            }
        )
    return rows


def _list_calendars(
    settings: Settings, outcomes: list[dict[str, Any]]
) -> dict[tuple[str, str], Expected]:
    delivered = (
        (outcome["food_bank_id"], outcome["record"], outcome["stream"]) for outcome in outcomes
    )
    return list_expected(load_profiles(settings.sources_dir), delivered)


def describe_closing(
    settings: Settings, outcomes: list[dict[str, Any]], food_bank: str, end: date
) -> list[dict[str, Any]]:
    """Whether each record that a food bank delivers has come to a day: `{record, last_date,
    is_missing, detail}`.

    A record of daily work must reach the day but for a long weekend; a rarer one must not be due
    by then. A record without a rhythm (events, reference records) is never missing.
    """
    calendars = _list_calendars(settings, outcomes)
    rows = []
    for row in describe_lateness(settings, outcomes):
        limit = load_records()[row["record"]].late_after_days
        if row["food_bank_id"] != food_bank or row["due_on"] is None:
            continue
        last = date.fromisoformat(row["last_date"])
        due = date.fromisoformat(row["due_on"])
        expected = calendars.get((food_bank, row["record"]))
        if expected is not None:
            due -= timedelta(expected.days)
        elif limit is not None and limit <= DAILY_LIMIT:
            due = last + timedelta(LONG_WEEKEND + 1)
        is_missing = due <= end
        detail = f"delivered to {last}" + (f"; due by {due}" if is_missing else "")
        rows.append(
            {
                "record": row["record"],
                "last_date": row["last_date"],
                "is_missing": is_missing,
                "detail": detail,
            }
        )
    return rows


def verify(
    settings: Settings, report: Callable[[str], None] = lambda step: None
) -> list[dict[str, Any]]:
    """Hash raw, accepted and published files again: one entry per kind, and per file that was
    altered or is gone: `{check, ok, detail}`."""
    with open_store(settings) as store:
        deliveries = store.list_deliveries()
        outcomes = store.list_outcomes()
    raw = {
        settings.raw / str(entry.archive): str(entry.archive_sha256)
        for entry in deliveries
        if entry.archive is not None
    }
    accepted = {
        settings.accepted / row["record"] / name: sha256
        for row in outcomes
        if row["state"] in COUNTED
        for name, sha256 in json.loads(row["files"]).items()
    }
    published = dict(_list_published(settings))
    breaks = [text for name in ("publications", "editions") for text in find_breaks(settings, name)]
    return [
        *(
            entry
            for kind, files in (("raw", raw), ("accepted", accepted), ("published", published))
            for entry in _compare(settings, kind, files, report)
        ),
        *({"check": "log", "ok": False, "detail": text} for text in breaks),
        *_verify_accesses(settings),
    ]


def _verify_accesses(settings: Settings) -> Iterator[dict[str, Any]]:
    """The log of accesses, where there is one: how long it is, and each entry that was altered."""
    segments = list_segments(settings.access_log)
    if not segments:
        return
    breaks = find_access_breaks(settings.access_log)
    for text in breaks:
        yield _entry("access_log", False, text)
    if not breaks:
        yield _entry("access_log", True, f"{len(segments)} months, unbroken")


def list_accesses(
    settings: Settings, month: str | None, subject: str | None, reader: str | None
) -> list[dict[str, Any]]:
    """Entries of the log of accesses, of one month, person or reader, or of all.

    Raises SettingsError where a person is asked for and the secret that names readers is not set.
    """
    if subject is not None:
        if settings.cookie_secret is None or settings.oidc_issuer is None:
            raise SettingsError(
                "--subject needs COLLECTO_COOKIE_SECRET and COLLECTO_OIDC_ISSUER: the log names"
                " readers by a keyed hash"
            )
        secret = settings.cookie_secret.get_secret_value()
        reader = name_reader(secret, settings.oidc_issuer, subject)
    try:
        return [
            {name: value for name, value in entry.items() if name not in ("hash", "previous")}
            for entry in read_accesses(settings.access_log, month)
            if reader in (None, entry.get("reader"))
        ]
    except ValueError:
        raise SettingsError("the log of accesses was damaged: collecto verify") from None


def check_access_file(settings: Settings) -> list[dict[str, Any]]:
    """What each entry of the file of roles opens, or what is wrong with the file."""
    if settings.access_file is None:
        return [_entry("access", False, "COLLECTO_ACCESS_FILE is not set")]
    try:
        rules = load_access_rules(settings.access_file.expanduser())
    except AccessRulesError as error:
        return [_entry("access", False, str(error))]
    results = [
        _entry(
            f"{entry.claim or entry.subject}",
            True,
            " ".join([entry.role, *entry.scope]) + ("" if entry.claim else f" ({entry.issuer})"),
        )
        for entry in rules.entries
    ]
    public = "is open without signing in" if rules.public else "is closed without signing in"
    return [*results, _entry("public", True, public)]


def _list_published(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Files of publications with the hashes that their manifests say; the log, and `CURRENT`, say
    those of manifests. Editions with those that their log says."""
    pointer = read_pointer(settings.published) or {}
    logged = {}
    try:
        for entry in read_log(settings):
            if "manifest_sha256" in entry:
                logged[entry["publication_id"]] = entry["manifest_sha256"]
        for entry in read_log(settings, "editions"):
            if entry["event"] == "edition":
                name = f"{entry['territory']}/{entry['number']}.json"
                yield settings.published / "editions" / name, entry["sha256"]
    except (ValueError, KeyError):
        pass  # the broken line is named by `find_breaks`
    if "path" in pointer:
        logged[pointer["path"]] = pointer["sha256"]
    for manifest in sorted(settings.published.glob("*/manifest.json")):
        folder = manifest.parent
        if folder.name in logged:
            yield manifest, logged[folder.name]
        try:
            yield from list_hashes(folder)
        except (ValueError, KeyError, UnicodeDecodeError):
            yield manifest, "a manifest that can be read"


def _compare(
    settings: Settings, kind: str, files: dict[Path, str], report: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    wrong = 0
    for path, sha256 in files.items():
        name = path.relative_to(settings.data).as_posix()
        report(f"Hashing {name}")
        found = hash_file(path) if path.is_file() else None
        if found != sha256:
            wrong += 1
            detail = "is gone" if found is None else "was altered since it was written"
            yield {"check": name, "ok": False, "detail": detail}
    yield {
        "check": kind,
        "ok": not wrong,
        "detail": f"{len(files)} files, {wrong} altered or gone",
    }


def examine(settings: Settings) -> list[dict[str, Any]]:
    """What needs somebody's attention: one entry per check, `{check, ok, detail}`; the detail of
    what is wrong says what to do next."""
    with open_store(settings) as store:
        checks = [
            _check_key(settings),
            _check_disk(settings),
            _check_contracts(settings),
            *_check_deliveries(settings, store),
        ]
    checks += [_check_publication(settings), _check_backup(settings), *_check_access(settings)]
    return [*checks, _check_alerts(settings)] if settings.alerts else checks


def _check_access(settings: Settings) -> Iterator[dict[str, Any]]:
    """With login: whether the file of roles can be used; nobody gets in otherwise."""
    if settings.auth_mode == "oidc":
        wrong = [result["detail"] for result in check_access_file(settings) if not result["ok"]]
        yield _entry("access", not wrong, wrong[0] if wrong else "the file of roles can be used")


def _entry(check: str, ok: bool, detail: str) -> dict[str, Any]:
    return {"check": check, "ok": ok, "detail": detail}


def _check_key(settings: Settings) -> dict[str, Any]:
    try:
        load_pseudonymizer(settings, "")
    except SettingsError as error:
        return _entry("key", False, str(error))
    own = settings.pseudonym_key is None
    return _entry("key", True, "the demonstration's own key" if own else "COLLECTO_PSEUDONYM_KEY")


def measure_free_bytes(settings: Settings) -> int:
    """Bytes that are free where the data folder lies."""
    settings.data.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(settings.data).free


def _check_disk(settings: Settings) -> dict[str, Any]:
    free = measure_free_bytes(settings)
    detail = f"{free / 1e9:.1f} GB are free for {settings.data}"
    if free < LOW_DISK_BYTES:
        detail += "; make room before the next refresh"
    return _entry("disk", free >= LOW_DISK_BYTES, detail)


def needs_backup(settings: Settings) -> bool:
    """Whether the data folder holds more than a demonstration, which has its own key."""
    return not settings.key_file.is_file()


def count_backup_days(settings: Settings, at: datetime) -> int | None:
    """Days since the last backup; None where none was made."""
    last = read_last_backup(settings)
    return None if last is None else (at - datetime.fromisoformat(last.made_at)).days


def _check_backup(settings: Settings) -> dict[str, Any]:
    if not needs_backup(settings):
        return _entry("backup", True, "a demonstration needs none")
    last, days = read_last_backup(settings), count_backup_days(settings, now())
    if last is None or days is None:
        return _entry("backup", False, "none was made: collecto backup -o FILE.tar.zst")
    detail = f"{last.file}, {days} days ago"
    if days > BACKUP_DAYS:
        detail += "; make another: collecto backup -o FILE.tar.zst"
    return _entry("backup", days <= BACKUP_DAYS, detail)


def _check_alerts(settings: Settings) -> dict[str, Any]:
    try:
        log = read_alert_log(settings.alerts_file)
    except (AlertLogError, OSError) as error:
        return _entry("alerts", False, str(error))
    failures = log.failures if log else {}
    if failures:
        email, reason = next(iter(failures.items()))
        detail = f"{len(failures)} e-mails were not sent, such as to {email}: {reason}"
        return _entry("alerts", False, f"{detail}; look at the server, then: collecto alerts")
    if log and log.damage:
        name = settings.alerts_file.name
        return _entry("alerts", False, f"on {log.day} {name} was {log.damage}; look at the disk")
    return _entry("alerts", True, "every e-mail was taken by the server")


def _check_contracts(settings: Settings) -> dict[str, Any]:
    from pipelines.quality.contract_check import check_contracts

    wrong = [check for check in check_contracts(settings.sources_dir) if not check["ok"]]
    detail = f"{wrong[0]['check']}: {wrong[0]['detail']}" if wrong else "contracts and profiles fit"
    return _entry("contracts", not wrong, detail)


def _check_deliveries(settings: Settings, store: DeliveryStore) -> Iterator[dict[str, Any]]:
    profiles = load_profiles(settings.sources_dir)
    outcomes = store.list_outcomes()
    waits = has_new_files(settings, store, profiles)
    ignored = list_ignored(settings.landing)
    detail = f"{len(ignored)} entries are not read, such as {ignored[0]}" if ignored else ""
    detail = detail or ("files wait: collecto refresh" if waits else "nothing waits")
    yield _entry("landing", not ignored and not waits, detail)
    late = [row for row in describe_lateness(settings, outcomes) if row["is_late"]]
    names = ", ".join(f"{row['food_bank_id']}/{row['record']}" for row in late[:5])
    yield _entry(
        "late",
        not late,
        f"{len(late)} records are late: {names}; ask their senders" if late else "nothing is late",
    )
    deliveries = store.list_deliveries()
    for state, advice in (
        ("held", "look at them: collecto deliveries list --state held"),
        ("set_aside", "tell their senders: collecto deliveries list --state set_aside"),
        ("failed", "send them again"),
    ):
        count = sum(entry.state == state for entry in deliveries)
        detail = f"{count} deliveries; {advice}" if count else "none"
        yield _entry(state, not count, detail)
    open_rows = store.count_quarantine("open")
    detail = f"{open_rows} lines to correct: collecto quarantine export" if open_rows else "none"
    yield _entry("quarantine", not open_rows, detail)
    imbalances = find_imbalances(outcomes)
    detail = (
        imbalances[0] if imbalances else "lines, rows and kilograms add up, delivery by delivery"
    )
    yield _entry("balance", not imbalances, detail)


def _check_publication(settings: Settings) -> dict[str, Any]:
    try:
        pointer = read_pointer(settings.published)
    except PublicationError as error:
        return _entry("publication", False, str(error))
    refusal = read_refusal(settings.published)
    if refusal:
        return _entry("publication", False, f"refused: {refusal['reasons'][0]}")
    if pointer is None:
        return _entry("publication", False, "nothing is published yet: collecto refresh")
    return _entry("publication", True, f"{pointer['publication_id']} of {pointer['published_at']}")
