with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    suppliers as (select * from {{ ref("dim_suppliers") }}),

    products as (select * from {{ ref("dim_products") }}),

    flows as (
        select *, {{ flow_of_movement() }} as flow, {{ flow_kg() }} as flow_kg
        from {{ ref("fct_flows_monthly") }}
    )

select
    flows.month,
    flows.food_bank_id,
    coalesce(flows.channel, 'none') as channel,
    coalesce(products.network_family, 'unmapped') as network_family,
    coalesce(products.is_food, true) as is_food,
    coalesce(flows.supplier_id, 'unknown') as supplier_id,
    coalesce(suppliers.commune_code, 'unknown') as commune_code,
    cast(sum(flows.flow_kg) as decimal(18, 3)) as weight_kg
from flows
inner join food_banks on flows.food_bank_id = food_banks.food_bank_id
left join
    products
    on flows.food_bank_id = products.food_bank_id
    and flows.product_code = products.product_code
left join
    suppliers
    on flows.food_bank_id = suppliers.food_bank_id
    and flows.supplier_id = suppliers.supplier_id
where flows.flow = 'received'
group by all
