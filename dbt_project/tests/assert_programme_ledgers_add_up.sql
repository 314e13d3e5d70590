{{ config(meta={"dagster": {"ref": {"name": "fct_programmes_monthly"}}}) }}

-- Opening + received - out - losses = closing, in grams and cents; each opening is the closing of
-- the month before, the first one nothing; what leaves is what the outlets got, and
-- no more than there was.
with
    ledgers as (
        select
            *,
            lag(closing_kg, 1, 0) over programme_months as former_closing_kg,
            lag(closing_eur, 1, 0) over programme_months as former_closing_eur
        from {{ ref("fct_programmes_monthly") }}
        window programme_months as (partition by food_bank_id, programme order by month)
    ),

    outlets as (
        select
            food_bank_id,
            programme,
            month,
            sum(weight_kg) filter (where outlet_kind <> 'loss') as out_kg,
            sum(weight_kg) filter (where outlet_kind = 'loss') as losses_kg,
            sum(value_eur) as value_eur
        from {{ ref("fct_programme_outlets_monthly") }}
        group by food_bank_id, programme, month
    )

select ledgers.*
from ledgers
left join
    outlets
    on ledgers.food_bank_id = outlets.food_bank_id
    and ledgers.programme = outlets.programme
    and ledgers.month = outlets.month
where
    ledgers.opening_kg + ledgers.received_kg - ledgers.out_kg - ledgers.losses_kg
    <> ledgers.closing_kg
    or ledgers.opening_eur + ledgers.received_eur - ledgers.out_eur - ledgers.losses_eur
    <> ledgers.closing_eur
    or ledgers.opening_kg <> ledgers.former_closing_kg
    or ledgers.opening_eur <> ledgers.former_closing_eur
    or ledgers.out_kg <> coalesce(outlets.out_kg, 0)
    or ledgers.losses_kg <> coalesce(outlets.losses_kg, 0)
    or ledgers.out_eur + ledgers.losses_eur <> coalesce(outlets.value_eur, 0)
    or ledgers.closing_kg < 0
    or ledgers.beyond_stock_kg < 0
