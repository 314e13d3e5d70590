{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["round_stops"]},
    )
}}

with current_versions as ({{ current_versions("round_stops", ["round_id", "stop_no"]) }})

select
    -- ids
    food_bank_id,
    round_id,
    stop_no,
    place_id,
    -- text
    place_kind,
    outcome,
    -- numbers
    road_distance_km,
    loaded_kg,
    unloaded_kg,
    -- flags
    is_deleted,
    -- dates
    planned_at,
    planned_date,
    arrived_at,
    arrived_date,
    left_at,
    left_date,
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
