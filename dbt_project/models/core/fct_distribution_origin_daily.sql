{{
    config(
        materialized="incremental",
        incremental_strategy="months_of_facts",
        meta={"months": "int_touched_origin_months"},
    )
}}

-- depends_on: {{ ref("int_touched_origin_months") }}
with

    movements as (
        select *
        from {{ ref("fct_food_movements") }}
        where
            movement_kind in ('delivery', 'delivery_return', 'parcel')
            {{ where_to_build("int_touched_origin_months", keyword="and") }}
    ),

    receipts as (select * from {{ ref("int_receipts") }} where not is_deleted),

    products as (select * from {{ ref("dim_products") }}),

    -- A product that no catalogue knows is counted as food, without a family.
    families as (
        select
            food_bank_id,
            product_code,
            is_food,
            nullif(network_family, 'unmapped') as network_family
        from products
    ),

    distributed as (
        select
            movements.food_bank_id,
            movements.movement_date as distribution_date,
            movements.month,
            movements.product_code,
            families.network_family,
            movements.lot_id,
            sum(
                case
                    when movements.movement_kind = 'delivery_return'
                    then - movements.weight_kg
                    else movements.weight_kg
                end
            ) as weight_kg
        from movements
        left join
            families
            on movements.food_bank_id = families.food_bank_id
            and movements.product_code = families.product_code
        where coalesce(families.is_food, true)
        group by all
    ),

    -- A lot received more than once: its first receipt says where it comes from.
    lots as (
        select food_bank_id, product_code, lot_id, channel
        from receipts
        where
            (food_bank_id, product_code, lot_id)
            in (select food_bank_id, product_code, lot_id from distributed where lot_id is not null)
        qualify
            row_number() over (
                partition by food_bank_id, product_code, lot_id
                order by received_date, receipt_id, line_no
            )
            = 1
    ),

    by_lot as (
        select distributed.*, lots.channel as lot_channel
        from distributed
        left join
            lots
            on distributed.food_bank_id = lots.food_bank_id
            and distributed.product_code = lots.product_code
            and distributed.lot_id = lots.lot_id
    ),

    without_lot as (
        select
            food_bank_id,
            distribution_date,
            month,
            product_code,
            network_family,
            sum(weight_kg) as weight_kg
        from by_lot
        where lot_channel is null
        group by all
    ),

    received_monthly as (
        select
            food_bank_id,
            month,
            product_code,
            channel,
            sum(weight_kg - coalesce(refused_at_dock_kg, 0)) as weight_kg
        from receipts
        where
            channel <> 'inter_bank'
            {% if is_incremental() %}
                and (food_bank_id, month) in (
                    select food_bank_id, cast(month - to_months(ages.months) as date)
                    from {{ ref("int_touched_origin_months") }}
                    cross join (values (0), (1), (2)) as ages(months)
                )
            {% endif %}
        group by food_bank_id, month, product_code, channel
    ),

    -- The receipts of a month feed its own mix and those of the two months after.
    recent_receipts as (
        select
            received_monthly.food_bank_id,
            cast(received_monthly.month + to_months(ages.months) as date) as month,
            received_monthly.product_code,
            families.network_family,
            received_monthly.channel,
            sum(received_monthly.weight_kg) as weight_kg
        from received_monthly
        cross join (values (0), (1), (2)) as ages(months)
        left join
            families
            on received_monthly.food_bank_id = families.food_bank_id
            and received_monthly.product_code = families.product_code
        group by all
        having sum(received_monthly.weight_kg) > 0
    ),

    product_mix as (
        select
            food_bank_id,
            month,
            product_code,
            channel,
            weight_kg,
            sum(weight_kg) over (partition by food_bank_id, month, product_code) as total_kg
        from recent_receipts
    ),

    family_mix as (
        select
            food_bank_id,
            month,
            network_family,
            channel,
            sum(weight_kg) as weight_kg,
            sum(sum(weight_kg)) over (partition by food_bank_id, month, network_family) as total_kg
        from recent_receipts
        where network_family is not null
        group by food_bank_id, month, network_family, channel
    ),

    products_with_mix as (select distinct food_bank_id, month, product_code from product_mix),

    mixed as (
        select
            without_lot.food_bank_id,
            without_lot.distribution_date,
            without_lot.month,
            without_lot.product_code,
            coalesce(product_mix.channel, family_mix.channel, 'unknown') as channel,
            cast(without_lot.weight_kg as decimal(18, 6)) as distributed_kg,
            coalesce(product_mix.weight_kg, family_mix.weight_kg, 1) as mix_kg,
            cast(
                without_lot.weight_kg * coalesce(
                    product_mix.weight_kg / product_mix.total_kg,
                    family_mix.weight_kg / family_mix.total_kg,
                    1
                ) as decimal(18, 6)
            ) as rounded_kg
        from without_lot
        left join
            products_with_mix
            on without_lot.food_bank_id = products_with_mix.food_bank_id
            and without_lot.month = products_with_mix.month
            and without_lot.product_code = products_with_mix.product_code
        left join
            product_mix
            on without_lot.food_bank_id = product_mix.food_bank_id
            and without_lot.month = product_mix.month
            and without_lot.product_code = product_mix.product_code
        left join
            family_mix
            on products_with_mix.product_code is null
            and without_lot.food_bank_id = family_mix.food_bank_id
            and without_lot.month = family_mix.month
            and without_lot.network_family = family_mix.network_family
    ),

    -- Rounding leaves grams over: they go to the largest channel, so that nothing is lost.
    settled as (
        select
            food_bank_id,
            distribution_date,
            month,
            channel,
            rounded_kg + case
                when
                    row_number() over (
                        partition by food_bank_id, distribution_date, product_code
                        order by mix_kg desc, channel
                    )
                    = 1
                then
                    distributed_kg - sum(rounded_kg) over (
                        partition by food_bank_id, distribution_date, product_code
                    )
                else 0
            end as weight_kg
        from mixed
    ),

    origins as (
        select
            food_bank_id,
            distribution_date,
            month,
            lot_channel as channel,
            true as is_attributed_by_lot,
            cast(weight_kg as decimal(18, 6)) as weight_kg
        from by_lot
        where lot_channel is not null
        union all
        select
            food_bank_id,
            distribution_date,
            month,
            channel,
            false as is_attributed_by_lot,
            cast(weight_kg as decimal(18, 6)) as weight_kg
        from settled
    )

select
    food_bank_id,
    distribution_date,
    month,
    channel,
    is_attributed_by_lot,
    cast(sum(weight_kg) as decimal(18, 6)) as weight_kg
from origins
group by food_bank_id, distribution_date, month, channel, is_attributed_by_lot
having sum(weight_kg) <> 0
