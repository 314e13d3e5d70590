with
    reports as (select * from {{ ref("fct_partner_reports") }}),

    periods as (select * from {{ ref("dim_periods") }}),

    territory_members as (select * from {{ ref("dim_territory_members") }}),

    scoped as (
        select '' as territory_code, reports.*
        from reports
        union all
        select territory_members.territory_code, reports.*
        from reports
        inner join
            territory_members
            on reports.food_bank_id = territory_members.food_bank_id
            and reports.commune_code = territory_members.commune_code
    ),

    -- months that the period holds whole
    by_partner as (
        select
            scoped.food_bank_id,
            scoped.territory_code,
            periods.period_kind,
            periods.period_start,
            scoped.partner_id,
            count(*) as months_expected,
            count(*) filter (where scoped.has_reported) as months_reported,
            {% for column in declared_columns() -%}
                sum(scoped.{{ column }}) as {{ column }},
                count(scoped.{{ column }}) as {{ column }}_months
                {{- "," if not loop.last }}
            {% endfor %}
        from scoped
        inner join
            periods
            on scoped.food_bank_id = periods.food_bank_id
            and scoped.month = periods.month
            and last_day(scoped.month) <= periods.period_end
        group by all
    )

select
    food_bank_id,
    territory_code,
    period_kind,
    period_start,
    {% for column in declared_columns() -%}
        {{ sum_of_means(column, column ~ "_months") }} as declared_{{ column }},
    {% endfor -%}
    cast(sum(months_reported) as bigint) as partner_months_reported,
    cast(sum(months_expected) as bigint) as partner_months_expected
from by_partner
group by food_bank_id, territory_code, period_kind, period_start
