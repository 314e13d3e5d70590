select food_bank_id, record, is_supplied, count_rows, first_date, last_date
from {{ ref("fct_supplied_records") }}
