select
    month,
    food_bank_id,
    supplier_id,
    supplier_kind,
    commune_code,
    pickups_done,
    pickups_nothing_to_collect,
    pickups_missed,
    pickups_refused,
    received_kg,
    refused_kg,
    loss_kg,
    loss_share,
    distributable_kg,
    mean_remaining_days,
    allocated_km
from {{ ref("fct_suppliers_monthly") }}
