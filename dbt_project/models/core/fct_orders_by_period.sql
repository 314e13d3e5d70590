with
    orders as (select * from {{ ref("fct_orders") }}),

    partners as (select * from {{ ref("dim_partners") }}),

    periods as (select * from {{ ref("dim_periods") }}),

    territory_members as (select * from {{ ref("dim_territory_members") }}),

    scoped as (
        select '' as territory_code, orders.*
        from orders
        union all
        select territory_members.territory_code, orders.*
        from orders
        inner join
            partners
            on orders.food_bank_id = partners.food_bank_id
            and orders.partner_id = partners.partner_id
        inner join
            territory_members
            on partners.food_bank_id = territory_members.food_bank_id
            and partners.commune_code = territory_members.commune_code
    )

select
    scoped.food_bank_id,
    scoped.territory_code,
    periods.period_kind,
    periods.period_start,
    count(*) as orders,
    count(distinct scoped.partner_id) as ordering_partners,
    cast(sum(scoped.due_kg) as decimal(18, 3)) as due_kg,
    cast(sum(scoped.filled_kg) as decimal(18, 3)) as filled_kg
from scoped
inner join
    periods
    on scoped.food_bank_id = periods.food_bank_id
    and scoped.month = periods.month
    and scoped.ordered_date <= periods.period_end
group by all
