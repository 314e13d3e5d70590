with
    versions as (select * from {{ source("accepted", "parcels") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'parcels'
    )

select
    -- ids
    versions.food_bank_id,
    versions.parcel_id,
    versions.line_no,
    versions.site_id,
    versions.household_id,
    versions.referrer_partner_id,
    versions.insee_code as commune_code,
    versions.qpv_code,
    versions.product_code,
    versions.lot_id,
    -- numbers
    versions.household_size,
    versions.children,
    versions.weight_kg,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.requested_at,
    versions.requested_date,
    versions.handed_over_at,
    versions.handed_over_date,
    versions.updated_at,
    {{ first_day_of_month("versions.handed_over_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
