{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["removals"]},
    )
}}

with current_versions as ({{ current_versions("removals", ["removal_id", "line_no"]) }})

select
    -- ids
    food_bank_id,
    removal_id,
    line_no,
    site_id,
    receipt_id,
    supplier_id,
    product_code,
    lot_id,
    -- text
    reason,
    destination,
    collector,
    -- numbers
    weight_kg,
    -- flags
    is_deleted,
    -- dates
    removed_at,
    removed_date,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
