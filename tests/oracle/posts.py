"""Emissions other than transport, and those avoided, as lines of a day and a factor.

Written from indicators.md section 5, decision 0007 and the seeds' own words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from tests.oracle.accepted import Bank, grams
from tests.oracle.flows import RESCUED, Line
from tests.oracle.origins import Origin
from tests.oracle.periods import Coverage
from tests.oracle.reference import Factors, is_valid_on, nearest_year, read_seed

TONNE = Decimal(1_000_000)


@dataclass(frozen=True)
class Emitted:
    """kgCO2e of a day by one factor; `spread`: the part of it that is uncertain.

    `pieces`: weights that it adds, each rounded to a milligram where published.
    """

    ledger: str
    post: str
    day: date
    factor_id: str
    kg_co2e: Decimal
    spread: Decimal
    is_measured: bool
    pieces: int = 1


def list_own(bank: Bank, coverage: Coverage, factors: Factors) -> Iterator[Emitted]:
    yield from _list_waste(bank, factors)
    yield from _list_energy(bank, factors)
    yield from _list_refrigerants(bank, coverage, factors)


def _induced(
    factors: Factors, post: str, day: date, factor_id: str, quantity: Decimal, level: str
) -> Emitted:
    kg = quantity * factors.value[factor_id]
    spread = kg * factors.uncertainty[factor_id]
    return Emitted("induced", post, day, factor_id, kg, spread, level == "measured")


def _list_waste(bank: Bank, factors: Factors) -> Iterator[Emitted]:
    for row in bank.rows["removals"]:
        day = row["removed_date"]
        for route in read_seed("waste_factors"):
            if route["destination"] == row["destination"] and is_valid_on(route, day):
                tonnes = grams(row["weight_kg"]) / TONNE
                yield _induced(
                    factors, "own_waste", day, route["factor_id"], tonnes, route["data_level"]
                )


def _list_energy(bank: Bank, factors: Factors) -> Iterator[Emitted]:
    for row in bank.rows["site_energy"]:
        days = (row["period_end"] - row["period_start"]).days + 1
        known = [f for f in read_seed("site_energy_factors") if f["energy_source"] == row["source"]]
        post = "electricity" if row["source"] == "electricity" else "heat"
        for ahead in range(days):
            day = row["period_start"] + timedelta(days=ahead)
            factor = nearest_year(known, day.year)
            if factor:
                yield _induced(
                    factors, post, day, factor["factor_id"], row["energy_kwh"] / days,
                    factor["data_level"],
                )  # fmt: skip


def _list_refrigerants(bank: Bank, coverage: Coverage, factors: Factors) -> Iterator[Emitted]:
    potentials = {row["refrigerant"]: row["factor_id"] for row in read_seed("refrigerant_factors")}
    topped_up = set()
    for row in bank.rows["refrigerant_top_ups"]:
        unit = ("vehicle", row["vehicle_id"]) if row["vehicle_id"] else ("site", row["site_id"])
        topped_up.add((*unit, row["topped_up_date"].year))
        if row["refrigerant"] in potentials:
            yield _induced(
                factors, "refrigerants", row["topped_up_date"], potentials[row["refrigerant"]],
                row["kg"], "measured",
            )  # fmt: skip
    units = [
        ("vehicle", row["vehicle_id"], row["refrigerant"], factors.value["truck_cold_unit_charge"],
         "truck_cold_unit", row["active_from"], row["active_to"])
        for row in bank.rows["vehicles"]
        if row["is_refrigerated"]
    ] + [
        ("site", row["site_id"], row["refrigerant"],
         factors.value["cold_store_charge"] * row["cold_power_kw"], "cold_store", None, None)
        for row in bank.rows["sites"]
        if row["cold_power_kw"]
    ]  # fmt: skip
    for kind, unit_id, refrigerant, charge, name, first, last in units:
        if refrigerant not in potentials:
            continue
        factor_id = potentials[refrigerant]
        uncertainty = sum(
            factors.uncertainty[f] ** 2 for f in (f"{name}_charge", f"{name}_leak_rate", factor_id)
        ).sqrt()
        day = coverage.first
        while day <= coverage.data_date:
            days = 366 if date(day.year, 12, 31).timetuple().tm_yday == 366 else 365
            in_service = (not first or first <= day) and (not last or day <= last)
            if in_service and (kind, unit_id, day.year) not in topped_up:
                leaked = charge * factors.value[f"{name}_leak_rate"] / 100 / days
                kg = leaked * factors.value[factor_id]
                yield Emitted(
                    "induced", "refrigerants", day, factor_id, kg, kg * uncertainty, False
                )
            day += timedelta(days=1)


def list_avoided(
    bank: Bank, lines: list[Line], origins: list[Origin], factors: Factors
) -> Iterator[Emitted]:
    territory = _find_routes_territory(bank)
    rescued: dict[tuple[date, str], list[Decimal]] = defaultdict(list)
    for origin in origins:
        if origin.channel in RESCUED:
            rescued[origin.day, origin.channel].append(Decimal(origin.grams))

    def line(method: str, day: date, factor_id: str, quantity: Decimal, pieces: int) -> Emitted:
        kg = quantity * factors.value[factor_id]
        uncertain = kg * factors.uncertainty[factor_id]
        return Emitted("avoided", method, day, factor_id, kg, uncertain, False, pieces)

    for (day, channel), weights in rescued.items():
        weight, pieces = sum(weights, Decimal(0)), len(weights)
        tonnes = weight / TONNE
        yield line("landfill", day, "waste_landfill", tonnes, pieces)
        yield line("flat_full_chain", day, "flat_full_chain", tonnes, pieces)
        for factor_id, per_kg in factors.of_waste_avoided(territory, channel, day):
            kg = weight / 1000 * per_kg
            yield Emitted(
                "avoided", "local_waste_route", day, factor_id, kg,
                kg * factors.uncertainty[factor_id], False, pieces,
            )  # fmt: skip
    groups = {row["carbon_group"]: row["factor_id"] for row in read_seed("carbon_groups")}
    families = {
        row["network_family"]: row["default_carbon_group"] for row in read_seed("network_families")
    }
    displaced = factors.value["eaten_share"] * (1 - factors.value["rebound_share"])
    for handed in lines:
        if handed.kind not in ("delivered", "parcels") or not handed.product.is_food:
            continue
        own = handed.product.carbon_group
        group = own if own in groups else families.get(handed.product.family)
        if group in groups:
            kilograms = Decimal(handed.grams) / 1000
            yield line("substitution", handed.day, groups[group], kilograms * displaced, 1)


def _find_routes_territory(bank: Bank) -> str | None:
    """The first of the food bank's territories that has waste routes."""
    known = {row["territory_code"] for row in read_seed("waste_routes")}
    for row in bank.rows["food_banks"]:
        for code in (row["territory_codes"] or "").split("|"):
            if code in known:
                return code
    return None
