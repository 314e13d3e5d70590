with
    versions as (select * from {{ source("accepted", "orders") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'orders'
    )

select
    -- ids
    versions.food_bank_id,
    versions.order_id,
    versions.line_no,
    versions.site_id,
    versions.partner_id,
    versions.offer_id,
    versions.product_code,
    -- text
    versions.status,
    versions.short_reason,
    -- numbers
    versions.ordered_kg,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.ordered_at,
    versions.ordered_date,
    versions.wanted_on,
    versions.updated_at,
    {{ first_day_of_month("versions.ordered_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
