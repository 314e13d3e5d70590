{{ config(severity="warn", meta={"dagster": {"ref": {"name": "fct_food_movements"}}}) }}

-- A site that sorts and hands out the same day has no stock: what comes in goes out within the day.
select
    movements.food_bank_id,
    movements.site_id,
    movements.movement_date,
    sum({{ stock_change("movements.weight_kg") }}) as left_kg
from {{ ref("fct_food_movements") }} as movements
inner join
    {{ ref("dim_sites") }} as sites
    on movements.food_bank_id = sites.food_bank_id
    and movements.site_id = sites.site_id
    and sites.kind = 'cross_dock'
inner join
    {{ ref("dim_food_banks") }} as food_banks
    on movements.food_bank_id = food_banks.food_bank_id
    and movements.movement_date <= food_banks.data_date
group by movements.food_bank_id, movements.site_id, movements.movement_date
having sum({{ stock_change("movements.weight_kg") }}) <> 0
