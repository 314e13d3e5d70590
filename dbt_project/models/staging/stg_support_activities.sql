with
    versions as (select * from {{ source("accepted", "support_activities") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'support_activities'
    )

select
    -- ids
    versions.food_bank_id,
    versions.activity_id,
    versions.partner_id,
    versions.funding_id,
    -- text
    versions.kind,
    -- numbers
    versions.participants,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.held_at,
    versions.held_date,
    versions.updated_at,
    {{ first_day_of_month("versions.held_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
