{{ config(materialized="view") }}

with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    products as (select * from {{ ref("dim_products") }}),

    receipts as (select * from {{ ref("int_receipts") }}),

    transfers as (select * from {{ ref("int_transfers") }}),

    moved as (
        select
            movements.*,
            receipts.date_kind,
            receipts.expires_on,
            -- nobody is told by a parcel
            case
                when movements.to_account = 'household'
                then null
                when movements.movement_kind = 'transfer_shipment'
                then coalesce(transfers.to_site_id, transfers.to_food_bank_id)
                when movements.movement_kind = 'transfer_arrival'
                then coalesce(transfers.to_food_bank_id, transfers.from_site_id)
                when movements.from_account = 'site'
                then movements.to_id
                else movements.from_id
            end as other_id
        from {{ ref("fct_food_movements") }} as movements
        inner join
            food_banks
            on movements.food_bank_id = food_banks.food_bank_id
            and movements.movement_date <= food_banks.data_date
        -- what concerns movements alone stands within the keys: a condition beside them would make
        -- duckdb compare every line with every other
        left join
            receipts
            on movements.food_bank_id = receipts.food_bank_id
            and case when movements.movement_kind = 'receipt' then movements.document_id end
            = receipts.receipt_id
            and movements.line_no = receipts.line_no
        left join
            transfers
            on movements.food_bank_id = transfers.food_bank_id
            and case when movements.record = 'transfers' then movements.document_id end
            = transfers.transfer_id
            and movements.line_no = transfers.line_no
        where
            movements.record <> 'stock_counts' and movements.movement_kind <> 'transfer_difference'
    ),

    in_stock as (
        select batches.*, food_banks.data_date
        from {{ ref("fct_stock_batches") }} as batches
        inner join food_banks on batches.food_bank_id = food_banks.food_bank_id
        where batches.stock_kg > 0
    ),

    lines as (
        select
            food_bank_id,
            movement_id as line_id,
            case
                when movement_kind = 'transfer_arrival' and to_account = 'other_food_bank'
                then 'transfer_away'
                else movement_kind
            end as movement_kind,
            movement_date as moved_on,
            document_id,
            line_no,
            site_id,
            other_id,
            product_code,
            lot_id,
            date_kind,
            expires_on,
            weight_kg
        from moved
        union all
        select
            food_bank_id,
            concat_ws(
                ':', food_bank_id, 'stock', site_id, product_code, lot_id, date_kind, expires_on
            ),
            'stock',
            data_date,
            null,
            null,
            site_id,
            null,
            product_code,
            nullif(lot_id, ''),
            date_kind,
            expires_on,
            stock_kg
        from in_stock
    )

select
    -- ids
    lines.food_bank_id,
    lines.line_id,
    lines.document_id,
    lines.site_id,
    lines.other_id,
    lines.product_code,
    lines.lot_id,
    -- text
    lines.movement_kind,
    coalesce(products.network_family, 'unmapped') as network_family,
    lines.date_kind,
    -- numbers
    cast(lines.line_no as bigint) as line_no,
    cast(lines.weight_kg as decimal(18, 3)) as weight_kg,
    -- dates
    lines.moved_on,
    lines.expires_on
from lines
left join
    products
    on lines.food_bank_id = products.food_bank_id
    and lines.product_code = products.product_code
