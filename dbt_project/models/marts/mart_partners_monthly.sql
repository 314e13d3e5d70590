select
    month,
    food_bank_id,
    partner_id,
    partner_kind,
    commune_code,
    deliveries,
    delivered_kg,
    refused_kg,
    fresh_kg,
    orders,
    ordered_kg,
    due_kg,
    filled_kg
from {{ ref("fct_partners_monthly") }}
