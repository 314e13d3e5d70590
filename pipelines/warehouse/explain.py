"""Walks from a published figure to measures, models and the delivered files that it rests on.

For the data team: reads accepted rows and dbt's manifest, never the warehouse, so that it can run
beside a refresh. Conditions of measures are those of the compiled models; only what a file's row
is (received, delivered, handed out, removed) is said here. What it cannot walk it says.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

import duckdb
import polars as pl

from data_contracts.loader import Indicator, load_records
from data_contracts.publications import Publication
from pipelines.settings import DBT_PROJECT_DIR, Settings
from pipelines.warehouse.build import target_dir

# The last filter of flows, and their marks of fresh food, in dbt's compiled models.
_MEASURE = re.compile(
    r"sum\(\s*case (when .+?) else 0 end\s*\) as decimal\(\s*18, \d\s*\)\s*\) as (\w+)"
)
# Growth compares a measure of flows with itself: `net_fresh_before_strict_kg`.
_COMPARED = re.compile(r"(net_)?fresh_(distributed_)?(now|before)_(\w+)")
_FRESH = re.compile(r"coalesce\(\s*(\(.+?\)), false\s*\) as (is_fresh_\w+)", re.DOTALL)
_LATEST = "updated_at desc nulls last, "
_ARRIVAL = "_sent_at desc nulls last, _arrival_no desc, _source_line desc, _delivery_id desc"

# How a row of a delivered file moves food: record, day, flow, kilograms, what conditions ask for.
FLOWS = (
    ("receipts", "received_date", "received", "weight_kg - coalesce(refused_at_dock_kg, 0)",
     "channel", "null", "null", "false", "unit in ('kg', 'g', 't', 'lb')"),
    ("deliveries", "delivered_date", "delivered", "weight_kg",
     "null", "mode", "null", "order_id is not null", "false"),
    ("deliveries", "delivered_date", "returned", "coalesce(refused_kg, 0)",
     "null", "mode", "null", "order_id is not null", "false"),
    ("parcels", "handed_over_date", "parcels", "weight_kg",
     "null", "null", "null", "false", "false"),
    ("removals", "removed_date", "removed", "weight_kg",
     "null", "reason", "destination", "false", "false"),
    ("transformations", "made_date", "transformation_input",
     "case when direction = 'input' then weight_kg else 0 end",
     "null", "null", "null", "false", "false"),
    ("transformations", "made_date", "transformation_output",
     "case when direction = 'output' then weight_kg else 0 end",
     "null", "null", "null", "false", "false"),
)  # fmt: skip


_EMISSIONS = re.compile(r"(induced|avoided)_(\w+)_kg_co2e")


@dataclass(frozen=True)
class Formula:
    """How an indicator is computed of measures (a row of the seed `indicator_formulas`)."""

    operation: str
    numerator: str
    numerator_divisor: int
    denominator: str | None
    denominator_divisor: int
    records: tuple[str, ...]
    quality: str


def read_formula(code: str, variant: str) -> Formula:
    """The formula of an indicator's variant.

    Raises LookupError where the seed has none.
    """
    for row in _read_seed("indicator_formulas"):
        if row["indicator_code"] == code and row["variant"] == variant:
            return Formula(
                operation=row["operation"],
                numerator=row["numerator"],
                numerator_divisor=int(row["numerator_divisor"]),
                denominator=row["denominator"] or None,
                denominator_divisor=int(row["denominator_divisor"] or 1),
                records=tuple(row["records"].split("|")),
                quality=row["quality"],
            )
    raise LookupError(f"indicator_formulas has no row for {code} {variant}".rstrip())


def _read_seed(name: str) -> list[dict[str, str]]:
    path = DBT_PROJECT_DIR / "seeds" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@dataclass(frozen=True)
class Lineage:
    """dbt's manifest of the last build in a data folder."""

    manifest: Mapping[str, Any]

    @classmethod
    def read(cls, settings: Settings) -> Lineage:
        """Raises FileNotFoundError where no build left a manifest."""
        path = target_dir(settings) / "manifest.json"
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def list_models(self, mart: str, records: Iterable[str]) -> list[dict[str, Any]]:
        """Models, seeds and sources between a mart and the records given, the mart first.

        A model that no way leads through from one of the records to the mart is left out; the
        lists of months to build anew (`int_touched_...`) carry no figure.
        """
        parents: Mapping[str, list[str]] = {
            key: [parent for parent in found if ".int_touched_" not in parent]
            for key, found in self.manifest["parent_map"].items()
        }
        names = set(records)
        sources = {key for key, node in self.manifest["sources"].items() if node["name"] in names}
        distances = self._walk_up(f"model.observatory.{mart}", parents)
        reaching: dict[str, bool] = {}

        def reaches(key: str) -> bool:
            if key not in reaching:
                reaching[key] = key in sources or any(
                    reaches(parent) for parent in parents.get(key, [])
                )
            return reaching[key]

        kept = sorted(
            (distance, key)
            for key, distance in distances.items()
            if reaches(key) or key.startswith("seed.")
        )
        nodes = {**self.manifest["nodes"], **self.manifest["sources"]}
        found = {key for _, key in kept}
        return [
            {
                "name": nodes[key]["name"],
                "layer": self._layer(nodes[key]),
                "reads": sorted(
                    nodes[parent]["name"] for parent in parents.get(key, []) if parent in found
                ),
            }
            for _, key in kept
            if not key.startswith("seed.") or self._feeds(key, found)
        ]

    def _feeds(self, seed: str, found: set[str]) -> bool:
        children: list[str] = self.manifest["child_map"].get(seed, [])
        return any(child in found and not child.startswith("seed.") for child in children)

    @staticmethod
    def _walk_up(start: str, parents: Mapping[str, list[str]]) -> dict[str, int]:
        """Every ancestor with its greatest distance from the start."""
        distances = {start: 0}
        waiting = [start]
        while waiting:
            key = waiting.pop()
            for parent in parents.get(key, []):
                if distances.get(parent, -1) < distances[key] + 1:
                    distances[parent] = distances[key] + 1
                    waiting.append(parent)
        return distances

    @staticmethod
    def _layer(node: Mapping[str, Any]) -> str:
        if node["resource_type"] == "source":
            return str(node["source_name"])
        return "seeds" if node["resource_type"] == "seed" else str(node["fqn"][1])

    @cached_property
    def measures(self) -> dict[str, str]:
        """By measure, its condition over flows: `when ... then weight_kg`."""
        text = " ".join(self._compiled("fct_flow_measures_monthly").split())
        return {
            name: condition
            for condition, name in _MEASURE.findall(text)
            if not name.endswith("_eur")
        }

    def find(self, measure: str) -> str | None:
        """The condition of a measure, which growth compares with itself a year before."""
        compared = _COMPARED.fullmatch(measure)
        if compared:
            net, distributed, _, definition = compared.groups()
            measure = f"{net or ''}fresh_{distributed or 'received_'}{definition}"
        return self.measures.get(measure)

    @cached_property
    def fresh_marks(self) -> dict[str, str]:
        """By mark of fresh food, its condition over `products`."""
        found = _FRESH.findall(self._compiled("fct_flows_by_kind"))
        return {name: condition for condition, name in found}

    def _compiled(self, model: str) -> str:
        node = self.manifest["nodes"].get(f"model.observatory.{model}", {})
        return node.get("compiled_code") or ""


@dataclass(frozen=True)
class Part:
    """One side of a formula with the days on which its rows lie."""

    side: str
    measure: str
    condition: str | None
    first_day: date
    last_day: date


class Explainer:
    """Explains the rows of one publication. Use `explain` for each row of `read_indicator`."""

    def __init__(self, settings: Settings, publication: Publication, indicator: Indicator) -> None:
        self._settings = settings
        self._publication = publication
        self._indicator = indicator
        self._inputs = publication.manifest["inputs"]
        self._lineage = Lineage.read(settings)
        banks = publication.read("mart_food_banks")
        ids = banks["food_bank_id"].to_list()
        self._data_dates = dict(zip(ids, banks["data_date"].to_list(), strict=True))
        self._first_dates = dict(zip(ids, banks["first_date"].to_list(), strict=True))
        self._files: dict[tuple[str, Part, tuple[str, ...]], list[dict[str, Any]]] = {}

    def explain(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """One published row down to its files: formula, levels, models, files, factors.

        `levels`: what was published beside what the files add up to, with `agrees`.
        `not_walked`: sentences on what could not be followed.
        """
        formula = read_formula(row["indicator_code"], row["variant"] or "")
        not_walked = self._name_gaps(row, formula)
        files: list[dict[str, Any]] = []
        sums: dict[str, Decimal | None] = {}
        sides = [("numerator", formula.numerator), ("denominator", formula.denominator)]
        banks = self._list_food_banks(row, formula)
        for side, measure in sides:
            if measure is None:
                continue
            if row["scope_kind"] == "network" and self._lineage.find("net_" + measure):
                measure = "net_" + measure
            counted = [bank for bank in banks if self._reaches_back(bank, measure, row)]
            parts = [self._make_part(side, measure, row, bank) for bank in counted]
            found = [
                entry
                for bank, part in zip(counted, parts, strict=True)
                for entry in self._read_files(bank, part, formula.records)
            ]
            files += found
            is_sum = bool(parts) and all(part.condition for part in parts)
            sums[side] = sum((entry["kg"] for entry in found), Decimal(0)) if is_sum else None
            if not is_sum:
                not_walked.append(
                    f"{measure} is no sum of kilograms of rows: its files are listed with the rows"
                    " of the period that it may rest on, without adding up"
                )
        factors = self._read_factors(row, formula)
        records = sorted({*formula.records, *(entry["record"] for entry in files)})
        is_whole = row["scope_kind"] != "territory"
        return {
            "formula": self._indicator.formula,
            "operation": formula.operation,
            "numerator": {
                "measure": formula.numerator, "amount": _multiply(
                    row["numerator"] if formula.denominator or row["value"] is None
                    else None if formula.operation == "meals" else row["value"],
                    formula.numerator_divisor,
                ),
            },
            "denominator": {
                "measure": formula.denominator,
                "amount": _multiply(row["denominator"], formula.denominator_divisor),
            } if formula.denominator else None,
            "levels": _compare(row, formula, sums) + _compare_factors(row, factors)
            if is_whole else [],
            "mart": self._indicator.mart,
            "models": self._lineage.list_models(self._indicator.mart, records),
            "records": records,
            "delivered_files": files,
            "factors": factors,
            "method_version": row["method_version"],
            "not_walked": list(dict.fromkeys(not_walked)),
        }  # fmt: skip

    def _name_gaps(self, row: Mapping[str, Any], formula: Formula) -> list[str]:
        gaps = []
        finished = self._settings.warehouse_dir / "finished_build.json"
        if not finished.is_file() or (
            json.loads(finished.read_text(encoding="utf-8"))["code"] != self._inputs["code"]
        ):
            gaps.append(
                "models are those of a later build than this publication's; refresh to walk its own"
            )
        if row["scope_kind"] == "territory":
            gaps.append(
                "the part of a territory is not walked: files are those of the whole food bank"
            )
        gaps.append(
            "dbt's manifest knows no columns: models of other measures that lie between the same"
            " records and the mart are listed too"
        )
        if not self._lineage.measures:
            gaps.append("dbt's manifest holds no compiled model; `collecto rebuild` writes it")
        return gaps

    def _list_food_banks(self, row: Mapping[str, Any], formula: Formula) -> list[str]:
        """Food banks of the scope that supply every record that the indicator needs."""
        supplied = self._publication.read("mart_supplied_records").filter(
            pl.col("is_supplied") & pl.col("record").is_in(formula.records)
        )
        counts = supplied.group_by("food_bank_id").len()
        banks = counts.filter(pl.col("len") == len(formula.records))["food_bank_id"].to_list()
        banks = sorted(bank for bank in banks if self._data_dates.get(bank))
        if row["scope_kind"] != "food_bank":
            return banks
        return [bank for bank in banks if bank == row["scope_id"]]

    def _reaches_back(self, bank: str, measure: str, row: Mapping[str, Any]) -> bool:
        """Whether what is compared with the year before has that year's first day."""
        if not _COMPARED.fullmatch(measure):
            return True
        first = row["period_start"]
        return bool(self._first_dates[bank] <= first.replace(year=first.year - 1))

    def _make_part(self, side: str, measure: str, row: Mapping[str, Any], bank: str) -> Part:
        first, last = row["period_start"], row["period_end"]
        data_date = self._data_dates[bank]
        is_cut = row["period_kind"] == "year_to_date"
        if is_cut:
            last = _same_day(data_date, first.year)
        elif last >= data_date:
            last, is_cut = data_date, True
        compared = _COMPARED.fullmatch(measure)
        if compared and compared.group(3) == "before":
            last = _same_day(last, last.year - 1) if is_cut else _last_of_month(last, -1)
            first = first.replace(year=first.year - 1)
        condition = self._lineage.find(measure)
        if condition and ("unexplained" in condition or "stock_change_kg" in condition):
            condition = None
        return Part(side, measure, condition, first, last)

    def _read_files(self, bank: str, part: Part, records: tuple[str, ...]) -> list[dict[str, Any]]:
        """Files of a food bank with their rows and kilograms; read once for bank and network."""
        key = (bank, part, records)
        if key not in self._files:
            self._files[key] = self._sum_files(bank, part, records)
        return self._files[key]

    def _sum_files(self, bank: str, part: Part, records: tuple[str, ...]) -> list[dict[str, Any]]:
        with duckdb.connect() as connection:
            connection.execute("set threads = 2")
            self._register_deliveries(connection)
            sql = self._sum_flows(bank, part) if part.condition else self._count_rows(bank, records)
            parameters = {"bank": bank, "first": part.first_day, "last": part.last_day}
            rows = connection.execute(sql, parameters).fetchall()
        names = ("record", "delivery_id", "source_name", "rows", "kg")
        return [
            {"side": part.side, "measure": part.measure, "food_bank_id": bank,
             **dict(zip(names, row, strict=True))}
            for row in rows
        ]  # fmt: skip

    def _register_deliveries(self, connection: duckdb.DuckDBPyConnection) -> None:
        included = pl.DataFrame(
            [
                {name: entry[name] for name in ("delivery_id", "record")}
                for entry in self._inputs["deliveries"]
            ],
            schema={"delivery_id": pl.String, "record": pl.String},
        )
        connection.register("included", included.to_arrow())

    def _current(self, bank: str, record: str) -> str:
        """Rows of a record that stand, with `is_deleted` ones left out and `row_no` beside."""
        contract = load_records()[record]
        keys = ", ".join(contract.keys)
        order = _ARRIVAL if contract.kind == "reference" else _LATEST + _ARRIVAL
        kept = "" if contract.kind == "reference" else "where not coalesce(is_deleted, false)"
        return f"""
        select *, row_number() over () as row_no from (
          select * from read_parquet({self._list_files(bank, record)}, union_by_name = true)
          where food_bank_id = $bank and _delivery_id in
            (select delivery_id from included where record = '{record}')
          qualify row_number() over (partition by {keys} order by {order}) = 1
        ) {kept}
        """  # nosec B608

    def _list_files(self, bank: str, record: str) -> str:
        """Accepted rows of a food bank as SQL; the empty table first, which names every column."""
        folder = self._settings.accepted / record
        paths = [folder / "_schema.parquet", *sorted(folder.glob(f"{bank}-*.parquet"))]
        quoted = ("'" + str(path).replace("'", "''") + "'" for path in paths)
        return f"[{', '.join(quoted)}]"

    def _sum_flows(self, bank: str, part: Part) -> str:
        flows = " union all ".join(
            f"select '{record}' as record, _delivery_id, _source_name, row_no, product_code,"
            f" '{flow}' as flow, {kg} as weight_kg, cast({channel} as varchar) as channel,"
            f" cast({mode} as varchar) as mode, cast({destination} as varchar) as destination,"
            f" {ordered} as is_ordered, {weighed} as is_weighed,"
            f" {self._is_within_network(record)} as is_within_network"
            f" from ({self._current(bank, record)}) where {day} between $first and $last"  # nosec B608
            for record, day, flow, kg, channel, mode, destination, ordered, weighed in FLOWS
        )
        marks = "".join(
            f", coalesce({condition}, false) as {name}"
            for name, condition in self._lineage.fresh_marks.items()
        )
        return f"""
        with flows as ({flows}),
        products as (
          select * replace (is_food and network_family <> 'hygiene' as is_food)
          from ({self._current(bank, "products")})
        ),
        marked as (
          select flows.*, coalesce(products.is_food, true) as is_food {marks}
          from flows left join products on flows.product_code = products.product_code
        ),
        counted as (
          select *, case {part.condition} end as kg from marked
        )
        select record, _delivery_id, min(_source_name), count(distinct row_no),
          cast(sum(kg) as decimal(18, 3))
        from counted where kg is not null and weight_kg <> 0
        group by record, _delivery_id order by 1, 3, 2
        """  # nosec B608

    def _is_within_network(self, record: str) -> str:
        """What another food bank of this publication gave."""
        banks = [bank for bank, data_date in self._data_dates.items() if data_date]
        if record != "receipts" or not banks:
            return "false"
        names = ", ".join("'" + bank.replace("'", "''") + "'" for bank in banks)
        return (
            "coalesce(channel = 'inter_bank'"
            f" and coalesce(from_food_bank_id, supplier_id) in ({names}), false)"
        )

    def _count_rows(self, bank: str, records: tuple[str, ...]) -> str:
        selects = []
        for record in records:
            contract = load_records()[record]
            kg = "null"
            if contract.measure and contract.measure.endswith("_kg"):
                kg = f"sum({contract.measure})"
            days = ""
            if contract.kind == "event" and contract.date_column:
                day = re.sub("_at$", "_date", contract.date_column)
                days = f"where {day} between $first and $last"
            selects.append(
                f"select '{record}', _delivery_id, min(_source_name), count(*),"
                f" cast({kg} as decimal(18, 3)) from ({self._current(bank, record)}) {days}"
                " group by _delivery_id"  # nosec B608
            )
        # Parameters must be used: reference records have no day.
        unused = "select null, null, null, 0, null where $first > $last"
        return " union all ".join([*selects, unused]) + " order by 1, 3, 2"

    def _read_factors(self, row: Mapping[str, Any], formula: Formula) -> list[dict[str, Any]]:
        """Emission factors behind a carbon figure, with their emissions in the period's months."""
        found = next(
            (
                match
                for measure in (formula.numerator, formula.denominator or "")
                if (match := _EMISSIONS.fullmatch(measure))
            ),
            None,
        )
        if found is None:
            return []
        ledger, post = found.groups()
        method_or_post = pl.col("method_or_post")
        wanted = (
            (pl.col("ledger") == ledger)
            & (
                pl.lit(post == "total")
                | (method_or_post == post)
                | method_or_post.str.starts_with(f"{post}_")
            )
            & (pl.col("month") >= row["period_start"])
            & (pl.col("month") <= row["period_end"])
            & pl.col("food_bank_id").is_in(self._list_food_banks(row, formula))
        )
        months = self._publication.read("mart_carbon_monthly").filter(wanted)
        totals = months.group_by("factor_id", "factor_version", "activity_unit").agg(
            pl.col("activity_quantity").sum(), pl.col("kg_co2e").sum()
        )
        described = {
            entry["factor_id"]: entry
            for seed in ("emission_factors", "carbon_groups")
            for entry in _read_seed(seed)
        }
        kept = ("value", "unit", "uncertainty_share", "source", "source_row_id", "year",
                "licence", "gwp_set", "is_verified")  # fmt: skip
        return [
            {**total, **{name: described[total["factor_id"]][name] for name in kept}}
            for total in totals.sort("factor_id", "activity_unit").iter_rows(named=True)
        ]


def _multiply(amount: Decimal | None, divisor: int) -> Decimal | None:
    return None if amount is None else amount * divisor


def _compare(
    row: Mapping[str, Any], formula: Formula, sums: Mapping[str, Decimal | None]
) -> list[dict[str, Any]]:
    """Published numerator, denominator and value beside what the files add up to."""
    numerator, denominator = sums.get("numerator"), sums.get("denominator")
    levels = []
    if row["numerator"] is not None and numerator is not None:
        levels.append(_level("numerator", row["numerator"], numerator / formula.numerator_divisor))
    if row["denominator"] is not None and denominator is not None:
        levels.append(
            _level("denominator", row["denominator"], denominator / formula.denominator_divisor)
        )
    value = None
    if numerator is not None:
        if formula.operation == "total":
            value = numerator / formula.numerator_divisor
        elif formula.operation == "meals":
            grams = {
                entry["meal_convention"]: Decimal(entry["grams_per_meal"])
                for entry in _read_seed("meal_conventions")
            }
            value = numerator * 1000 / grams[row["variant"]]
        elif denominator and formula.operation != "gap":
            over = denominator / formula.denominator_divisor
            value = numerator / formula.numerator_divisor / over
            value -= 1 if formula.operation == "growth" else 0
    if value is not None and row["value"] is not None:
        levels.append(_level("value", row["value"], value))
    return levels


def _compare_factors(row: Mapping[str, Any], factors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Emissions by factor beside the published emissions, for periods of whole months."""
    published = row["denominator"] if row["indicator_code"] == "measured_data_share" else (
        row["numerator"] if row["denominator"] is not None else row["value"]
    )  # fmt: skip
    if not factors or published is None or row["period_kind"] == "year_to_date":
        return []
    total = sum((factor["kg_co2e"] for factor in factors), Decimal(0))
    return [_level("kg_co2e by factor", published, total)]


def _level(name: str, published: Decimal, found: Decimal) -> dict[str, Any]:
    rounded = found.quantize(Decimal("0.000001"), ROUND_HALF_UP)
    # A share is published to the millionth.
    agrees = abs(rounded - published) <= (Decimal("0.000001") if name == "value" else 0)
    return {"level": name, "published": published, "found": rounded, "agrees": agrees}


def _same_day(day: date, year: int) -> date:
    """The same day of another year; 29 February compares with 28."""
    last = _last_of_month(date(year, day.month, 1), 0)
    return date(year, day.month, min(day.day, last.day))


def _last_of_month(day: date, years: int) -> date:
    first = date(day.year + years, day.month, 1)
    return (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
