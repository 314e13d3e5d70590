with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    months as (
        select
            months.food_bank_id,
            months.month,
            {{ same_day_in_year("food_banks.data_date", "year(months.month)") }} as last_day
        from {{ ref("dim_months") }} as months
        inner join food_banks on months.food_bank_id = food_banks.food_bank_id
        where month(months.month) = month(food_banks.data_date)
    ),

    movements as (
        select movements.*
        from {{ ref("fct_food_movements") }} as movements
        inner join
            months
            on movements.food_bank_id = months.food_bank_id
            and movements.month = months.month
            and movements.movement_date <= months.last_day
    )

    {{ flow_sums("movements") }}
