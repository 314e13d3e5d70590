"""The reference seeds say what their sources say.

Every row of the seeds that cites a source is compared with the source file. The sources stay
outside the repository, in the folder that COLLECTO_SHARED_DIR names (default: `../shared` beside
the repository); without them these tests are skipped. What the seeds must be among themselves
(keys, sums, codes) is tested by dbt.
"""

from __future__ import annotations

import csv
import json
import os
import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SEEDS = REPOSITORY / "dbt_project" / "seeds"
SHARED = Path(os.environ.get("COLLECTO_SHARED_DIR") or REPOSITORY.parent / "shared")
BASE_CARBONE = (
    SHARED / "reference/emission-factors/base-carbone-v23.6-logistique-dechets-energie.csv"
)
AGRIBALYSE = SHARED / "reference/emission-factors/AGRIBALYSE3-synthese.csv"
GEOGRAPHY = SHARED / "reference/geography"
PUBLISHED_FIGURES = SHARED / "reference/published-figures/bourgogne.csv"
SOURCE = "ADEME Base Carbone V23.6"
LICENCE = "Licence Ouverte 2.0"
DEPARTEMENTS = {"21", "58", "71", "89"}
METROPOLES = {
    "243400017": "montpellier-mediterranee-metropole",
    "200040715": "grenoble-alpes-metropole",
    "242100410": "dijon-metropole",
}
EPCI_KINDS = {
    "CC": "communaute_de_communes",
    "CA": "communaute_d_agglomeration",
    "CU": "communaute_urbaine",
    "METRO": "metropole",
}
LARGEST_GAP_IN_DEGREES = Decimal("0.0001")

Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def read_seed(name: str) -> list[Row]:
    return read_rows(SEEDS / f"{name}.csv")


def source_file(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"source file not found: {path} (set COLLECTO_SHARED_DIR to the shared folder)")
    return path


@pytest.fixture(scope="module")
def base_carbone() -> dict[str, Row]:
    """Rows of the source by identifier; its `Poste` rows are parts of the same elements."""
    rows = read_rows(source_file(BASE_CARBONE))
    return {row["Identifiant de l'élément"]: row for row in rows if row["Type Ligne"] == "Elément"}


@pytest.fixture(scope="module")
def source_communes() -> dict[str, Row]:
    """Communes of the source by code: name, population, EPCI, département."""
    listed = {
        row["code_insee"]: row
        for row in read_rows(source_file(GEOGRAPHY / "communes-bfc.csv"))
        if row["departement"] in DEPARTEMENTS
    }
    for file in METROPOLES.values():
        for feature in read_features(f"{file}.communes.geojson"):
            found = feature["properties"]
            code = found["code"]
            listed.setdefault(
                code,
                {**found, "population": str(found["population"]), "departement": code[:2]},
            )
    return listed


def read_features(name: str) -> list[dict[str, dict[str, str]]]:
    text = source_file(GEOGRAPHY / name).read_text(encoding="utf-8")
    return json.loads(text)["features"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def contours() -> dict[str, dict[str, object]]:
    names = [f"{file}.communes.geojson" for file in METROPOLES.values()]
    return {
        feature["properties"]["code"]: feature["geometry"]  # type: ignore[misc]
        for name in (*names, "communes-bfc.geojson")
        for feature in read_features(name)
    }


def factors() -> list[Row]:
    return [row for row in read_seed("emission_factors") if row["source"] == SOURCE]


@pytest.mark.parametrize("factor", factors(), ids=lambda row: row["factor_id"])
def test_a_factor_says_what_its_row_says(factor: Row, base_carbone: dict[str, Row]) -> None:
    source = base_carbone[factor["source_row_id"]]
    uncertainty = source["Incertitude"]
    gwp_without_unit = factor["category"] == "refrigerant_gwp" and not source["Unité français"]

    assert Decimal(factor["value"]) == Decimal(source["Total poste non décomposé"])
    assert factor["unit"] == ("kgCO2e/kg" if gwp_without_unit else source["Unité français"])
    assert factor["uncertainty_share"] == (
        f"{Decimal(uncertainty) / 100:.2f}" if uncertainty else ""
    )
    assert factor["status"] == (
        "archived" if source["Statut de l'élément"] == "Archivé" else "valid"
    )
    assert factor["label_fr"].startswith(source["Nom base français"].strip())
    assert factor["licence"] == LICENCE
    assert factor["factor_version"] == "V23.6"
    assert factor["is_verified"] == "true"


def test_the_gwp_set_of_a_refrigerant_is_the_report_that_its_row_cites(
    base_carbone: dict[str, Row],
) -> None:
    reports = {"AR4": "4ème rapport", "AR5": "5ème rapport", "AR6": "AR6"}
    for factor in factors():
        if factor["category"] == "refrigerant_gwp":
            source = base_carbone[factor["source_row_id"]]
            cited = f"{source['Source']} {source['Période de validité']}"
            assert reports[factor["gwp_set"]] in cited, factor["factor_id"]


def test_the_mix_of_electricity_is_that_of_its_year(base_carbone: dict[str, Row]) -> None:
    years = [row for row in factors() if row["category"] == "electricity"]
    assert [row["year"] for row in years] == ["2021", "2022", "2023", "2024"]
    for factor in years:
        source = base_carbone[factor["source_row_id"]]
        assert source["Nom attribut français"].startswith(f"{factor['year']} - mix moyen")
        assert factor["valid_from"] == f"{factor['year']}-01-01"
        assert factor["valid_to"] == f"{factor['year']}-12-31"


@pytest.mark.parametrize(
    "seed",
    ["energy_factors", "vehicle_factors", "site_energy_factors", "waste_factors",
     "refrigerant_factors"],
)  # fmt: skip
def test_a_mapping_cites_the_row_of_its_factor(seed: str) -> None:
    cited = {row["factor_id"]: row["source_row_id"] for row in read_seed("emission_factors")}
    for row in read_seed(seed):
        assert row["source_row_id"] == cited[row["factor_id"]]


def test_the_cold_uplift_is_near_what_the_19_t_rows_give(base_carbone: dict[str, Row]) -> None:
    refrigerated, plain = (
        Decimal(base_carbone[row]["Total poste non décomposé"]) for row in ("21075", "21077")
    )
    uplifts = {Decimal(row["cold_uplift"]) for row in read_seed("vehicle_factors")}
    assert uplifts == {Decimal("1.00"), Decimal("1.20")}
    assert abs(refrigerated / plain - Decimal("1.20")) < Decimal("0.01")


@pytest.mark.parametrize("group", read_seed("carbon_groups"), ids=lambda row: row["carbon_group"])
def test_a_production_factor_is_the_median_of_its_products(group: Row) -> None:
    with source_file(AGRIBALYSE).open(encoding="utf-8-sig", newline="") as file:
        products = list(csv.DictReader(file, delimiter=";"))
    found = [
        Decimal(product["Changement climatique"])
        for product in products
        if product["Sous-groupe d'aliment"] == group["source_row_id"]
        and re.search(group["source_name_pattern"], product["Nom du Produit en Français"])
    ]
    value = Decimal(group["value"])
    # A value of two decimals is the median to half of its last.
    last_place = Decimal(1).scaleb(-2 if value < 10 and value != 7 else -1)
    assert found
    assert abs(median(found) - value) <= last_place / 2 + Decimal("0.0005")
    assert (group["source"], group["licence"]) == ("AGRIBALYSE 3.1", LICENCE)


def test_a_family_has_a_carbon_group_that_exists() -> None:
    groups = {row["carbon_group"] for row in read_seed("carbon_groups")}
    for family in read_seed("network_families"):
        is_eaten = family["is_food"] == "true" and family["network_family"] != "unmapped"
        assert (family["default_carbon_group"] in groups) == is_eaten, family


def test_what_was_read_nowhere_is_not_called_verified() -> None:
    seeds = ("emission_factors", "vehicle_factors", "waste_routes", "waste_factors",
             "site_energy_factors")  # fmt: skip
    for seed in seeds:
        for row in read_seed(seed):
            if row["source"] != SOURCE or "assumption" in row["note"]:
                assert row["is_verified"] == "false", row


def test_communes_are_those_of_four_departements_and_two_metropoles(
    source_communes: dict[str, Row],
) -> None:
    seed = {row["commune_code"]: row for row in read_seed("communes")}
    assert seed.keys() == source_communes.keys()
    for code, row in seed.items():
        source = source_communes[code]
        # The contours of the metropoles leave the article out: `Crès` for Le Crès.
        name = row["name"].removeprefix("Le ").removeprefix("La ")
        assert source["nom"] in (row["name"], name)
        assert (row["population"], row["epci_code"], row["departement_code"]) == (
            source["population"],
            source["epci"],
            source["departement"],
        )


def rings(geometry: dict[str, object]) -> list[list[list[list[float]]]]:
    coordinates = geometry["coordinates"]
    return [coordinates] if geometry["type"] == "Polygon" else coordinates  # type: ignore[list-item, return-value]


def centroid(geometry: dict[str, object]) -> tuple[float, float]:
    """Latitude and longitude of the centre of area of a GeoJSON polygon, holes taken out."""
    area = moment_x = moment_y = 0.0
    for polygon in rings(geometry):
        for number, ring in enumerate(polygon):
            origin_x, origin_y = ring[0]
            points = [(x - origin_x, y - origin_y) for x, y in ring]
            double_area = sum_x = sum_y = 0.0
            for (x0, y0), (x1, y1) in pairwise(points):
                cross = x0 * y1 - x1 * y0
                double_area += cross
                sum_x += (x0 + x1) * cross
                sum_y += (y0 + y1) * cross
            if double_area:
                signed = abs(double_area) / 2 * (1 if number == 0 else -1)
                area += signed
                moment_x += signed * (sum_x / (3 * double_area) + origin_x)
                moment_y += signed * (sum_y / (3 * double_area) + origin_y)
    return moment_y / area, moment_x / area


def test_a_commune_stands_at_the_centre_of_its_contour(
    contours: dict[str, dict[str, object]],
) -> None:
    for row in read_seed("communes"):
        latitude, longitude = centroid(contours[row["commune_code"]])
        assert abs(Decimal(row["latitude"]) - Decimal(latitude)) < LARGEST_GAP_IN_DEGREES, row
        assert abs(Decimal(row["longitude"]) - Decimal(longitude)) < LARGEST_GAP_IN_DEGREES, row


def test_territories_carry_the_names_and_kinds_of_their_source() -> None:
    source = {
        row["code"]: (row["nom"], EPCI_KINDS[row["type"]])
        for row in json.loads(source_file(GEOGRAPHY / "epci-bfc.json").read_text(encoding="utf-8"))
    }
    seed = {row["territory_code"]: (row["name"], row["kind"]) for row in read_seed("territories")}
    elsewhere = METROPOLES.keys() - source.keys()
    assert {row["epci_code"] for row in read_seed("communes")} == seed.keys()
    assert {code: seed[code] for code in seed if code not in elsewhere} == {
        code: source[code] for code in seed if code not in elsewhere
    }


@pytest.mark.parametrize(("code", "file"), METROPOLES.items())
def test_a_metropole_of_the_demonstration_has_the_code_of_its_contours(
    code: str, file: str
) -> None:
    features = read_features(f"{file}.communes.geojson")
    assert {feature["properties"]["epci"] for feature in features} == {code}
    assert code in {row["territory_code"] for row in read_seed("territories")}


def test_the_national_benchmark_is_quoted_and_unconfirmed() -> None:
    (benchmark,) = read_seed("benchmarks")
    (published,) = [
        row
        for row in read_rows(source_file(PUBLISHED_FIGURES))
        if row["indicateur"] == "evolution ramasse produits frais" and row["territoire"] == "France"
    ]
    assert Decimal(benchmark["value"]) * 100 == Decimal(published["valeur"])
    assert benchmark["quotation"] == published["citation"]
    assert benchmark["source"] == published["source"]
    assert benchmark["is_verified"] == "false"
