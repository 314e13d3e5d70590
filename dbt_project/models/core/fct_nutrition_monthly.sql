with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    flows as (
        select
            *,
            case
                when movement_kind in ('delivery', 'parcel')
                then weight_kg
                when movement_kind = 'delivery_return'
                then - weight_kg
            end as distributed_kg
        from {{ ref("fct_flows_monthly") }}
    ),

    products as (select * from {{ ref("dim_products") }}),

    families as (select * from {{ ref("network_families") }}),

    reference as (select * from {{ ref("nutrition_reference") }}),

    -- what the catalogue says of a product, else the group of its family
    grouped as (
        select
            flows.food_bank_id,
            flows.month,
            coalesce(
                own_groups.nutrition_group, families.default_nutrition_group, 'unmapped'
            ) as nutrition_group,
            own_groups.nutrition_group is not null as is_from_catalogue,
            flows.distributed_kg
        from flows
        left join
            products
            on flows.food_bank_id = products.food_bank_id
            and flows.product_code = products.product_code
        left join families on products.network_family = families.network_family
        left join reference as own_groups on products.nutrition_group = own_groups.nutrition_group
        where flows.distributed_kg is not null and coalesce(products.is_food, true)
    ),

    sums as (
        select
            food_bank_id,
            month,
            nutrition_group,
            sum(distributed_kg) as weight_kg,
            sum(distributed_kg) filter (where is_from_catalogue) as from_catalogue_kg
        from grouped
        group by food_bank_id, month, nutrition_group
    ),

    months as (
        select food_bank_id, month, sum(weight_kg) as food_kg from sums group by food_bank_id, month
    )

select
    months.month,
    months.food_bank_id,
    reference.nutrition_group,
    cast(reference.position as bigint) as position,
    reference.label_fr,
    reference.label_en,
    cast(coalesce(sums.weight_kg, 0) as decimal(18, 3)) as weight_kg,
    cast(coalesce(sums.from_catalogue_kg, 0) as decimal(18, 3)) as from_catalogue_kg,
    cast(months.food_kg as decimal(18, 3)) as food_kg,
    {{ share("coalesce(sums.weight_kg, 0)", "months.food_kg", "decimal(9, 6)") }} as food_share,
    reference.reference_share,
    reference.reference_limit,
    reference.source,
    reference.is_verified
from months
inner join food_banks on months.food_bank_id = food_banks.food_bank_id
cross join reference
left join
    sums
    on months.food_bank_id = sums.food_bank_id
    and months.month = sums.month
    and reference.nutrition_group = sums.nutrition_group
