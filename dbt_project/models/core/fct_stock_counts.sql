{%- set counts_back = 12 -%}
{%- set least_counts = 6 -%}
with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    products as (select * from {{ ref("dim_products") }}),

    full_counts as (
        select full_counts.*
        from {{ ref("int_full_counts") }} as full_counts
        inner join food_banks on full_counts.food_bank_id = food_banks.food_bank_id
        where full_counts.count_date <= food_banks.data_date
    ),

    counted as (
        select
            counted_stock.food_bank_id,
            counted_stock.site_id,
            counted_stock.count_date,
            sum(counted_stock.counted_kg) as counted_kg
        from {{ ref("int_counted_stock") }} as counted_stock
        left join
            products
            on counted_stock.food_bank_id = products.food_bank_id
            and counted_stock.product_code = products.product_code
        where coalesce(products.is_food, true)
        group by counted_stock.food_bank_id, counted_stock.site_id, counted_stock.count_date
    ),

    explained as (
        select
            adjustments.food_bank_id,
            adjustments.site_id,
            adjustments.movement_date as count_date,
            sum({{ stock_change("adjustments.weight_kg") }}) as gap_kg
        from {{ ref("int_stock_adjustments") }} as adjustments
        left join
            products
            on adjustments.food_bank_id = products.food_bank_id
            and adjustments.product_code = products.product_code
        where adjustments.movement_kind = 'count_adjustment' and coalesce(products.is_food, true)
        group by adjustments.food_bank_id, adjustments.site_id, adjustments.movement_date
    ),

    -- the first count opens the stock: there is nothing to compare it with
    gaps as (
        select
            full_counts.food_bank_id,
            full_counts.site_id,
            full_counts.count_date,
            full_counts.count_id,
            full_counts.count_no,
            coalesce(counted.counted_kg, 0) as counted_kg,
            case
                when full_counts.count_no > 1 then coalesce(explained.gap_kg, 0)
            end as unexplained_kg
        from full_counts
        left join
            counted
            on full_counts.food_bank_id = counted.food_bank_id
            and full_counts.site_id = counted.site_id
            and full_counts.count_date = counted.count_date
        left join
            explained
            on full_counts.food_bank_id = explained.food_bank_id
            and full_counts.site_id = explained.site_id
            and full_counts.count_date = explained.count_date
    ),

    ranged as (
        select
            *,
            abs(
                unexplained_kg
                - lag(unexplained_kg) over (partition by food_bank_id, site_id order by count_no)
            ) as moving_range_kg
        from gaps
    ),

    -- individuals chart of the counts before; a range lies between two of them
    charted as (
        select
            *,
            count(unexplained_kg) over counts_before as counts_before,
            sum(unexplained_kg) over counts_before as gaps_kg,
            sum(moving_range_kg) over ranges_before as ranges_kg,
            count(moving_range_kg) over ranges_before as ranges_before
        from ranged
        window
            counts_before as (
                partition by food_bank_id, site_id
                order by count_no rows between {{ counts_back }} preceding and 1 preceding
            ),
            ranges_before as (
                partition by food_bank_id, site_id
                order by count_no rows between {{ counts_back - 1 }} preceding and 1 preceding
            )
    ),

    limited as (
        select
            *,
            {% for name, sign in [("lower_limit_kg", "-"), ("upper_limit_kg", "+")] -%}
                case
                    when counts_before >= {{ least_counts }}
                    then
                        cast(
                            cast(gaps_kg as double) / counts_before
                            {{ sign }} 2.66
                            * cast(ranges_kg as double)
                            / ranges_before as decimal(18, 3)
                        )
                end as {{ name }}{{ "," if not loop.last }}
            {% endfor %}
        from charted
    )

select
    food_bank_id,
    site_id,
    count_date,
    count_id,
    count_no,
    cast(counted_kg - unexplained_kg as decimal(18, 3)) as theoretical_kg,
    cast(counted_kg as decimal(18, 3)) as counted_kg,
    cast(unexplained_kg as decimal(18, 3)) as unexplained_kg,
    counts_before,
    lower_limit_kg,
    upper_limit_kg,
    case
        when lower_limit_kg is not null
        then
            abs(unexplained_kg) > 50
            and (unexplained_kg < lower_limit_kg or unexplained_kg > upper_limit_kg)
    end as is_flagged
from limited
