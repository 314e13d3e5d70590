{%- set last_days = {
    "month": "last_day(period_start)",
    "quarter": "last_day(cast(period_start + interval 2 month as date))",
    "year": "last_day(cast(period_start + interval 11 month as date))",
} -%}
with
    benchmarks as (select * from {{ ref("benchmarks") }}),

    named as (
        select
            *,
            case
                {% for kind, last_day in last_days.items() -%}
                    when
                        period_start = cast(date_trunc('{{ kind }}', period_start) as date)
                        and period_end = {{ last_day }}
                    then '{{ kind }}'
                {% endfor -%}
                when
                    period_start = cast(date_trunc('year', period_start) as date)
                    and year(period_end) = year(period_start)
                then 'year_to_date'
            end as period_kind
        from benchmarks
    )

select
    benchmark_code,
    indicator_code,
    period_kind,
    period_start,
    value,
    -- what is published of a year so far is compared with that year so far, from that day on
    period_end as first_data_date,
    case
        when period_kind = 'year_to_date'
        then last_day(cast(period_start + interval 11 month as date))
    end as last_data_date
from named
where period_kind is not null and scope_kind = 'country'
