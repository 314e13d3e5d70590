select
    quarter_start,
    food_bank_id,
    qpv_code,
    households_helped,
    new_households,
    people_helped,
    parcels,
    anonymous_parcels,
    parcel_kg
from {{ ref("fct_households_quarterly") }}
