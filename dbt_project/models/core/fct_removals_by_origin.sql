with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    products as (select * from {{ ref("dim_products") }}),

    receipts as (
        select food_bank_id, receipt_id, line_no, supplier_id, channel, lot_id, product_code
        from {{ ref("int_receipts") }}
        where not is_deleted
    ),

    -- one receipt has one supplier; a lot received more than once takes its first receipt
    receipts_once as (
        select food_bank_id, receipt_id, min(supplier_id) as supplier_id, min(channel) as channel
        from receipts
        group by food_bank_id, receipt_id
    ),

    lots_once as (
        select
            food_bank_id,
            lot_id,
            product_code,
            min(supplier_id) as supplier_id,
            min(channel) as channel
        from {{ ref("fct_lots") }}
        where receipts > 0
        group by food_bank_id, lot_id, product_code
    )

select
    removals.food_bank_id,
    removals.removal_id,
    removals.line_no,
    removals.removed_date,
    removals.month,
    removals.site_id,
    removals.product_code,
    coalesce(products.network_family, 'unmapped') as network_family,
    coalesce(products.is_food, true) as is_food,
    removals.reason,
    removals.destination,
    removals.collector,
    removals.reason
    in ('sorting', 'expired', 'damaged', 'cold_chain_break', 'packaging') as is_loss,
    coalesce(removals.supplier_id, receipts_once.supplier_id, lots_once.supplier_id) as supplier_id,
    coalesce(receipts_once.channel, lots_once.channel) as channel,
    removals.weight_kg
from {{ ref("int_removals") }} as removals
inner join
    food_banks
    on removals.food_bank_id = food_banks.food_bank_id
    and removals.removed_date <= food_banks.data_date
left join
    products
    on removals.food_bank_id = products.food_bank_id
    and removals.product_code = products.product_code
left join
    receipts_once
    on removals.food_bank_id = receipts_once.food_bank_id
    and removals.receipt_id = receipts_once.receipt_id
left join
    lots_once
    on removals.food_bank_id = lots_once.food_bank_id
    and removals.lot_id = lots_once.lot_id
    and removals.product_code = lots_once.product_code
where not removals.is_deleted
