select food_bank_id, record, is_supplied, count_rows, first_date, last_date, due_on, is_late
from {{ ref("fct_supplied_records") }}
