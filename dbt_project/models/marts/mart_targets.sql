select food_bank_id, indicator_code, period_start, target_value as value, unit, decided_by, note
from {{ ref("dim_targets") }}
