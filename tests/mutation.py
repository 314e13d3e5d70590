"""Mutation testing of contracts, row rules, disclosure and publication: `make mutation`.

Cosmic Ray changes one operator or number of a module; the tests of that module should notice. A
sample is drawn by a seed, each group of modules in a copy of the project. Prints what was killed
and every survivor with its change; exit status 1 below 85 %.

    python -m tests.mutation [--sample 40] [--seed 1] [--group disclosure]
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
WANTED = 0.85


@dataclass(frozen=True)
class Group:
    """Modules that are changed, and the tests that should notice."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


GROUPS = {
    "contracts": Group(
        ("data_contracts/loader.py", "data_contracts/disclosure.py"),
        ("tests/unit/data_contracts", "tests/contracts",
         "tests/unit/pipelines/quality/test_row_rules.py",
         "tests/unit/pipelines/ingest/test_mapping.py",
         "tests/unit/pipelines/publish/test_disclosure.py"),
    ),
    "row rules": Group(
        ("pipelines/quality/rules.py", "pipelines/quality/judge.py"),
        ("tests/unit/pipelines/quality",),
    ),
    "disclosure": Group(
        ("pipelines/publish/disclosure.py", "pipelines/publish/attacker.py",
         "pipelines/publish/people.py", "pipelines/publish/kilograms.py",
         "pipelines/publish/with_parcels.py", "pipelines/publish/with_vouchers.py"),
        ("tests/unit/pipelines/publish",),
    ),
    "publication": Group(
        ("pipelines/publish/pointer.py", "pipelines/publish/log.py", "pipelines/publish/audit.py",
         "pipelines/publish/draft.py"),
        ("tests/unit/pipelines/publish/test_publish.py",
         "tests/unit/pipelines/publish/test_history.py",
         "tests/unit/pipelines/publish/test_audit.py",
         "tests/integration/test_publication_faults.py"),
    ),
}  # fmt: skip
# What types and annotations say is checked by mypy, identity with a literal by ruff, not by tests.
LEFT_OUT = ("BinaryOperator_BitOr", "Decorator", "StringReplacer", "Eq_Is")


def copy_project(folder: Path) -> None:
    left_out = shutil.ignore_patterns(
        ".git", ".venv", "data", "__pycache__", ".*_cache", "target", "screenshots"
    )
    shutil.copytree(PROJECT, folder, ignore=left_out)


def draw(session: Path, sample: int, seed: int) -> int:
    """Keep a sample of the mutations of a session; give how many there were."""
    with sqlite3.connect(session) as db:
        # Identifiers of jobs are random: the sample is drawn from places in the code.
        rows = db.execute(
            "select job_id, operator_name from mutation_specs"
            " order by module_path, operator_name, occurrence"
        ).fetchall()
        wanted = [job for job, operator in rows if not any(part in operator for part in LEFT_OUT)]
        kept = set(random.Random(seed).sample(wanted, min(sample, len(wanted))))
        for job, _ in rows:
            if job not in kept:
                db.execute("delete from mutation_specs where job_id = ?", (job,))
                db.execute("delete from work_items where job_id = ?", (job,))
    return len(wanted)


def run_group(name: str, group: Group, sample: int, seed: int) -> tuple[int, list[str]]:
    """How many mutants ran, and the changes of those that no test noticed."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        copy_project(folder)
        tests = " ".join(group.tests)
        command = f"{sys.executable} -m pytest -x -q -m 'not slow and not sweep' {tests}"
        modules = ", ".join(f'"{module}"' for module in group.modules)
        configuration = folder / "mutation.toml"
        configuration.write_text(
            f"[cosmic-ray]\nmodule-path = [{modules}]\ntimeout = 300.0\nexcluded-modules = []\n"
            f'test-command = "{command}"\n\n[cosmic-ray.distributor]\nname = "local"\n'
        )
        ray = [str(Path(sys.executable).with_name("cosmic-ray"))]
        environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}

        def call(*arguments: str) -> None:
            subprocess.run(
                [*ray, *arguments], cwd=folder, env=environment, check=True, stdout=sys.stderr
            )

        call("init", configuration.name, "session.sqlite")
        total = draw(folder / "session.sqlite", sample, seed)
        call("exec", configuration.name, "session.sqlite")
        survivors = []
        outcomes: Counter[str] = Counter()
        with sqlite3.connect(folder / "session.sqlite") as db:
            for module, operator, line, outcome, diff in db.execute(
                "select s.module_path, s.operator_name, s.start_pos_row, r.test_outcome, r.diff"
                " from mutation_specs s join work_results r using (job_id)"
                " order by s.module_path, s.start_pos_row"
            ):
                outcomes[str(outcome)] += 1
                if "SURVIVED" in str(outcome).upper():
                    change = [
                        text for text in (diff or "").splitlines() if text[:1] in "+-"
                        and not text.startswith(("+++", "---"))
                    ]  # fmt: skip
                    survivors.append(f"{module}:{line} {operator}\n    " + "\n    ".join(change))
        count = sum(outcomes.values())
        print(f"{name}: {count - len(survivors)} of {count} killed ({total} mutations known)")
        return count, survivors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--group", choices=list(GROUPS), action="append")
    asked = parser.parse_args()
    is_enough = True
    for name in asked.group or GROUPS:
        count, survivors = run_group(name, GROUPS[name], asked.sample, asked.seed)
        for survivor in survivors:
            print(f"  survived: {survivor}")
        is_enough &= count - len(survivors) >= WANTED * count
    sys.exit(0 if is_enough else 1)


if __name__ == "__main__":
    main()
