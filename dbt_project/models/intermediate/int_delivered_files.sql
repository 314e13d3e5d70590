with delivered_files as (select * from {{ ref("stg_delivered_files") }})

select
    delivery_id,
    food_bank_id,
    record,
    broken_rules,
    rows_delivered,
    rows_accepted,
    rows_quarantined,
    rows_replayed,
    late_after_days,
    first_date,
    last_date
from delivered_files
