with

    origins as (select * from {{ ref("fct_distribution_origin_daily") }}),

    food_banks as (select * from {{ ref("dim_food_banks") }}),

    routes as (select * from {{ ref("waste_routes") }}),

    factors as (select * from {{ ref("emission_factors") }}),

    -- The waste route of a food bank is the one of its first territory that has one, else the
    -- default.
    territories as (
        select
            food_banks.food_bank_id,
            coalesce(
                list_filter(
                    string_split(food_banks.territory_codes, '|'),
                    code -> list_contains(known.territory_codes, code)
                )[1],
                '*'
            ) as territory_code
        from food_banks
        cross join (select list(distinct territory_code) as territory_codes from routes) as known
    ),

    rescued as (
        select food_bank_id, distribution_date, month, channel, sum(weight_kg) as weight_kg
        from origins
        where channel in ('retail_pickup', 'platform', 'industry', 'farm')
        group by all
    ),

    routed as (
        select
            rescued.food_bank_id,
            rescued.distribution_date,
            rescued.month,
            rescued.channel,
            routes.treatment as route,
            routes.factor_id,
            case when routes.is_verified then 'modelled' else 'default' end as data_level,
            cast(rescued.weight_kg * routes.route_share as decimal(18, 6)) as weight_kg
        from rescued
        inner join territories on rescued.food_bank_id = territories.food_bank_id
        inner join
            routes
            on territories.territory_code = routes.territory_code
            and rescued.channel = routes.channel
            and rescued.distribution_date
            between routes.valid_from and coalesce(routes.valid_to, date '9999-12-31')
        where routes.route_share > 0
    )

select
    -- ids
    routed.food_bank_id,
    routed.distribution_date,
    routed.month,

    -- method
    'local_waste_route' as method,
    routed.channel,
    routed.route,
    routed.factor_id,
    factors.factor_version,
    factors.gwp_set,
    routed.data_level,

    -- weight
    routed.weight_kg,

    -- emissions
    {{
        kg_co2e(
            "cast(routed.weight_kg as decimal(38, 6)) * 0.001",
            "factors.value",
            "factors.uncertainty_share",
            -1,
        )
    }} as kg_co2e_low,
    {{
        kg_co2e(
            "cast(routed.weight_kg as decimal(38, 6)) * 0.001",
            "factors.value",
            "factors.uncertainty_share",
            0,
        )
    }} as kg_co2e,
    {{
        kg_co2e(
            "cast(routed.weight_kg as decimal(38, 6)) * 0.001",
            "factors.value",
            "factors.uncertainty_share",
            1,
        )
    }} as kg_co2e_high
from routed
inner join factors on routed.factor_id = factors.factor_id
