{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["transformations"]},
    )
}}

with current_versions as ({{ current_versions("transformations", ["batch_id", "line_no"]) }})

select
    -- ids
    food_bank_id,
    batch_id,
    line_no,
    site_id,
    made_by_partner_id,
    product_code,
    lot_id,
    -- text
    direction,
    -- numbers
    weight_kg,
    -- flags
    is_deleted,
    -- dates
    made_at,
    made_date,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
