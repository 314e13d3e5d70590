with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    products as (select * from {{ ref("dim_products") }}),

    -- what moved before the first day published is there on that day
    changes as (
        select
            movements.food_bank_id,
            movements.site_id,
            coalesce(products.network_family, 'unmapped') as network_family,
            greatest(movements.movement_date, food_banks.data_date - 399) as stock_date,
            sum({{ stock_change("movements.weight_kg") }}) as change_kg
        from {{ ref("fct_food_movements") }} as movements
        inner join
            food_banks
            on movements.food_bank_id = food_banks.food_bank_id
            and movements.movement_date <= food_banks.data_date
        left join
            products
            on movements.food_bank_id = products.food_bank_id
            and movements.product_code = products.product_code
        where movements.from_account = 'site' or movements.to_account = 'site'
        group by all
    ),

    held as (
        select
            changes.food_bank_id,
            changes.site_id,
            changes.network_family,
            min(changes.stock_date) as first_date,
            max(food_banks.data_date) as data_date
        from changes
        inner join food_banks on changes.food_bank_id = food_banks.food_bank_id
        group by changes.food_bank_id, changes.site_id, changes.network_family
    ),

    days as (
        select
            food_bank_id,
            site_id,
            network_family,
            cast(
                unnest(generate_series(first_date, data_date, interval 1 day)) as date
            ) as stock_date
        from held
    )

select
    days.food_bank_id,
    days.site_id,
    days.network_family,
    days.stock_date,
    cast(
        sum(coalesce(changes.change_kg, 0)) over (
            partition by days.food_bank_id, days.site_id, days.network_family
            order by days.stock_date
        ) as decimal(18, 3)
    ) as closing_kg
from days
left join
    changes
    on days.food_bank_id = changes.food_bank_id
    and days.site_id = changes.site_id
    and days.network_family = changes.network_family
    and days.stock_date = changes.stock_date
