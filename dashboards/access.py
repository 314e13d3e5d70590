"""Who reads, which pages and which audience's folder: denied by default.

Here live the roles, the pages of each and the folder that a principal opens. Without login the one
principal of this machine is set by `COLLECTO_LOCAL_ROLE`. The gate is used by the navigation, and
again wherever a publication is opened.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

ROLE_VARIABLE = "COLLECTO_LOCAL_ROLE"
ROLES = ("data_team", "food_bank", "metropole", "public")
TERRITORY_PAGES = (
    "essentiel", "approvisionnement", "mise-a-disposition", "accompagnement", "territoire",
    "carbone", "methode",
)  # fmt: skip
FOOD_BANK_PAGES = ("pilotage", "stock", "service", "donateurs", "pertes")
DATA_PAGES = ("donnees",)
PAGES_OF_ROLE = {
    "data_team": (*TERRITORY_PAGES, *FOOD_BANK_PAGES, *DATA_PAGES),
    "food_bank": (*TERRITORY_PAGES, *FOOD_BANK_PAGES),
    "metropole": TERRITORY_PAGES,
    "public": TERRITORY_PAGES,
}
LOCAL_ROLE = re.compile(r"(data_team|public|food_bank:[a-z0-9][a-z0-9_-]*|metropole:[0-9]{2,9})")


class ForbiddenError(Exception):
    """The principal may not read what was asked for."""


@dataclass(frozen=True)
class Principal:
    """A reader: role and scope (`scope`: food banks of a director, territories of an official)."""

    role: str
    scope: tuple[str, ...] = ()

    @property
    def pages(self) -> tuple[str, ...]:
        """Codes of the pages that the principal may open, in their order."""
        return PAGES_OF_ROLE[self.role]

    @property
    def reads_editions_only(self) -> bool:
        """Whether only what food banks approved may be read."""
        return self.role in ("metropole", "public")

    def may_open(self, page: str) -> bool:
        """Whether a page is open to the principal."""
        return page in self.pages


def read_local_principal() -> Principal:
    """The principal of this machine where there is no login.

    Raises ValueError where the setting names no role: `data_team` (the default), `public`,
    `food_bank:<id>`, `metropole:<territory>`.
    """
    value = os.environ.get(ROLE_VARIABLE, "").strip() or "data_team"
    if not LOCAL_ROLE.fullmatch(value):
        raise ValueError(
            f"{ROLE_VARIABLE}={value!r} names no role; use data_team, public, food_bank:<id> or "
            "metropole:<territory>"
        )
    role, _, scope = value.partition(":")
    return Principal(role, (scope,) if scope else ())


def check_page(principal: Principal, page: str) -> None:
    """Raises ForbiddenError where the page is not the principal's."""
    if not principal.may_open(page):
        raise ForbiddenError(page)
