"""The pages: their order, address, figures and what builds each.

The one list of pages: navigation, exports, tests and screenshots read it. Which role opens which
page is in `access.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dashboards.filters import Filters
from dashboards.language.words import Words
from dashboards.page_models.accompagnement import build_accompagnement
from dashboards.page_models.approvisionnement import build_approvisionnement
from dashboards.page_models.carbone import build_carbone
from dashboards.page_models.donateurs import build_donateurs
from dashboards.page_models.donnees import build_donnees
from dashboards.page_models.essentiel import build_essentiel
from dashboards.page_models.methode import build_methode
from dashboards.page_models.mise_a_disposition import build_mise_a_disposition
from dashboards.page_models.page import PageModel
from dashboards.page_models.pertes import build_pertes
from dashboards.page_models.pilotage import build_pilotage
from dashboards.page_models.service import build_service
from dashboards.page_models.stock import build_stock
from dashboards.page_models.territoire import build_territoire
from data_contracts.publications import Publication

Build = Callable[[Publication, Filters, Words], PageModel]


@dataclass(frozen=True)
class PageEntry:
    """A page: `code` is its address too, but for the first, which is `/`."""

    code: str
    build: Build
    figures: tuple[str, ...]

    @property
    def path(self) -> str:
        """The path of its address."""
        return "/" if self.code == "essentiel" else f"/{self.code}"


_ENTRIES = (
    PageEntry("essentiel", build_essentiel, ("tonnes-par-mois", "chiffres-publies")),
    PageEntry(
        "approvisionnement",
        build_approvisionnement,
        (
            "receptions-par-mois", "receptions-par-canal", "receptions-par-famille",
            "evolution-du-frais", "origine-du-frais", "local-et-labellise",
        ),
    ),
    PageEntry(
        "mise-a-disposition",
        build_mise_a_disposition,
        ("bilan-matiere", "par-type-de-partenaire", "foyers-par-mois", "personnes-declarees",
         "historique"),
    ),
    PageEntry(
        "accompagnement",
        build_accompagnement,
        ("actions", "cheques-par-mois", "conventions", "tonnes-par-programme",
         "registre-des-programmes", "couts", "benevolat"),
    ),
    PageEntry(
        "territoire",
        build_territoire,
        (
            "carte-des-communes", "tonnes-par-commune", "offre-et-besoin", "communes-moins-servies",
            "foyers-par-trimestre", "fiche-commune",
        ),
    ),
    PageEntry(
        "carbone",
        build_carbone,
        ("emissions-par-poste", "emissions-evitees", "emissions-par-mois", "facteurs-utilises"),
    ),
    PageEntry(
        "methode",
        build_methode,
        ("registre", "methodes-evitees", "facteurs", "equilibre-nutritionnel", "editions",
         "enregistrements", "versions"),
    ),
    PageEntry("pilotage", build_pilotage, ("decisions",)),
    PageEntry(
        "stock",
        build_stock,
        ("dates-limites", "stock-par-jour", "anciennete", "a-sauver", "disponibilite", "lots",
         "rappel-par-lieu", "rappel-lignes"),
    ),
    PageEntry(
        "service",
        build_service,
        ("taux-de-service", "delais", "partenaires", "part-des-partenaires", "sans-declaration",
         "releve-partenaire"),
    ),
    PageEntry(
        "donateurs",
        build_donateurs,
        ("magasins", "tournees", "moyens-partages", "temps-par-etape", "simulateur",
         "fiche-donateur"),
    ),
    PageEntry(
        "pertes",
        build_pertes,
        ("pertes-par-mois", "pertes-par-motif", "valorisation", "transformation", "ecarts-de-stock",
         "registre-hebdomadaire"),
    ),
    PageEntry(
        "donnees",
        build_donnees,
        ("fraicheur", "qualite", "lignes-par-mois", "controles", "verifications", "publications",
         "corrections"),
    ),
)  # fmt: skip
PAGES: Mapping[str, PageEntry] = {entry.code: entry for entry in _ENTRIES}


def page_of_figure(figure_id: str) -> PageEntry | None:
    """The page that a figure stands on, None for an unknown one."""
    return next((entry for entry in _ENTRIES if figure_id in entry.figures), None)
