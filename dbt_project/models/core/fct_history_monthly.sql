with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    history as (select * from {{ ref("int_monthly_history") }} where not is_deleted)

select
    history.month,
    history.food_bank_id,
    history.flow,
    history.channel,
    history.network_family,
    history.source_document,
    cast(history.weight_kg as decimal(18, 3)) as weight_kg
from history
inner join food_banks on history.food_bank_id = food_banks.food_bank_id
-- never beside records of the same month
where
    food_banks.first_date is null
    or history.month < {{ first_day_of_month("food_banks.first_date") }}
