select
    month,
    food_bank_id,
    nutrition_group,
    position,
    label_fr,
    label_en,
    weight_kg,
    from_catalogue_kg,
    food_kg,
    food_share,
    reference_share,
    reference_limit,
    source,
    is_verified
from {{ ref("fct_nutrition_monthly") }}
