with
    rounds as (select * from {{ ref("fct_rounds") }}),

    stops as (select * from {{ ref("fct_round_stops") }}),

    times as (
        select food_bank_id, round_id, started_at, ended_at, people
        from {{ ref("int_rounds") }}
        where not is_deleted
    ),

    vehicles as (select * from {{ ref("dim_vehicles") }}),

    -- kg on board after each stop, less what was on board at the start
    loads as (
        select
            *,
            sum(loaded_kg - unloaded_kg) over (
                partition by food_bank_id, round_id order by stop_no rows unbounded preceding
            ) as gained_kg
        from stops
    ),

    -- What is unloaded without having been loaded at a stop was on board from the start. Loading at
    -- the own depot is no stop.
    stops_of_rounds as (
        select
            food_bank_id,
            round_id,
            count(*) filter (where not is_own_depot) as stops,
            count(*) filter (where not is_own_depot and carried_kg = 0) as stops_without_load,
            greatest(max(gained_kg), 0) - least(min(gained_kg), 0) as fullest_kg,
            sum(allocated_kg_co2e) as allocated_kg_co2e
        from loads
        group by food_bank_id, round_id
    )

select
    -- ids
    rounds.food_bank_id,
    rounds.round_id,
    rounds.round_date,
    rounds.month,
    rounds.site_id,
    rounds.vehicle_id,

    -- text
    rounds.kind,
    rounds.vehicle_kind,
    rounds.energy,
    rounds.energy_unit,
    rounds.data_level,

    -- numbers
    cast(rounds.distance_km as decimal(18, 3)) as distance_km,
    cast(rounds.energy_used as decimal(18, 3)) as energy_quantity,
    cast(times.people as bigint) as people,
    cast(
        round({{ seconds_between("times.started_at", "times.ended_at") }} / 60) as bigint
    ) as minutes,
    coalesce(stops_of_rounds.stops, 0) as stops,
    coalesce(stops_of_rounds.stops_without_load, 0) as stops_without_load,
    cast(rounds.carried_kg as decimal(18, 3)) as carried_kg,
    cast(stops_of_rounds.fullest_kg as decimal(18, 3)) as fullest_kg,
    cast(vehicles.payload_kg as decimal(18, 3)) as payload_kg,

    -- emissions
    rounds.kg_co2e_low,
    rounds.kg_co2e,
    rounds.kg_co2e_high,
    case
        when rounds.kg_co2e is not null
        then cast(rounds.kg_co2e - coalesce(stops_of_rounds.allocated_kg_co2e, 0) as decimal(18, 6))
    end as unallocated_kg_co2e
from rounds
inner join times on rounds.food_bank_id = times.food_bank_id and rounds.round_id = times.round_id
left join
    stops_of_rounds
    on rounds.food_bank_id = stops_of_rounds.food_bank_id
    and rounds.round_id = stops_of_rounds.round_id
left join
    vehicles
    on rounds.food_bank_id = vehicles.food_bank_id
    and rounds.vehicle_id = vehicles.vehicle_id
