{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["sorting_sessions"]},
    )
}}

with current_versions as ({{ current_versions("sorting_sessions", ["session_id"]) }})

select
    -- ids
    food_bank_id,
    session_id,
    site_id,
    -- numbers
    people,
    sorted_kg,
    -- flags
    is_deleted,
    -- dates
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
