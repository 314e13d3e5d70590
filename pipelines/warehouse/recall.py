"""Where recalled food is: in stock, with partners by delivery note, in parcels, removed.

A lot, a product or a supplier's food is followed through the warehouse of the last build. Where a
line names no lot, it is `possible` for as long as food of the recall may have stood at its site:
nothing that may hold it is left out. Parcels are told by their number, never by their household.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from pipelines.settings import Settings

# Where the food is, in the order in which somebody has to act.
PLACES = ("in_stock", "delivered", "parcel", "other_food_bank", "transformed", "removed")


class RecallError(Exception):
    """Nothing can be followed; the message says why and what to do."""


@dataclass(frozen=True)
class Sought:
    """What is recalled: exactly one of a lot, a product and a supplier, received in these days.

    `first`, `last`: days of receipt, both included; None: any.
    """

    lot: str | None = None
    product: str | None = None
    supplier: str | None = None
    first: date | None = None
    last: date | None = None
    food_banks: Sequence[str] = ()

    def named(self) -> tuple[str, str]:
        """Which of the three is sought, and its code."""
        return next(
            (kind, value)
            for kind, value in (
                ("lot", self.lot), ("product", self.product), ("supplier", self.supplier)
            )
            if value is not None
        )  # fmt: skip

    def describe(self) -> str:
        """In words, for messages."""
        return " ".join(self.named())


@dataclass(frozen=True)
class RecallRow:
    """One place of recalled food. `certainty`: `certain` by its lot, else `possible`.

    `weight_kg`: net of what the partner refused; of stock at most, as exits may lack their lot.
    `document`: delivery note, parcel, removal, transfer or batch, with its line.
    """

    place: str
    certainty: str
    food_bank_id: str
    site_id: str | None
    holder: str | None
    document: str | None
    line_no: int | None
    day: date | None
    product_code: str
    product: str | None
    lot_id: str | None
    weight_kg: Decimal


_RECALLED = """
create temp table recalled as
select food_bank_id, product_code, lot_id, site_id, received_date, date_kind, expires_on
from int_receipts
where not is_deleted
    and ($lot is null or lot_id = $lot)
    and ($product is null or product_code = $product)
    and ($supplier is null or supplier_id = $supplier)
    and ($first is null or received_date >= $first)
    and ($last is null or received_date <= $last)
    and ($food_banks is null or food_bank_id in (select unnest($food_banks)))
"""

# A use-by date ends the days on which food may have been handed out, any other date does not.
_WINDOWS = """
create temp table windows as
select
    recalled.food_bank_id,
    recalled.product_code,
    min(recalled.received_date) as first_day,
    max(case
        when recalled.date_kind = 'use_by' and recalled.expires_on is not null
        then recalled.expires_on
        else food_banks.data_date
    end) as last_day
from recalled
inner join dim_food_banks as food_banks on recalled.food_bank_id = food_banks.food_bank_id
group by all
"""

# Sites that food of the recall may have reached: where it came in, and onwards by transfers.
_SITES = """
create temp table sites as
with recursive reached as (
    select distinct food_bank_id, product_code, site_id from recalled
    union
    select transfers.food_bank_id, transfers.product_code, transfers.to_site_id
    from int_transfers as transfers
    inner join reached
        on transfers.food_bank_id = reached.food_bank_id
        and transfers.product_code = reached.product_code
        and transfers.from_site_id = reached.site_id
    inner join windows
        on transfers.food_bank_id = windows.food_bank_id
        and transfers.product_code = windows.product_code
        and transfers.shipped_date >= windows.first_day
    where not transfers.is_deleted
        and transfers.to_site_id is not null
        and (transfers.lot_id is null or (transfers.food_bank_id, transfers.lot_id) in (
            select (food_bank_id, lot_id) from recalled where lot_id is not null
        ))
)
select * from reached
"""

# place, table, document, site, day, kilograms, holder, condition, whether a use-by date ends it
_MOVES = (
    ("delivered", "int_deliveries", "delivery_id", "site_id", "delivered_date",
     "weight_kg - coalesce(refused_kg, 0)", "partner_id", "true", True),
    ("parcel", "int_parcels", "parcel_id", "site_id", "handed_over_date",
     "weight_kg", "null", "true", True),
    ("other_food_bank", "int_transfers", "transfer_id", "from_site_id", "shipped_date",
     "shipped_kg", "to_food_bank_id", "to_food_bank_id is not null", True),
    ("transformed", "int_transformations", "batch_id", "site_id", "made_date",
     "weight_kg", "made_by_partner_id", "direction = 'input'", True),
    ("removed", "int_removals", "removal_id", "site_id", "removed_date",
     "weight_kg", "collector", "true", False),
)  # fmt: skip

_STOCK = """
select
    'in_stock' as place,
    case when batches.lot_id is null then 'possible' else 'certain' end as certainty,
    batches.food_bank_id, batches.site_id, null as holder, null as document, null as line_no,
    null as day, batches.product_code, batches.lot_id, batches.stock_kg as weight_kg
from fct_stock_batches as batches
where (batches.food_bank_id, batches.product_code, batches.site_id)
        in (select (food_bank_id, product_code, site_id) from sites)
    and (batches.lot_id is null or (batches.food_bank_id, batches.lot_id) in (
        select (food_bank_id, lot_id) from recalled where lot_id is not null
    ))
"""


def follow(settings: Settings, sought: Sought) -> list[RecallRow]:
    """Every place of recalled food, certain ones first in each kind of place, then by day.

    Raises RecallError without a warehouse, while a refresh writes it, or where nothing was
    received under what is sought.
    """
    if not settings.warehouse_file.is_file():
        raise RecallError("nothing was built yet: collecto refresh")
    try:
        connection = duckdb.connect(str(settings.warehouse_file), read_only=True)
    except duckdb.IOException:
        raise RecallError("a refresh is at work: ask again when it has ended") from None
    with connection:
        parameters: dict[str, Any] = {
            "lot": sought.lot, "product": sought.product, "supplier": sought.supplier,
            "first": sought.first, "last": sought.last,
            "food_banks": list(sought.food_banks) or None,
        }  # fmt: skip
        connection.execute(_RECALLED, parameters)
        [(found,)] = connection.execute("select count(*) from recalled").fetchall()
        if not found:
            raise RecallError(
                f"nothing was received under {sought.describe()}"
                + (" in these days" if sought.first or sought.last else "")
                + "; look it up by product and days: collecto recall --product P --from D --to D"
            )
        connection.execute(_WINDOWS)
        connection.execute(_SITES)
        union = " union all ".join([_STOCK, *(_select_moves(*move) for move in _MOVES)])
        rows = connection.execute(
            f"""
            select
                rows.place, rows.certainty, rows.food_bank_id, rows.site_id,
                coalesce(partners.name, rows.holder), rows.document, rows.line_no, rows.day,
                rows.product_code, products.label, rows.lot_id, rows.weight_kg
            from ({union}) as rows
            left join dim_products as products
                on rows.food_bank_id = products.food_bank_id
                and rows.product_code = products.product_code
            left join dim_partners as partners
                on rows.food_bank_id = partners.food_bank_id
                and rows.holder = partners.partner_id
                and rows.place in ('delivered', 'transformed')
            order by
                list_position($places, rows.place), rows.certainty, rows.day, rows.food_bank_id,
                rows.site_id, rows.document, rows.line_no, rows.lot_id
            """,
            {"places": list(PLACES)},
        ).fetchall()
    return [RecallRow(*row) for row in rows]


def _select_moves(
    place: str,
    table: str,
    document: str,
    site: str,
    day: str,
    weight: str,
    holder: str,
    condition: str,
    ends_with_use_by: bool,
) -> str:
    until = f"and moves.{day} <= windows.last_day" if ends_with_use_by else ""
    return f"""
    select
        '{place}', case when moves.lot_id is null then 'possible' else 'certain' end,
        moves.food_bank_id, moves.{site}, cast({holder} as varchar), moves.{document},
        moves.line_no, moves.{day}, moves.product_code, moves.lot_id, {weight}
    from {table} as moves
    inner join windows
        on moves.food_bank_id = windows.food_bank_id
        and moves.product_code = windows.product_code
    where not moves.is_deleted and {condition}
        and (
            (moves.food_bank_id, moves.lot_id) in (
                select (food_bank_id, lot_id) from recalled where lot_id is not null
            )
            or (
                moves.lot_id is null
                and moves.{day} >= windows.first_day
                {until}
                and (moves.food_bank_id, moves.product_code, moves.{site})
                    in (select (food_bank_id, product_code, site_id) from sites)
            )
        )
    """


def add_up(rows: Sequence[RecallRow]) -> list[dict[str, Any]]:
    """Kilograms and lines by place and certainty, in the order of PLACES."""
    sums: dict[tuple[str, str], list[Decimal]] = {}
    for row in rows:
        sums.setdefault((row.place, row.certainty), []).append(row.weight_kg)
    return [
        {
            "place": place,
            "certainty": certainty,
            "lines": len(sums[place, certainty]),
            "weight_kg": sum(sums[place, certainty], Decimal(0)),
        }
        for place in PLACES
        for certainty in ("certain", "possible")
        if (place, certainty) in sums
    ]


def as_json(rows: Sequence[RecallRow]) -> dict[str, Any]:
    """Sums and rows as plain values."""
    return {"sums": add_up(rows), "rows": [asdict(row) for row in rows]}
