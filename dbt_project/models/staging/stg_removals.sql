with
    versions as (select * from {{ source("accepted", "removals") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'removals'
    )

select
    -- ids
    versions.food_bank_id,
    versions.removal_id,
    versions.line_no,
    versions.site_id,
    versions.receipt_id,
    versions.supplier_id,
    versions.product_code,
    versions.lot_id,
    -- text
    versions.reason,
    versions.destination,
    versions.collector,
    -- numbers
    versions.weight_kg,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.removed_at,
    versions.removed_date,
    versions.updated_at,
    {{ first_day_of_month("versions.removed_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
