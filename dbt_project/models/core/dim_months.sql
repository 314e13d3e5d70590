with food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null)

select
    food_bank_id,
    cast(
        unnest(
            generate_series({{ first_day_of_month("first_date") }}, data_date, interval 1 month)
        ) as date
    ) as month
from food_banks
where first_date <= data_date
