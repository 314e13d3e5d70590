{%- set posts = expense_posts() -%}
{%- set tasks = volunteer_tasks() -%}
with
    periods as (select * from {{ ref("dim_periods") }}),

    period_ends as (
        select food_bank_id, period_kind, period_start, max(period_end) as period_end
        from periods
        group by food_bank_id, period_kind, period_start
    ),

    expenses_by_period as (
        select
            facts.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            sum(facts.amount_eur) as expenses_eur,
            {% for post in posts -%}
                coalesce(
                    sum(facts.amount_eur) filter (where facts.post = '{{ post }}'), 0
                ) as expenses_{{ post }}_eur{{ "," if not loop.last }}
            {% endfor -%}
        from {{ ref("fct_expenses_monthly") }} as facts
        inner join
            periods on facts.food_bank_id = periods.food_bank_id and facts.month = periods.month
        group by facts.food_bank_id, periods.period_kind, periods.period_start
    ),

    public_by_period as (
        select
            facts.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            sum(facts.used_eur) as public_used_eur
        from {{ ref("fct_agreement_uses") }} as facts
        inner join
            {{ ref("int_funding") }} as agreements
            on facts.food_bank_id = agreements.food_bank_id
            and facts.funding_id = agreements.funding_id
        inner join
            periods
            on facts.food_bank_id = periods.food_bank_id
            and facts.month = periods.month
            and facts.use_date <= periods.period_end
        where {{ is_public_funder("agreements.funder_kind") }}
        group by facts.food_bank_id, periods.period_kind, periods.period_start
    ),

    -- agreements that ran in the period, with all that was used of them until its end
    running as (
        select distinct
            period_ends.food_bank_id,
            period_ends.period_kind,
            period_ends.period_start,
            period_ends.period_end,
            agreements.funding_id,
            agreements.amount_eur
        from period_ends
        inner join
            {{ ref("int_funding") }} as agreements
            on period_ends.food_bank_id = agreements.food_bank_id
            and agreements.starts_on <= period_ends.period_end
            and agreements.ends_on >= period_ends.period_start
    ),

    used as (
        select
            running.food_bank_id,
            running.period_kind,
            running.period_start,
            running.funding_id,
            sum(uses.used_eur) as used_eur
        from running
        inner join
            {{ ref("fct_agreement_uses") }} as uses
            on running.food_bank_id = uses.food_bank_id
            and running.funding_id = uses.funding_id
            and uses.use_date <= running.period_end
        group by all
    ),

    agreements_by_period as (
        select
            running.food_bank_id,
            '' as territory_code,
            running.period_kind,
            running.period_start,
            sum(running.amount_eur) as agreements_eur,
            sum(coalesce(used.used_eur, 0)) as agreements_used_eur
        from running
        left join
            used
            on running.food_bank_id = used.food_bank_id
            and running.period_kind = used.period_kind
            and running.period_start = used.period_start
            and running.funding_id = used.funding_id
        group by running.food_bank_id, running.period_kind, running.period_start
    ),

    support_by_period as (
        select
            facts.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            count(*) as support_activities,
            sum(facts.participants) as participants
        from {{ ref("int_support_activities") }} as facts
        inner join
            periods
            on facts.food_bank_id = periods.food_bank_id
            and facts.month = periods.month
            and facts.held_date <= periods.period_end
        where not facts.is_deleted
        group by facts.food_bank_id, periods.period_kind, periods.period_start
    ),

    offering_by_period as (
        select
            period_ends.food_bank_id,
            '' as territory_code,
            period_ends.period_kind,
            period_ends.period_start,
            count(*) as partners_offering_support
        from period_ends
        inner join
            {{ ref("dim_partners") }} as partners
            on period_ends.food_bank_id = partners.food_bank_id
            and partners.active_from <= period_ends.period_end
            and coalesce(partners.active_to, period_ends.period_end) >= period_ends.period_end
        where partners.offers_support
        group by period_ends.food_bank_id, period_ends.period_kind, period_ends.period_start
    ),

    shifts as (
        select *, cast({{ seconds_between("started_at", "ended_at") }} as bigint) as seconds
        from {{ ref("int_volunteer_shifts") }}
        where not is_deleted
    ),

    -- seconds: hours of several food banks are those of their sum
    volunteers_by_period as (
        select
            shifts.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            {% for task in tasks -%}
                coalesce(
                    sum(shifts.seconds * shifts.volunteers) filter (
                        where shifts.task = '{{ task }}'
                    ),
                    0
                ) as volunteer_{{ task }}_seconds,
            {% endfor -%}
            sum(shifts.seconds * shifts.volunteers) as volunteer_seconds
        from shifts
        inner join
            periods
            on shifts.food_bank_id = periods.food_bank_id
            and shifts.month = periods.month
            and shifts.started_date <= periods.period_end
        group by shifts.food_bank_id, periods.period_kind, periods.period_start
    ),

    rounds_by_period as (
        select
            rounds.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            count(*) as rounds,
            sum(rounds.distance_km) as rounds_km,
            count(*) filter (where shared.round_id is not null) as shared_rounds,
            coalesce(
                sum(rounds.distance_km) filter (where shared.round_id is not null), 0
            ) as shared_km
        from {{ ref("fct_rounds") }} as rounds
        inner join
            periods
            on rounds.food_bank_id = periods.food_bank_id
            and rounds.month = periods.month
            and rounds.round_date <= periods.period_end
        left join
            (
                select distinct food_bank_id, round_id
                from {{ ref("int_shared_resources") }}
                where not is_deleted and round_id is not null
            ) as shared
            on rounds.food_bank_id = shared.food_bank_id
            and rounds.round_id = shared.round_id
        group by rounds.food_bank_id, periods.period_kind, periods.period_start
    ),

    pooled_by_period as (
        select
            facts.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            coalesce(sum(facts.hours), 0) as shared_hours,
            coalesce(sum(facts.pallet_days), 0) as pallet_days_lent
        from {{ ref("int_shared_resources") }} as facts
        inner join
            periods
            on facts.food_bank_id = periods.food_bank_id
            and facts.month = periods.month
            and facts.used_date <= periods.period_end
        where not facts.is_deleted
        group by facts.food_bank_id, periods.period_kind, periods.period_start
    ),

    temperatures_by_period as (
        select
            facts.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            count(*) as temperature_checks,
            count(*) filter (where facts.is_outside) as temperature_checks_outside
        from {{ ref("fct_temperature_checks") }} as facts
        inner join
            periods
            on facts.food_bank_id = periods.food_bank_id
            and facts.month = periods.month
            and facts.checked_date <= periods.period_end
        group by facts.food_bank_id, periods.period_kind, periods.period_start
    ),

    offers as (select * from {{ ref("fct_offers") }} where is_food),

    offers_by_period as (
        select
            offers.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            sum(offers.offered_kg) as offered_kg,
            sum(offers.taken_kg) as offers_taken_kg,
            sum(offers.saved_kg) as saved_by_offer_kg
        from offers
        inner join
            periods
            on offers.food_bank_id = periods.food_bank_id
            and offers.month = periods.month
            and offers.published_date <= periods.period_end
        group by offers.food_bank_id, periods.period_kind, periods.period_start
    ),

    -- what stands on offer on the last day
    visible_by_period as (
        select
            period_ends.food_bank_id,
            '' as territory_code,
            period_ends.period_kind,
            period_ends.period_start,
            coalesce(sum(offers.offered_kg - offers.taken_kg), 0) as visible_kg
        from period_ends
        inner join
            offers
            on period_ends.food_bank_id = offers.food_bank_id
            and offers.published_date <= period_ends.period_end
            and offers.closes_date >= period_ends.period_end
        group by period_ends.food_bank_id, period_ends.period_kind, period_ends.period_start
    ),

    answered as (
        select
            food_bank_id,
            offer_id,
            min(month) as month,
            min(published_date) as published_date,
            {{ seconds_between("min(published_at)", "min(first_ordered_at)") }} as seconds
        from {{ ref("fct_offers") }}
        group by food_bank_id, offer_id
        having min(first_ordered_at) is not null
    ),

    reactions_by_period as (
        select
            answered.food_bank_id,
            '' as territory_code,
            periods.period_kind,
            periods.period_start,
            {{ percentile("answered.seconds", 0.5, "3600") }} as hours_offer_to_order_median,
            {{ percentile("answered.seconds", 0.9, "3600") }} as hours_offer_to_order_p90
        from answered
        inner join
            periods
            on answered.food_bank_id = periods.food_bank_id
            and answered.month = periods.month
            and answered.published_date <= periods.period_end
        group by answered.food_bank_id, periods.period_kind, periods.period_start
    ),

    measures as (
        {% for relation, names in means_measures().items() %}
            {{ measures_in_rows(relation, names) }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select *
from measures
where amount is not null
