select
    food_bank_id,
    line_id,
    movement_kind,
    moved_on,
    document_id,
    line_no,
    site_id,
    other_id,
    product_code,
    network_family,
    lot_id,
    date_kind,
    expires_on,
    weight_kg
from {{ ref("fct_traced_food") }}
