{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ledger_records() + ["stock_counts"]},
    )
}}

with
    movements as (
        select *
        from {{ ref("int_food_movements") }}
        where
            (from_account = 'site' or to_account = 'site')
            {{ where_touched(ledger_records() + ["stock_counts"], keyword="and") }}
    ),

    full_counts as (select * from {{ ref("int_full_counts") }}),

    daily as (
        select
            food_bank_id,
            site_id,
            product_code,
            month,
            movement_date,
            sum({{ stock_change() }}) as change_kg
        from movements
        group by food_bank_id, site_id, product_code, month, movement_date
    ),

    -- the first full count of the month at the end of that day or later
    days as (
        select
            dates.food_bank_id,
            dates.site_id,
            dates.month,
            dates.movement_date,
            min(full_counts.count_date) as count_date
        from (select distinct food_bank_id, site_id, month, movement_date from daily) as dates
        left join
            full_counts
            on dates.food_bank_id = full_counts.food_bank_id
            and dates.site_id = full_counts.site_id
            and dates.month = full_counts.month
            and dates.movement_date <= full_counts.count_date
        group by dates.food_bank_id, dates.site_id, dates.month, dates.movement_date
    )

select
    daily.food_bank_id,
    daily.site_id,
    daily.product_code,
    daily.month,
    days.count_date,
    cast(sum(daily.change_kg) as decimal(18, 3)) as change_kg
from daily
inner join
    days
    on daily.food_bank_id = days.food_bank_id
    and daily.site_id = days.site_id
    and daily.movement_date = days.movement_date
group by daily.food_bank_id, daily.site_id, daily.product_code, daily.month, days.count_date
