{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["platform_sessions"]},
    )
}}

with
    sessions as (
        select *
        from {{ ref("int_platform_sessions") }}
        where not is_deleted {{ where_touched(["platform_sessions"], keyword="and") }}
    )

select food_bank_id, user_id, started_date as active_date, month, count(*) as sessions
from sessions
group by food_bank_id, user_id, started_date, month
