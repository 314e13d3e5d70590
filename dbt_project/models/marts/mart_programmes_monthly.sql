select
    month,
    food_bank_id,
    programme,
    opening_kg,
    received_kg,
    out_kg,
    losses_kg,
    closing_kg,
    by_lot_kg,
    beyond_stock_kg,
    with_cost_kg,
    opening_eur,
    received_eur,
    out_eur,
    losses_eur,
    closing_eur
from {{ ref("fct_programmes_monthly") }}
