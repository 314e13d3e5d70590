"""Generated records of a demonstration food bank, for tests, screens and load trials.

Here lives what invents two years of operations; only `write_demonstration` is for others.
Nothing here reads deliveries or computes an indicator: that belongs in the other stages.
"""

from pipelines.demo.demonstration import (
    DEFAULT_SEED,
    DemonstrationSummary,
    PlantedDifference,
    write_demonstration,
)
from pipelines.demo.imperfections import PlantedBadRow, PlantedCorrection

__all__ = [
    "DEFAULT_SEED",
    "DemonstrationSummary",
    "PlantedBadRow",
    "PlantedCorrection",
    "PlantedDifference",
    "write_demonstration",
]
