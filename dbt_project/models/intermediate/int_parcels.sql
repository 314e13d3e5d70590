{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["parcels"]},
    )
}}

with current_versions as ({{ current_versions("parcels", ["parcel_id", "line_no"]) }})

select
    -- ids
    food_bank_id,
    parcel_id,
    line_no,
    site_id,
    household_id,
    referrer_partner_id,
    commune_code,
    qpv_code,
    product_code,
    lot_id,
    -- numbers
    household_size,
    children,
    weight_kg,
    -- flags
    is_deleted,
    -- dates
    requested_at,
    requested_date,
    handed_over_at,
    handed_over_date,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
