with current_versions as ({{ current_reference("shared_resources", ["use_id"], has_updates=true) }})

select
    -- ids
    food_bank_id,
    use_id,
    provider_partner_id,
    user_partner_id,
    round_id,
    -- text
    kind,
    -- numbers
    hours,
    pallet_days,
    -- flags
    is_deleted,
    -- dates
    used_at,
    used_date,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
