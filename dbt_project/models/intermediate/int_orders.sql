{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["orders"]},
    )
}}

with current_versions as ({{ current_versions("orders", ["order_id", "line_no"]) }})

select
    -- ids
    food_bank_id,
    order_id,
    line_no,
    site_id,
    partner_id,
    offer_id,
    product_code,
    -- text
    status,
    short_reason,
    -- numbers
    ordered_kg,
    -- flags
    is_deleted,
    -- dates
    ordered_at,
    ordered_date,
    wanted_on,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
