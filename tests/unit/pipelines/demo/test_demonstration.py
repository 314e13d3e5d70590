"""The demonstration's files, read with plain polars, give what was published.

Here live the checks on the written bytes alone: figures are computed here from the CSV files,
never taken from the generator. What the pipeline makes of these files is tested with its stages.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.demo import DemonstrationSummary, write_demonstration

TO_DATE = ("2024-01-01", "2024-06-25")
KEYS = {
    "receipts": ("receipt_id", "line_no"),
    "orders": ("order_id", "line_no"),
    "deliveries": ("delivery_id", "line_no"),
    "parcels": ("parcel_id", "line_no"),
    "removals": ("removal_id", "line_no"),
    "transfers": ("transfer_id", "line_no"),
    "stock_counts": ("count_id", "line_no"),
    "rounds": ("round_id",),
    "round_stops": ("round_id", "stop_no"),
    "platform_sessions": ("session_id",),
    "transformations": ("batch_id", "line_no"),
    "sorting_sessions": ("session_id",),
    "beneficiary_reports": ("partner_id", "month"),
    "vouchers": ("voucher_id",),
    "site_energy": ("site_id", "meter", "period_start"),
    "refrigerant_top_ups": ("top_up_id",),
    "targets": ("indicator_code", "period_start"),
    "events": ("event_id",),
    "partners": ("partner_id",),
    "suppliers": ("supplier_id",),
    "products": ("product_code",),
    "vehicles": ("vehicle_id",),
    "sites": ("site_id",),
    "food_banks": ("food_bank_id",),
    "funding": ("funding_id",),
    "offers": ("offer_id", "line_no"),
    "shared_resources": ("use_id",),
    "volunteer_shifts": ("shift_id",),
    "support_activities": ("activity_id",),
    "expenses": ("expense_id",),
    "temperature_checks": ("check_id",),
    "monthly_history": ("month", "flow", "channel", "network_family", "source_document"),
}


@dataclass(frozen=True)
class Written:
    """A generated landing folder and its summary."""

    landing: Path
    summary: DemonstrationSummary

    def read_delivered(self, record: str) -> pl.DataFrame:
        """All rows of a record as delivered, in the order of the files' names."""
        folder = self.landing / "bourgogne" / record
        paths = sorted(folder.glob("*.csv"), key=lambda p: (p.stem.endswith("corrections"), p.name))
        return pl.concat([read_rows(path) for path in paths], how="diagonal")

    def read(self, record: str) -> pl.DataFrame:
        """The rows that stand: bad rows out, the latest version of each key, deletions applied."""
        rows = self.read_delivered(record)
        keys = list(KEYS[record])
        rows = rows.filter(~pl.col(keys[0]).str.starts_with("ERR-"))
        if "updated_at" in rows.columns:
            rows = rows.sort("updated_at", nulls_last=False, maintain_order=True)
        rows = rows.unique(keys, keep="last", maintain_order=True)
        if "is_deleted" in rows.columns:
            rows = rows.filter(pl.col("is_deleted").fill_null("false") != "true")
        return rows


def read_rows(path: Path) -> pl.DataFrame:
    """A file in whatever dialect: encoding and separator are told from its bytes."""
    content = path.read_bytes()
    assert content.endswith(b"\n")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252")
    separator = ";" if ";" in text.split("\n", 1)[0] else ","
    return pl.read_csv(
        io.StringIO(text.replace("\r\n", "\n")), separator=separator, infer_schema=False
    )


def grams(column: str) -> pl.Expr:
    """Kilograms of text as whole grams; empty counts as nothing."""
    kilograms = pl.col(column).fill_null("0").cast(pl.Decimal(14, 3))
    return (kilograms * 1000).cast(pl.Int64)


def between(column: str, first: str, last: str) -> pl.Expr:
    """Local dates from first to last, both included."""
    return pl.col(column).str.slice(0, 10).is_between(pl.lit(first), pl.lit(last))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    """The demonstration with its default arguments."""
    landing = tmp_path_factory.mktemp("landing")
    yield Written(landing, write_demonstration(landing))


@pytest.fixture(scope="module")
def products(written: Written) -> pl.DataFrame:
    """Products with flags and factors."""
    return written.read("products").select(
        "product_code",
        is_food=pl.col("is_food") == "true",
        is_fresh=(pl.col("storage") == "chilled")
        | (pl.col("network_family") == "fruit_vegetables_fresh"),
        unit_grams=grams("unit_weight_kg"),
        case_grams=grams("case_weight_kg"),
    )


@pytest.fixture(scope="module")
def receipts(written: Written, products: pl.DataFrame) -> pl.DataFrame:
    """Receipts with their grams, gross and net of what was refused at the dock."""
    milli = grams("quantity")
    gross = (
        pl.when(pl.col("unit") == "kg")
        .then(milli)
        .when(pl.col("unit") == "g")
        .then(milli // 1000)
        .when(pl.col("unit") == "t")
        .then(milli * 1000)
        .when(pl.col("unit") == "unit")
        .then(milli * pl.col("unit_grams") // 1000)
        .when(pl.col("unit") == "case")
        .then(milli * pl.col("case_grams") // 1000)
    )
    rows = written.read("receipts").join(products, on="product_code", how="left")
    rows = rows.with_columns(gross=gross)
    return rows.with_columns(net=pl.col("gross") - grams("refused_at_dock_kg"))


def test_the_published_number_of_users_is_active(written: Written) -> None:
    sessions = written.read("platform_sessions")
    assert sessions["started_at"].min() > "2023-09-01"  # type: ignore[operator]
    for first in ("2024-05-26", "2024-05-27"):
        window = sessions.filter(between("started_at", first, "2024-06-25"))
        assert window["user_id"].n_unique() == 47


def test_partners_suppliers_and_products_are_as_many_as_published(written: Written) -> None:
    partners = written.read("partners")
    assert len(partners) == 185
    assert (partners["uses_platform"] == "true").sum() == 126
    assert partners.filter(pl.col("kind") == "ccas")["accreditation_expires_on"].null_count() == 38
    assert written.read("suppliers")["supplier_id"].n_unique() == 460
    products = written.read("products")
    # the published catalogue, and what the workshop makes
    assert products["product_code"].str.starts_with("P").sum() == 214
    assert products["product_code"].str.starts_with("A").sum() == 2
    assert (written.read("products")["network_family"] == "unmapped").sum() == 2
    assert len(written.read("vehicles")) == 16
    assert len(written.read("sites")) == 4


def test_orders_are_as_many_as_published(written: Written) -> None:
    orders = (
        written.read("orders")
        .group_by("order_id")
        .agg(
            pl.col("ordered_at", "status", "wanted_on", "partner_id")
            .n_unique()
            .name.suffix("_versions"),
            pl.col("ordered_at").first(),
            pl.len(),
        )
    )
    assert orders.select(pl.max_horizontal(pl.col("^.*_versions$").max())).item() == 1
    assert orders["ordered_at"].min() > "2023-09-01"  # type: ignore[operator]
    assert len(orders.filter(between("ordered_at", "2023-09-01", "2023-12-31"))) == 142
    assert len(orders.filter(between("ordered_at", *TO_DATE))) == 1273
    assert 4.8 < float(orders["len"].mean()) < 6.2  # type: ignore[arg-type]


def test_orders_brought_the_published_tonnes(written: Written, products: pl.DataFrame) -> None:
    rows = written.read("deliveries").join(products, on="product_code", how="left")
    rows = rows.filter(
        pl.col("order_id").is_not_null() & pl.col("is_food") & between("delivered_at", *TO_DATE)
    )
    delivered = rows.select((grams("weight_kg") - grams("refused_kg")).sum()).item()
    assert abs(delivered - 493_000_000) <= 50_000


def test_every_ordered_delivery_names_a_line_of_its_order(written: Written) -> None:
    rows = written.read("deliveries").filter(pl.col("order_id").is_not_null())
    lines = written.read("orders").select("order_id", order_line_no="line_no", asked="product_code")
    joined = rows.join(lines, on=["order_id", "order_line_no"], how="left")
    assert (joined["asked"] == joined["product_code"]).all()
    assert joined["asked"].null_count() == 0


def test_households_and_parcels_are_as_published(written: Written, products: pl.DataFrame) -> None:
    rows = written.read("parcels").join(products, on="product_code", how="left")
    for first, last, households in (
        ("2023-01-01", "2023-12-31", 660),
        (*TO_DATE, 847),
    ):
        window = rows.filter(between("handed_over_at", first, last))
        assert window["household_id"].drop_nulls().n_unique() == households
    weight = rows.filter(between("handed_over_at", *TO_DATE) & pl.col("is_food"))
    assert abs(weight.select(grams("weight_kg").sum()).item() - 2_400_000) <= 20_000
    headers = rows.group_by("parcel_id").agg(
        pl.col(
            "handed_over_at",
            "requested_at",
            "household_id",
            "household_size",
            "children",
            "insee_code",
            "referrer_partner_id",
        ).n_unique()
    )
    assert headers.select(pl.max_horizontal(pl.exclude("parcel_id").max())).item() == 1
    known = rows.drop_nulls("household_id")
    assert (known["children"].cast(int) <= known["household_size"].cast(int) - 1).all()


def test_fresh_food_grew_as_published(receipts: pl.DataFrame) -> None:
    fresh = receipts.filter(pl.col("is_fresh") & pl.col("is_food"))
    before, now = (
        int(fresh.filter(between("received_at", *span))["net"].sum())
        for span in (("2023-01-01", "2023-06-25"), TO_DATE)
    )
    assert abs((now / before - 1) * 100 - 3.60) < 0.03


def test_a_year_has_the_right_scale(written: Written, receipts: pl.DataFrame) -> None:
    year = receipts.filter(between("received_at", "2023-01-01", "2023-12-31"))
    received = int(year["net"].sum()) / 1e6
    assert 2_900 < received < 3_100
    share = dict(year.group_by("channel").agg(pl.col("net").sum() / 1e6 / received).rows())
    assert 0.32 < share["retail_pickup"] < 0.38
    assert 0.08 < share["national_drive"] < 0.12
    handed = written.read("deliveries").filter(between("delivered_at", "2023-01-01", "2023-12-31"))
    out = handed.select((grams("weight_kg") - grams("refused_kg")).sum()).item() / 1e6
    assert 2_650 < out < 2_850
    lost = written.read("removals").filter(between("removed_at", "2023-01-01", "2023-12-31"))
    assert 0.08 < lost.select(grams("weight_kg").sum()).item() / 1e6 / received < 0.12
    eu = receipts.filter(pl.col("channel") == "eu_programme")
    assert eu["lot_id"].null_count() == 0


def test_the_last_day_has_everything_and_none_comes_after(written: Written) -> None:
    for record, column in (
        ("receipts", "received_at"),
        ("deliveries", "delivered_at"),
        ("parcels", "handed_over_at"),
    ):
        days = written.read(record)[column].str.slice(0, 10)
        assert days.max() == "2024-06-25"
        assert days.min() == "2022-07-01"
    for record, column in (
        ("transfers", "received_at"),
        ("rounds", "ended_at"),
        ("removals", "removed_at"),
        ("platform_sessions", "started_at"),
    ):
        assert written.read(record)[column].max() < "2024-06-26"  # type: ignore[operator]


def list_flows(written: Written, receipts: pl.DataFrame) -> pl.DataFrame:
    """(at, site_id, product_code, grams): what each event adds to the stock of a site.

    What a partner refuses comes back in the evening.
    """
    deliveries, transfers = written.read("deliveries"), written.read("transfers")
    parts = [
        receipts.select("site_id", "product_code", at="received_at", grams="net"),
        deliveries.select("site_id", "product_code", at="delivered_at", grams=-grams("weight_kg")),
        deliveries.select(
            "site_id",
            "product_code",
            at=pl.col("delivered_at").str.slice(0, 10) + "T22:00:00",
            grams=grams("refused_kg"),
        ),
        written.read("parcels").select(
            "site_id", "product_code", at="handed_over_at", grams=-grams("weight_kg")
        ),
        written.read("removals").select(
            "site_id", "product_code", at="removed_at", grams=-grams("weight_kg")
        ),
        written.read("transformations").select(
            "site_id",
            "product_code",
            at="made_at",
            grams=pl.when(pl.col("direction") == "output").then(1).otherwise(-1)
            * grams("weight_kg"),
        ),
        transfers.select(
            "product_code", site_id="from_site_id", at="shipped_at", grams=-grams("shipped_kg")
        ),
        transfers.select(
            "product_code", site_id="to_site_id", at="received_at", grams=grams("received_kg")
        ),
    ]
    return pl.concat(parts, how="diagonal").select("at", "site_id", "product_code", "grams")


def find_differences(flows: pl.DataFrame, counts: pl.DataFrame) -> pl.DataFrame:
    """Counted less theoretical grams, for each full count, site and product."""
    evenings = counts["at"].unique().sort()
    numbered = pl.DataFrame({"at": evenings}).with_row_index("number")
    cells = counts.select("site_id", "product_code").unique()
    cells = pl.concat([cells, flows.select("site_id", "product_code").unique()]).unique()
    moved = flows.with_columns(
        number=evenings.search_sorted(flows["at"], side="left").cast(pl.UInt32)
    )
    moved = moved.group_by("number", "site_id", "product_code").agg(pl.col("grams").sum())
    on = ["number", "site_id", "product_code"]
    grid = (
        cells.join(numbered, how="cross")
        .join(moved, on=on, how="left")
        .join(counts, on=["at", "site_id", "product_code"], how="left")
        .with_columns(pl.col("grams", "counted").fill_null(0))
        .sort(on)
    )
    before = pl.col("counted").shift(1).over("site_id", "product_code", order_by="number")
    return grid.with_columns(difference=pl.col("counted") - before - pl.col("grams")).filter(
        pl.col("number") > 0
    )


def read_counts(written: Written) -> pl.DataFrame:
    """Full counts: at, site_id, product_code, counted grams."""
    return written.read("stock_counts").select(
        "site_id", "product_code", at="counted_at", counted=grams("weight_kg")
    )


def test_planted_differences_are_what_the_counts_show(
    written: Written, receipts: pl.DataFrame
) -> None:
    flows, counts = list_flows(written, receipts), read_counts(written)
    found = (
        find_differences(flows, counts).group_by("at", "site_id").agg(pl.col("difference").sum())
    )
    shown = {(at[:10], site): total for at, site, total in found.rows()}
    planted = {(d.counted_on.isoformat(), d.site_id): d.grams for d in written.summary.unexplained}
    assert shown == planted
    assert len(planted) == 23 * 4
    assert any(abs(value) > 50_000 for value in planted.values())


def test_stock_is_never_negative(written: Written, receipts: pl.DataFrame) -> None:
    flows, counts = list_flows(written, receipts), read_counts(written)
    opening = counts.filter(pl.col("at") == pl.col("at").min())
    found = find_differences(flows, counts).filter(pl.col("difference") != 0)
    events = pl.concat(
        [
            opening.select("at", "site_id", "product_code", grams="counted"),
            flows,
            found.select("at", "site_id", "product_code", grams="difference"),
        ]
    ).sort("at", maintain_order=True)
    level = events.select(pl.col("grams").cum_sum().over("site_id", "product_code").alias("level"))
    assert level["level"].min() >= 0  # type: ignore[operator]


def test_lots_never_give_more_than_was_received(written: Written, receipts: pl.DataFrame) -> None:
    opened = written.read("stock_counts").drop_nulls("lot_id")
    cooked = written.read("transformations").drop_nulls("lot_id")
    made = cooked.filter(pl.col("direction") == "output")
    used = cooked.filter(pl.col("direction") == "input")
    came = (
        pl.concat(
            [
                receipts.drop_nulls("lot_id").select("lot_id", "product_code", grams="net"),
                opened.select("lot_id", "product_code", grams=grams("weight_kg")),
                made.select("lot_id", "product_code", grams=grams("weight_kg")),
            ]
        )
        .group_by("lot_id", "product_code")
        .agg(pl.col("grams").sum())
    )
    left = (
        pl.concat(
            [
                written.read(record)
                .drop_nulls("lot_id")
                .select("lot_id", "product_code", out=grams("weight_kg"))
                for record in ("deliveries", "parcels", "removals")
            ]
            + [used.select("lot_id", "product_code", out=grams("weight_kg"))]
        )
        .group_by("lot_id", "product_code")
        .agg(pl.col("out").sum())
    )
    joined = left.join(came, on=["lot_id", "product_code"], how="left")
    assert joined["grams"].null_count() == 0
    assert (joined["out"] <= joined["grams"]).all()


def test_stops_carry_what_receipts_and_deliveries_say(
    written: Written, receipts: pl.DataFrame
) -> None:
    stops = written.read("round_stops")
    pairs = (
        (
            "supplier",
            "loaded_kg",
            receipts.drop_nulls("round_id").select(
                "round_id", place_id="supplier_id", grams="gross"
            ),
        ),
        (
            "partner",
            "unloaded_kg",
            written.read("deliveries")
            .drop_nulls("round_id")
            .select("round_id", place_id="partner_id", grams=grams("weight_kg")),
        ),
        (
            "site",
            "unloaded_kg",
            written.read("transfers").select(
                "round_id", place_id="to_site_id", grams=grams("shipped_kg")
            ),
        ),
    )
    for kind, column, carried in pairs:
        said = carried.group_by("round_id", "place_id").agg(pl.col("grams").sum())
        seen = (
            stops.filter(pl.col("place_kind") == kind)
            .group_by("round_id", "place_id")
            .agg(grams(column).sum().alias("seen"))
        )
        joined = said.join(seen, on=["round_id", "place_id"], how="left")
        assert (joined["grams"] == joined["seen"]).all()
        assert joined["seen"].null_count() == 0
    failed = stops.filter(pl.col("outcome") != "done")
    assert failed.select((grams("loaded_kg") + grams("unloaded_kg")).sum()).item() == 0


def test_rounds_and_references_point_at_rows_that_exist(written: Written) -> None:
    rounds = set(written.read("rounds")["round_id"])
    for record in ("receipts", "deliveries", "transfers", "round_stops"):
        assert set(written.read(record)["round_id"].drop_nulls()) <= rounds
    receipts = set(written.read("receipts")["receipt_id"])
    assert set(written.read("removals")["receipt_id"].drop_nulls()) <= receipts
    partners = set(written.read("partners")["partner_id"])
    for record in ("orders", "deliveries", "platform_sessions"):
        assert set(written.read(record)["partner_id"].drop_nulls()) <= partners


def test_rounds_end_on_their_day_and_fit_their_truck(written: Written) -> None:
    rounds = written.read("rounds").join(written.read("vehicles"), on="vehicle_id", how="left")
    assert (rounds["started_at"].str.slice(0, 10) == rounds["planned_on"]).all()
    assert (rounds["ended_at"].str.slice(0, 10) == rounds["planned_on"]).all()
    stops = written.read("round_stops").filter(pl.col("place_kind") == "site")
    fullest = stops.group_by("round_id").agg(
        pl.max_horizontal(grams("loaded_kg"), grams("unloaded_kg")).max().alias("fullest")
    )
    joined = rounds.join(fullest, on="round_id", how="inner")
    assert joined.select((pl.col("fullest") <= grams("payload_kg")).all()).item()
    assert 0.55 < joined["energy_used"].is_not_null().mean() < 0.65  # type: ignore[operator]


def test_keys_are_unique_but_for_corrections(written: Written) -> None:
    for record, keys in KEYS.items():
        rows = written.read_delivered(record)
        if "is_deleted" in rows.columns:
            rows = rows.filter(pl.col("is_deleted").is_null())
        if record != "suppliers":
            assert not rows.select(keys).is_duplicated().any(), record


def test_bad_rows_are_where_the_summary_says(written: Written) -> None:
    summary = written.summary
    assert len(summary.bad_rows) == 25
    for bad in summary.bad_rows:
        path = written.landing / "bourgogne" / bad.record / f"{bad.record}-{bad.month}.csv"
        rows = read_rows(path)
        row = rows.filter(pl.col(KEYS[bad.record][0]) == bad.key)
        assert row[bad.column].fill_null("").to_list() == [bad.value]


def test_corrections_change_move_and_delete(written: Written) -> None:
    before, after = written.read_delivered("receipts"), written.read("receipts")
    changes = {c.change: c.key for c in written.summary.corrections if c.record == "receipts"}
    moved = pl.col("receipt_id") == changes["received_at"]
    assert before.filter(moved)["received_at"].min() < "2023-11"  # type: ignore[operator]
    assert after.filter(moved)["received_at"].min() > "2023-11"  # type: ignore[operator]
    assert after.filter(pl.col("receipt_id") == changes["is_deleted"]).is_empty()


def test_the_summary_counts_the_rows(written: Written) -> None:
    for record, count in written.summary.rows.items():
        assert len(written.read_delivered(record)) == count
    left = [p for p in written.landing.rglob("*") if p.is_file() and p not in written.summary.files]
    assert left == []


def read_bytes(summary: DemonstrationSummary, landing: Path) -> dict[str, bytes]:
    """The bytes of each file by its place in the landing folder."""
    return {path.relative_to(landing).as_posix(): path.read_bytes() for path in summary.files}


def test_the_same_seed_writes_the_same_bytes(written: Written, tmp_path: Path) -> None:
    again = write_demonstration(tmp_path)
    assert read_bytes(again, tmp_path) == read_bytes(written.summary, written.landing)
    assert write_demonstration(tmp_path, seed=7).rows["receipts"] > 0
    other = (tmp_path / "bourgogne" / "receipts" / "receipts-2023-03.csv").read_bytes()
    assert other != (written.landing / "bourgogne/receipts/receipts-2023-03.csv").read_bytes()


@pytest.mark.parametrize("until", [date(2022, 7, 20), date(2023, 11, 12), date(2024, 8, 10)])
def test_another_end_shortens_or_extends_the_period(tmp_path: Path, until: date) -> None:
    shorter = Written(tmp_path, write_demonstration(tmp_path, until=until))
    last = shorter.read("deliveries")["delivered_at"].max()
    assert "2022-07-01" < last < f"{until.isoformat()}T24"  # type: ignore[operator]


def test_scale_repeats_the_activity_under_other_keys(written: Written, tmp_path: Path) -> None:
    twice = Written(tmp_path, write_demonstration(tmp_path, scale=2))
    once = written.read("deliveries").select(grams("weight_kg").sum()).item()
    rows = twice.read("deliveries")
    assert rows.select(grams("weight_kg").sum()).item() == 2 * once
    assert len(rows) == 2 * len(written.read("deliveries"))
    with pytest.raises(ValueError, match="scale"):
        write_demonstration(tmp_path, scale=0)


def test_the_workshop_makes_food_of_what_would_have_been_thrown_away(written: Written) -> None:
    lines = written.read("transformations").with_columns(grams=grams("weight_kg"))
    sums = dict(lines.group_by("direction").agg(pl.col("grams").sum()).rows())
    assert 0.7 < sums["output"] / sums["input"] < 0.9
    year = lines.filter(
        (pl.col("direction") == "input") & pl.col("made_at").str.starts_with("2023")
    )
    assert 20_000_000 < year["grams"].sum() < 40_000_000
    # All of it leaves on the day that it is made.
    made = lines.filter(pl.col("direction") == "output").select("lot_id", "grams")
    left = (
        written.read("deliveries")
        .filter(pl.col("product_code").str.starts_with("A"))
        .select("lot_id", grams("weight_kg").alias("grams"))
    )
    assert made.sort("lot_id").equals(left.sort("lot_id"))
    assert made["lot_id"].n_unique() == len(made) > 100


def test_partners_declare_most_months(written: Written) -> None:
    reports = written.read("beneficiary_reports")
    assert 0.75 < len(reports) / (185 * 23) < 0.92
    numbers = reports.with_columns(pl.exclude("food_bank_id", "partner_id", "month").cast(pl.Int64))
    ages = pl.sum_horizontal(pl.col("^people_[0-9].*$"))
    assert numbers.filter(ages != pl.col("people")).is_empty()
    assert numbers.filter(pl.col("women") + pl.col("men") != pl.col("people")).is_empty()
    assert numbers.filter(pl.col("households") > pl.col("people")).is_empty()
    last = reports.group_by("partner_id").agg(pl.col("month").max())
    assert (last["month"] == "2023-09-01").sum() == 1, "one partner fell silent"
    assert reports["month"].max() == "2024-05-01", "June is not over"


def test_vouchers_are_used_for_no_more_than_they_are_worth(written: Written) -> None:
    vouchers = written.read("vouchers")
    amounts = vouchers.with_columns(pl.col("amount_eur", "redeemed_eur").cast(pl.Float64))
    assert amounts.filter(pl.col("redeemed_eur") > pl.col("amount_eur")).is_empty()
    assert vouchers.filter(pl.col("redeemed_at") < pl.col("issued_at")).is_empty()
    assert 0.7 < amounts["redeemed_eur"].sum() / amounts["amount_eur"].sum() < 0.95
    assert 0 < vouchers["household_id"].null_count() < len(vouchers) / 5
    parcels = written.read("parcels")["household_id"].drop_nulls()
    assert not set(vouchers["household_id"].drop_nulls()) & set(parcels)


def test_meters_run_all_year_and_heat_in_winter(written: Written) -> None:
    energy = written.read("site_energy").with_columns(pl.col("energy_kwh").cast(pl.Float64))
    assert energy["energy_kwh"].min() > 0  # type: ignore[operator]
    cold = energy.filter(pl.col("meter") == "froid")
    assert len(cold) == 4 * 23
    heated = energy.filter(pl.col("meter") == "chauffage")["period_start"].str.slice(5, 2)
    assert set(heated) == {"01", "02", "03", "04", "10", "11", "12"}
    top_ups = written.read("refrigerant_top_ups")
    assert top_ups.filter(pl.col("site_id").is_null() == pl.col("vehicle_id").is_null()).is_empty()


def test_targets_and_notes_name_no_person(written: Written) -> None:
    assert set(written.read("targets")["decided_by"]) == {
        "Conseil d'administration de la démonstration"
    }
    notes = written.read("events")
    assert notes["source"].str.contains("Démonstration").all()
    assert notes["date"].max() == "2024-06-25"
