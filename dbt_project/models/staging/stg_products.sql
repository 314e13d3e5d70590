with
    versions as (select * from {{ source("accepted", "products") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'products'
    )

select
    -- ids
    versions.food_bank_id,
    versions.product_code,
    -- text
    versions.label,
    versions.network_family,
    versions.storage,
    versions.carbon_group,
    versions.nutrition_group,
    -- numbers
    versions.unit_weight_kg,
    versions.case_weight_kg,
    versions.pallet_weight_kg,
    -- flags
    versions.is_food,
    -- dates
    versions.active_from,
    versions.active_to,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
