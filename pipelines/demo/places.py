"""Communes and sites of the demonstration food bank.

Here live the facts of geography that the generated records stand on: real INSEE codes, names,
populations and centroids. Nothing random lives here; partners, suppliers and stores that are
placed in these communes belong in `directory.py`.
"""

from __future__ import annotations

from typing import NamedTuple


class Commune(NamedTuple):
    """A commune; population is INSEE's municipal population, coordinates are WGS 84 degrees."""

    insee_code: str
    name: str
    population: int
    latitude: float
    longitude: float

    @property
    def departement(self) -> str:
        """The first two digits of the INSEE code (true in metropolitan France but Corsica)."""
        return self.insee_code[:2]


class Site(NamedTuple):
    """A building of the food bank; `share` is its part of what is handed out."""

    site_id: str
    name: str
    kind: str
    insee_code: str
    latitude: float
    longitude: float
    cold_power_kw: str
    share: float


# INSEE, Code officiel géographique and municipal populations; centroids computed from the
# Admin Express contours (IGN), rounded to four decimals.
DIJON_METROPOLE: tuple[Commune, ...] = (
    Commune("21231", "Dijon", 161830, 47.3229, 5.0375),
    Commune("21166", "Chenôve", 14244, 47.2926, 5.0049),
    Commune("21617", "Talant", 11896, 47.3391, 4.9975),
    Commune("21171", "Chevigny-Saint-Sauveur", 11108, 47.2999, 5.1366),
    Commune("21278", "Fontaine-lès-Dijon", 9252, 47.3474, 5.0246),
    Commune("21515", "Quetigny", 8971, 47.3194, 5.1151),
    Commune("21355", "Longvic", 8896, 47.2857, 5.0529),
    Commune("21540", "Saint-Apollinaire", 7544, 47.3360, 5.0931),
    Commune("21390", "Marsannay-la-Côte", 5433, 47.2792, 4.9845),
    Commune("21452", "Neuilly-Crimolois", 3588, 47.2761, 5.1031),
    Commune("21485", "Plombières-lès-Dijon", 2497, 47.3384, 4.9510),
    Commune("21481", "Perrigny-lès-Dijon", 2385, 47.2579, 5.0198),
    Commune("21605", "Sennecey-lès-Dijon", 2151, 47.2921, 5.1046),
    Commune("21003", "Ahuy", 1718, 47.3711, 5.0205),
    Commune("21263", "Fénay", 1708, 47.2449, 5.0544),
    Commune("21223", "Daix", 1515, 47.3604, 4.9692),
    Commune("21473", "Ouges", 1402, 47.2608, 5.0782),
    Commune("21315", "Hauteville-lès-Dijon", 1195, 47.3757, 4.9806),
    Commune("21105", "Bressey-sur-Tille", 1096, 47.3086, 5.1839),
    Commune("21106", "Bretenière", 959, 47.2362, 5.1037),
    Commune("21370", "Magny-sur-Tille", 874, 47.2745, 5.1724),
    Commune("21192", "Corcelles-les-Monts", 684, 47.3039, 4.9420),
    Commune("21270", "Flavignerot", 232, 47.2774, 4.9189),
)

OTHER_COMMUNES: tuple[Commune, ...] = (
    Commune("21054", "Beaune", 20352, 47.0255, 4.8373),
    Commune("21038", "Auxonne", 7581, 47.1887, 5.4144),
    Commune("21154", "Châtillon-sur-Seine", 5443, 47.8583, 4.5919),
    Commune("21464", "Nuits-Saint-Georges", 5235, 47.1465, 4.9386),
    Commune("21292", "Genlis", 5093, 47.2411, 5.2211),
    Commune("21425", "Montbard", 4639, 47.6574, 4.3498),
    Commune("21317", "Is-sur-Tille", 4302, 47.5258, 5.1025),
    Commune("21603", "Semur-en-Auxois", 3986, 47.4910, 4.3416),
    Commune("21295", "Gevrey-Chambertin", 2917, 47.2201, 4.9824),
    Commune("21663", "Venarey-les-Laumes", 2747, 47.5376, 4.4399),
    Commune("21021", "Arc-sur-Tille", 2584, 47.3387, 5.2008),
    Commune("21103", "Brazey-en-Plaine", 2425, 47.1380, 5.2120),
    Commune("71076", "Chalon-sur-Saône", 45102, 46.7898, 4.8523),
    Commune("71270", "Mâcon", 35177, 46.3210, 4.8185),
    Commune("71153", "Le Creusot", 20509, 46.8066, 4.4267),
    Commune("71306", "Montceau-les-Mines", 17064, 46.6757, 4.3539),
    Commune("71014", "Autun", 13172, 46.9460, 4.3107),
    Commune("71342", "Paray-le-Monial", 9291, 46.4425, 4.1125),
    Commune("71486", "Saint-Vallier", 8508, 46.6427, 4.3599),
    Commune("71105", "Charnay-lès-Mâcon", 8227, 46.3044, 4.7877),
    Commune("71176", "Digoin", 7353, 46.4891, 4.0256),
    Commune("71230", "Gueugnon", 6528, 46.5938, 4.0490),
    Commune("71263", "Louhans-Châteaurenaud", 6446, 46.6353, 5.2380),
    Commune("71475", "Saint-Rémy", 6410, 46.7605, 4.8208),
    Commune("71118", "Châtenoy-le-Royal", 6267, 46.7888, 4.8062),
    Commune("71445", "Saint-Marcel", 6211, 46.7749, 4.8873),
    Commune("71040", "Blanzy", 5955, 46.7044, 4.3927),
    Commune("71543", "Tournus", 5701, 46.5651, 4.8993),
    Commune("58194", "Nevers", 33085, 46.9881, 3.1570),
    Commune("58086", "Cosne-Cours-sur-Loire", 9733, 47.4029, 2.9427),
    Commune("58303", "Varennes-Vauzelles", 9146, 47.0372, 3.1438),
    Commune("58095", "Decize", 4932, 46.8087, 3.4661),
    Commune("58059", "La Charité-sur-Loire", 4705, 47.1834, 3.0296),
    Commune("58117", "Fourchambault", 3992, 47.0166, 3.0913),
    Commune("58088", "Coulanges-lès-Nevers", 3688, 47.0135, 3.1970),
    Commune("58121", "Garchizy", 3648, 47.0436, 3.0936),
    Commune("58160", "Marzy", 3623, 46.9839, 3.0923),
    Commune("89024", "Auxerre", 35097, 47.7937, 3.5817),
    Commune("89387", "Sens", 27106, 48.1957, 3.2976),
    Commune("89206", "Joigny", 9016, 48.0091, 3.4100),
    Commune("89257", "Migennes", 6688, 47.9751, 3.5313),
    Commune("89025", "Avallon", 6305, 47.4824, 3.9163),
    Commune("89464", "Villeneuve-sur-Yonne", 5135, 48.0815, 3.3206),
    Commune("89086", "Charny Orée de Puisaye", 4900, 47.8724, 3.1220),
    Commune("89287", "Paron", 4834, 48.1855, 3.2393),
    Commune("89418", "Tonnerre", 4261, 47.8412, 3.9775),
    Commune("89345", "Saint-Florentin", 4164, 47.9969, 3.7047),
    Commune("89263", "Monéteau", 4114, 47.8490, 3.5879),
)

COMMUNES: tuple[Commune, ...] = DIJON_METROPOLE + OTHER_COMMUNES

SITES: tuple[Site, ...] = (
    Site("dijon", "Entrepôt de Dijon", "warehouse", "21231", 47.3229, 5.0375, "42.0", 0.54),
    Site(
        "chalon", "Antenne de Chalon-sur-Saône", "antenna", "71076", 46.7898, 4.8523, "18.0", 0.22
    ),
    Site("nevers", "Antenne de Nevers", "antenna", "58194", 46.9881, 3.1570, "9.5", 0.10),
    Site(
        "auxerre", "Antenne d'Auxerre-Monéteau", "antenna", "89263", 47.8490, 3.5879, "12.0", 0.14
    ),
)

MAIN_SITE = 0
SITE_OF_DEPARTEMENT: dict[str, int] = {"21": 0, "71": 1, "58": 2, "89": 3}

# Road kilometres per great-circle kilometre: usual circuity of French secondary roads.
ROAD_FACTOR = 1.3
