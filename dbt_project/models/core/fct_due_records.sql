with
    run as (select * from {{ ref("int_run") }}),

    -- nothing more comes of a demonstration: it is asked at its data date
    food_banks as (
        select
            food_banks.food_bank_id,
            case
                when food_banks.is_demonstration then food_banks.data_date else run.as_of
            end as asked_on
        from {{ ref("dim_food_banks") }} as food_banks
        cross join run
    ),

    due as (
        select
            food_bank_id,
            record,
            max(cast(last_date + late_after_days * interval 1 day as date)) as due_on
        from {{ ref("int_delivered_files") }}
        where last_date is not null and late_after_days is not null
        group by food_bank_id, record
    )

select
    due.food_bank_id,
    due.record,
    due.due_on,
    coalesce(due.due_on < food_banks.asked_on, false) as is_late
from due
inner join food_banks on due.food_bank_id = food_banks.food_bank_id
