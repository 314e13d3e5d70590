{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["orders", "order_deliveries"]},
    )
}}

with
    touched as (
        select distinct food_bank_id, order_id
        from {{ ref("int_orders") }}
        where not is_deleted {{ where_touched(["orders", "order_deliveries"], keyword="and") }}
    ),

    lines as (
        select *, status not in ('open', 'cancelled') as is_due
        from {{ ref("int_orders") }}
        where
            not is_deleted
            and (food_bank_id, order_id) in (select food_bank_id, order_id from touched)
    ),

    deliveries as (
        select *, weight_kg - coalesce(refused_kg, 0) as delivered_kg
        from {{ ref("int_deliveries") }}
        where
            not is_deleted
            and (food_bank_id, order_id) in (select food_bank_id, order_id from touched)
    ),

    -- a delivery answers the order line that it names, else its product in the order
    delivered_lines as (
        select
            deliveries.food_bank_id,
            deliveries.order_id,
            deliveries.order_line_no,
            sum(deliveries.delivered_kg) as delivered_kg
        from deliveries
        inner join
            lines
            on deliveries.food_bank_id = lines.food_bank_id
            and deliveries.order_id = lines.order_id
            and deliveries.order_line_no = lines.line_no
        group by deliveries.food_bank_id, deliveries.order_id, deliveries.order_line_no
    ),

    delivered_products as (
        select
            deliveries.food_bank_id,
            deliveries.order_id,
            deliveries.product_code,
            sum(deliveries.delivered_kg) as delivered_kg
        from deliveries
        left join
            lines
            on deliveries.food_bank_id = lines.food_bank_id
            and deliveries.order_id = lines.order_id
            and deliveries.order_line_no = lines.line_no
        where lines.line_no is null
        group by deliveries.food_bank_id, deliveries.order_id, deliveries.product_code
    ),

    filled_products as (
        select
            lines.food_bank_id,
            lines.order_id,
            lines.product_code,
            sum(lines.ordered_kg) as ordered_kg,
            sum(
                least(lines.ordered_kg, coalesce(delivered_lines.delivered_kg, 0))
            ) as filled_by_line_kg,
            max(coalesce(delivered_products.delivered_kg, 0)) as delivered_by_product_kg
        from lines
        left join
            delivered_lines
            on lines.food_bank_id = delivered_lines.food_bank_id
            and lines.order_id = delivered_lines.order_id
            and lines.line_no = delivered_lines.order_line_no
        left join
            delivered_products
            on lines.food_bank_id = delivered_products.food_bank_id
            and lines.order_id = delivered_products.order_id
            and lines.product_code = delivered_products.product_code
        where lines.is_due
        group by lines.food_bank_id, lines.order_id, lines.product_code
    ),

    filled_orders as (
        select
            food_bank_id,
            order_id,
            sum(ordered_kg) as due_kg,
            sum(
                filled_by_line_kg + least(ordered_kg - filled_by_line_kg, delivered_by_product_kg)
            ) as filled_kg
        from filled_products
        group by food_bank_id, order_id
    ),

    orders as (
        select
            food_bank_id,
            order_id,
            min(site_id) as site_id,
            min(partner_id) as partner_id,
            min(ordered_at) as ordered_at,
            min(ordered_date) as ordered_date,
            {{ first_day_of_month("min(ordered_date)") }} as month,
            min(wanted_on) as wanted_on,
            sum(ordered_kg) as ordered_kg
        from lines
        group by food_bank_id, order_id
    )

select
    orders.food_bank_id,
    orders.order_id,
    orders.site_id,
    orders.partner_id,
    orders.ordered_at,
    orders.ordered_date,
    orders.month,
    orders.wanted_on,
    cast(orders.ordered_kg as decimal(18, 3)) as ordered_kg,
    cast(coalesce(filled_orders.due_kg, 0) as decimal(18, 3)) as due_kg,
    cast(coalesce(filled_orders.filled_kg, 0) as decimal(18, 3)) as filled_kg
from orders
left join
    filled_orders
    on orders.food_bank_id = filled_orders.food_bank_id
    and orders.order_id = filled_orders.order_id
    {{
        where_touched(
            ["orders", "order_deliveries"],
            month="orders.month",
            food_bank_id="orders.food_bank_id",
        )
    }}
