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
        select *, coalesce(started_date, planned_on, ended_date, date '1900-01-01') as round_date
        from {{ ref("int_rounds") }}
        where not is_deleted {{ where_to_build("int_touched_round_months", keyword="and") }}
    ),

    stops as (select * from {{ ref("int_round_stops") }} where not is_deleted),

    vehicles as (select * from {{ ref("dim_vehicles") }}),

    vehicle_factors as (select * from {{ ref("vehicle_factors") }}),

    energy_factors as (select * from {{ ref("energy_factors") }}),

    factors as (select * from {{ ref("emission_factors") }}),

    years as (select distinct year(round_date) as round_year from rounds),

    -- The row of the year, else of the nearest year (the mix of electricity changes every year).
    energy_factors_of_year as (
        select
            years.round_year,
            energy_factors.energy,
            energy_factors.energy_unit,
            energy_factors.factor_id
        from years
        cross join energy_factors
        qualify
            row_number() over (
                partition by years.round_year, energy_factors.energy, energy_factors.energy_unit
                order by
                    greatest(
                        year(energy_factors.valid_from) - years.round_year,
                        years.round_year
                        - year(coalesce(energy_factors.valid_to, date '9999-12-31')),
                        0
                    ),
                    energy_factors.valid_from desc
            )
            = 1
    ),

    -- What is handled away from the round's own depot: a pallet that goes from the depot to a
    -- partner counts once.
    carried as (
        select
            stops.food_bank_id,
            stops.round_id,
            sum(stops.loaded_kg + stops.unloaded_kg) as carried_kg
        from stops
        inner join
            rounds on stops.food_bank_id = rounds.food_bank_id and stops.round_id = rounds.round_id
        where not (stops.place_kind = 'site' and stops.place_id = rounds.site_id)
        group by stops.food_bank_id, stops.round_id
    ),

    activities as (
        select
            rounds.*,
            vehicles.kind as vehicle_kind,
            vehicles.energy,
            vehicles.is_refrigerated,
            case
                when rounds.energy_used > 0 and energy_factors_of_year.factor_id is not null
                then 'measured'
                when rounds.distance_km is not null
                then vehicle_factors.data_level
            end as data_level,
            energy_factors_of_year.factor_id as energy_factor_id,
            vehicle_factors.factor_id as distance_factor_id,
            vehicle_factors.cold_uplift
        from rounds
        left join
            vehicles
            on rounds.food_bank_id = vehicles.food_bank_id
            and rounds.vehicle_id = vehicles.vehicle_id
        left join
            energy_factors_of_year
            on vehicles.energy = energy_factors_of_year.energy
            and rounds.energy_unit = energy_factors_of_year.energy_unit
            and year(rounds.round_date) = energy_factors_of_year.round_year
        left join
            vehicle_factors
            on vehicles.kind = vehicle_factors.vehicle_kind
            and vehicles.energy = vehicle_factors.energy
            and vehicles.is_refrigerated = vehicle_factors.is_refrigerated
    ),

    -- Measured energy holds the cold unit already: the uplift is for distances only.
    chosen as (
        select
            *,
            case
                when data_level = 'measured'
                then energy_factor_id
                when data_level is not null
                then distance_factor_id
            end as factor_id,
            case
                when data_level = 'measured'
                then energy_used
                when data_level is not null
                then distance_km
            end as activity_quantity,
            case when data_level = 'measured' then 1.00 else cold_uplift end as uplift
        from activities
    )

select
    -- ids
    chosen.food_bank_id,
    chosen.round_id,
    chosen.round_date,
    chosen.month,
    chosen.kind,
    chosen.site_id,
    chosen.vehicle_id,

    -- vehicle
    chosen.vehicle_kind,
    chosen.energy,
    chosen.is_refrigerated,

    -- activity
    chosen.distance_km,
    chosen.energy_used,
    chosen.energy_unit,
    chosen.data_level,
    chosen.factor_id,
    factors.factor_version,
    factors.gwp_set,
    chosen.activity_quantity,
    factors.activity_unit,

    -- emissions
    {{
        kg_co2e(
            "chosen.activity_quantity",
            "factors.value",
            "factors.uncertainty_share",
            -1,
            "chosen.uplift",
        )
    }} as kg_co2e_low,
    {{
        kg_co2e(
            "chosen.activity_quantity",
            "factors.value",
            "factors.uncertainty_share",
            0,
            "chosen.uplift",
        )
    }} as kg_co2e,
    {{
        kg_co2e(
            "chosen.activity_quantity",
            "factors.value",
            "factors.uncertainty_share",
            1,
            "chosen.uplift",
        )
    }} as kg_co2e_high,

    -- weight
    cast(coalesce(carried.carried_kg, 0) as decimal(14, 3)) as carried_kg
from chosen
left join factors on chosen.factor_id = factors.factor_id
left join
    carried on chosen.food_bank_id = carried.food_bank_id and chosen.round_id = carried.round_id
