with
    receipts as (select * from {{ ref("int_receipts") }}),

    receipt_versions as (select * from {{ ref("stg_receipts") }}),

    deliveries as (select * from {{ ref("int_deliveries") }}),

    parcels as (select * from {{ ref("int_parcels") }}),

    touched_receipts as ({{ touched_months(["receipts"]) }}),

    changed_products as (
        {{ changed_references("products", ["product_code"], ["is_food", "network_family"]) }}
    ),

    distributed as (
        select food_bank_id, month, product_code, lot_id
        from deliveries
        union all
        select food_bank_id, month, product_code, lot_id
        from parcels
    ),

    -- All versions: a corrected lot also touches what was handed out of the lot that it was.
    touched_lots as (
        select distinct food_bank_id, product_code, lot_id
        from receipt_versions
        where
            lot_id is not null
            and (food_bank_id, month) in (select food_bank_id, month from touched_receipts)
    ),

    receipt_months as (
        select food_bank_id, month
        from touched_receipts
        union
        select food_bank_id, month
        from receipts
        where
            (food_bank_id, product_code)
            in (select food_bank_id, product_code from changed_products)
    ),

    months as (
        {{ touched_months(["deliveries", "parcels"]) }}
        union all
        -- the receipts of a month feed its own mix and those of the two months after
        select
            receipt_months.food_bank_id,
            cast(receipt_months.month + to_months(ages.months) as date) as month
        from receipt_months
        cross join (values (0), (1), (2)) as ages(months)
        union all
        select food_bank_id, month
        from distributed
        where
            (food_bank_id, product_code, lot_id)
            in (select food_bank_id, product_code, lot_id from touched_lots)
            or (food_bank_id, product_code)
            in (select food_bank_id, product_code from changed_products)
    )

select distinct food_bank_id, month
from months
where month is not null
