with
    versions as (select * from {{ source("accepted", "refrigerant_top_ups") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'refrigerant_top_ups'
    )

select
    -- ids
    versions.food_bank_id,
    versions.top_up_id,
    versions.site_id,
    versions.vehicle_id,
    -- text
    versions.refrigerant,
    -- numbers
    versions.kg as refrigerant_kg,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.topped_up_at,
    versions.topped_up_date,
    versions.updated_at,
    {{ first_day_of_month("versions.topped_up_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
