with
    versions as (select * from {{ source("accepted", "temperature_checks") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'temperature_checks'
    )

select
    -- ids
    versions.food_bank_id,
    versions.check_id,
    versions.place_id,
    -- text
    versions.place_kind,
    versions.storage,
    -- numbers
    versions.celsius,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.checked_at,
    versions.checked_date,
    versions.updated_at,
    {{ first_day_of_month("versions.checked_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
