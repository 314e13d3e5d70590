with
    current_versions as (
        {{ current_reference("support_activities", ["activity_id"], has_updates=true) }}
    )

select
    -- ids
    food_bank_id,
    activity_id,
    partner_id,
    funding_id,
    -- text
    kind,
    -- numbers
    participants,
    -- flags
    is_deleted,
    -- dates
    held_at,
    held_date,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
