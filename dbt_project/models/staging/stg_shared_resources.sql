with
    versions as (select * from {{ source("accepted", "shared_resources") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'shared_resources'
    )

select
    -- ids
    versions.food_bank_id,
    versions.use_id,
    versions.provider_partner_id,
    versions.user_partner_id,
    versions.round_id,
    -- text
    versions.kind,
    -- numbers
    versions.hours,
    versions.pallet_days,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.used_at,
    versions.used_date,
    versions.updated_at,
    {{ first_day_of_month("versions.used_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
