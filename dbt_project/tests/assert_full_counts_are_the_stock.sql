{{ config(meta={"dagster": {"ref": {"name": "fct_food_movements"}}}) }}

-- At the end of the day of a full count the ledger holds what was counted, product by product.
with
    counts as (select * from {{ ref("int_full_counts") }}),

    counted as (select * from {{ ref("int_counted_stock") }}),

    entries as (
        select food_bank_id, to_id as site_id, product_code, movement_date, weight_kg
        from {{ ref("fct_food_movements") }}
        where to_account = 'site'
        union all
        select food_bank_id, from_id as site_id, product_code, movement_date, - weight_kg
        from {{ ref("fct_food_movements") }}
        where from_account = 'site'
    ),

    daily as (
        select food_bank_id, site_id, product_code, movement_date, sum(weight_kg) as change_kg
        from entries
        group by food_bank_id, site_id, product_code, movement_date
    ),

    stock as (
        select
            counts.food_bank_id,
            counts.site_id,
            counts.count_date,
            daily.product_code,
            sum(daily.change_kg) as stock_kg
        from counts
        inner join
            daily
            on counts.food_bank_id = daily.food_bank_id
            and counts.site_id = daily.site_id
            and daily.movement_date <= counts.count_date
        group by counts.food_bank_id, counts.site_id, counts.count_date, daily.product_code
    )

select
    coalesce(stock.food_bank_id, counted.food_bank_id) as food_bank_id,
    coalesce(stock.site_id, counted.site_id) as site_id,
    coalesce(stock.count_date, counted.count_date) as count_date,
    coalesce(stock.product_code, counted.product_code) as product_code,
    stock.stock_kg,
    counted.counted_kg
from stock
full outer join
    counted
    on stock.food_bank_id = counted.food_bank_id
    and stock.site_id = counted.site_id
    and stock.count_date = counted.count_date
    and stock.product_code = counted.product_code
where coalesce(stock.stock_kg, 0) <> coalesce(counted.counted_kg, 0)
