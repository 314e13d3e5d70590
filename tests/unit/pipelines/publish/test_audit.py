"""The audit of a draft finds what is missing, what is foreign and what does not add up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from data_contracts.disclosure import contract_for, load_policy
from data_contracts.loader import load_marts
from pipelines.publish.audit import (
    check_audiences,
    check_donors,
    check_people,
    check_sums,
    compare_with_inputs,
    gather,
)
from pipelines.publish.disclosure import Sources, make_outside
from pipelines.publish.draft import split_audiences, write_table
from pipelines.publish.kilograms import read_published
from tests.fixtures.protected import TERRITORY, make_rich_sources
from tests.fixtures.told import tell

POLICY = load_policy()


def complete(mart: str, table: pl.DataFrame) -> pl.DataFrame:
    """The rich world says of each row what a test needs: what else is required is filled in."""
    fillers = {pl.Boolean: False, pl.Date: date(2023, 1, 1), pl.String: "x"}
    for column in load_marts()[mart].columns:
        if column.is_required and table[column.name].has_nulls():
            kind = table.schema[column.name].base_type()
            filler = column.codes[0] if column.codes else fillers.get(kind, 0)
            filled = pl.col(column.name).fill_null(pl.lit(filler).cast(table.schema[column.name]))
            table = table.with_columns(filled)
    return table


@pytest.fixture(scope="module")
def sources() -> Sources:
    rich = make_rich_sources()
    marts = {name: complete(name, table) for name, table in rich.marts.items()}
    return replace(rich, marts=marts)


@pytest.fixture(scope="module")
def outside(sources: Sources) -> dict[str, pl.DataFrame]:
    return make_outside(sources, POLICY)


@pytest.fixture
def draft(sources: Sources, outside: dict[str, pl.DataFrame], tmp_path: Path) -> Path:
    """Every audience of the rich world, as a draft writes it."""
    audiences = dict(split_audiences(sources, outside, POLICY))
    whole = {name: sources.marts[name] for name in POLICY.marts_of("data_team")}
    for audience, tables in {"data_team": whole, **audiences}.items():
        for mart, table in tables.items():
            path = tmp_path / audience / f"{mart}.parquet"
            write_table(table, contract_for(mart, audience), path)
    return tmp_path


@pytest.fixture
def bank(sources: Sources) -> str:
    return str(sources.marts["mart_food_banks"]["food_bank_id"].sort()[0])


@pytest.fixture
def territory(sources: Sources) -> str:
    return min(sources.territories())


def failures(draft: Path, sources: Sources) -> list[str]:
    found = [text for text in check_audiences(draft, sources, POLICY) if text is not None]
    assert all(text.split("/")[0].split(":")[0].split()[0] in tell(text) for text in found)
    return found


def rewrite(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    change(pl.read_parquet(path, glob=False)).write_parquet(path)


def test_a_draft_as_it_is_written_passes(draft: Path, sources: Sources) -> None:
    found = list(check_audiences(draft, sources, POLICY))
    assert failures(draft, sources) == []
    assert len(found) > 200
    assert set(check_sums(draft, sources)) == {None}
    assert set(check_donors(draft, sources, POLICY)) == {None}


def test_an_audience_that_is_missing_and_one_that_is_nobody_are_named(
    draft: Path, sources: Sources, bank: str
) -> None:
    (draft / "food_banks" / bank).rename(draft / "food_banks" / "inconnue")
    assert failures(draft, sources)[:2] == [
        f"food_banks/{bank} is missing", "food_banks/inconnue is nobody",
    ]  # fmt: skip


def test_a_mart_too_few_and_one_too_many_are_named(
    draft: Path, sources: Sources, bank: str
) -> None:
    folder = draft / "public"
    (folder / "mart_events.parquet").rename(folder / "mart_lots.parquet")
    [text, *_] = failures(draft, sources)
    assert text == "public: mart_events, mart_lots is not what it should have"


def test_columns_that_are_not_those_of_the_contract_are_found(
    draft: Path, sources: Sources
) -> None:
    path = draft / "public" / "mart_events.parquet"
    rewrite(path, lambda table: table.with_columns(supplier_id=pl.lit("D1")))
    assert failures(draft, sources) == [
        "public/mart_events: its columns are not those of its contract"
    ]


def test_rows_of_another_food_bank_are_found(draft: Path, sources: Sources, bank: str) -> None:
    path = draft / "food_banks" / bank / "mart_places.parquet"
    rewrite(path, lambda table: table.with_columns(food_bank_id=pl.lit("voisine")))
    assert failures(draft, sources) == [f"food_banks/{bank}/mart_places: rows of voisine"]


@pytest.mark.parametrize(
    ("kind", "scope"), [("territory", "999"), ("food_bank", "voisine"), ("network", "network")]
)
def test_figures_of_another_scope_are_found(
    draft: Path, sources: Sources, territory: str, kind: str, scope: str
) -> None:
    path = draft / "metropole" / territory / "mart_indicators.parquet"

    def add(table: pl.DataFrame) -> pl.DataFrame:
        foreign = table.head(1).with_columns(scope_kind=pl.lit(kind), scope_id=pl.lit(scope))
        return pl.concat([table, foreign])

    rewrite(path, add)
    expected = f"metropole/{territory}/mart_indicators: rows of {scope}"
    assert failures(draft, sources) == [expected]


def test_rows_that_are_not_unique_are_found(draft: Path, sources: Sources) -> None:
    path = draft / "public" / "mart_places.parquet"
    rewrite(path, lambda table: pl.concat([table, table.head(1)]))
    [text] = failures(draft, sources)
    assert text.startswith("public/mart_places: rows are not unique by food_bank_id")


def test_a_value_that_is_missing_and_a_code_that_is_none_are_found(
    draft: Path, sources: Sources
) -> None:
    names = draft / "public" / "mart_places.parquet"
    rewrite(names, lambda table: table.with_columns(name=pl.lit(None, dtype=pl.String)))
    [text] = failures(draft, sources)
    assert text == "public/mart_places: name is missing"
    codes = pl.lit("entrepot").alias("place_kind")
    rewrite(names, lambda table: table.with_columns(codes, name=pl.lit("N")))
    assert "public/mart_places: place_kind has entrepot" in failures(draft, sources)


def test_kilograms_that_differ_outside_are_found(draft: Path, sources: Sources) -> None:
    path = draft / "public" / "mart_flows_monthly.parquet"
    table = pl.read_parquet(path, glob=False)
    row = table.filter(pl.col("flow") == "delivered").row(0, named=True)
    is_row = pl.all_horizontal(
        pl.col(name) == row[name] for name in ("food_bank_id", "month", "flow")
    )
    more = pl.when(is_row).then(pl.col("weight_kg") + 1).otherwise(pl.col("weight_kg"))
    rewrite(path, lambda table: table.with_columns(more.cast(table.schema["weight_kg"])))
    texts = [text for text in check_sums(draft, sources) if text]
    assert len(texts) == 1
    assert texts[0].startswith(f"delivered of {row['food_bank_id']} in {row['month']}")
    assert "les sommes diffèrent au-dehors : delivered de" in tell(texts[0])


def test_rows_are_those_that_the_manifest_says() -> None:
    deliveries = [
        {"record": "orders", "rows_accepted": 5, "rows_replayed": 3, "rows_replaced": 2},
        {"record": "orders", "rows_accepted": 7, "rows_replayed": 0, "rows_replaced": 0},
        {"record": "parcels", "rows_accepted": 1, "rows_replayed": 0, "rows_replaced": 0},
    ]
    good = compare_with_inputs({"orders": 17, "parcels": 1}, {"deliveries": deliveries})
    assert (good.failures, good.expectations) == ((), 2)
    assert good.as_check().has_passed
    bad = compare_with_inputs({"orders": 16, "sites": 4}, {"deliveries": deliveries})
    assert bad.failures == (
        "reconciles_with_manifest: orders: 17 rows were accepted, the warehouse read 16",
        "reconciles_with_manifest: parcels: 1 rows were accepted, the warehouse read 0",
        "reconciles_with_manifest: sites: 0 rows were accepted, the warehouse read 4",
    )
    assert not bad.as_check().has_passed
    assert tell(bad.failures[0]) == ("commandes : 17 lignes acceptées, l'entrepôt en a lu 16")


@pytest.mark.parametrize(("count", "named"), [(0, 0), (1, 1), (5, 5), (6, 6), (9, 6)])
def test_the_first_failures_are_named_and_the_others_counted(count: int, named: int) -> None:
    texts = [f"number {number}" for number in range(count)]
    finding = gather("check", [None, *texts])
    assert len(finding.failures) == named
    assert finding.failures[:5] == tuple(f"check: {text}" for text in texts[:5])
    assert finding.expectations == count + 1
    if count > 5:
        assert finding.failures[5] == f"check: and {count - 5} more"
        assert tell(finding.failures[5]) == f"et d'autres ({count - 5})"


def test_nothing_looked_at_is_one_expectation() -> None:
    assert gather("check", []).expectations == 1


def test_money_outside_is_whole_kilograms_apart(outside: dict[str, pl.DataFrame]) -> None:
    """The rich world holds hidden cells, so that the sums are compared where they are shown."""
    flows = outside["mart_flows_monthly"]
    assert flows["weight_kg"].null_count() > 0
    assert flows["weight_kg"].drop_nulls().min() != Decimal(0)


# kilograms of hidden parcels, by difference: Jura hides November (66 kg) and December (24 kg)

NOVEMBER = date(2023, 11, 1)


def check_leak(
    folder: Path, sources: Sources, outside: dict[str, pl.DataFrame], mart: str, where: pl.Expr,
    *columns: str,
) -> list[str]:  # fmt: skip
    """What the audit says of a publication whose mart shows, in some rows, what the inside has."""
    keys = [key for key in contract_for(mart, "public").keys if key in outside[mart].columns]
    inside = sources.marts[mart].select(*keys, *columns).filter(where)
    assert inside.height
    leaking = outside[mart].update(inside, on=keys, how="left", include_nulls=False)
    assert not leaking.equals(outside[mart])
    tables = dict(split_audiences(sources, outside | {mart: leaking}, POLICY))["public"]
    for name, table in tables.items():
        write_table(table, contract_for(name, "public"), folder / "public" / f"{name}.parquet")
    found = [text for text in check_people(folder, sources, POLICY) if text is not None]
    assert all(tell(text).startswith("public ") for text in found)
    return found


OF_JURA_THEN = (pl.col("food_bank_id") == "jura") & (pl.col("month") == NOVEMBER)


def of_indicator(code: str, scope: str = "jura", kind: str = "month") -> pl.Expr:
    return (
        (pl.col("indicator_code") == code) & (pl.col("scope_id") == scope)
        & (pl.col("period_kind") == kind) & (pl.col("period_start") == NOVEMBER)
    )  # fmt: skip


def test_the_audit_finds_nothing_in_what_is_published(
    sources: Sources, outside: dict[str, pl.DataFrame], draft: Path
) -> None:
    found = list(check_people(draft, sources, POLICY))
    assert set(found) == {None}
    hidden = [key for key, value in read_published(outside.get).items() if value is None]
    assert sum(key.measure == "parcel_kg" for key in hidden) > 5


@pytest.mark.parametrize(
    ("mart", "where", "columns", "by"),
    [
        ("mart_mass_balance_monthly", OF_JURA_THEN, ("parcels_kg",), "mart_mass_balance_monthly"),
        ("mart_mass_balance_monthly", OF_JURA_THEN, ("theoretical_closing_kg",),
         "mart_mass_balance_monthly"),
        ("mart_mass_balance_monthly", OF_JURA_THEN, ("closing_kg",), "mart_mass_balance_monthly"),
        ("mart_fresh_monthly", OF_JURA_THEN & (pl.col("flow") == "distributed"), ("food_kg",),
         "mart_fresh_monthly"),
        ("mart_nutrition_monthly", OF_JURA_THEN, ("food_kg",), "mart_nutrition_monthly"),
        ("mart_indicators", of_indicator("tonnes_distributed"), ("value",), "tonnes_distributed"),
        ("mart_indicators", of_indicator("meal_equivalents"), ("value",), "meal_equivalents"),
        ("mart_indicators", of_indicator("tonnes_in_stock"), ("value",), "tonnes_in_stock"),
        ("mart_indicators", of_indicator("induced_kg_per_tonne"), ("denominator",),
         "induced_kg_per_tonne"),
        ("mart_indicators", of_indicator("fresh_share_distributed"), ("denominator",),
         "fresh_share_distributed"),
    ],
)  # fmt: skip
def test_a_table_whose_sums_give_hidden_kilograms_is_refused(
    sources: Sources, outside: dict[str, pl.DataFrame], tmp_path: Path,
    mart: str, where: pl.Expr, columns: tuple[str, ...], by: str,
) -> None:  # fmt: skip
    found = check_leak(tmp_path, sources, outside, mart, where, *columns)
    expected = "kg of jura, month from 2023-11-01 is hidden but must lie from"
    assert any(expected in text and by in text for text in found), found


@pytest.mark.parametrize(
    ("mart", "where", "column"),
    [
        ("mart_carbon_monthly", OF_JURA_THEN & (pl.col("ledger") == "avoided"), "kg_co2e"),
        ("mart_carbon_monthly", OF_JURA_THEN & (pl.col("ledger") == "avoided"),
         "activity_quantity"),
        ("mart_fresh_monthly", OF_JURA_THEN & (pl.col("flow") == "distributed"), "fresh_kg"),
        ("mart_nutrition_monthly", OF_JURA_THEN, "weight_kg"),
        ("mart_programmes_monthly", OF_JURA_THEN, "out_kg"),
        ("mart_programmes_monthly", OF_JURA_THEN, "out_eur"),
        ("mart_indicators", of_indicator("fresh_share_distributed"), "numerator"),
    ],
)  # fmt: skip
def test_a_part_that_holds_hidden_kilograms_is_refused(
    sources: Sources, outside: dict[str, pl.DataFrame], tmp_path: Path,
    mart: str, where: pl.Expr, column: str,
) -> None:  # fmt: skip
    [text] = check_leak(tmp_path, sources, outside, mart, where, column)
    name = "fresh_share_distributed" if mart == "mart_indicators" else column
    assert text == (
        "public: parcel_kg of jura, month from 2023-11-01 is hidden but"
        f" {mart} shows {name}, which holds it, exactly"
    )


def test_a_network_that_is_not_the_sum_of_what_is_shown_is_refused(
    sources: Sources, outside: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    where = of_indicator("tonnes_distributed", "network")
    found = check_leak(tmp_path, sources, outside, "mart_indicators", where, "value")
    assert any("parcel_kg of jura, month from 2023-11-01" in text for text in found), found


def test_a_territory_whose_kilograms_are_not_rounded_as_they_are_shown_is_refused(
    sources: Sources, outside: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """In November six of the households of Bourgogne live elsewhere: 18 kg of its 213."""
    where = of_indicator("tonnes_distributed", TERRITORY)
    found = check_leak(tmp_path, sources, outside, "mart_indicators", where, "value")
    assert any("(elsewhere), month from 2023-11-01" in text for text in found), found
