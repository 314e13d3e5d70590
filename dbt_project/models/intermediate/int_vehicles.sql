with current_versions as ({{ current_reference("vehicles", ["vehicle_id"]) }})

select
    -- ids
    food_bank_id,
    vehicle_id,
    -- text
    kind,
    energy,
    refrigerant,
    -- numbers
    payload_kg,
    -- flags
    is_refrigerated,
    -- dates
    active_from,
    active_to,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
