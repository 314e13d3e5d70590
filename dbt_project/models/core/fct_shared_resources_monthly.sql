with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    rounds as (select food_bank_id, round_id, distance_km from {{ ref("fct_rounds") }}),

    uses as (
        select
            *,
            -- a round that two partners share was driven once
            row_number() over (partition by food_bank_id, kind, month, round_id order by use_id)
            = 1 as is_first_of_round
        from {{ ref("int_shared_resources") }}
        where not is_deleted
    )

select
    uses.month,
    uses.food_bank_id,
    uses.kind,
    cast(count(*) as bigint) as uses,
    cast(count(rounds.round_id) filter (where uses.is_first_of_round) as bigint) as shared_rounds,
    cast(
        coalesce(sum(rounds.distance_km) filter (where uses.is_first_of_round), 0) as decimal(18, 3)
    ) as shared_km,
    cast(coalesce(sum(uses.hours), 0) as decimal(18, 2)) as shared_hours,
    cast(coalesce(sum(uses.pallet_days), 0) as decimal(18, 2)) as pallet_days
from uses
inner join
    food_banks
    on uses.food_bank_id = food_banks.food_bank_id
    and uses.used_date <= food_banks.data_date
left join rounds on uses.food_bank_id = rounds.food_bank_id and uses.round_id = rounds.round_id
group by all
