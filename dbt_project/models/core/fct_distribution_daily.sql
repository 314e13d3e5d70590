with
    products as (select * from {{ ref("dim_products") }}),

    lots as (
        select food_bank_id, lot_id, min(received_date) as received_date
        from {{ ref("int_receipts") }}
        where lot_id is not null and not is_deleted
        group by food_bank_id, lot_id
    ),

    distributed as (
        select
            movements.food_bank_id,
            movements.movement_date,
            movements.month,
            {{ handed_over_kg() }} as weight_kg,
            movements.movement_date - lots.received_date as days_here
        from {{ ref("fct_food_movements") }} as movements
        left join
            products
            on movements.food_bank_id = products.food_bank_id
            and movements.product_code = products.product_code
        left join
            lots on movements.food_bank_id = lots.food_bank_id and movements.lot_id = lots.lot_id
        where
            movements.movement_kind in ('delivery', 'delivery_return', 'parcel')
            and coalesce(products.is_food, true)
    )

select
    food_bank_id,
    movement_date as distribution_date,
    month,
    cast(sum(weight_kg) as decimal(18, 3)) as distributed_kg,
    cast(
        coalesce(sum(weight_kg) filter (where days_here is not null), 0) as decimal(18, 3)
    ) as lot_known_kg,
    cast(coalesce(sum(weight_kg * days_here), 0) as decimal(18, 3)) as lot_known_kg_days
from distributed
group by food_bank_id, movement_date, month
