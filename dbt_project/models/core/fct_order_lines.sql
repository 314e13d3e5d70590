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
        select
            *,
            status not in ('open', 'cancelled') as is_due,
            min(ordered_date) over (partition by food_bank_id, order_id) as first_ordered_date
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

    answered as (
        select
            lines.*,
            least(lines.ordered_kg, coalesce(delivered_lines.delivered_kg, 0)) as named_kg,
            coalesce(delivered_products.delivered_kg, 0) as unnamed_kg
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
    ),

    -- what names no line fills the lines of its product one after another, those due first
    queued as (
        select
            *,
            ordered_kg - named_kg as missing_kg,
            sum(ordered_kg - named_kg) over (
                partition by food_bank_id, order_id, product_code
                order by is_due desc, status = 'cancelled', line_no
                rows unbounded preceding
            ) as missing_so_far_kg
        from answered
    )

select
    -- ids
    food_bank_id,
    order_id,
    line_no,
    site_id,
    partner_id,
    product_code,
    -- text
    status,
    -- numbers
    cast(ordered_kg as decimal(18, 3)) as ordered_kg,
    cast(
        named_kg
        + least(missing_kg, greatest(unnamed_kg - (missing_so_far_kg - missing_kg), 0)) as decimal(
            18, 3
        )
    ) as filled_kg,
    -- flags
    is_due,
    -- dates
    ordered_at,
    ordered_date,
    wanted_on,
    {{ first_day_of_month("first_ordered_date") }} as month
from
    queued
    {{
        where_touched(
            ["orders", "order_deliveries"],
            month="cast(date_trunc('month', first_ordered_date) as date)",
        )
    }}
