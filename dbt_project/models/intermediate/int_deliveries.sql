{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["deliveries"]},
    )
}}

with current_versions as ({{ current_versions("deliveries", ["delivery_id", "line_no"]) }})

select
    -- ids
    food_bank_id,
    delivery_id,
    line_no,
    order_id,
    order_line_no,
    site_id,
    partner_id,
    round_id,
    product_code,
    lot_id,
    -- text
    mode,
    -- numbers
    weight_kg,
    refused_kg,
    -- flags
    is_deleted,
    -- dates
    prepared_at,
    prepared_date,
    delivered_at,
    delivered_date,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
