with current_versions as ({{ current_reference("food_banks", []) }})

select
    -- ids
    food_bank_id,
    -- text
    name,
    timezone,
    territory_codes,
    meal_convention,
    opens_on,
    -- flags
    is_demonstration,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
