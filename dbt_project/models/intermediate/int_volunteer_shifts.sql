with
    current_versions as (
        {{ current_reference("volunteer_shifts", ["shift_id"], has_updates=true) }}
    )

select
    -- ids
    food_bank_id,
    shift_id,
    site_id,
    -- text
    task,
    -- numbers
    volunteers,
    staff,
    -- flags
    is_deleted,
    -- dates
    started_at,
    started_date,
    ended_at,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
