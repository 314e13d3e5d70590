with
    targets as (select * from {{ ref("int_targets") }} where not is_deleted),

    register as (select * from {{ ref("dim_indicators") }})

select
    targets.food_bank_id,
    targets.indicator_code,
    targets.period_start,
    targets.target_value,
    register.unit,
    targets.decided_by,
    targets.note
from targets
left join register on targets.indicator_code = register.indicator_code
