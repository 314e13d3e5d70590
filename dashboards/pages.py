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
    """A page: `code` is its address too, but for the first, which is `/`.

    `figures`: its figures, each with the marts whose rows it shows; without a row of them it is
    empty. Marts that give names and labels are left out.
    """

    code: str
    build: Build
    figures: Mapping[str, tuple[str, ...]]

    @property
    def path(self) -> str:
        """The path of its address."""
        return "/" if self.code == "essentiel" else f"/{self.code}"


_FLOWS, _INDICATORS = "mart_flows_monthly", "mart_indicators"
_ENTRIES = (
    PageEntry(
        "essentiel",
        build_essentiel,
        {"tonnes-par-mois": (_FLOWS,), "chiffres-publies": ("mart_key_figures",)},
    ),
    PageEntry(
        "approvisionnement",
        build_approvisionnement,
        {
            "receptions-par-mois": (_FLOWS,),
            "receptions-par-canal": (_FLOWS,),
            "receptions-par-famille": (_FLOWS,),
            "evolution-du-frais": (_INDICATORS,),
            "origine-du-frais": ("mart_fresh_effects",),
            "local-et-labellise": (_INDICATORS,),
        },
    ),
    PageEntry(
        "mise-a-disposition",
        build_mise_a_disposition,
        {
            "bilan-matiere": (_FLOWS, "mart_mass_balance_monthly"),
            "par-type-de-partenaire": (_FLOWS,),
            "foyers-par-mois": ("mart_households_monthly",),
            "personnes-declarees": (_INDICATORS,),
            "historique": ("mart_history_monthly",),
        },
    ),
    PageEntry(
        "accompagnement",
        build_accompagnement,
        {
            "actions": ("mart_support_monthly",),
            "cheques-par-mois": ("mart_vouchers_monthly",),
            "conventions": ("mart_funding_monthly",),
            "tonnes-par-programme": (_FLOWS,),
            "registre-des-programmes": ("mart_programmes_monthly",),
            "couts": (_INDICATORS,),
            "benevolat": ("mart_volunteers_monthly",),
        },
    ),
    PageEntry(
        "territoire",
        build_territoire,
        {
            "carte-des-communes": (_FLOWS, "mart_communes"),
            "tonnes-par-commune": (_FLOWS,),
            "offre-et-besoin": (_FLOWS, "mart_communes", "mart_declared_people_monthly"),
            "communes-moins-servies": (_FLOWS, "mart_communes"),
            "foyers-par-trimestre": ("mart_households_quarterly",),
            "fiche-commune": (_FLOWS,),
        },
    ),
    PageEntry(
        "carbone",
        build_carbone,
        {
            "emissions-par-poste": (_INDICATORS,),
            "emissions-evitees": (_INDICATORS,),
            "emissions-par-mois": (_INDICATORS,),
            "facteurs-utilises": ("mart_factors",),
        },
    ),
    PageEntry(
        "methode",
        build_methode,
        {
            "registre": ("mart_register",),
            "methodes-evitees": (_INDICATORS,),
            "facteurs": ("mart_factors",),
            "equilibre-nutritionnel": ("mart_nutrition_monthly",),
            "editions": (),
            "enregistrements": ("mart_supplied_records",),
            "versions": ("mart_method_versions",),
        },
    ),
    PageEntry(
        "pilotage",
        build_pilotage,
        {
            "decisions": (
                "mart_lots_at_risk", "mart_orders_open", "mart_suppliers_monthly", "mart_rounds",
                "mart_partners_monthly", "mart_supplied_records", _INDICATORS,
            )
        },
    ),
    PageEntry(
        "stock",
        build_stock,
        {
            "dates-limites": ("mart_lots_at_risk",),
            "stock-par-jour": ("mart_stock_daily",),
            "anciennete": ("mart_mass_balance_monthly",),
            "a-sauver": ("mart_lots_at_risk",),
            "disponibilite": ("mart_offers_weekly",),
            "lots": ("mart_lots",),
            "rappel-par-lieu": ("mart_traced_food",),
            "rappel-lignes": ("mart_traced_food",),
        },
    ),
    PageEntry(
        "service",
        build_service,
        {
            "taux-de-service": ("mart_orders_weekly",),
            "delais": ("mart_orders_weekly",),
            "partenaires": ("mart_partners_monthly",),
            "part-des-partenaires": ("mart_partners_monthly",),
            "sans-declaration": ("mart_declared_people_monthly",),
            "releve-partenaire": ("mart_partners_monthly",),
        },
    ),
    PageEntry(
        "donateurs",
        build_donateurs,
        {
            "magasins": ("mart_suppliers_monthly",),
            "tournees": ("mart_rounds",),
            "moyens-partages": ("mart_shared_resources_monthly",),
            "temps-par-etape": ("mart_step_times",),
            "simulateur": ("mart_rounds", "mart_round_stops"),
            "fiche-donateur": ("mart_suppliers_monthly",),
        },
    ),
    PageEntry(
        "pertes",
        build_pertes,
        {
            "pertes-par-mois": (_INDICATORS,),
            "pertes-par-motif": ("mart_removals_monthly",),
            "valorisation": ("mart_removals_monthly",),
            "transformation": ("mart_transformations_monthly",),
            "ecarts-de-stock": ("mart_stock_counts",),
            "registre-hebdomadaire": ("mart_mass_balance_weekly",),
        },
    ),
    PageEntry(
        "donnees",
        build_donnees,
        {
            "fraicheur": ("mart_supplied_records",),
            "qualite": (),
            "lignes-par-mois": ("mart_data_quality_daily",),
            "controles": (),
            "verifications": (),
            "publications": (),
            "corrections": (),
        },
    ),
)  # fmt: skip
PAGES: Mapping[str, PageEntry] = {entry.code: entry for entry in _ENTRIES}


def page_of_figure(figure_id: str) -> PageEntry | None:
    """The page that a figure stands on, None for an unknown one."""
    return next((entry for entry in _ENTRIES if figure_id in entry.figures), None)
