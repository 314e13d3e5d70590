with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    agreements as (select * from {{ ref("int_funding") }}),

    expenses as (
        select
            expenses.month,
            expenses.food_bank_id,
            expenses.post,
            expenses.amount_eur,
            coalesce({{ is_public_funder("agreements.funder_kind") }}, false) as is_public
        from {{ ref("int_expenses") }} as expenses
        left join
            agreements
            on expenses.food_bank_id = agreements.food_bank_id
            and expenses.funding_id = agreements.funding_id
        where not expenses.is_deleted
    )

select
    expenses.month,
    expenses.food_bank_id,
    expenses.post,
    cast(sum(expenses.amount_eur) as decimal(18, 2)) as amount_eur,
    cast(
        coalesce(sum(expenses.amount_eur) filter (where expenses.is_public), 0) as decimal(18, 2)
    ) as public_eur
from expenses
inner join
    food_banks
    on expenses.food_bank_id = food_banks.food_bank_id
    and expenses.month <= food_banks.data_date
group by all
