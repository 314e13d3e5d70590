{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["beneficiary_reports"]},
    )
}}

with current_versions as ({{ current_versions("beneficiary_reports", ["partner_id", "month"]) }})

select
    -- ids
    food_bank_id,
    partner_id,
    -- numbers
    households,
    people,
    women,
    men,
    people_0_3,
    people_4_14,
    people_15_25,
    people_26_64,
    people_65_plus,
    single_parent_households,
    new_households,
    visits,
    turned_away,
    -- flags
    is_deleted,
    -- dates
    updated_at,
    month,
    -- where the row comes from
    _delivery_id,
    _source_name,
    _source_line,
    _sent_at,
    _arrival_no
from current_versions
