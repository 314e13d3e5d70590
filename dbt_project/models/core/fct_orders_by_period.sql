with
    food_banks as (select * from {{ ref("dim_food_banks") }}),

    -- what comes later than the data date has not come yet
    orders as (
        select
            orders.*,
            orders.due_lines > 0 as is_due,
            coalesce(
                orders.first_delivered_date <= least(orders.wanted_on, food_banks.data_date), false
            ) as is_on_time
        from {{ ref("fct_orders") }} as orders
        inner join food_banks on orders.food_bank_id = food_banks.food_bank_id
    ),

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
    cast(sum(scoped.filled_kg) as decimal(18, 3)) as filled_kg,
    cast(sum(scoped.due_kg - scoped.filled_kg) as decimal(18, 3)) as unmet_kg,
    cast(sum(scoped.due_lines) as bigint) as due_lines,
    cast(sum(scoped.complete_lines) as bigint) as complete_lines,
    count(*) filter (where scoped.is_due) as due_orders,
    count(*) filter (where scoped.is_due and scoped.is_on_time) as on_time_orders
from scoped
inner join
    periods
    on scoped.food_bank_id = periods.food_bank_id
    and scoped.month = periods.month
    and scoped.ordered_date <= periods.period_end
group by all
