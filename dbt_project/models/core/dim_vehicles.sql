with vehicles as (select * from {{ ref("int_vehicles") }})

select
    -- ids
    food_bank_id,
    vehicle_id,

    -- codes
    kind,
    energy,
    refrigerant,

    -- numbers
    payload_kg,

    -- flags
    is_refrigerated,

    -- dates
    active_from,
    active_to
from vehicles
