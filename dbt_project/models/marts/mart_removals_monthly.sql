select
    month,
    food_bank_id,
    site_id,
    network_family,
    is_food,
    reason,
    destination,
    collector,
    channel,
    supplier_kind,
    removed_kg
from {{ ref("fct_removals_monthly") }}
