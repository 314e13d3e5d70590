{%- set flows = {
    "received": "receipt",
    "refused_at_dock": "dock_refusal",
    "transferred_in": "transfer_arrival",
    "transformation_output": "transformation_output",
    "delivered": "delivery",
    "returned": "delivery_return",
    "parcels": "parcel",
    "removed": "removal",
    "transferred_out": "transfer_shipment",
    "transformation_input": "transformation_input",
} -%}
with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    receipts as (
        select receipts.*
        from {{ ref("int_receipts") }} as receipts
        inner join
            food_banks
            on receipts.food_bank_id = food_banks.food_bank_id
            and receipts.received_date <= food_banks.data_date
        where receipts.lot_id is not null and not receipts.is_deleted
    ),

    movements as (
        select movements.*
        from {{ ref("fct_food_movements") }} as movements
        inner join
            food_banks
            on movements.food_bank_id = food_banks.food_bank_id
            and movements.movement_date <= food_banks.data_date
        where
            movements.lot_id is not null
            and (movements.from_account = 'site' or movements.to_account = 'site')
    ),

    -- a lot keeps its date wherever it is taken
    received_lots as (
        select
            food_bank_id,
            lot_id,
            product_code,
            count(distinct receipt_id) as receipts,
            arg_min(receipt_id, (received_at, receipt_id, line_no)) as receipt_id,
            arg_min(supplier_id, (received_at, receipt_id, line_no)) as supplier_id,
            arg_min(channel, (received_at, receipt_id, line_no)) as channel,
            min(received_date) as received_date,
            arg_min(date_kind, (expires_on, received_at, receipt_id, line_no)) as date_kind,
            min(expires_on) as expires_on
        from receipts
        group by food_bank_id, lot_id, product_code
    ),

    moved as (
        select
            food_bank_id,
            lot_id,
            product_code,
            site_id,
            min(movement_date) as first_moved_on,
            max(movement_date) as last_moved_on,
            {% for flow, kind in flows.items() -%}
                coalesce(
                    sum(weight_kg) filter (where movement_kind = '{{ kind }}'), 0
                ) as {{ flow }}_kg,
            {% endfor -%}
            sum({{ stock_change() }}) as remaining_kg
        from movements
        group by food_bank_id, lot_id, product_code, site_id
    )

select
    -- ids
    moved.food_bank_id,
    moved.lot_id,
    moved.product_code,
    moved.site_id,
    received_lots.receipt_id,
    received_lots.supplier_id,
    -- text
    received_lots.channel,
    received_lots.date_kind,
    -- numbers
    coalesce(received_lots.receipts, 0) as receipts,
    cast(moved.received_kg - moved.refused_at_dock_kg as decimal(18, 3)) as received_kg,
    cast(moved.transferred_in_kg as decimal(18, 3)) as transfers_in_kg,
    cast(moved.transformation_output_kg as decimal(18, 3)) as transformation_output_kg,
    cast(moved.delivered_kg as decimal(18, 3)) as delivered_kg,
    cast(moved.returned_kg as decimal(18, 3)) as returned_kg,
    cast(moved.parcels_kg as decimal(18, 3)) as parcels_kg,
    cast(moved.removed_kg as decimal(18, 3)) as removed_kg,
    cast(moved.transferred_out_kg as decimal(18, 3)) as transfers_out_kg,
    cast(moved.transformation_input_kg as decimal(18, 3)) as transformation_input_kg,
    cast(moved.remaining_kg as decimal(18, 3)) as remaining_kg,
    -- dates
    received_lots.received_date,
    received_lots.expires_on,
    moved.first_moved_on,
    moved.last_moved_on
from moved
left join
    received_lots
    on moved.food_bank_id = received_lots.food_bank_id
    and moved.lot_id = received_lots.lot_id
    and moved.product_code = received_lots.product_code
