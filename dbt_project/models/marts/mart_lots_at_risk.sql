select
    food_bank_id,
    site_id,
    product_code,
    lot_id,
    expires_on,
    network_family,
    storage,
    days_left,
    is_expired,
    stock_kg,
    planned_kg,
    at_risk_kg,
    partners,
    partner_ids,
    next_handover_on
from {{ ref("fct_lots_at_risk") }}
