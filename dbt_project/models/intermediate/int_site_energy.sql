{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["site_energy"]},
    )
}}

with
    current_versions as (
        {{ current_versions("site_energy", ["site_id", "meter", "period_start"]) }}
    )

select
    -- ids
    food_bank_id,
    site_id,
    meter,
    -- text
    energy_source,
    energy_use,
    -- numbers
    energy_kwh,
    -- flags
    is_deleted,
    -- dates
    period_start,
    period_end,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
