with sites as (select * from {{ ref("int_sites") }})

select
    -- ids
    food_bank_id,
    site_id,
    commune_code,
    -- text
    name,
    kind,
    closed_days,
    refrigerant,
    -- numbers
    latitude,
    longitude,
    cold_power_kw
from sites
