with suppliers as (select * from {{ ref("int_suppliers") }})

select
    -- ids
    food_bank_id,
    supplier_id,
    commune_code,
    -- text
    name,
    kind,
    status,
    -- numbers
    latitude,
    longitude,
    -- dates
    active_from,
    active_to
from suppliers
