{%- set kinds = [
    "food_bank_id",
    "site_id",
    "flow",
    "channel",
    "supplier_kind",
    "partner_kind",
    "network_family",
    "storage",
    "mode",
    "commune_code",
    "is_food",
    "is_fresh_standard",
] -%}
with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    flows as (
        select
            flows.*,
            flows.month = {{ first_day_of_month("food_banks.data_date") }} as is_last_month,
            {{ first_day_of_month("food_banks.data_date") }} as last_month
        from {{ ref("fct_flows_by_kind") }} as flows
        inner join food_banks on flows.food_bank_id = food_banks.food_bank_id
        where
            flows.flow in (
                'received',
                'delivered',
                'returned',
                'parcels',
                'removed',
                'transferred_in',
                'transferred_out',
                'transformation_input',
                'transformation_output',
                'unexplained'
            )
    ),

    months as (
        select month, {{ kinds | join(", ") }}, weight_kg, 0 as weight_kg_same_days, value_eur
        from flows
        where is_to_same_day = is_last_month
        union all
        -- a whole month is compared with a whole month, the last one with its own days
        select
            {{ years_later("month", 1) }} as month,
            {{ kinds | join(", ") }},
            0 as weight_kg,
            weight_kg as weight_kg_same_days,
            null as value_eur
        from flows
        where
            {{ years_later("month", 1) }} <= last_month
            and is_to_same_day = ({{ years_later("month", 1) }} = last_month)
    )

select
    month,
    food_bank_id,
    site_id,
    flow,
    channel,
    supplier_kind,
    partner_kind,
    network_family,
    storage,
    mode,
    commune_code,
    is_food,
    is_fresh_standard as is_fresh,
    cast(sum(weight_kg) as decimal(18, 3)) as weight_kg,
    cast(sum(weight_kg_same_days) as decimal(18, 3)) as weight_kg_same_days,
    cast(sum(value_eur) as decimal(18, 2)) as value_eur
from months
group by all
