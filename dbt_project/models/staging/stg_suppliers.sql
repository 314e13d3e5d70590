with
    versions as (select * from {{ source("accepted", "suppliers") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'suppliers'
    )

select
    -- ids
    versions.food_bank_id,
    versions.supplier_id,
    versions.insee_code as commune_code,
    -- text
    versions.name,
    versions.kind,
    versions.status,
    -- numbers
    versions.latitude,
    versions.longitude,
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
