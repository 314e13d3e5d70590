{{ config(materialized="view") }}

with stops as (select * from {{ ref("fct_round_stops") }})

select
    food_bank_id,
    round_id,
    cast(stop_no as bigint) as stop_no,
    round_date,
    place_kind,
    place_id,
    commune_code,
    is_own_depot,
    outcome,
    cast(round(stop_seconds / 60) as bigint) as minutes,
    cast(loaded_kg as decimal(18, 3)) as loaded_kg,
    cast(unloaded_kg as decimal(18, 3)) as unloaded_kg,
    cast(activity_distance_km as decimal(18, 3)) as activity_distance_km,
    cast(share as decimal(9, 6)) as round_share,
    allocated_kg_co2e
from stops
