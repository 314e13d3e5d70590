with delivered_files as (select * from {{ source("inputs", "delivered_files") }})

select
    -- ids
    delivered_files.delivery_id,
    delivered_files.food_bank_id,
    -- text
    delivered_files.record,
    delivered_files.broken_rules,
    -- numbers
    delivered_files.rows_delivered,
    delivered_files.rows_accepted,
    delivered_files.rows_quarantined,
    delivered_files.rows_replayed,
    delivered_files.late_after_days,
    -- dates
    delivered_files.first_date,
    delivered_files.last_date
from delivered_files
