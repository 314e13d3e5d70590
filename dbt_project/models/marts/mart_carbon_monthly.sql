select
    month,
    food_bank_id,
    ledger,
    method_or_post,
    factor_id,
    data_level,
    gwp_set,
    kg_co2e_low,
    kg_co2e,
    kg_co2e_high,
    activity_quantity,
    activity_unit,
    measured_share,
    factor_version
from {{ ref("fct_carbon_monthly") }}
