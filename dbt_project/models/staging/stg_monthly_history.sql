with
    versions as (select * from {{ source("accepted", "monthly_history") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'monthly_history'
    )

select
    -- ids
    versions.food_bank_id,
    -- text
    versions.flow,
    versions.channel,
    versions.network_family,
    versions.source_document,
    -- numbers
    versions.weight_kg,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.updated_at,
    versions.month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
