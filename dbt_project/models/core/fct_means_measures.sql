with
    periods as (select * from {{ ref("dim_periods") }}),

    period_ends as (
        select food_bank_id, period_kind, period_start, max(period_end) as period_end
        from periods
        group by food_bank_id, period_kind, period_start
    ),

    -- expenses have a month and no day
    expenses_by_period as (
        {{
            by_period(
                ref("fct_expenses_monthly"),
                sums_by_code(
                    "facts.amount_eur", "facts.post", expense_posts(), "expenses", "eur"
                ),
            )
        }}
    ),

    public_uses as (
        select uses.*
        from {{ ref("fct_agreement_uses") }} as uses
        inner join
            {{ ref("int_funding") }} as agreements
            on uses.food_bank_id = agreements.food_bank_id
            and uses.funding_id = agreements.funding_id
        where {{ is_public_funder("agreements.funder_kind") }}
    ),

    public_by_period as (
        {{ by_period("public_uses", {"public_used_eur": "sum(facts.used_eur)"}, day="use_date") }}
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
        {{
            by_period(
                ref("int_support_activities"),
                {"support_activities": "count(*)", "participants": "sum(facts.participants)"},
                day="held_date",
                condition="not facts.is_deleted",
            )
        }}
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
        select
            *,
            volunteers * cast({{ seconds_between("started_at", "ended_at") }} as bigint) as seconds
        from {{ ref("int_volunteer_shifts") }}
        where not is_deleted
    ),

    -- seconds: hours of several food banks are those of their sum
    volunteers_by_period as (
        {{
            by_period(
                "shifts",
                sums_by_code(
                    "facts.seconds", "facts.task", volunteer_tasks(), "volunteer", "seconds"
                ),
                day="started_date",
            )
        }}
    ),

    rounds as (
        select
            *,
            (food_bank_id, round_id) in (
                select (food_bank_id, round_id)
                from {{ ref("int_shared_resources") }}
                where not is_deleted and round_id is not null
            ) as is_shared
        from {{ ref("fct_rounds") }}
    ),

    rounds_by_period as (
        {{
            by_period(
                "rounds",
                {
                    "rounds": "count(*)",
                    "rounds_km": "sum(facts.distance_km)",
                    "shared_rounds": "count(*) filter (where facts.is_shared)",
                    "shared_km": "coalesce(sum(facts.distance_km) filter (where facts.is_shared), 0)",
                },
                day="round_date",
            )
        }}
    ),

    pooled_by_period as (
        {{
            by_period(
                ref("int_shared_resources"),
                {
                    "shared_hours": "coalesce(sum(facts.hours), 0)",
                    "pallet_days_lent": "coalesce(sum(facts.pallet_days), 0)",
                },
                day="used_date",
                condition="not facts.is_deleted",
            )
        }}
    ),

    temperatures_by_period as (
        {{
            by_period(
                ref("fct_temperature_checks"),
                {
                    "temperature_checks": "count(*)",
                    "temperature_checks_outside": "count(*) filter (where facts.is_outside)",
                },
                day="checked_date",
            )
        }}
    ),

    offers as (select * from {{ ref("fct_offers") }} where is_food),

    offers_by_period as (
        {{
            by_period(
                "offers",
                {
                    "offered_kg": "sum(facts.offered_kg)",
                    "offers_taken_kg": "sum(facts.taken_kg)",
                    "saved_by_offer_kg": "sum(facts.saved_kg)",
                },
                day="published_date",
            )
        }}
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
        {{
            by_period(
                "answered",
                {
                    "hours_offer_to_order_median": percentile("facts.seconds", 0.5, "3600"),
                    "hours_offer_to_order_p90": percentile("facts.seconds", 0.9, "3600"),
                },
                day="published_date",
            )
        }}
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
