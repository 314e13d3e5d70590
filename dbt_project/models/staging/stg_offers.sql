with
    versions as (select * from {{ source("accepted", "offers") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'offers'
    )

select
    -- ids
    versions.food_bank_id,
    versions.offer_id,
    versions.line_no,
    versions.site_id,
    versions.product_code,
    versions.lot_id,
    -- numbers
    versions.offered_kg,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.published_at,
    versions.published_date,
    versions.closes_at,
    versions.closes_date,
    versions.updated_at,
    {{ first_day_of_month("versions.published_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
