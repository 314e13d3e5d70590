select month, food_bank_id, record, delivery_id, count_rows, weight_kg, food_kg
from {{ ref("fct_lineage") }}
