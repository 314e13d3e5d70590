with current_versions as ({{ current_reference("events", ["event_id"], has_updates=true) }})

select
    -- ids
    food_bank_id,
    event_id,
    -- text
    text_fr,
    text_en,
    source,
    -- flags
    is_deleted,
    -- dates
    event_date,
    updated_at,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
