{{ config(meta={"dagster": {"ref": {"name": "fct_mass_balance_monthly"}}}) }}

-- A month opens with what the month before left, and a site's first month opens empty.
with
    balances as (
        select
            *,
            lag(closing_kg, 1, 0) over cells as previous_closing_kg,
            lag(month) over cells as previous_month
        from {{ ref("fct_mass_balance_monthly") }}
        window cells as (partition by food_bank_id, site_id, network_family order by month)
    )

select food_bank_id, site_id, network_family, month, previous_closing_kg, opening_kg
from balances
where
    opening_kg <> previous_closing_kg
    or month <> coalesce(cast(previous_month + interval 1 month as date), month)
