{{ config(meta={"dagster": {"ref": {"name": "fct_round_stops"}}}) }}

-- Sharing a round over its stops must neither add nor lose a milligram.
with

    allocated as (
        select
            food_bank_id,
            round_id,
            sum(allocated_kg_co2e) as allocated_kg_co2e,
            min(month) as first_month,
            max(month) as last_month
        from {{ ref("fct_round_stops") }}
        where share is not null
        group by food_bank_id, round_id
    )

select allocated.food_bank_id, allocated.round_id, allocated.allocated_kg_co2e, rounds.kg_co2e
from allocated
left join
    {{ ref("fct_rounds") }} as rounds
    on allocated.food_bank_id = rounds.food_bank_id
    and allocated.round_id = rounds.round_id
where
    allocated.allocated_kg_co2e is distinct from rounds.kg_co2e
    or allocated.first_month <> rounds.month
    or allocated.last_month <> rounds.month
