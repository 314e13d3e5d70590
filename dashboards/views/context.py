"""What every page is given by the entry script.

Here lives the context of a run: what was opened for whom, filters, words. How it is resolved
belongs in `app.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.figure_models import Provenance
from dashboards.filters import Filters
from dashboards.language.words import Words
from dashboards.published import Opened


@dataclass(frozen=True)
class Context:
    """One run of a page."""

    opened: Opened
    filters: Filters
    words: Words
    provenance: Provenance
