select
    quality_date,
    food_bank_id,
    record,
    deliveries,
    rows_delivered,
    rows_accepted,
    rows_quarantined,
    rows_replayed,
    count_broken_rules,
    broken_rules,
    days_since_last,
    late_after_days,
    was_late
from {{ ref("fct_data_quality_daily") }}
