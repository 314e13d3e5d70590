{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["receipts"]},
    )
}}

with current_versions as ({{ current_versions("receipts", ["receipt_id", "line_no"]) }})

select
    -- ids
    food_bank_id,
    receipt_id,
    line_no,
    site_id,
    supplier_id,
    round_id,
    product_code,
    lot_id,
    from_food_bank_id,
    transfer_id,
    funding_id,
    -- text
    channel,
    date_kind,
    unit,
    refusal_reason,
    quality_label,
    origin_departement,
    -- numbers
    quantity,
    refused_at_dock_kg,
    cost_eur,
    weight_kg,
    kg_per_unit,
    -- flags
    is_deleted,
    -- dates
    received_at,
    received_date,
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
