with current_versions as ({{ current_reference("funding", ["funding_id"]) }})

select
    -- ids
    food_bank_id,
    funding_id,
    territory_code,
    -- text
    funder,
    funder_kind,
    programme,
    purpose,
    -- numbers
    amount_eur,
    -- dates
    starts_on,
    ends_on,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
