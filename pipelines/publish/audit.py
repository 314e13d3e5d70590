"""The audit record of a draft: what was checked, with which result, of exactly which files.

Checks are made in `quality` and in dbt; here their results are bound to the hashes of the files
that they judged.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from pipelines.publish.draft import AUDIENCE, DraftedMart, draft_folder
from pipelines.settings import Settings
from pipelines.store import hash_file, write_json


@dataclass(frozen=True)
class Check:
    """One check of a draft. `expectations`: how many it holds."""

    check: str
    has_passed: bool
    expectations: int


def write_audit(settings: Settings, publication_id: str, checks: list[Check]) -> None:
    """Write the audit record of a draft, bound to the hashes of its files as they stand."""
    folder = draft_folder(settings, publication_id)
    marts = [
        asdict(DraftedMart(path.stem, _count_rows(path), hash_file(path)))
        for path in sorted((folder / AUDIENCE).glob("*.parquet"))
    ]
    ordered = sorted(checks, key=lambda check: check.check)
    write_json(
        folder / "audit.json", {"marts": marts, "checks": [asdict(check) for check in ordered]}
    )


def _count_rows(path: Path) -> int:
    return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())


def read_audit(settings: Settings, publication_id: str) -> tuple[list[DraftedMart], list[Check]]:
    """The audit record of a draft.

    Raises FileNotFoundError where it was not audited.
    """
    path = draft_folder(settings, publication_id) / "audit.json"
    audit = json.loads(path.read_text(encoding="utf-8"))
    marts = [DraftedMart(**mart) for mart in audit["marts"]]
    return marts, [Check(**check) for check in audit["checks"]]
