select
    month,
    food_bank_id,
    site_id,
    flow,
    channel,
    supplier_kind,
    partner_kind,
    network_family,
    storage,
    mode,
    commune_code,
    is_food,
    is_fresh,
    weight_kg,
    weight_kg_same_days,
    value_eur
from {{ ref("fct_flows_compared_monthly") }}
