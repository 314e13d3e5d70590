select period_kind, period_start, food_bank_id, definition, effect, position, kg
from {{ ref("fct_fresh_effects") }}
