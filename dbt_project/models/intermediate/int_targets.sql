with
    current_versions as (
        {{ current_reference("targets", ["indicator_code", "period_start"], has_updates=true) }}
    )

select
    -- ids
    food_bank_id,
    indicator_code,
    -- text
    decided_by,
    note,
    -- numbers
    target_value,
    -- flags
    is_deleted,
    -- dates
    period_start,
    updated_at,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
