with
    reports as (select * from {{ ref("fct_partner_reports") }}),

    deliveries as (select * from {{ ref("fct_partners_monthly") }}),

    periods as (select * from {{ ref("dim_periods") }}),

    territory_members as (select * from {{ ref("dim_territory_members") }}),

    -- each month as it is, and as the same month a year later looks back at it
    sides as (
        select 'now' as side, month as compared_month, reports.*
        from reports
        union all
        select 'before' as side, {{ years_later("month", 1) }} as compared_month, reports.*
        from reports
    ),

    scoped as (
        select '' as territory_code, sides.*
        from sides
        union all
        select territory_members.territory_code, sides.*
        from sides
        inner join
            territory_members
            on sides.food_bank_id = territory_members.food_bank_id
            and sides.commune_code = territory_members.commune_code
    ),

    by_partner as (
        select
            scoped.food_bank_id,
            scoped.territory_code,
            periods.period_kind,
            periods.period_start,
            scoped.partner_id,
            count(*) filter (where scoped.side = 'now') as months_expected_now,
            count(*) filter (where scoped.side = 'before') as months_expected_before,
            count(*) filter (where scoped.side = 'now' and scoped.has_reported) as months_now,
            count(*) filter (where scoped.side = 'before' and scoped.has_reported) as months_before,
            sum(scoped.people) filter (where scoped.side = 'now') as people_now,
            sum(scoped.people) filter (where scoped.side = 'before') as people_before,
            count(scoped.people) filter (where scoped.side = 'now') as people_months_now,
            count(scoped.people) filter (where scoped.side = 'before') as people_months_before,
            sum(deliveries.delivered_kg - deliveries.refused_kg) filter (
                where scoped.side = 'now' and scoped.people is not null
            ) as reported_kg
        from scoped
        inner join
            periods
            on scoped.food_bank_id = periods.food_bank_id
            and scoped.compared_month = periods.month
            and last_day(scoped.compared_month) <= periods.period_end
        left join
            deliveries
            on scoped.side = 'now'
            and scoped.food_bank_id = deliveries.food_bank_id
            and scoped.partner_id = deliveries.partner_id
            and scoped.month = deliveries.month
        group by all
    ),

    coverages as (
        select
            food_bank_id,
            territory_code,
            period_kind,
            period_start,
            -- nobody is compared where fewer than 60 % of the months were declared, on either side
            sum(months_now) * 10 >= sum(months_expected_now) * 6
            and sum(months_before) * 10 >= sum(months_expected_before) * 6
            and sum(months_expected_before) > 0 as is_comparable,
            {{ sum_of_means("people_now", "people_months_now") }} as reported_people,
            sum(reported_kg) as reported_kg
        from by_partner
        group by food_bank_id, territory_code, period_kind, period_start
    ),

    like_for_like as (
        select
            food_bank_id,
            territory_code,
            period_kind,
            period_start,
            {{ sum_of_means("people_now", "people_months_now") }} as people_of_both_now,
            {{ sum_of_means("people_before", "people_months_before") }} as people_of_both_before
        from by_partner
        where people_months_now > 0 and people_months_before > 0
        group by food_bank_id, territory_code, period_kind, period_start
    ),

    by_period as (
        select
            coverages.food_bank_id,
            coverages.territory_code,
            coverages.period_kind,
            coverages.period_start,
            coverages.reported_people,
            case
                when coverages.reported_people is not null then coalesce(coverages.reported_kg, 0)
            end as reported_kg,
            case
                when coverages.is_comparable then like_for_like.people_of_both_now
            end as people_of_both_now,
            case
                when coverages.is_comparable then like_for_like.people_of_both_before
            end as people_of_both_before
        from coverages
        left join
            like_for_like
            on coverages.food_bank_id = like_for_like.food_bank_id
            and coverages.territory_code = like_for_like.territory_code
            and coverages.period_kind = like_for_like.period_kind
            and coverages.period_start = like_for_like.period_start
    )

select *
from
    (
        {{ measures_in_rows("by_period", measure_topics()["fct_declared_growth_measures"]) }}
    ) as measures
where amount is not null
