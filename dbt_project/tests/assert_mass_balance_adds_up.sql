{{ config(meta={"dagster": {"ref": {"name": "fct_mass_balance_monthly"}}}) }}

-- Opening and every flow make the theoretical closing; counts make the closing.
select *
from {{ ref("fct_mass_balance_monthly") }}
where
    theoretical_closing_kg
    <> opening_kg
    + received_kg
    + transfers_in_kg
    + transformation_output_kg
    - delivered_kg
    + returned_kg
    - parcels_kg
    - removed_kg
    - transfers_out_kg
    - transformation_input_kg
    or closing_kg <> theoretical_closing_kg + initial_count_kg + coalesce(unexplained_kg, 0)
    or (counted_kg is null and (unexplained_kg is not null or initial_count_kg <> 0))
