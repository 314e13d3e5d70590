with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    regimes as (select * from {{ ref("temperature_regimes") }}),

    checks as (select * from {{ ref("int_temperature_checks") }} where not is_deleted)

select
    -- ids
    checks.food_bank_id,
    checks.check_id,
    checks.place_id,
    -- text
    checks.place_kind,
    checks.storage,
    -- numbers
    checks.celsius,
    -- flags
    coalesce(
        checks.celsius < regimes.celsius_low or checks.celsius > regimes.celsius_high, false
    ) as is_outside,
    -- dates
    checks.checked_at,
    checks.checked_date,
    checks.month
from checks
inner join
    food_banks
    on checks.food_bank_id = food_banks.food_bank_id
    and checks.checked_date <= food_banks.data_date
left join regimes on checks.storage = regimes.storage
