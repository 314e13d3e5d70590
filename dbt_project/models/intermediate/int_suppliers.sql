with current_versions as ({{ current_reference("suppliers", ["supplier_id"]) }})

select
    -- ids
    food_bank_id,
    supplier_id,
    commune_code,
    -- text
    name,
    kind,
    status,
    -- numbers
    latitude,
    longitude,
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
