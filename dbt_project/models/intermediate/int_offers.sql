with
    current_versions as (
        {{ current_reference("offers", ["offer_id", "line_no"], has_updates=true) }}
    )

select
    -- ids
    food_bank_id,
    offer_id,
    line_no,
    site_id,
    product_code,
    lot_id,
    -- numbers
    offered_kg,
    -- flags
    is_deleted,
    -- dates
    published_at,
    published_date,
    closes_at,
    closes_date,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
