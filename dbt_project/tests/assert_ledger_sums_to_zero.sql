{{ config(meta={"dagster": {"ref": {"name": "fct_food_movements"}}}) }}

-- Every gram that leaves an account reaches another one.
with
    entries as (
        select food_bank_id, to_account as account, weight_kg
        from {{ ref("fct_food_movements") }}
        union all
        select food_bank_id, from_account as account, - weight_kg
        from {{ ref("fct_food_movements") }}
    ),

    accounts as (
        select food_bank_id, account, sum(weight_kg) as balance_kg
        from entries
        where account is not null
        group by food_bank_id, account
    )

select food_bank_id, sum(balance_kg) as balance_kg
from accounts
group by food_bank_id
having sum(balance_kg) <> 0
