{{ config(meta={"dagster": {"ref": {"name": "fct_stock_batches"}}}) }}

-- What is in stock by lot and date is what the ledger holds of the product at the site; below zero
-- there is nothing to date.
with
    stock as (
        select
            movements.food_bank_id,
            movements.site_id,
            movements.product_code,
            greatest(sum({{ stock_change("movements.weight_kg") }}), 0) as stock_kg
        from {{ ref("fct_food_movements") }} as movements
        inner join
            {{ ref("dim_food_banks") }} as food_banks
            on movements.food_bank_id = food_banks.food_bank_id
            and movements.movement_date <= food_banks.data_date
        where movements.from_account = 'site' or movements.to_account = 'site'
        group by movements.food_bank_id, movements.site_id, movements.product_code
    ),

    batches as (
        select food_bank_id, site_id, product_code, sum(stock_kg) as stock_kg
        from {{ ref("fct_stock_batches") }}
        group by food_bank_id, site_id, product_code
    )

select *
from stock
full outer join batches using (food_bank_id, site_id, product_code)
where coalesce(stock.stock_kg, 0) <> coalesce(batches.stock_kg, 0)
