{{ config(materialized="view") }}

with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    cut_month as (select * from {{ ref("fct_flows_cut_month") }}),

    flows as (select * from {{ ref("int_flows_monthly") }}),

    adjustments as ({{ flow_sums(ref("int_stock_adjustments")) }}),

    months as (
        select *
        from flows
        union all
        select *
        from adjustments
    )

select months.*
from months
inner join food_banks on months.food_bank_id = food_banks.food_bank_id
where months.month < {{ first_day_of_month("food_banks.data_date") }}
union all
-- the month of the data date counts to that day only
select cut_month.*
from cut_month
inner join food_banks on cut_month.food_bank_id = food_banks.food_bank_id
where cut_month.month = {{ first_day_of_month("food_banks.data_date") }}
