{{ config(meta={"dagster": {"ref": {"name": "fct_carbon_monthly"}}}) }}

-- Emissions and their ranges are positive and in order.
select month, food_bank_id, method_or_post, factor_id, kg_co2e_low, kg_co2e, kg_co2e_high
from {{ ref("fct_carbon_monthly") }}
where kg_co2e_low < 0 or kg_co2e < kg_co2e_low or kg_co2e_high < kg_co2e
