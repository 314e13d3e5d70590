with
    periods as (select * from {{ ref("dim_periods") }}),

    territory_members as (select * from {{ ref("dim_territory_members") }}),

    -- the first parcel ever makes a household new, wherever it was handed over
    parcels as (
        select
            *,
            household_id is not null
            and row_number() over (
                partition by food_bank_id, household_id
                order by handed_over_date, handed_over_at, parcel_id
            )
            = 1 as is_first_parcel
        from {{ ref("fct_parcels") }}
    ),

    scoped as (
        select '' as territory_code, parcels.*
        from parcels
        union all
        select territory_members.territory_code, parcels.*
        from parcels
        inner join
            territory_members
            on parcels.food_bank_id = territory_members.food_bank_id
            and parcels.commune_code = territory_members.commune_code
    ),

    handed_over as (
        select
            scoped.food_bank_id,
            scoped.territory_code,
            periods.period_kind,
            periods.period_start,
            scoped.household_id,
            scoped.household_size,
            scoped.is_first_parcel,
            scoped.household_id is not null
            and row_number() over (
                partition by
                    scoped.food_bank_id,
                    scoped.territory_code,
                    periods.period_kind,
                    periods.period_start,
                    scoped.household_id
                order by
                    scoped.handed_over_date desc, scoped.handed_over_at desc, scoped.parcel_id desc
            )
            = 1 as is_last_parcel
        from scoped
        inner join
            periods
            on scoped.food_bank_id = periods.food_bank_id
            and scoped.month = periods.month
            and scoped.handed_over_date <= periods.period_end
    )

select
    food_bank_id,
    territory_code,
    period_kind,
    period_start,
    count(*) filter (where is_last_parcel) as households_helped,
    count(*) filter (where is_first_parcel) as new_households,
    -- a household whose size is not known is one person at least
    coalesce(sum(coalesce(household_size, 1)) filter (where is_last_parcel), 0) as people_helped,
    count(*) as parcels,
    count(*) filter (where household_id is null) as anonymous_parcels
from handed_over
group by food_bank_id, territory_code, period_kind, period_start
