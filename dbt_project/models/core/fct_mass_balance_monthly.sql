with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    flows as (
        select flows.*, {{ first_day_of_month("food_banks.data_date") }} as last_period
        from {{ ref("fct_flows_by_kind") }} as flows
        inner join food_banks on flows.food_bank_id = food_banks.food_bank_id
        where
            flows.is_to_same_day = (flows.month = {{ first_day_of_month("food_banks.data_date") }})
            and flows.flow <> 'outside'
    ),

    full_counts as (
        select full_counts.*
        from {{ ref("int_full_counts") }} as full_counts
        inner join food_banks on full_counts.food_bank_id = food_banks.food_bank_id
        where full_counts.count_date <= food_banks.data_date
    ),

    counted_stock as (select * from {{ ref("int_counted_stock") }}),

    products as (select * from {{ ref("dim_products") }}),

    {{ balances_of("month", "1 month") }}

select month, food_bank_id, site_id, network_family, {{ balance_terms() }}
from balances
