{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["orders", "order_deliveries"]},
    )
}}

with
    lines as (
        select *
        from {{ ref("fct_order_lines") }} {{ where_touched(["orders", "order_deliveries"]) }}
    ),

    orders as (
        select
            food_bank_id,
            order_id,
            min(site_id) as site_id,
            min(partner_id) as partner_id,
            min(ordered_at) as ordered_at,
            min(ordered_date) as ordered_date,
            min(month) as month,
            min(wanted_on) as wanted_on,
            count(*) as order_lines,
            sum(ordered_kg) as ordered_kg,
            count(*) filter (where is_due) as due_lines,
            count(*) filter (where is_due and filled_kg >= ordered_kg) as complete_lines,
            coalesce(sum(ordered_kg) filter (where is_due), 0) as due_kg,
            coalesce(sum(filled_kg) filter (where is_due), 0) as filled_kg
        from lines
        group by food_bank_id, order_id
    ),

    first_deliveries as (
        select
            food_bank_id,
            order_id,
            min(delivered_at) as first_delivered_at,
            min(delivered_date) as first_delivered_date
        from {{ ref("int_deliveries") }}
        where
            not is_deleted
            and (food_bank_id, order_id) in (select food_bank_id, order_id from orders)
        group by food_bank_id, order_id
    )

select
    -- ids
    orders.food_bank_id,
    orders.order_id,
    orders.site_id,
    orders.partner_id,
    -- numbers
    orders.order_lines,
    orders.due_lines,
    orders.complete_lines,
    cast(orders.ordered_kg as decimal(18, 3)) as ordered_kg,
    cast(orders.due_kg as decimal(18, 3)) as due_kg,
    cast(orders.filled_kg as decimal(18, 3)) as filled_kg,
    -- dates
    orders.ordered_at,
    orders.ordered_date,
    orders.month,
    orders.wanted_on,
    first_deliveries.first_delivered_at,
    first_deliveries.first_delivered_date
from orders
left join
    first_deliveries
    on orders.food_bank_id = first_deliveries.food_bank_id
    and orders.order_id = first_deliveries.order_id
