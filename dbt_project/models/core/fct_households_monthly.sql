with
    supplied as (
        select food_bank_id
        from {{ ref("fct_supplied_records") }}
        where record = 'parcels' and is_supplied
    ),

    months as (
        select months.*
        from {{ ref("dim_months") }} as months
        inner join supplied on months.food_bank_id = supplied.food_bank_id
    ),

    periods as (
        select distinct food_bank_id, month, is_to_same_day
        from {{ ref("dim_periods") }}
        where period_kind = 'month'
    ),

    households as (
        select *
        from {{ ref("fct_households_by_period") }}
        where period_kind = 'month' and territory_code = ''
    ),

    measures as (select * from {{ ref("fct_flow_measures_monthly") }} where territory_code = '')

select
    months.month,
    months.food_bank_id,
    cast(coalesce(households.households_helped, 0) as bigint) as households_helped,
    cast(coalesce(households.new_households, 0) as bigint) as new_households,
    cast(coalesce(households.people_helped, 0) as bigint) as people_helped,
    cast(coalesce(households.parcels, 0) as bigint) as parcels,
    cast(coalesce(households.anonymous_parcels, 0) as bigint) as anonymous_parcels,
    cast(coalesce(measures.parcel_kg, 0) as decimal(18, 3)) as parcel_kg
from months
inner join periods on months.food_bank_id = periods.food_bank_id and months.month = periods.month
left join
    households
    on months.food_bank_id = households.food_bank_id
    and months.month = households.period_start
left join
    measures
    on months.food_bank_id = measures.food_bank_id
    and months.month = measures.month
    and periods.is_to_same_day = measures.is_to_same_day
