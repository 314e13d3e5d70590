with
    versions as (select * from {{ source("accepted", "deliveries") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'deliveries'
    )

select
    -- ids
    versions.food_bank_id,
    versions.delivery_id,
    versions.line_no,
    versions.order_id,
    versions.order_line_no,
    versions.site_id,
    versions.partner_id,
    versions.round_id,
    versions.product_code,
    versions.lot_id,
    -- text
    versions.mode,
    -- numbers
    versions.weight_kg,
    versions.refused_kg,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.prepared_at,
    versions.prepared_date,
    versions.delivered_at,
    versions.delivered_date,
    versions.updated_at,
    {{ first_day_of_month("versions.delivered_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
