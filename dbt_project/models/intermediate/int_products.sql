with current_versions as ({{ current_reference("products", ["product_code"]) }})

select
    -- ids
    food_bank_id,
    product_code,
    -- text
    label,
    network_family,
    storage,
    carbon_group,
    nutrition_group,
    -- numbers
    unit_weight_kg,
    case_weight_kg,
    pallet_weight_kg,
    -- flags
    is_food,
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
