with
    food_banks as (select * from {{ ref("int_food_banks") }}),

    run as (select * from {{ ref("int_run") }}),

    movements as (
        select movements.food_bank_id, movements.record, movements.month, movements.movement_date
        from {{ ref("int_food_movements") }} as movements
        cross join run
        where movements.movement_date <= run.as_of
    ),

    days as (
        select
            food_bank_id,
            min(movement_date) as first_date,
            max(movement_date) as last_date,
            max(movement_date) filter (where record = 'receipts') as last_receipt_date,
            max(movement_date) filter (where record = 'deliveries') as last_delivery_date
        from movements
        group by food_bank_id
    ),

    known as (
        select food_bank_id
        from food_banks
        union
        select food_bank_id
        from days
    )

select
    -- ids
    known.food_bank_id,
    row_number() over (order by known.food_bank_id) as position,
    -- text
    coalesce(food_banks.name, known.food_bank_id) as name,
    coalesce(food_banks.timezone, 'UTC') as timezone,
    food_banks.territory_codes,
    coalesce(food_banks.meal_convention, 'ffba') as meal_convention,
    food_banks.opens_on,
    -- flags
    coalesce(food_banks.is_demonstration, false) as is_demonstration,
    -- dates: data are complete up to the day for which both ends of the chain are known
    days.first_date,
    least(
        coalesce(days.last_receipt_date, days.last_delivery_date, days.last_date),
        coalesce(days.last_delivery_date, days.last_receipt_date, days.last_date)
    ) as data_date
from known
left join food_banks on known.food_bank_id = food_banks.food_bank_id
left join days on known.food_bank_id = days.food_bank_id
