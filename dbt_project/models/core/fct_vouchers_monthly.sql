with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    vouchers as (select * from {{ ref("int_vouchers") }} where not is_deleted)

select
    vouchers.month,
    vouchers.food_bank_id,
    coalesce(vouchers.commune_code, 'unknown') as commune_code,
    coalesce(vouchers.merchant_kind, 'unknown') as merchant_kind,
    cast(count(*) as bigint) as vouchers,
    cast(count(distinct vouchers.household_id) as bigint) as voucher_households,
    cast(sum(vouchers.amount_eur) as decimal(18, 2)) as issued_eur,
    cast(sum(coalesce(vouchers.redeemed_eur, 0)) as decimal(18, 2)) as redeemed_eur
from vouchers
inner join
    food_banks
    on vouchers.food_bank_id = food_banks.food_bank_id
    and vouchers.issued_date <= food_banks.data_date
group by all
