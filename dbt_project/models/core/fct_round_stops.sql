{{
    config(
        materialized="incremental",
        incremental_strategy="months_of_facts",
        meta={"months": "int_touched_round_months"},
    )
}}

-- depends_on: {{ ref("int_touched_round_months") }}
with

    rounds as (
        select * from {{ ref("fct_rounds") }} {{ where_to_build("int_touched_round_months") }}
    ),

    stops as (select * from {{ ref("int_round_stops") }} where not is_deleted),

    places as (select * from {{ ref("dim_places") }}),

    communes as (select * from {{ ref("dim_communes") }}),

    -- A place without coordinates of its own stands at the centre of its commune.
    located_places as (
        select
            places.food_bank_id,
            places.place_kind,
            places.place_id,
            places.commune_code,
            case
                when places.latitude is not null and places.longitude is not null
                then places.latitude
                else communes.latitude
            end as latitude,
            case
                when places.latitude is not null and places.longitude is not null
                then places.longitude
                else communes.longitude
            end as longitude
        from places
        left join communes on places.commune_code = communes.commune_code
    ),

    located_stops as (
        select
            stops.food_bank_id,
            stops.round_id,
            stops.stop_no,
            rounds.round_date,
            rounds.month,
            stops.place_kind,
            stops.place_id,
            located_places.commune_code,
            stops.outcome,
            stops.loaded_kg,
            stops.unloaded_kg,
            {{ seconds_between("stops.arrived_at", "stops.left_at") }} as stop_seconds,
            stops.loaded_kg + stops.unloaded_kg as carried_kg,
            stops.road_distance_km,
            coalesce(
                stops.place_kind = 'site' and stops.place_id = rounds.site_id, false
            ) as is_own_depot,
            {{
                great_circle_km(
                    "depots.latitude",
                    "depots.longitude",
                    "located_places.latitude",
                    "located_places.longitude",
                )
            }} as great_circle_km,
            rounds.kg_co2e
        from stops
        inner join
            rounds on stops.food_bank_id = rounds.food_bank_id and stops.round_id = rounds.round_id
        left join
            located_places
            on stops.food_bank_id = located_places.food_bank_id
            and stops.place_kind = located_places.place_kind
            and stops.place_id = located_places.place_id
        left join
            located_places as depots
            on rounds.food_bank_id = depots.food_bank_id
            and depots.place_kind = 'site'
            and rounds.site_id = depots.place_id
    ),

    -- ISO 14083: the activity distance is the shortest feasible one, from one source for all the
    -- stops of a round.
    measured_stops as (
        select
            *,
            case
                when is_own_depot
                then cast(0 as decimal(12, 3))
                when
                    bool_and(is_own_depot or road_distance_km is not null) over (
                        partition by food_bank_id, round_id
                    )
                then road_distance_km
                else great_circle_km
            end as activity_distance_km
        from located_stops
    ),

    weighted_stops as (
        select
            *,
            case
                when carried_kg = 0
                then 0
                else cast(carried_kg as decimal(38, 3)) * activity_distance_km
            end as transport_activity,
            -- A load whose distance is unknown leaves its whole round unallocated.
            bool_or(carried_kg > 0 and activity_distance_km is null) over (
                partition by food_bank_id, round_id
            ) as has_unknown_distance
        from measured_stops
    ),

    shared_stops as (
        select
            *,
            case
                when not has_unknown_distance
                then
                    cast(
                        transport_activity / nullif(
                            sum(transport_activity) over (partition by food_bank_id, round_id), 0
                        ) as decimal(18, 12)
                    )
            end as rounded_share,
            row_number() over (
                partition by food_bank_id, round_id
                order by transport_activity desc nulls last, stop_no
            )
            = 1 as is_largest
        from weighted_stops
    ),

    allocated_stops as (
        select
            *,
            rounded_share + case
                when is_largest
                then 1 - sum(rounded_share) over (partition by food_bank_id, round_id)
                else 0
            end as share,
            cast(
                cast(rounded_share as decimal(38, 12)) * kg_co2e as decimal(18, 6)
            ) as rounded_kg_co2e
        from shared_stops
    )

select
    -- ids
    food_bank_id,
    round_id,
    stop_no,
    round_date,
    month,

    -- place
    place_kind,
    place_id,
    commune_code,
    is_own_depot,

    -- activity
    outcome,
    cast(stop_seconds as decimal(18, 6)) as stop_seconds,
    loaded_kg,
    unloaded_kg,
    cast(carried_kg as decimal(14, 3)) as carried_kg,
    activity_distance_km,

    -- allocation
    cast(share as decimal(18, 12)) as share,
    cast(
        rounded_kg_co2e + case
            when is_largest
            then kg_co2e - sum(rounded_kg_co2e) over (partition by food_bank_id, round_id)
            else 0
        end as decimal(18, 6)
    ) as allocated_kg_co2e
from allocated_stops
