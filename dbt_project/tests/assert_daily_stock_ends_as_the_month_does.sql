{{ config(meta={"dagster": {"ref": {"name": "mart_stock_daily"}}}) }}

-- On the data date both say what every site holds of every family.
with
    daily as (
        select stock.food_bank_id, stock.site_id, stock.network_family, stock.closing_kg
        from {{ ref("mart_stock_daily") }} as stock
        inner join
            {{ ref("dim_food_banks") }} as food_banks
            on stock.food_bank_id = food_banks.food_bank_id
            and stock.stock_date = food_banks.data_date
    ),

    monthly as (
        select balances.food_bank_id, balances.site_id, balances.network_family, balances.closing_kg
        from {{ ref("mart_mass_balance_monthly") }} as balances
        inner join
            {{ ref("dim_food_banks") }} as food_banks
            on balances.food_bank_id = food_banks.food_bank_id
            and balances.month = {{ first_day_of_month("food_banks.data_date") }}
    )

select *
from daily
full outer join monthly using (food_bank_id, site_id, network_family)
where coalesce(daily.closing_kg, 0) <> coalesce(monthly.closing_kg, 0)
