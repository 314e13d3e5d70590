{{ config(meta={"dagster": {"ref": {"name": "fct_distribution_origin_daily"}}}) }}

-- Saying where food comes from must neither add nor lose a gram of what was distributed.
with

    origins as (
        select food_bank_id, distribution_date, sum(weight_kg) as weight_kg
        from {{ ref("fct_distribution_origin_daily") }}
        group by food_bank_id, distribution_date
    ),

    distributed as (
        select
            movements.food_bank_id,
            movements.movement_date as distribution_date,
            sum({{ handed_over_kg() }}) as weight_kg
        from {{ ref("fct_food_movements") }} as movements
        left join
            {{ ref("dim_products") }} as products
            on movements.food_bank_id = products.food_bank_id
            and movements.product_code = products.product_code
        where
            movements.movement_kind in ('delivery', 'delivery_return', 'parcel')
            and coalesce(products.is_food, true)
        group by movements.food_bank_id, movements.movement_date
    )

select
    food_bank_id,
    distribution_date,
    origins.weight_kg as origin_kg,
    distributed.weight_kg as distributed_kg
from origins
full outer join distributed using (food_bank_id, distribution_date)
where
    coalesce(cast(origins.weight_kg as decimal(18, 6)), 0)
    <> coalesce(cast(distributed.weight_kg as decimal(18, 6)), 0)
