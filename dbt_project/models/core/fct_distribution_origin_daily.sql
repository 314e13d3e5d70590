{{
    config(
        materialized="incremental",
        incremental_strategy="months_of_facts",
        meta={"months": "int_touched_origin_months"},
    )
}}

-- depends_on: {{ ref("int_touched_origin_months") }}
with

    movements as (
        select *
        from {{ ref("fct_food_movements") }}
        where
            movement_kind in ('delivery', 'delivery_return', 'parcel')
            {{ where_to_build("int_touched_origin_months", keyword="and") }}
    ),

    receipts as (select * from {{ ref("int_receipts") }} where not is_deleted),

    products as (select * from {{ ref("dim_products") }}),

    -- A product that no catalogue knows is counted as food, without a family.
    families as (
        select
            food_bank_id,
            product_code,
            is_food,
            nullif(network_family, 'unmapped') as network_family
        from products
    ),

    distributed as (
        select
            movements.food_bank_id,
            movements.movement_date as distribution_date,
            movements.month,
            movements.product_code,
            families.network_family,
            movements.lot_id,
            sum({{ handed_over_kg() }}) as weight_kg
        from movements
        left join
            families
            on movements.food_bank_id = families.food_bank_id
            and movements.product_code = families.product_code
        where coalesce(families.is_food, true)
        group by all
    ),

    lots as ({{ first_receipts_of_lots("distributed") }}),

    by_lot as (
        select distributed.*, lots.channel as lot_channel
        from distributed
        left join
            lots
            on distributed.food_bank_id = lots.food_bank_id
            and distributed.product_code = lots.product_code
            and distributed.lot_id = lots.lot_id
    ),

    without_lot as (
        select
            food_bank_id,
            distribution_date,
            month,
            product_code,
            network_family,
            sum(weight_kg) as weight_kg
        from by_lot
        where lot_channel is null
        group by all
    ),

    {{ receipt_mixes("int_touched_origin_months") }},

    {{ attributed_by_mix("without_lot", ["food_bank_id", "distribution_date"], decimals=6) }},

    origins as (
        select
            food_bank_id,
            distribution_date,
            month,
            lot_channel as channel,
            true as is_attributed_by_lot,
            cast(weight_kg as decimal(18, 6)) as weight_kg
        from by_lot
        where lot_channel is not null
        union all
        select
            food_bank_id,
            distribution_date,
            month,
            channel,
            false as is_attributed_by_lot,
            cast(weight_kg as decimal(18, 6)) as weight_kg
        from attributed_by_mix
    )

select
    food_bank_id,
    distribution_date,
    month,
    channel,
    is_attributed_by_lot,
    cast(sum(weight_kg) as decimal(18, 6)) as weight_kg
from origins
group by food_bank_id, distribution_date, month, channel, is_attributed_by_lot
having sum(weight_kg) <> 0
