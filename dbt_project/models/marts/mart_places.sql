select
    food_bank_id,
    place_kind,
    place_id,
    name,
    kind,
    commune_code,
    latitude,
    longitude,
    is_active,
    uses_platform
from {{ ref("dim_places") }}
