"""Contours of communes from a configured file.

`COLLECTO_COMMUNE_CONTOURS` names a GeoJSON file of polygons with the INSEE code as property `code`,
`insee` or `codgeo`. Without it, or where it cannot be read, the map draws symbols.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

CONTOURS_VARIABLE = "COLLECTO_COMMUNE_CONTOURS"
CODES = ("code", "insee", "codgeo")


@dataclass(frozen=True)
class Contours:
    """Outer rings by INSEE code, as JSON lists of longitude and latitude; what went wrong."""

    outlines: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


def read_contours() -> Contours:
    """The contours of the configured file, none where there is none."""
    path = os.environ.get(CONTOURS_VARIABLE, "").strip()
    if not path:
        return Contours()
    try:
        return _read_file(path, Path(path).stat().st_mtime_ns)
    except OSError as error:
        return Contours(problem=str(error))


@lru_cache(maxsize=2)
def _read_file(path: str, modified: int) -> Contours:
    try:
        features = json.loads(Path(path).read_bytes())["features"]
        outlines = {}
        for feature in features:
            code = next(feature["properties"][name] for name in CODES
                        if name in feature["properties"])  # fmt: skip
            polygons = feature["geometry"]["coordinates"]
            if feature["geometry"]["type"] == "Polygon":
                polygons = [polygons]
            outlines[str(code)] = json.dumps([polygon[0] for polygon in polygons])
    except (ValueError, KeyError, TypeError, IndexError, StopIteration) as error:
        return Contours(problem=f"{path}: {type(error).__name__} {error}")
    return Contours(outlines)
