with
    versions as (select * from {{ source("accepted", "sites") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'sites'
    )

select
    -- ids
    versions.food_bank_id,
    versions.site_id,
    versions.insee_code as commune_code,
    -- text
    versions.name,
    versions.kind,
    versions.closed_days,
    versions.refrigerant,
    -- numbers
    versions.latitude,
    versions.longitude,
    versions.cold_power_kw,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
