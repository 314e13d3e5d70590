with

    origins as (select * from {{ ref("fct_distribution_origin_daily") }}),

    food_banks as (select * from {{ ref("dim_food_banks") }}),

    routes as (select * from {{ ref("waste_routes") }}),

    factors as (select * from {{ ref("dim_factors") }}),

    products as (select * from {{ ref("dim_products") }}),

    families as (select * from {{ ref("network_families") }}),

    carbon_groups as (select * from {{ ref("carbon_groups") }}),

    movements as (
        select *
        from {{ ref("fct_food_movements") }}
        where movement_kind in ('delivery', 'delivery_return', 'parcel')
    ),

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
            'local_waste_route' as method,
            rescued.channel,
            routes.treatment as route,
            routes.factor_id,
            case when routes.is_verified then 'modelled' else 'default' end as data_level,
            cast(rescued.weight_kg * routes.route_share as decimal(18, 6)) as weight_kg,
            cast(0.001 as decimal(12, 6)) as activity_per_kg
        from rescued
        inner join territories on rescued.food_bank_id = territories.food_bank_id
        inner join
            routes
            on territories.territory_code = routes.territory_code
            and rescued.channel = routes.channel
            and rescued.distribution_date
            between routes.valid_from and coalesce(routes.valid_to, date '9999-12-31')
        where routes.route_share > 0
    ),

    one_factor as (
        {% for method, route, factor_id, data_level in [
            ("landfill", "landfill", "waste_landfill", "modelled"),
            ("flat_full_chain", "full_chain", "flat_full_chain", "default"),
        ] %}
            select
                food_bank_id,
                distribution_date,
                month,
                '{{ method }}' as method,
                channel,
                '{{ route }}' as route,
                '{{ factor_id }}' as factor_id,
                '{{ data_level }}' as data_level,
                cast(weight_kg as decimal(18, 6)) as weight_kg,
                cast(0.001 as decimal(12, 6)) as activity_per_kg
            from rescued
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    -- what is distributed, whatever its origin, by the carbon group of the product, else the one
    -- that stands for its family; nothing is claimed for a product of neither
    distributed as (
        select
            movements.food_bank_id,
            movements.movement_date as distribution_date,
            movements.month,
            coalesce(carbon_groups.carbon_group, families.default_carbon_group) as carbon_group,
            case
                when carbon_groups.carbon_group is null then 'default' else 'modelled'
            end as data_level,
            sum({{ handed_over_kg() }}) as weight_kg
        from movements
        inner join
            products
            on movements.food_bank_id = products.food_bank_id
            and movements.product_code = products.product_code
            and products.is_food
        left join carbon_groups on products.carbon_group = carbon_groups.carbon_group
        left join families on products.network_family = families.network_family
        group by all
    ),

    eaten as (
        select
            max(case when factor_id = 'eaten_share' then value end)
            * (1 - max(case when factor_id = 'rebound_share' then value end)) as displaced_share
        from factors
    ),

    substituted as (
        select
            distributed.food_bank_id,
            distributed.distribution_date,
            distributed.month,
            'substitution' as method,
            'all' as channel,
            distributed.carbon_group as route,
            carbon_groups.factor_id,
            distributed.data_level,
            cast(distributed.weight_kg as decimal(18, 6)) as weight_kg,
            cast(eaten.displaced_share as decimal(12, 6)) as activity_per_kg
        from distributed
        inner join carbon_groups on distributed.carbon_group = carbon_groups.carbon_group
        cross join eaten
        where distributed.weight_kg > 0
    ),

    avoided as (
        select *
        from routed
        union all
        select *
        from one_factor
        union all
        select *
        from substituted
    )

select
    -- ids
    avoided.food_bank_id,
    avoided.distribution_date,
    avoided.month,

    -- method
    avoided.method,
    avoided.channel,
    avoided.route,
    avoided.factor_id,
    factors.factor_version,
    factors.gwp_set,
    avoided.data_level,

    -- weight
    avoided.weight_kg,

    -- activity
    cast(avoided.weight_kg * avoided.activity_per_kg as decimal(18, 6)) as activity_quantity,
    factors.activity_unit,

    -- emissions
    {% for end, name in [(-1, "kg_co2e_low"), (0, "kg_co2e"), (1, "kg_co2e_high")] -%}
        {{
            kg_co2e(
                "cast(avoided.weight_kg as decimal(38, 6)) * avoided.activity_per_kg",
                "factors.value",
                "factors.uncertainty_share",
                end,
            )
        }} as {{ name }} {{- "," if not loop.last }}
    {% endfor %}
from avoided
inner join factors on avoided.factor_id = factors.factor_id
