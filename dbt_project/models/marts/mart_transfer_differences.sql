select
    food_bank_id,
    transfer_id,
    line_no,
    shipped_date,
    received_date,
    from_site_id,
    to_site_id,
    to_food_bank_id,
    product_code,
    network_family,
    shipped_kg,
    received_kg,
    difference_kg
from {{ ref("fct_transfer_differences") }}
