select
    month,
    food_bank_id,
    households_helped,
    new_households,
    people_helped,
    parcels,
    anonymous_parcels,
    parcel_kg
from {{ ref("fct_households_monthly") }}
