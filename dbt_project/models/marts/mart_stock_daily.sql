select food_bank_id, site_id, network_family, stock_date, closing_kg
from {{ ref("fct_stock_daily") }}
