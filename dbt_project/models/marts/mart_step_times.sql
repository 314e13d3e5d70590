select
    food_bank_id,
    period_kind,
    period_start,
    period_end,
    step,
    median_minutes,
    times_measured,
    baseline_minutes,
    change_percent,
    how_measured,
    measured_by,
    baseline_times_measured,
    source,
    is_verified
from {{ ref("fct_step_times") }}
