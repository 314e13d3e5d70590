with
    versions as (select * from {{ source("accepted", "transformations") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'transformations'
    )

select
    -- ids
    versions.food_bank_id,
    versions.batch_id,
    versions.line_no,
    versions.site_id,
    versions.made_by_partner_id,
    versions.product_code,
    versions.lot_id,
    -- text
    versions.direction,
    -- numbers
    versions.weight_kg,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.made_at,
    versions.made_date,
    versions.updated_at,
    {{ first_day_of_month("versions.made_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
