"""Who reads, which pages and which audience's folder: denied by default.

Here live the roles, the pages of each and the folders that a principal may open. Without login the
one principal of this machine is set by `COLLECTO_LOCAL_ROLE`; who signs in is told by `sign_in.py`.
The gate is used by the navigation, and again by the door through which folders are opened.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from data_contracts.publications import Door, ForbiddenError

__all__ = ["ForbiddenError", "Principal", "check_page", "read_local_principal"]

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


@dataclass(frozen=True)
class Principal:
    """A reader: role and scope (`scope`: food banks of a director, territories of an official).

    `reader`: as the log of accesses names them; `name`: as they are greeted, empty where nobody
    signed in.
    """

    role: str
    scope: tuple[str, ...] = ()
    reader: str = "local"
    name: str = ""

    @property
    def pages(self) -> tuple[str, ...]:
        """Codes of the pages that the principal may open, in their order."""
        return PAGES_OF_ROLE[self.role]

    @property
    def reads_editions_only(self) -> bool:
        """Whether only what food banks approved may be read."""
        return self.role in ("metropole", "public")

    def open_door(self, published_dir: Path) -> Door:
        """The door to the folders of the principal, and to no other."""
        if self.role == "data_team":
            return Door(published_dir, frozenset({"data_team", "metropole/*"}))
        if self.role == "food_bank":
            own = frozenset(f"food_banks/{name}" for name in self.scope)
            return Door(published_dir, own, frozenset(self.scope))
        if self.role == "metropole":
            return Door(published_dir, frozenset(f"metropole/{code}" for code in self.scope))
        return Door(published_dir, frozenset({"public"}))

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
