{{ config(meta={"dagster": {"ref": {"name": "dim_indicators"}}}) }}

-- The register and the formulas name the same indicators.
select register.indicator_code, formulas.indicator_code as formula_of
from {{ ref("dim_indicators") }} as register
full outer join
    {{ ref("indicator_formulas") }} as formulas on register.indicator_code = formulas.indicator_code
where register.indicator_code is null or formulas.indicator_code is null
