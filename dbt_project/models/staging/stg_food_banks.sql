with
    versions as (select * from {{ source("accepted", "food_banks") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'food_banks'
    )

select
    -- ids
    versions.food_bank_id,
    -- text
    versions.name,
    versions.timezone,
    versions.territory_codes,
    versions.meal_convention,
    versions.opens_on,
    -- flags
    coalesce(versions.is_demonstration, false) as is_demonstration,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
