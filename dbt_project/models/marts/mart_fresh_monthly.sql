select month, food_bank_id, definition, flow, fresh_kg, fresh_kg_same_days, food_kg, fresh_share
from {{ ref("fct_fresh_monthly") }}
