with
    vouchers as (select * from {{ ref("int_vouchers") }} where not is_deleted),

    periods as (select * from {{ ref("dim_periods") }}),

    territory_members as (select * from {{ ref("dim_territory_members") }}),

    scoped as (
        select '' as territory_code, vouchers.*
        from vouchers
        union all
        select territory_members.territory_code, vouchers.*
        from vouchers
        inner join
            territory_members
            on vouchers.food_bank_id = territory_members.food_bank_id
            and vouchers.commune_code = territory_members.commune_code
    )

select
    scoped.food_bank_id,
    scoped.territory_code,
    periods.period_kind,
    periods.period_start,
    count(distinct scoped.household_id) as voucher_households,
    cast(sum(scoped.amount_eur) as decimal(18, 2)) as voucher_issued_eur,
    -- redeemed in the period or later: the share is that of the vouchers, not of a month's tills
    cast(sum(coalesce(scoped.redeemed_eur, 0)) as decimal(18, 2)) as voucher_redeemed_eur
from scoped
inner join
    periods
    on scoped.food_bank_id = periods.food_bank_id
    and scoped.month = periods.month
    and scoped.issued_date <= periods.period_end
group by scoped.food_bank_id, scoped.territory_code, periods.period_kind, periods.period_start
