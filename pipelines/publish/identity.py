"""The identity of a publication: a hash of everything that it is computed from.

The same deliveries with the same verdicts, contracts, code, reference data and date give the same
identifier, and byte for byte the same publication.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts.disclosure import load_policy
from data_contracts.lateness import list_expected
from data_contracts.loader import load_profiles
from data_contracts.publications import list_editions
from pipelines.settings import PROJECT_DIR, Settings
from pipelines.store import COUNTED

CODE_FOLDERS = {
    "pipelines": ("*.py",),
    "dbt_project": ("*.sql", "*.yml", "*.csv"),
    "data_contracts": ("*.py", "*.yaml", "*.csv"),
}


@cache
def hash_project() -> dict[str, str]:
    """SHA-256 of each folder that a publication depends on (code, contracts, reference data)."""
    return {
        folder: _hash_files(PROJECT_DIR / folder, patterns)
        for folder, patterns in CODE_FOLDERS.items()
    }


def _hash_files(folder: Path, patterns: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    left_out = {"target", "logs", "__pycache__"}
    paths = sorted(
        path
        for pattern in patterns
        for path in folder.rglob(pattern)
        if not left_out & set(path.relative_to(folder).parts)
    )
    for path in paths:
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def describe_inputs(settings: Settings, outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    """What a publication is computed from, in canonical order; hashed by `make_publication_id`."""
    counted = [outcome for outcome in outcomes if outcome["state"] in COUNTED]
    calendars = list_expected(
        load_profiles(settings.sources_dir),
        ((row["food_bank_id"], row["record"], row["stream"]) for row in counted),
    )
    deliveries = [
        {
            name: outcome[name]
            for name in (
                "delivery_id",
                "food_bank_id",
                "record",
                "contract_version",
                "lines_read",
                "rows_filtered",
                "lines_mapped",
                "rows_delivered",
                "rows_accepted",
                "rows_quarantined",
                "rows_replayed",
                "rows_replaced",
                "grams_delivered",
                "grams_accepted",
                "grams_quarantined",
                "grams_replayed",
            )
        }
        | {"broken_rules": outcome.get("broken_rules", {})}
        for outcome in counted
    ]
    inputs = {
        "as_of": settings.today().isoformat(),
        "code": hash_project(),
        "deliveries": sorted(deliveries, key=lambda entry: (entry["delivery_id"], entry["record"])),
        # By which day records are late; contracts are part of the code.
        "calendars": {
            "/".join(key): expected.model_dump(mode="json") for key, expected in calendars.items()
        },
        # An erasure blanks where a household lived: figures of communes change with it.
        "erasures": sorted(path.stem for path in settings.certificates.glob("erasure-*.json")),
    }
    return {**inputs, "editions": _list_editions(settings, inputs)}


def _list_editions(settings: Settings, inputs: dict[str, Any]) -> list[str]:
    """Publications of the editions beside which the new cells must be safe.

    An edition of the same deliveries, code and day shows the same cells: it adds nothing.
    """
    first = settings.today() - timedelta(days=31 * load_policy().people.edition_months)
    found = set()
    for edition in list_editions(settings.published):
        if edition.end < first:
            continue
        path = settings.published / edition.publication_id / "manifest.json"
        try:
            others = dict(json.loads(path.read_text(encoding="utf-8"))["inputs"])
        except (OSError, ValueError, KeyError):
            others = {}
        others.pop("editions", None)
        if others != inputs:
            found.add(edition.publication_id)
    return sorted(found)


def make_publication_id(inputs: dict[str, Any]) -> str:
    """32 hexadecimal digits that stand for these inputs."""
    text = json.dumps(inputs, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
