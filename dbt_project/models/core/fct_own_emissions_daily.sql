{%- set ends = [(-1, "kg_co2e_low"), (0, "kg_co2e"), (1, "kg_co2e_high")] -%}
with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    factors as (select * from {{ ref("dim_factors") }}),

    removals as (select * from {{ ref("int_removals") }} where not is_deleted),

    waste_factors as (select * from {{ ref("waste_factors") }}),

    site_energy as (select * from {{ ref("int_site_energy") }} where not is_deleted),

    energy_factors as (select * from {{ ref("site_energy_factors") }}),

    top_ups as (select * from {{ ref("int_refrigerant_top_ups") }} where not is_deleted),

    refrigerant_factors as (select * from {{ ref("refrigerant_factors") }}),

    vehicles as (select * from {{ ref("dim_vehicles") }} where is_refrigerated),

    sites as (select * from {{ ref("dim_sites") }} where cold_power_kw > 0),

    wasted as (
        select
            removals.food_bank_id,
            removals.removed_date as emission_date,
            'own_waste' as post,
            waste_factors.factor_id,
            waste_factors.data_level,
            cast(removals.weight_kg as decimal(38, 12)) * 0.001 as activity_quantity,
            cast(null as double) as uncertainty_share
        from removals
        inner join
            waste_factors
            on removals.destination = waste_factors.destination
            and removals.removed_date
            between waste_factors.valid_from and coalesce(waste_factors.valid_to, date '9999-12-31')
    ),

    -- the energy of a meter is spread evenly over the days that it was read for
    energy_days as (
        select
            site_energy.food_bank_id,
            site_energy.energy_source,
            cast(
                site_energy.period_start + cast(days.day_no - 1 as integer) as date
            ) as emission_date,
            cast(
                site_energy.energy_kwh
                * days.day_no
                / (site_energy.period_end - site_energy.period_start + 1) as decimal(28, 12)
            ) - cast(
                site_energy.energy_kwh
                * (days.day_no - 1)
                / (site_energy.period_end - site_energy.period_start + 1) as decimal(28, 12)
            ) as energy_kwh
        from site_energy
        cross join
            unnest(
                generate_series(1, site_energy.period_end - site_energy.period_start + 1)
            ) as days(day_no)
    ),

    -- the row of the year, else of the nearest year
    dated_energy_factors as (
        select years.energy_year, energy_factors.*
        from (select distinct year(emission_date) as energy_year from energy_days) as years
        cross join energy_factors
        qualify
            row_number() over (
                partition by years.energy_year, energy_factors.energy_source
                order by
                    greatest(
                        year(energy_factors.valid_from) - years.energy_year,
                        years.energy_year
                        - year(coalesce(energy_factors.valid_to, date '9999-12-31')),
                        0
                    ),
                    energy_factors.valid_from desc
            )
            = 1
    ),

    energy as (
        select
            energy_days.food_bank_id,
            energy_days.emission_date,
            case
                when energy_days.energy_source = 'electricity' then 'electricity' else 'heat'
            end as post,
            dated_energy_factors.factor_id,
            dated_energy_factors.data_level,
            cast(energy_days.energy_kwh as decimal(38, 12)) as activity_quantity,
            cast(null as double) as uncertainty_share
        from energy_days
        inner join
            dated_energy_factors
            on energy_days.energy_source = dated_energy_factors.energy_source
            and year(energy_days.emission_date) = dated_energy_factors.energy_year
    ),

    topped_up as (
        select
            top_ups.food_bank_id,
            top_ups.topped_up_date as emission_date,
            'refrigerants' as post,
            refrigerant_factors.factor_id,
            'measured' as data_level,
            cast(top_ups.refrigerant_kg as decimal(38, 12)) as activity_quantity,
            cast(null as double) as uncertainty_share
        from top_ups
        inner join refrigerant_factors on top_ups.refrigerant = refrigerant_factors.refrigerant
    ),

    -- without a top-up in the year: what such a unit leaks, day by day while it is in service
    leak_rates as (
        select
            {% for name in [
                "truck_cold_unit_charge",
                "truck_cold_unit_leak_rate",
                "cold_store_charge",
                "cold_store_leak_rate",
            ] -%}
                max(case when factor_id = '{{ name }}' then value end) as {{ name }},
                max(
                    case when factor_id = '{{ name }}' then uncertainty_share end
                ) as {{ name }}_uncertainty
                {{- "," if not loop.last }}
            {% endfor %}
        from factors
    ),

    cold_units as (
        select
            vehicles.food_bank_id,
            'vehicle' as unit_kind,
            vehicles.vehicle_id as unit_id,
            vehicles.refrigerant,
            leak_rates.truck_cold_unit_charge as charge_kg,
            leak_rates.truck_cold_unit_leak_rate as leak_percent,
            leak_rates.truck_cold_unit_charge_uncertainty as charge_uncertainty,
            leak_rates.truck_cold_unit_leak_rate_uncertainty as leak_uncertainty,
            vehicles.active_from,
            vehicles.active_to
        from vehicles
        cross join leak_rates
        union all
        select
            sites.food_bank_id,
            'site' as unit_kind,
            sites.site_id as unit_id,
            sites.refrigerant,
            cast(leak_rates.cold_store_charge * sites.cold_power_kw as decimal(12, 6)) as charge_kg,
            leak_rates.cold_store_leak_rate as leak_percent,
            leak_rates.cold_store_charge_uncertainty as charge_uncertainty,
            leak_rates.cold_store_leak_rate_uncertainty as leak_uncertainty,
            cast(null as date) as active_from,
            cast(null as date) as active_to
        from sites
        cross join leak_rates
    ),

    years_with_top_ups as (
        select distinct
            food_bank_id,
            case when vehicle_id is not null then 'vehicle' else 'site' end as unit_kind,
            coalesce(vehicle_id, site_id) as unit_id,
            year(topped_up_date) as top_up_year
        from top_ups
    ),

    days as (
        select
            food_bank_id,
            cast(
                unnest(generate_series(first_date, data_date, interval 1 day)) as date
            ) as emission_date
        from food_banks
    ),

    leaked as (
        select
            days.food_bank_id,
            days.emission_date,
            'refrigerants' as post,
            refrigerant_factors.factor_id,
            'modelled' as data_level,
            cast(
                cold_units.charge_kg
                * cold_units.leak_percent
                / 100
                / (
                    make_date(year(days.emission_date) + 1, 1, 1)
                    - make_date(year(days.emission_date), 1, 1)
                ) as decimal(38, 12)
            ) as activity_quantity,
            sqrt(
                cast(cold_units.charge_uncertainty as double)
                * cast(cold_units.charge_uncertainty as double)
                + cast(cold_units.leak_uncertainty as double)
                * cast(cold_units.leak_uncertainty as double)
                + coalesce(cast(factors.uncertainty_share as double), 0)
                * coalesce(cast(factors.uncertainty_share as double), 0)
            ) as uncertainty_share
        from days
        inner join
            cold_units
            on days.food_bank_id = cold_units.food_bank_id
            and days.emission_date
            between coalesce(cold_units.active_from, days.emission_date) and coalesce(
                cold_units.active_to, days.emission_date
            )
        inner join refrigerant_factors on cold_units.refrigerant = refrigerant_factors.refrigerant
        inner join factors on refrigerant_factors.factor_id = factors.factor_id
        left join
            years_with_top_ups
            on cold_units.food_bank_id = years_with_top_ups.food_bank_id
            and cold_units.unit_kind = years_with_top_ups.unit_kind
            and cold_units.unit_id = years_with_top_ups.unit_id
            and year(days.emission_date) = years_with_top_ups.top_up_year
        where years_with_top_ups.unit_id is null
    ),

    activities as (
        select *
        from wasted
        union all
        select *
        from energy
        union all
        select *
        from topped_up
        union all
        select *
        from leaked
    ),

    daily as (
        select
            food_bank_id,
            emission_date,
            post,
            factor_id,
            data_level,
            cast(max(uncertainty_share) as decimal(9, 8)) as uncertainty_share,
            sum(activity_quantity) as activity_quantity
        from activities
        group by food_bank_id, emission_date, post, factor_id, data_level
    )

select
    -- ids
    daily.food_bank_id,
    daily.emission_date,
    {{ first_day_of_month("daily.emission_date") }} as month,
    daily.post,
    daily.factor_id,
    factors.factor_version,
    factors.gwp_set,
    daily.data_level,

    -- activity
    cast(daily.activity_quantity as decimal(18, 6)) as activity_quantity,
    factors.activity_unit,

    -- emissions
    {% for end, name in ends -%}
        {{
            kg_co2e(
                "daily.activity_quantity",
                "factors.value",
                "coalesce(daily.uncertainty_share, factors.uncertainty_share)",
                end,
            )
        }} as {{ name }} {{- "," if not loop.last }}
    {% endfor %}
from daily
inner join factors on daily.factor_id = factors.factor_id
