{{ config(meta={"dagster": {"ref": {"name": "mart_indicators"}}}) }}

-- One quantity has one value, wherever it is read.
with
    indicators as (
        select *
        from {{ ref("mart_indicators") }}
        where scope_kind = 'food_bank' and period_kind = 'month'
    ),

    monthly as (
        select
            food_bank_id,
            month,
            'tonnes_received' as indicator_code,
            'gross' as variant,
            sum(weight_kg) / 1000 as value
        from {{ ref("mart_flows_monthly") }}
        where flow = 'received' and is_food
        group by food_bank_id, month
        union all
        select
            food_bank_id,
            month,
            'tonnes_distributed',
            '',
            sum(case when flow = 'returned' then - weight_kg else weight_kg end) / 1000
        from {{ ref("mart_flows_monthly") }}
        where flow in ('delivered', 'returned', 'parcels') and is_food
        group by food_bank_id, month
        union all
        select food_bank_id, month, 'households_helped', '', households_helped
        from {{ ref("mart_households_monthly") }}
        union all
        select food_bank_id, month, 'parcel_tonnes', '', parcel_kg / 1000
        from {{ ref("mart_households_monthly") }}
        union all
        select
            food_bank_id,
            month,
            case
                when flow = 'received' then 'fresh_share_received' else 'fresh_share_distributed'
            end,
            definition,
            fresh_share
        from {{ ref("mart_fresh_monthly") }}
    )

select indicators.scope_id, indicators.indicator_code, indicators.period_start, indicators.value
from indicators
inner join
    monthly
    on indicators.scope_id = monthly.food_bank_id
    and indicators.period_start = monthly.month
    and indicators.indicator_code = monthly.indicator_code
    and indicators.variant = monthly.variant
where coalesce(abs(indicators.value - monthly.value), 0) >= 0.000001
