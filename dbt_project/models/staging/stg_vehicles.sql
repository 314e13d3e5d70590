with
    versions as (select * from {{ source("accepted", "vehicles") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'vehicles'
    )

select
    -- ids
    versions.food_bank_id,
    versions.vehicle_id,
    -- text
    versions.kind,
    versions.energy,
    versions.refrigerant,
    -- numbers
    versions.payload_kg,
    -- flags
    versions.is_refrigerated,
    -- dates
    versions.active_from,
    versions.active_to,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
