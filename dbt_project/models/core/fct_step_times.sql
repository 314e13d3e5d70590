with
    periods as (select * from {{ ref("dim_periods") }}),

    baselines as (select * from {{ ref("baselines") }}),

    stops as (
        select *
        from {{ ref("fct_round_stops") }}
        where
            outcome = 'done' and stop_seconds is not null and place_kind in ('supplier', 'partner')
    ),

    sessions as (
        select *, {{ seconds_between("started_at", "ended_at") }} * people as person_seconds
        from {{ ref("int_sorting_sessions") }}
        where not is_deleted and sorted_kg > 0
    ),

    timed as (
        select
            food_bank_id,
            month,
            round_date as step_date,
            case place_kind when 'supplier' then 'pickup_stop' else 'delivery_stop' end as step,
            cast(stop_seconds as double) / 60 as minutes
        from stops
        union all
        select
            food_bank_id,
            month,
            started_date as step_date,
            'sorting_100kg' as step,
            cast(person_seconds as double) * 100 / cast(sorted_kg as double) / 60 as minutes
        from sessions
    ),

    medians as (
        select
            timed.food_bank_id,
            periods.period_kind,
            periods.period_start,
            max(periods.period_end) as period_end,
            timed.step,
            {{ percentile("timed.minutes", 0.5) }} as median_minutes,
            count(timed.minutes) as times_measured
        from timed
        inner join
            periods
            on timed.food_bank_id = periods.food_bank_id
            and timed.month = periods.month
            and timed.step_date <= periods.period_end
        group by timed.food_bank_id, periods.period_kind, periods.period_start, timed.step
    ),

    -- the reference that stands at the end of the period
    references_of_periods as (
        select medians.food_bank_id, medians.period_kind, medians.period_start, baselines.*
        from medians
        inner join
            baselines
            on medians.step = baselines.step
            and baselines.valid_from <= medians.period_end
            and coalesce(baselines.valid_to, medians.period_end) >= medians.period_end
        qualify
            row_number() over (
                partition by
                    medians.food_bank_id, medians.period_kind, medians.period_start, medians.step
                order by baselines.valid_from desc, baselines.source, baselines.minutes
            )
            = 1
    )

select
    medians.food_bank_id,
    medians.period_kind,
    medians.period_start,
    medians.period_end,
    medians.step,
    medians.median_minutes,
    medians.times_measured,
    references_of_periods.minutes as baseline_minutes,
    cast(
        100
        * (cast(medians.median_minutes as double) / cast(references_of_periods.minutes as double))
        - 100 as decimal(18, 6)
    ) as change_percent,
    references_of_periods.how_measured,
    references_of_periods.measured_by,
    cast(references_of_periods.n as bigint) as baseline_times_measured,
    references_of_periods.source,
    references_of_periods.is_verified
from medians
left join
    references_of_periods
    on medians.food_bank_id = references_of_periods.food_bank_id
    and medians.period_kind = references_of_periods.period_kind
    and medians.period_start = references_of_periods.period_start
    and medians.step = references_of_periods.step
