{%- set counts = [
    "unmet_kg",
    "due_lines",
    "complete_lines",
    "due_orders",
    "on_time_orders",
] -%}
{%- set durations = {
    "hours_order_to_delivery_median": 0.5,
    "hours_order_to_delivery_p90": 0.9,
} -%}
with
    by_period as (select * from {{ ref("fct_orders_by_period") }}),

    periods as (select * from {{ ref("dim_periods") }}),

    orders as (
        select *, {{ seconds_between("ordered_at", "first_delivered_at") }} as seconds
        from {{ ref("fct_orders") }}
        where first_delivered_at is not null
    ),

    durations as (
        select
            orders.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            {% for measure, rank in durations.items() -%}
                {{ percentile("orders.seconds", rank, "3600") }}
                as {{ measure }}{{ "," if not loop.last }}
            {% endfor %}
        from orders
        inner join
            periods
            on orders.food_bank_id = periods.food_bank_id
            and {{ first_day_of_month("orders.first_delivered_date") }} = periods.month
            and orders.first_delivered_date <= periods.period_end
        group by orders.food_bank_id, periods.period_kind, periods.period_start
    ),

    measures as (
        {{ measures_in_rows("by_period", counts) }}
        union all
        {{ measures_in_rows("durations", durations.keys() | list) }}
    )

select *
from measures
where amount is not null
