"""Generated records of demonstration food banks, for tests, screens and load trials.

Here lives what invents their operations; only `write_food_banks` and `write_demonstration` (one of
them) are for others.
Nothing here reads deliveries or computes an indicator: that belongs in the other stages.
"""

from pipelines.demo.demonstration import (
    DEFAULT_SEED,
    DemonstrationSummary,
    PlantedDifference,
    write_demonstration,
)
from pipelines.demo.food_banks import FOOD_BANKS, ask_for_edition, write_food_banks
from pipelines.demo.imperfections import PlantedBadRow, PlantedCorrection
from pipelines.demo.neighbours import FoodBankFiles

__all__ = [
    "DEFAULT_SEED",
    "FOOD_BANKS",
    "DemonstrationSummary",
    "FoodBankFiles",
    "PlantedBadRow",
    "PlantedCorrection",
    "PlantedDifference",
    "ask_for_edition",
    "write_demonstration",
    "write_food_banks",
]
