with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    shifts as (
        select *, cast({{ seconds_between("started_at", "ended_at") }} as bigint) as seconds
        from {{ ref("int_volunteer_shifts") }}
        where not is_deleted
    )

select
    shifts.month,
    shifts.food_bank_id,
    shifts.site_id,
    shifts.task,
    cast(count(*) as bigint) as shifts,
    cast(sum(shifts.seconds * shifts.volunteers) / 3600.0 as decimal(18, 2)) as volunteer_hours,
    cast(sum(shifts.seconds * shifts.staff) / 3600.0 as decimal(18, 2)) as staff_hours
from shifts
inner join
    food_banks
    on shifts.food_bank_id = food_banks.food_bank_id
    and shifts.started_date <= food_banks.data_date
group by all
