with
    versions as (select * from {{ source("accepted", "sorting_sessions") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'sorting_sessions'
    )

select
    -- ids
    versions.food_bank_id,
    versions.session_id,
    versions.site_id,
    -- numbers
    versions.people,
    versions.sorted_kg,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.started_at,
    versions.started_date,
    versions.ended_at,
    versions.ended_date,
    versions.updated_at,
    {{ first_day_of_month("versions.started_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
