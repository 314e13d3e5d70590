with current_versions as ({{ current_reference("expenses", ["expense_id"], has_updates=true) }})

select
    -- ids
    food_bank_id,
    expense_id,
    funding_id,
    -- text
    post,
    -- numbers
    amount_eur,
    -- flags
    is_deleted,
    -- dates
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
