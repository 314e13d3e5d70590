with
    versions as (select * from {{ source("accepted", "transfers") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'transfers'
    )

select
    -- ids
    versions.food_bank_id,
    versions.transfer_id,
    versions.line_no,
    versions.from_site_id,
    versions.to_site_id,
    versions.to_food_bank_id,
    versions.round_id,
    versions.product_code,
    versions.lot_id,
    -- numbers
    versions.shipped_kg,
    versions.received_kg,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.shipped_at,
    versions.shipped_date,
    versions.received_at,
    versions.received_date,
    versions.updated_at,
    {{ first_day_of_month("versions.shipped_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
