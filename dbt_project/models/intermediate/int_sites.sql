with current_versions as ({{ current_reference("sites", ["site_id"]) }})

select
    -- ids
    food_bank_id,
    site_id,
    commune_code,
    -- text
    name,
    kind,
    closed_days,
    refrigerant,
    -- numbers
    latitude,
    longitude,
    cold_power_kw,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
