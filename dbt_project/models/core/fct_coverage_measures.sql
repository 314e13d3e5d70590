{#- What reaches whom: parcels' waiting times, communes served, how evenly, inhabitants. -#}
{%- set ids = "food_bank_id, territory_code, period_kind, period_start" -%}
with
    periods as (select * from {{ ref("dim_periods") }}),

    flows as (select * from {{ ref("fct_flows_by_kind") }}),

    parcels as (select * from {{ ref("fct_parcels") }}),

    communes as (select * from {{ ref("dim_communes") }}),

    territory_members as (select * from {{ ref("dim_territory_members") }}),

    waits as (
        select
            parcels.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            {{ seconds_between("parcels.requested_at", "parcels.handed_over_at") }} as wait_seconds
        from parcels
        inner join
            periods
            on parcels.food_bank_id = periods.food_bank_id
            and parcels.month = periods.month
            and parcels.handed_over_date <= periods.period_end
        where parcels.requested_at is not null
    ),

    waited as (
        select
            {{ ids }},
            {{ percentile("wait_seconds", 0.5, 3600) }} as hours_request_to_parcel_median,
            {{ percentile("wait_seconds", 0.9, 3600) }} as hours_request_to_parcel_p90
        from waits
        group by {{ ids }}
    ),

    -- food that partners of a commune took, less what they refused
    delivered as (
        select
            flows.food_bank_id,
            periods.period_kind,
            periods.period_start,
            flows.commune_code,
            sum(
                case when flows.flow = 'returned' then - flows.weight_kg else flows.weight_kg end
            ) as weight_kg
        from flows
        inner join
            periods
            on flows.food_bank_id = periods.food_bank_id
            and flows.month = periods.month
            and flows.is_to_same_day = periods.is_to_same_day
        inner join communes on flows.commune_code = communes.commune_code
        where flows.flow in ('delivered', 'returned') and flows.is_food
        group by flows.food_bank_id, periods.period_kind, periods.period_start, flows.commune_code
        having
            sum(case when flows.flow = 'returned' then - flows.weight_kg else flows.weight_kg end)
            > 0
    ),

    communes_served as (
        select
            food_bank_id,
            '' as territory_code,
            period_kind,
            period_start,
            count(*) as communes_served
        from delivered
        group by food_bank_id, period_kind, period_start
        union all
        select
            delivered.food_bank_id,
            territory_members.territory_code,
            delivered.period_kind,
            delivered.period_start,
            count(*) as communes_served
        from delivered
        inner join
            territory_members
            on delivered.food_bank_id = territory_members.food_bank_id
            and delivered.commune_code = territory_members.commune_code
        group by all
    ),

    -- from the least served commune on, by kilograms per inhabitant
    ranked as (
        select
            delivered.*,
            communes.population,
            sum(communes.population) over (
                partition by delivered.food_bank_id, delivered.period_kind, delivered.period_start
                order by
                    cast(delivered.weight_kg as double) / communes.population,
                    delivered.commune_code
                rows unbounded preceding
            ) as population_so_far,
            sum(communes.population) over (
                partition by delivered.food_bank_id, delivered.period_kind, delivered.period_start
            ) as population_served
        from delivered
        inner join communes on delivered.commune_code = communes.commune_code
        where communes.population > 0
    ),

    least_served as (
        select
            food_bank_id,
            '' as territory_code,
            period_kind,
            period_start,
            -- the commune that crosses a fifth of the population counts for its part below it
            sum(
                cast(
                    weight_kg * least(
                        greatest(population_served - 5 * (population_so_far - population), 0),
                        5 * population
                    )
                    / (5 * population) as decimal(18, 6)
                )
            ) as least_served_kg,
            sum(weight_kg) as known_communes_kg
        from ranked
        group by food_bank_id, period_kind, period_start
    ),

    territories as (
        select
            territory_members.food_bank_id,
            territory_members.territory_code,
            sum(communes.population) as inhabitants
        from territory_members
        inner join communes on territory_members.commune_code = communes.commune_code
        group by territory_members.food_bank_id, territory_members.territory_code
    ),

    inhabitants as (
        select distinct
            territories.food_bank_id,
            territories.territory_code,
            periods.period_kind,
            periods.period_start,
            territories.inhabitants
        from territories
        inner join periods on territories.food_bank_id = periods.food_bank_id
    ),

    measures as (
        {{
            measures_in_rows(
                "waited", ["hours_request_to_parcel_median", "hours_request_to_parcel_p90"]
            )
        }}
        union all
        {{ measures_in_rows("communes_served", ["communes_served"]) }}
        union all
        {{ measures_in_rows("least_served", ["least_served_kg", "known_communes_kg"]) }}
        union all
        {{ measures_in_rows("inhabitants", ["inhabitants"]) }}
    )

select *
from measures
where amount is not null
