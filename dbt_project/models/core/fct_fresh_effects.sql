{{ config(materialized="view") }}

with
    -- of a food bank: what it got from another one is part of what it received
    decomposition as (select * from {{ ref("fct_fresh_decomposition") }} where not is_net)

select period_kind, period_start, food_bank_id, definition, effect, position, kg
from decomposition
