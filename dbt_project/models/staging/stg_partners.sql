with
    versions as (select * from {{ source("accepted", "partners") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'partners'
    )

select
    -- ids
    versions.food_bank_id,
    versions.partner_id,
    versions.insee_code as commune_code,
    versions.qpv_code,
    -- text
    versions.name,
    versions.kind,
    versions.collects_on,
    versions.served_on,
    -- numbers
    versions.latitude,
    versions.longitude,
    -- flags
    versions.stores_chilled,
    versions.stores_frozen,
    coalesce(versions.offers_support, false) as offers_support,
    coalesce(versions.uses_platform, false) as uses_platform,
    -- dates
    versions.accreditation_expires_on,
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
