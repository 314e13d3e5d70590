select month, food_bank_id, programme, outlet_kind, outlet_id, weight_kg, value_eur
from {{ ref("fct_programme_outlets_monthly") }}
