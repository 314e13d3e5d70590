with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    partners as (select * from {{ ref("dim_partners") }}),

    orders as (
        select
            orders.*,
            {{ monday_of("orders.ordered_date") }} as week_start,
            coalesce(partners.kind, 'unmapped') as partner_kind,
            orders.due_lines > 0 as is_due,
            orders.first_delivered_date <= food_banks.data_date as is_delivered
        from {{ ref("fct_orders") }} as orders
        inner join
            food_banks
            on orders.food_bank_id = food_banks.food_bank_id
            and orders.ordered_date <= food_banks.data_date
        left join
            partners
            on orders.food_bank_id = partners.food_bank_id
            and orders.partner_id = partners.partner_id
    )

select
    week_start,
    food_bank_id,
    partner_kind,
    count(*) as orders,
    cast(sum(order_lines) as bigint) as order_lines,
    cast(sum(ordered_kg) as decimal(18, 3)) as ordered_kg,
    count(*) filter (where is_due) as due_orders,
    count(*) filter (
        where is_due and is_delivered and first_delivered_date <= wanted_on
    ) as on_time_orders,
    cast(sum(due_lines) as bigint) as due_lines,
    cast(sum(complete_lines) as bigint) as complete_lines,
    cast(sum(due_kg) as decimal(18, 3)) as due_kg,
    cast(sum(filled_kg) as decimal(18, 3)) as filled_kg,
    cast(sum(due_kg - filled_kg) as decimal(18, 3)) as unmet_kg,
    count(*) filter (where is_delivered) as delivered_orders,
    {{
        percentile(
            "case when is_delivered then "
            ~ seconds_between("ordered_at", "first_delivered_at")
            ~ " end",
            0.5,
            "3600",
        )
    }} as median_order_to_delivery_hours
from orders
group by week_start, food_bank_id, partner_kind
