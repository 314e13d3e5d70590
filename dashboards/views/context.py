"""What every page is given by the entry script, and the pieces that all pages share.

Here lives the context of a run: publication, filters, words. How it is resolved belongs in
`app.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.figure_models import Provenance
from dashboards.filters import Filters
from dashboards.language.words import Words
from data_contracts.publications import Publication


@dataclass(frozen=True)
class Context:
    """One run of a page."""

    publication: Publication
    filters: Filters
    words: Words
    provenance: Provenance
