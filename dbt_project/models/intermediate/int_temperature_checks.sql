with
    current_versions as (
        {{ current_reference("temperature_checks", ["check_id"], has_updates=true) }}
    )

select
    -- ids
    food_bank_id,
    check_id,
    place_id,
    -- text
    place_kind,
    storage,
    -- numbers
    celsius,
    -- flags
    is_deleted,
    -- dates
    checked_at,
    checked_date,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
