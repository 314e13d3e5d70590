select
    food_bank_id,
    order_id,
    line_no,
    site_id,
    partner_id,
    partner_kind,
    product_code,
    network_family,
    status,
    ordered_date,
    wanted_on,
    ordered_kg,
    filled_kg,
    outstanding_kg,
    is_late
from {{ ref("fct_orders_open") }}
