{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["transfers"]},
    )
}}

with current_versions as ({{ current_versions("transfers", ["transfer_id", "line_no"]) }})

select
    -- ids
    food_bank_id,
    transfer_id,
    line_no,
    from_site_id,
    to_site_id,
    to_food_bank_id,
    round_id,
    product_code,
    lot_id,
    -- numbers
    shipped_kg,
    received_kg,
    -- flags
    is_deleted,
    -- dates
    shipped_at,
    shipped_date,
    received_at,
    received_date,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
