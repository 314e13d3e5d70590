with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    partners as (select * from {{ ref("dim_partners") }}),

    products as (select * from {{ ref("dim_products") }}),

    flows as (
        select
            flows.*,
            coalesce(
                {{ is_fresh("standard", "products.storage", "products.network_family") }}, false
            ) as is_fresh
        from {{ ref("fct_flows_monthly") }} as flows
        left join
            products
            on flows.food_bank_id = products.food_bank_id
            and flows.product_code = products.product_code
        where
            flows.movement_kind in ('delivery', 'delivery_return')
            and coalesce(products.is_food, true)
    ),

    amounts as (
        select
            month,
            food_bank_id,
            partner_id,
            sum(weight_kg) filter (where movement_kind = 'delivery') as delivered_kg,
            sum(weight_kg) filter (where movement_kind = 'delivery_return') as refused_kg,
            sum(case movement_kind when 'delivery' then weight_kg else - weight_kg end) filter (
                where is_fresh
            ) as fresh_kg,
            null as deliveries,
            null as orders,
            null as ordered_kg,
            null as due_kg,
            null as filled_kg
        from flows
        group by month, food_bank_id, partner_id
        union all by name
        select
            deliveries.month,
            deliveries.food_bank_id,
            deliveries.partner_id,
            count(distinct deliveries.delivery_id) as deliveries
        from {{ ref("int_deliveries") }} as deliveries
        inner join
            food_banks
            on deliveries.food_bank_id = food_banks.food_bank_id
            and deliveries.delivered_date <= food_banks.data_date
        where not deliveries.is_deleted
        group by deliveries.month, deliveries.food_bank_id, deliveries.partner_id
        union all by name
        select
            orders.month,
            orders.food_bank_id,
            orders.partner_id,
            count(*) as orders,
            sum(orders.ordered_kg) as ordered_kg,
            sum(orders.due_kg) as due_kg,
            sum(orders.filled_kg) as filled_kg
        from {{ ref("fct_orders") }} as orders
        inner join
            food_banks
            on orders.food_bank_id = food_banks.food_bank_id
            and orders.ordered_date <= food_banks.data_date
        group by orders.month, orders.food_bank_id, orders.partner_id
    )

select
    amounts.month,
    amounts.food_bank_id,
    amounts.partner_id,
    coalesce(max(partners.kind), 'unmapped') as partner_kind,
    coalesce(max(partners.commune_code), 'unknown') as commune_code,
    cast(coalesce(sum(amounts.deliveries), 0) as bigint) as deliveries,
    cast(coalesce(sum(amounts.delivered_kg), 0) as decimal(18, 3)) as delivered_kg,
    cast(coalesce(sum(amounts.refused_kg), 0) as decimal(18, 3)) as refused_kg,
    cast(coalesce(sum(amounts.fresh_kg), 0) as decimal(18, 3)) as fresh_kg,
    cast(coalesce(sum(amounts.orders), 0) as bigint) as orders,
    cast(coalesce(sum(amounts.ordered_kg), 0) as decimal(18, 3)) as ordered_kg,
    cast(coalesce(sum(amounts.due_kg), 0) as decimal(18, 3)) as due_kg,
    cast(coalesce(sum(amounts.filled_kg), 0) as decimal(18, 3)) as filled_kg
from amounts
left join
    partners
    on amounts.food_bank_id = partners.food_bank_id
    and amounts.partner_id = partners.partner_id
group by amounts.month, amounts.food_bank_id, amounts.partner_id
