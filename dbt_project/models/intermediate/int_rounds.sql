{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["rounds"]},
    )
}}

with current_versions as ({{ current_versions("rounds", ["round_id"]) }})

select
    -- ids
    food_bank_id,
    round_id,
    vehicle_id,
    site_id,
    -- text
    kind,
    energy_unit,
    -- numbers
    distance_km,
    energy_used,
    people,
    -- flags
    is_deleted,
    -- dates
    planned_on,
    started_at,
    started_date,
    ended_at,
    ended_date,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
