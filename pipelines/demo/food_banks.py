"""The three demonstration food banks, each in its own way of writing.

Here lives which of them is written by what. `bourgogne` writes the records' own columns; `herault`
and `isere` write the exports that their source profiles read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from pipelines.demo import cross_dock, directory, kitchen
from pipelines.demo.demonstration import DEFAULT_SEED, DemonstrationSummary, write_demonstration
from pipelines.demo.neighbours import OPENED_ON, FoodBankFiles, plan_exchanges
from pipelines.demo.working_days import PUBLISHED_ON, open_stream

FOOD_BANKS = (directory.FOOD_BANK_ID, cross_dock.FOOD_BANK_ID, kitchen.FOOD_BANK_ID)
_NEIGHBOURS = {
    cross_dock.FOOD_BANK_ID: cross_dock.write_cross_dock,
    kitchen.FOOD_BANK_ID: kitchen.write_kitchen,
}


def write_food_banks(
    landing_dir: Path,
    food_banks: Sequence[str] = FOOD_BANKS,
    *,
    seed: int = DEFAULT_SEED,
    until: date = PUBLISHED_ON,
    scale: int = 1,
) -> tuple[DemonstrationSummary | FoodBankFiles, ...]:
    """Write the exports of the food banks into `landing_dir`; the same seed gives the same bytes.

    `scale` repeats the activity of `bourgogne` alone. What two food banks send each other does not
    depend on which of them is written. The smaller ones have records from December 2022 on.
    Raises ValueError where a food bank is unknown or the options fit none.
    """
    unknown = [name for name in food_banks if name not in FOOD_BANKS]
    if unknown:
        raise ValueError(f"no demonstration food bank {unknown[0]!r}: {', '.join(FOOD_BANKS)}")
    exchanges = plan_exchanges(open_stream(seed, "exchanges"), until)
    written: list[DemonstrationSummary | FoodBankFiles] = []
    for name in dict.fromkeys(food_banks):
        if name == directory.FOOD_BANK_ID:
            written.append(write_demonstration(landing_dir, seed=seed, until=until, scale=scale))
        elif until >= OPENED_ON:
            written.append(_NEIGHBOURS[name](landing_dir, seed, until, exchanges))
    return tuple(written)


def ask_for_edition(inbox_dir: Path, until: date) -> Path:
    """Ask the next refresh for the editions that the demonstration ships, as at its last day.

    The request approves in the name of the demonstration, which may approve nothing else.
    """
    path = inbox_dir / f"demonstration-{until}.json"
    inbox_dir.mkdir(parents=True, exist_ok=True)
    request = {
        "action": "demonstration",
        "to": until.isoformat(),
        "by": "Démonstration (approbation automatique)",
        "comment": "Données générées : personne n'a relu ces chiffres.",
    }
    path.write_text(json.dumps(request, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return path
