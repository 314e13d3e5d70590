with
    versions as (select * from {{ source("accepted", "volunteer_shifts") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'volunteer_shifts'
    )

select
    -- ids
    versions.food_bank_id,
    versions.shift_id,
    versions.site_id,
    -- text
    versions.task,
    -- numbers
    versions.volunteers,
    versions.staff,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.started_at,
    versions.started_date,
    versions.ended_at,
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
