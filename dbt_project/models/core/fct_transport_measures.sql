with
    loads as (select * from {{ ref("fct_round_loads") }}),

    periods as (select * from {{ ref("dim_periods") }}),

    by_period as (
        select
            loads.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            sum(loads.fullest_kg) filter (
                where loads.stops > 0 and loads.payload_kg > 0
            ) as fullest_kg,
            sum(loads.payload_kg) filter (
                where loads.stops > 0 and loads.payload_kg > 0
            ) as payload_kg,
            -- a round that carries nothing runs empty; else the part of its failed stops does
            sum(
                case
                    when loads.carried_kg = 0
                    then loads.distance_km
                    when loads.stops > 0
                    then
                        cast(
                            loads.distance_km
                            * loads.stops_without_load
                            / loads.stops as decimal(28, 12)
                        )
                end
            ) as km_without_load
        from loads
        inner join
            periods
            on loads.food_bank_id = periods.food_bank_id
            and loads.month = periods.month
            and loads.round_date <= periods.period_end
        group by loads.food_bank_id, periods.period_kind, periods.period_start
    )

select *
from ({{ measures_in_rows("by_period", measure_topics()["fct_transport_measures"]) }}) as measures
where amount is not null
