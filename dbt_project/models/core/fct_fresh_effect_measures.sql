with
    effects as (
        select *
        from {{ ref("fct_fresh_decomposition") }}
        where definition = 'standard' and effect not in ('before', 'after')
    )

select
    food_bank_id,
    '' as territory_code,
    period_kind,
    period_start,
    case when is_net then 'net_' else '' end || 'fresh_change_' || effect || '_kg' as measure,
    cast(kg as decimal(18, 6)) as amount
from effects
