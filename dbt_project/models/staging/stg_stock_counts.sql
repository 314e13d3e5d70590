with
    versions as (select * from {{ source("accepted", "stock_counts") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'stock_counts'
    )

select
    -- ids
    versions.food_bank_id,
    versions.count_id,
    versions.line_no,
    versions.site_id,
    versions.product_code,
    versions.lot_id,
    -- text
    versions.date_kind,
    -- numbers
    versions.weight_kg,
    -- flags
    versions.is_full_count,
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.counted_at,
    versions.counted_date,
    versions.expires_on,
    versions.updated_at,
    {{ first_day_of_month("versions.counted_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
