select
    food_bank_id,
    position,
    name,
    timezone,
    territory_codes,
    meal_convention,
    is_demonstration,
    first_date,
    data_date
from {{ ref("dim_food_banks") }}
