{{ config(meta={"dagster": {"ref": {"name": "fct_fresh_decomposition"}}}) }}

-- Effects add up to the change to the gram, and the change is what came in less what was removed.
select
    food_bank_id,
    period_kind,
    period_start,
    is_net,
    definition,
    sum(kg) filter (where position between 1 and 5) as effects_kg,
    sum(kg) filter (where effect = 'total') as total_kg
from {{ ref("fct_fresh_decomposition") }}
group by food_bank_id, period_kind, period_start, is_net, definition
having
    sum(kg) filter (where position between 1 and 5) <> sum(kg) filter (where effect = 'total')
    or sum(kg) filter (where effect = 'total')
    <> sum(case effect when 'after' then kg when 'before' then - kg else 0 end)
    or count(*) <> 8
