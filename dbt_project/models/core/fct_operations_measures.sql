{%- set steps = {
    "pickup_stop": "minutes_per_pickup_stop",
    "delivery_stop": "minutes_per_delivery_stop",
    "sorting_100kg": "minutes_sorting_per_100kg",
} -%}
{%- set pickups = ["done", "nothing_to_collect", "missed", "refused"] -%}
with
    step_times as (select * from {{ ref("fct_step_times") }}),

    periods as (select * from {{ ref("dim_periods") }}),

    stops as (select * from {{ ref("fct_round_stops") }} where place_kind = 'supplier'),

    stops_by_period as (
        select
            stops.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            {% for outcome in pickups -%}
                count(*) filter (where stops.outcome = '{{ outcome }}') as pickups_{{ outcome }},
            {% endfor -%}
            sum(stops.loaded_kg) filter (where stops.outcome = 'done') as picked_up_kg
        from stops
        inner join
            periods
            on stops.food_bank_id = periods.food_bank_id
            and stops.month = periods.month
            and stops.round_date <= periods.period_end
        group by stops.food_bank_id, periods.period_kind, periods.period_start
    ),

    measures as (
        {% for outcome in pickups -%}
            {{ measures_in_rows("stops_by_period", ["pickups_" ~ outcome]) }}
            union all
        {% endfor -%}
        {{ measures_in_rows("stops_by_period", ["picked_up_kg"]) }}
        union all
        select
            food_bank_id,
            '' as territory_code,
            period_kind,
            period_start,
            case
                step
                {% for step, measure in steps.items() -%}
                    when '{{ step }}' then '{{ measure }}'
                {% endfor %}
            end as measure,
            median_minutes as amount
        from step_times
    )

select *
from measures
where amount is not null
