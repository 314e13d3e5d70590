{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["refrigerant_top_ups"]},
    )
}}

with current_versions as ({{ current_versions("refrigerant_top_ups", ["top_up_id"]) }})

select
    -- ids
    food_bank_id,
    top_up_id,
    site_id,
    vehicle_id,
    -- text
    refrigerant,
    -- numbers
    refrigerant_kg,
    -- flags
    is_deleted,
    -- dates
    topped_up_at,
    topped_up_date,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
