"""The 214 products of the demonstration, in the network's families.

Here live labels, weights, storage and the family of each product code, and which families each
channel brings. How much arrives and when belongs in `supply.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from pipelines.demo.working_days import BoolArray, FloatArray, IntArray


class Family(NamedTuple):
    """A network family: its items as (label, carbon group, grams of the smallest pack)."""

    code: str
    storage: str
    daily_rate: float
    life_days: tuple[int, int]
    items: tuple[tuple[str, str, int], ...]


# `daily_rate` is the share of the stock that leaves on a worked day.
FAMILIES: tuple[Family, ...] = (
    Family(
        "fruit_vegetables_fresh",
        "ambient",
        0.40,
        (4, 14),
        (
            ("Pommes", "fruit", 1000),
            ("Bananes", "fruit", 1000),
            ("Oranges", "fruit", 1000),
            ("Poires", "fruit", 1000),
            ("Fraises", "fruit", 250),
            ("Tomates", "vegetables", 500),
            ("Carottes", "vegetables", 1000),
            ("Courgettes", "vegetables", 500),
            ("Salades", "vegetables", 300),
            ("Choux", "vegetables", 1200),
            ("Poireaux", "vegetables", 800),
            ("Légumes mélangés", "vegetables", 1000),
        ),
    ),
    Family(
        "fruit_vegetables_preserved",
        "ambient",
        0.045,
        (300, 900),
        (
            ("Haricots verts en conserve", "vegetables", 400),
            ("Petits pois", "vegetables", 400),
            ("Tomates pelées", "vegetables", 400),
            ("Maïs", "vegetables", 300),
            ("Compote de pommes", "fruit", 500),
            ("Fruits au sirop", "fruit", 425),
            ("Macédoine", "vegetables", 400),
        ),
    ),
    Family(
        "potatoes_starches",
        "ambient",
        0.05,
        (60, 600),
        (
            ("Pommes de terre", "potatoes", 2500),
            ("Riz", "pasta_rice_cereals", 1000),
            ("Pâtes", "pasta_rice_cereals", 500),
            ("Semoule", "pasta_rice_cereals", 500),
            ("Purée en flocons", "potatoes", 500),
            ("Blé précuit", "pasta_rice_cereals", 500),
            ("Farine", "pasta_rice_cereals", 1000),
        ),
    ),
    Family(
        "pulses",
        "ambient",
        0.045,
        (300, 900),
        (
            ("Lentilles", "pulses", 500),
            ("Pois chiches", "pulses", 400),
            ("Haricots rouges", "pulses", 400),
            ("Haricots blancs", "pulses", 500),
        ),
    ),
    Family(
        "bread_pastries",
        "ambient",
        0.62,
        (1, 4),
        (
            ("Pain", "bread_pastries", 400),
            ("Baguettes", "bread_pastries", 250),
            ("Pain de mie", "bread_pastries", 500),
            ("Viennoiseries", "bread_pastries", 300),
            ("Brioche", "bread_pastries", 400),
        ),
    ),
    Family(
        "milk",
        "ambient",
        0.05,
        (60, 150),
        (
            ("Lait demi-écrémé UHT", "milk", 1030),
            ("Lait entier UHT", "milk", 1030),
            ("Lait en poudre", "milk", 400),
        ),
    ),
    Family(
        "dairy_fresh",
        "chilled",
        0.40,
        (3, 18),
        (
            ("Yaourts nature", "fresh_dairy", 500),
            ("Yaourts aux fruits", "fresh_dairy", 500),
            ("Fromage blanc", "fresh_dairy", 500),
            ("Crème fraîche", "cream", 200),
            ("Desserts lactés", "fresh_dairy", 400),
            ("Petits-suisses", "fresh_dairy", 360),
        ),
    ),
    Family(
        "cheese",
        "chilled",
        0.34,
        (5, 25),
        (
            ("Emmental", "cheese", 250),
            ("Camembert", "cheese", 250),
            ("Fromage fondu", "cheese", 200),
            ("Fromage râpé", "cheese", 200),
            ("Bûche de chèvre", "cheese", 180),
        ),
    ),
    Family(
        "eggs",
        "ambient",
        0.25,
        (7, 21),
        (("Œufs par 6", "eggs", 360), ("Œufs par 12", "eggs", 720)),
    ),
    Family(
        "meat",
        "chilled",
        0.42,
        (2, 7),
        (
            ("Poulet", "poultry", 1000),
            ("Escalopes de dinde", "poultry", 400),
            ("Bœuf haché", "beef", 350),
            ("Rôti de porc", "pork", 800),
            ("Saucisses", "pork", 400),
            ("Viandes mélangées", "mixed_raw_meat", 500),
        ),
    ),
    Family(
        "cured_meat",
        "chilled",
        0.36,
        (4, 20),
        (
            ("Jambon cuit", "cured_meat", 200),
            ("Lardons", "cured_meat", 200),
            ("Saucisson", "cured_meat", 250),
            ("Pâté", "cured_meat", 180),
        ),
    ),
    Family(
        "fish",
        "frozen",
        0.06,
        (120, 500),
        (
            ("Filets de colin surgelés", "fish", 400),
            ("Poisson pané surgelé", "fish", 300),
            ("Thon en conserve", "fish", 160),
            ("Sardines", "fish", 125),
        ),
    ),
    Family(
        "ready_meals",
        "chilled",
        0.40,
        (3, 12),
        (
            ("Plats cuisinés frais", "ready_meals", 350),
            ("Pizzas", "pizzas_tarts", 400),
            ("Quiches", "pizzas_tarts", 400),
            ("Salades composées", "ready_meals", 250),
            ("Sandwiches", "sandwiches", 180),
            ("Lasagnes surgelées", "ready_meals", 1000),
        ),
    ),
    Family(
        "grocery_savoury",
        "ambient",
        0.045,
        (180, 800),
        (
            ("Soupe en brique", "soups", 1000),
            ("Sauce tomate", "sauces", 400),
            ("Raviolis en conserve", "ready_meals", 800),
            ("Cassoulet", "ready_meals", 840),
            ("Biscuits apéritif", "cakes", 150),
            ("Moutarde", "sauces", 370),
            ("Sel", "sauces", 1000),
            ("Couscous en conserve", "ready_meals", 800),
            ("Bouillon", "soups", 120),
        ),
    ),
    Family(
        "grocery_sweet",
        "ambient",
        0.045,
        (180, 700),
        (
            ("Sucre", "sugar_honey", 1000),
            ("Confiture", "jam", 370),
            ("Chocolat", "chocolate", 200),
            ("Biscuits", "cakes", 300),
            ("Céréales du matin", "pasta_rice_cereals", 375),
            ("Miel", "sugar_honey", 500),
            ("Bonbons", "sweets", 250),
            ("Madeleines", "cakes", 400),
        ),
    ),
    Family(
        "fats",
        "ambient",
        0.045,
        (180, 600),
        (
            ("Huile de tournesol", "oils", 920),
            ("Huile d'olive", "oils", 460),
            ("Beurre", "butter", 250),
            ("Margarine", "oils", 250),
        ),
    ),
    Family(
        "beverages",
        "ambient",
        0.05,
        (120, 700),
        (
            ("Eau", "water", 1500),
            ("Jus d'orange", "soft_drinks", 1000),
            ("Jus de pomme", "soft_drinks", 1000),
            ("Sodas", "soft_drinks", 1500),
            ("Café", "soft_drinks", 250),
            ("Sirop", "soft_drinks", 700),
        ),
    ),
    Family(
        "infant_food",
        "ambient",
        0.05,
        (120, 500),
        (
            ("Petits pots", "infant_meals", 200),
            ("Lait infantile", "infant_milk", 800),
            ("Céréales infantiles", "infant_meals", 300),
        ),
    ),
    Family(
        "hygiene",
        "ambient",
        0.045,
        (0, 0),
        (
            ("Savon", "", 100),
            ("Shampooing", "", 260),
            ("Dentifrice", "", 90),
            ("Couches", "", 1500),
            ("Papier toilette", "", 600),
        ),
    ),
)

# Items that are kept otherwise than the rest of their family.
STORAGE_OF_ITEM: dict[str, str] = {
    "Thon en conserve": "ambient",
    "Sardines": "ambient",
    "Lasagnes surgelées": "frozen",
    "Beurre": "chilled",
    "Margarine": "chilled",
    "Fraises": "chilled",
    "Salades": "chilled",
    "Poulet": "frozen",
}
SLOW_RATE_OF_STORAGE: dict[str, float] = {"ambient": 0.045, "frozen": 0.06}
UNMAPPED_ITEMS = ("Divers à classer", "Colis mélangé du magasin")
# (label of the pack, packs of the smallest size in it, units per case)
PACKS: tuple[tuple[str, int, int], ...] = (("petit format", 1, 12), ("grand format", 2, 8))
# Items bought for the European programme: ambient goods in codes of their own ("FSE+").
EU_ITEMS = (
    "Riz",
    "Pâtes",
    "Lentilles",
    "Lait demi-écrémé UHT",
    "Huile de tournesol",
    "Sucre",
    "Farine",
    "Thon en conserve",
    "Haricots verts en conserve",
    "Petits pois",
    "Tomates pelées",
    "Compote de pommes",
    "Confiture",
    "Raviolis en conserve",
)

# Weight of each family in what a channel brings (kilograms).
FAMILY_MIX: dict[str, dict[str, float]] = {
    "retail_pickup": {
        "fruit_vegetables_fresh": 30,
        "bread_pastries": 16,
        "dairy_fresh": 17,
        "meat": 9,
        "ready_meals": 9,
        "cheese": 4,
        "cured_meat": 3,
        "fish": 1,
        "grocery_sweet": 3,
        "grocery_savoury": 3,
        "eggs": 1,
        "beverages": 1.5,
        "hygiene": 1,
        "fats": 1,
        "unmapped": 0.5,
    },
    "drive": {
        "potatoes_starches": 24,
        "fruit_vegetables_preserved": 15,
        "grocery_savoury": 12,
        "grocery_sweet": 15,
        "pulses": 4,
        "milk": 4,
        "fats": 4,
        "beverages": 4,
        "infant_food": 6,
        "fish": 3,
        "hygiene": 9,
    },
    "industry": {
        "dairy_fresh": 20,
        "ready_meals": 10,
        "beverages": 12,
        "grocery_savoury": 12,
        "grocery_sweet": 12,
        "potatoes_starches": 9,
        "meat": 6,
        "cheese": 5,
        "cured_meat": 4,
        "milk": 3,
        "hygiene": 4,
        "fish": 3,
    },
    "platform": {
        "fruit_vegetables_fresh": 30,
        "dairy_fresh": 18,
        "meat": 6,
        "ready_meals": 7,
        "cheese": 4,
        "grocery_savoury": 10,
        "grocery_sweet": 10,
        "beverages": 8,
        "fish": 3,
        "hygiene": 3,
        "unmapped": 1,
    },
    "farm": {
        "fruit_vegetables_fresh": 74,
        "potatoes_starches": 16,
        "eggs": 6,
        "milk": 2,
        "cheese": 2,
    },
    "bought": {
        "fruit_vegetables_fresh": 16,
        "potatoes_starches": 16,
        "milk": 14,
        "fats": 8,
        "eggs": 6,
        "fruit_vegetables_preserved": 14,
        "pulses": 6,
        "fish": 6,
        "meat": 8,
        "infant_food": 4,
        "hygiene": 2,
    },
    "better_food": {
        "fruit_vegetables_fresh": 52,
        "pulses": 10,
        "dairy_fresh": 12,
        "cheese": 8,
        "meat": 10,
        "eggs": 8,
    },
}


@dataclass(frozen=True)
class Catalogue:
    """Products as written, and the arrays that the simulation reads (one entry a product)."""

    frame: pl.DataFrame
    codes: tuple[str, ...]
    family: tuple[str, ...]
    unit_grams: IntArray
    case_grams: IntArray
    is_chilled: BoolArray
    is_frozen: BoolArray
    is_food: BoolArray
    is_eu: BoolArray
    is_fresh: BoolArray
    daily_rate: FloatArray
    life_from: IntArray
    life_to: IntArray

    @property
    def size(self) -> int:
        """Number of products."""
        return len(self.codes)

    def weigh_products(self, mix: str) -> FloatArray:
        """Probability of each product in a mix of families; EU codes come by their channel only."""
        if mix == "eu":
            chosen = self.is_eu.astype(np.float64)
            return np.asarray(chosen / chosen.sum(), dtype=np.float64)
        shares = FAMILY_MIX[mix]
        members = {code: self.family.count(code) for code in shares}
        weights = np.array(
            [shares.get(code, 0.0) / max(members.get(code, 1), 1) for code in self.family]
        )
        weights = np.where(self.is_eu, 0.0, weights)
        return np.asarray(weights / weights.sum(), dtype=np.float64)


@dataclass(frozen=True)
class _Product:
    label: str
    family: str
    storage: str
    carbon_group: str
    unit_grams: int
    units_per_case: int
    is_eu: bool
    rate: float
    life: tuple[int, int]


def _list_products() -> list[_Product]:
    products: list[_Product] = []
    for family in FAMILIES:
        for label, carbon, grams in family.items:
            storage = STORAGE_OF_ITEM.get(label, family.storage)
            moved = storage != family.storage and storage in SLOW_RATE_OF_STORAGE
            rate = SLOW_RATE_OF_STORAGE[storage] if moved else family.daily_rate
            life = (120, 500) if moved else family.life_days
            for name, times, per_case in PACKS:
                is_eu = label in EU_ITEMS and times == 1
                text = f"{label}, {'FSE+' if is_eu else name}"
                products.append(
                    _Product(
                        text,
                        family.code,
                        storage,
                        carbon,
                        grams * times,
                        per_case,
                        is_eu,
                        rate,
                        life,
                    )
                )
    for label in UNMAPPED_ITEMS:
        products.append(_Product(label, "unmapped", "ambient", "", 0, 0, False, 0.2, (0, 0)))
    return products


def format_grams(grams: int) -> str:
    """Kilograms as text with three decimals."""
    sign, size = ("-", -grams) if grams < 0 else ("", grams)
    return f"{sign}{size // 1000}.{size % 1000:03d}"


def _format_optional(grams: int) -> str:
    return format_grams(grams) if grams else ""


def _write_rows(products: list[_Product]) -> pl.DataFrame:
    rows = [
        {
            "product_code": f"P{number:04d}",
            "label": product.label,
            "network_family": product.family,
            "storage": product.storage,
            "is_food": "false" if product.family == "hygiene" else "true",
            "unit_weight_kg": _format_optional(product.unit_grams),
            "case_weight_kg": _format_optional(product.unit_grams * product.units_per_case),
            "pallet_weight_kg": _format_optional(product.unit_grams * product.units_per_case * 48),
            "carbon_group": product.carbon_group,
            "nutrition_group": "",
            "active_from": "2018-01-01",
            "active_to": "",
        }
        for number, product in enumerate(products, start=1)
    ]
    return pl.DataFrame(rows)


def build_catalogue() -> Catalogue:
    """The catalogue: the same whatever the seed."""
    products = _list_products()
    frame = _write_rows(products)
    return Catalogue(
        frame=frame,
        codes=tuple(frame["product_code"].to_list()),
        family=tuple(p.family for p in products),
        unit_grams=np.array([p.unit_grams for p in products], dtype=np.int64),
        case_grams=np.array([p.unit_grams * p.units_per_case for p in products], dtype=np.int64),
        is_chilled=np.array([p.storage == "chilled" for p in products]),
        is_frozen=np.array([p.storage == "frozen" for p in products]),
        is_food=np.array([p.family != "hygiene" for p in products]),
        is_eu=np.array([p.is_eu for p in products]),
        is_fresh=np.array([_is_fresh(p) for p in products]),
        daily_rate=np.array([p.rate for p in products], dtype=np.float64),
        life_from=np.array([p.life[0] for p in products], dtype=np.int64),
        life_to=np.array([p.life[1] for p in products], dtype=np.int64),
    )


def _is_fresh(product: _Product) -> bool:
    """The standard definition: chilled, or fresh fruit and vegetables."""
    return product.storage == "chilled" or product.family == "fruit_vegetables_fresh"
