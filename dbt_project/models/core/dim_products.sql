with products as (select * from {{ ref("int_products") }})

select
    -- ids
    food_bank_id,
    product_code,
    -- text
    label,
    network_family,
    storage,
    carbon_group,
    nutrition_group,
    -- numbers
    unit_weight_kg,
    case_weight_kg,
    pallet_weight_kg,
    -- flags: hygiene is handled, not eaten
    is_food and network_family <> 'hygiene' as is_food,
    -- dates
    active_from,
    active_to
from products
