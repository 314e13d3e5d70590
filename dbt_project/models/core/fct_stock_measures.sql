with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    products as (select * from {{ ref("dim_products") }}),

    periods as (select * from {{ ref("dim_periods") }}),

    period_ends as (
        select distinct food_bank_id, period_kind, period_start, period_end from periods
    ),

    distributed as (select * from {{ ref("fct_distribution_daily") }}),

    distributed_in_period as (
        select
            periods.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            sum(distributed.lot_known_kg) as lot_known_kg,
            sum(distributed.lot_known_kg_days) as lot_known_kg_days
        from periods
        inner join
            distributed
            on periods.food_bank_id = distributed.food_bank_id
            and periods.month = distributed.month
            and distributed.distribution_date <= periods.period_end
        group by periods.food_bank_id, periods.period_kind, periods.period_start
    ),

    distributed_lately as (
        select
            period_ends.food_bank_id,
            '' as territory_code,
            period_ends.period_kind,
            period_ends.period_start,
            sum(distributed.distributed_kg) as distributed_28_days_kg
        from period_ends
        inner join
            distributed
            on period_ends.food_bank_id = distributed.food_bank_id
            and distributed.distribution_date > period_ends.period_end - 28
            and distributed.distribution_date <= period_ends.period_end
        group by period_ends.food_bank_id, period_ends.period_kind, period_ends.period_start
    ),

    expiring as (
        select
            batches.food_bank_id,
            sum(batches.stock_kg) filter (
                where batches.expires_on < food_banks.data_date
            ) as expired_kg,
            {% for days in [3, 7] -%}
                sum(batches.stock_kg) filter (
                    where
                        batches.expires_on
                        between food_banks.data_date and food_banks.data_date + {{ days }}
                ) as expiring_within_{{ days }}d_kg{{ "," if not loop.last }}
            {% endfor %}
        from {{ ref("fct_stock_batches") }} as batches
        inner join food_banks on batches.food_bank_id = food_banks.food_bank_id
        left join
            products
            on batches.food_bank_id = products.food_bank_id
            and batches.product_code = products.product_code
        where batches.date_kind = 'use_by' and coalesce(products.is_food, true)
        group by batches.food_bank_id
    ),

    -- what is in stock is known by its date on the data date only
    expiring_now as (
        select
            period_ends.food_bank_id,
            '' as territory_code,
            period_ends.period_kind,
            period_ends.period_start,
            coalesce(expiring.expired_kg, 0) as expired_kg,
            coalesce(expiring.expiring_within_3d_kg, 0) as expiring_within_3d_kg,
            coalesce(expiring.expiring_within_7d_kg, 0) as expiring_within_7d_kg
        from period_ends
        inner join
            food_banks
            on period_ends.food_bank_id = food_banks.food_bank_id
            and period_ends.period_end = food_banks.data_date
        left join expiring on period_ends.food_bank_id = expiring.food_bank_id
    ),

    measures as (
        {{ measures_in_rows("distributed_in_period", ["lot_known_kg", "lot_known_kg_days"]) }}
        union all
        {{ measures_in_rows("distributed_lately", ["distributed_28_days_kg"]) }}
        union all
        {{
            measures_in_rows(
                "expiring_now",
                ["expired_kg", "expiring_within_3d_kg", "expiring_within_7d_kg"],
            )
        }}
    )

select *
from measures
where amount is not null
