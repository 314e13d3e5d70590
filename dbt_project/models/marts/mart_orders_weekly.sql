select
    week_start,
    food_bank_id,
    partner_kind,
    orders,
    order_lines,
    ordered_kg,
    due_orders,
    on_time_orders,
    due_lines,
    complete_lines,
    due_kg,
    filled_kg,
    unmet_kg,
    delivered_orders,
    median_order_to_delivery_hours
from {{ ref("fct_orders_weekly") }}
