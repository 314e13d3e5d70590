select month, food_bank_id, kind, uses, shared_rounds, shared_km, shared_hours, pallet_days
from {{ ref("fct_shared_resources_monthly") }}
