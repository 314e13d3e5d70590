with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    products as (select * from {{ ref("dim_products") }}),

    movements as (
        select
            movements.*,
            {{ monday_of("movements.movement_date") }} as week_start,
            {{ monday_of("food_banks.data_date") }} as last_period
        from {{ ref("fct_food_movements") }} as movements
        inner join food_banks on movements.food_bank_id = food_banks.food_bank_id
        where movements.movement_date <= food_banks.data_date
    ),

    -- sums before names: a product is looked up once a week
    product_flows as (
        select
            food_bank_id,
            site_id,
            product_code,
            week_start,
            last_period,
            {{ flow_of_movement() }} as flow,
            sum({{ flow_kg() }}) as weight_kg,
            sum({{ stock_change() }}) as stock_change_kg
        from movements
        group by all
    ),

    flows as (
        select
            product_flows.food_bank_id,
            product_flows.site_id,
            coalesce(products.network_family, 'unmapped') as network_family,
            product_flows.week_start,
            product_flows.last_period,
            product_flows.flow,
            product_flows.weight_kg,
            product_flows.stock_change_kg
        from product_flows
        left join
            products
            on product_flows.food_bank_id = products.food_bank_id
            and product_flows.product_code = products.product_code
        where product_flows.flow <> 'outside'
    ),

    full_counts as (
        select full_counts.*, {{ monday_of("full_counts.count_date") }} as week_start
        from {{ ref("int_full_counts") }} as full_counts
        inner join food_banks on full_counts.food_bank_id = food_banks.food_bank_id
        where full_counts.count_date <= food_banks.data_date
    ),

    counted_stock as (select * from {{ ref("int_counted_stock") }}),

    {{ balances_of("week_start", "7 day") }},

    weeks as (
        select balances.*, balances.week_start + 6 > food_banks.data_date as is_partial
        from balances
        inner join food_banks on balances.food_bank_id = food_banks.food_bank_id
    )

select
    week_start,
    food_bank_id,
    site_id,
    network_family,
    {{ balance_terms() }},
    full_counts,
    is_partial
from weeks
