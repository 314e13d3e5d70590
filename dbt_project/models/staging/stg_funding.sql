with
    versions as (select * from {{ source("accepted", "funding") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'funding'
    )

select
    -- ids
    versions.food_bank_id,
    versions.funding_id,
    versions.territory_code,
    -- text
    versions.funder,
    versions.funder_kind,
    versions.programme,
    versions.purpose,
    -- numbers
    versions.amount_eur,
    -- dates
    versions.starts_on,
    versions.ends_on,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
