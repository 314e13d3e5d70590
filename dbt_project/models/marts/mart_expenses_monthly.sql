select month, food_bank_id, post, amount_eur, public_eur from {{ ref("fct_expenses_monthly") }}
