with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    expenses as (select * from {{ ref("int_expenses") }} where not is_deleted),

    receipts as (
        select *
        from {{ ref("int_receipts") }}
        where not is_deleted and funding_id is not null and cost_eur is not null
    ),

    vouchers as (
        select *
        from {{ ref("int_vouchers") }}
        where not is_deleted and funding_id is not null and redeemed_eur > 0
    ),

    -- what a food bank books as expenses holds its purchases and cheques, too
    booked as (select distinct food_bank_id, funding_id from expenses where funding_id is not null),

    uses as (
        select food_bank_id, funding_id, month as use_date, 'expense' as use_kind, amount_eur
        from expenses
        where funding_id is not null
        union all
        select food_bank_id, funding_id, received_date, 'purchase', cost_eur
        from receipts
        where (food_bank_id, funding_id) not in (select food_bank_id, funding_id from booked)
        union all
        select food_bank_id, funding_id, redeemed_date, 'voucher', redeemed_eur
        from vouchers
        where (food_bank_id, funding_id) not in (select food_bank_id, funding_id from booked)
    )

select
    uses.food_bank_id,
    uses.funding_id,
    uses.use_kind,
    {{ first_day_of_month("uses.use_date") }} as month,
    uses.use_date,
    cast(sum(uses.amount_eur) as decimal(18, 2)) as used_eur
from uses
inner join
    food_banks
    on uses.food_bank_id = food_banks.food_bank_id
    and uses.use_date <= food_banks.data_date
group by all
