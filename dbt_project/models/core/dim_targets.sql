with targets as (select * from {{ ref("int_targets") }} where not is_deleted)

select food_bank_id, indicator_code, period_start, target_value, decided_by, note
from targets
