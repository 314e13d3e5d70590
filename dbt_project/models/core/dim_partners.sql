with partners as (select * from {{ ref("int_partners") }})

select
    -- ids
    food_bank_id,
    partner_id,
    commune_code,
    qpv_code,
    -- text
    name,
    kind,
    collects_on,
    served_on,
    -- numbers
    latitude,
    longitude,
    -- flags
    stores_chilled,
    stores_frozen,
    offers_support,
    uses_platform,
    -- dates
    accreditation_expires_on,
    active_from,
    active_to
from partners
