select
    food_bank_id,
    round_id,
    stop_no,
    round_date,
    place_kind,
    place_id,
    commune_code,
    is_own_depot,
    outcome,
    minutes,
    loaded_kg,
    unloaded_kg,
    activity_distance_km,
    round_share,
    allocated_kg_co2e
from {{ ref("fct_round_stops_published") }}
