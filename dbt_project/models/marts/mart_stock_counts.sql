select
    food_bank_id,
    site_id,
    count_date,
    count_id,
    count_no,
    theoretical_kg,
    counted_kg,
    unexplained_kg,
    counts_before,
    lower_limit_kg,
    upper_limit_kg,
    is_flagged
from {{ ref("fct_stock_counts") }}
