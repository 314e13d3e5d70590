{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["vouchers"]},
    )
}}

with current_versions as ({{ current_versions("vouchers", ["voucher_id"]) }})

select
    -- ids
    food_bank_id,
    voucher_id,
    household_id,
    commune_code,
    funding_id,
    -- text
    merchant_kind,
    -- numbers
    amount_eur,
    redeemed_eur,
    -- flags
    is_deleted,
    -- dates
    issued_at,
    issued_date,
    redeemed_at,
    redeemed_date,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
