with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    products as (select * from {{ ref("dim_products") }}),

    suppliers as (select * from {{ ref("dim_suppliers") }}),

    partners as (select * from {{ ref("dim_partners") }}),

    food_values as (select * from {{ ref("food_values") }}),

    flows as (
        select
            monthly.*,
            monthly.month = {{ first_day_of_month("food_banks.data_date") }} as is_to_same_day
        from {{ ref("fct_flows_monthly") }} as monthly
        inner join food_banks on monthly.food_bank_id = food_banks.food_bank_id
        union all
        select cut_month.*, true as is_to_same_day
        from {{ ref("fct_flows_cut_month") }} as cut_month
        inner join food_banks on cut_month.food_bank_id = food_banks.food_bank_id
        where cut_month.month < {{ first_day_of_month("food_banks.data_date") }}
    ),

    named as (
        select
            flows.*,
            {{ flow_of_movement() }} as flow,
            {{ flow_kg() }} as flow_kg,
            {{ stock_change() }} as stock_change_kg
        from flows
    )

select
    named.month,
    named.is_to_same_day,
    named.food_bank_id,
    named.site_id,
    named.flow,
    coalesce(named.channel, 'none') as channel,
    case
        when named.flow = 'received' then coalesce(suppliers.kind, 'unmapped') else 'none'
    end as supplier_kind,
    case
        when named.flow in ('delivered', 'returned')
        then coalesce(partners.kind, 'unmapped')
        when named.flow = 'parcels'
        then 'household'
        else 'none'
    end as partner_kind,
    coalesce(products.network_family, 'unmapped') as network_family,
    coalesce(products.storage, 'unmapped') as storage,
    case
        when named.flow in ('delivered', 'returned', 'removed') then named.detail else 'none'
    end as mode,
    coalesce(named.destination, 'none') as destination,
    case
        when named.flow = 'received'
        then coalesce(suppliers.commune_code, 'unknown')
        when named.flow in ('delivered', 'returned')
        then coalesce(partners.commune_code, 'unknown')
        when named.flow = 'parcels'
        then coalesce(named.commune_code, 'unknown')
        else 'unknown'
    end as commune_code,
    -- a product that no catalogue knows counts as food
    coalesce(products.is_food, true) as is_food,
    {% for definition in fresh_definitions() -%}
        coalesce(
            {{ is_fresh(definition, "products.storage", "products.network_family") }}, false
        ) as is_fresh_{{ definition }},
    {% endfor -%}
    named.is_ordered,
    coalesce(named.flow = 'received' and named.detail = 'weighed', false) as is_weighed,
    -- received once already, by a food bank whose receipts are counted too
    senders.food_bank_id is not null as is_within_network,
    cast(sum(named.flow_kg) as decimal(18, 3)) as weight_kg,
    cast(sum(named.stock_change_kg) as decimal(18, 3)) as stock_change_kg,
    cast(sum(named.cost_eur) as decimal(18, 2)) as value_eur,
    -- a scale changes on the first day of a month
    cast(
        sum(named.flow_kg * coalesce(family_values.eur_per_kg, any_values.eur_per_kg)) as decimal(
            18, 6
        )
    ) as food_value_eur
from named
left join
    products
    on named.food_bank_id = products.food_bank_id
    and named.product_code = products.product_code
left join
    suppliers
    on named.food_bank_id = suppliers.food_bank_id
    and named.supplier_id = suppliers.supplier_id
left join
    partners
    on named.food_bank_id = partners.food_bank_id
    and named.partner_id = partners.partner_id
left join food_banks as senders on named.other_food_bank_id = senders.food_bank_id
left join
    food_values as family_values
    on coalesce(products.network_family, 'unmapped') = family_values.network_family
    and named.month >= family_values.valid_from
    and named.month <= coalesce(family_values.valid_to, named.month)
left join
    food_values as any_values
    on any_values.network_family = '*'
    and named.month >= any_values.valid_from
    and named.month <= coalesce(any_values.valid_to, named.month)
group by all
