{{ config(meta={"dagster": {"ref": {"name": "fct_mass_balance_monthly"}}}) }}

-- Stock below zero is shown as such.
select *
from {{ ref("fct_mass_balance_monthly") }}
where is_negative is distinct from closing_kg < 0
