{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["stock_counts"]},
    )
}}

with current_versions as ({{ current_versions("stock_counts", ["count_id", "line_no"]) }})

select
    -- ids
    food_bank_id,
    count_id,
    line_no,
    site_id,
    product_code,
    lot_id,
    -- text
    date_kind,
    -- numbers
    weight_kg,
    -- flags
    is_full_count,
    is_deleted,
    -- dates
    counted_at,
    counted_date,
    expires_on,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
