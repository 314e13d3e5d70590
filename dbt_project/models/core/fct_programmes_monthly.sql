with
    stock as (select * from {{ ref("fct_programme_stock_monthly") }}),

    outlets as (
        select
            food_bank_id,
            programme,
            month,
            coalesce(sum(weight_kg) filter (where outlet_kind = 'loss'), 0) as losses_kg,
            coalesce(sum(value_eur) filter (where outlet_kind = 'loss'), 0) as losses_eur
        from {{ ref("fct_programme_outlets_monthly") }}
        group by food_bank_id, programme, month
    ),

    ledgers as (
        select
            stock.*,
            stock.traced_kept_kg + stock.mixed_kept_kg as used_kg,
            coalesce(outlets.losses_kg, 0) as losses_kg,
            coalesce(outlets.losses_eur, 0) as losses_eur
        from stock
        left join
            outlets
            on stock.food_bank_id = outlets.food_bank_id
            and stock.programme = outlets.programme
            and stock.month = outlets.month
    )

select
    month,
    food_bank_id,
    programme,
    cast(opening_kg as decimal(18, 3)) as opening_kg,
    cast(received_kg as decimal(18, 3)) as received_kg,
    cast(used_kg - losses_kg as decimal(18, 3)) as out_kg,
    cast(losses_kg as decimal(18, 3)) as losses_kg,
    cast(closing_kg as decimal(18, 3)) as closing_kg,
    cast(traced_kept_kg as decimal(18, 3)) as by_lot_kg,
    cast(traced_kg + mixed_kg - used_kg as decimal(18, 3)) as beyond_stock_kg,
    cast(with_cost_kg as decimal(18, 3)) as with_cost_kg,
    {% for measure, amount in {
        "opening_eur": "opening_eur",
        "received_eur": "received_eur",
        "out_eur": "used_eur - losses_eur",
        "losses_eur": "losses_eur",
        "closing_eur": "opening_eur + received_eur - used_eur",
    }.items() -%}
        case
            when has_cost then cast({{ amount }} as decimal(18, 2))
        end as {{ measure }}{{ "," if not loop.last }}
    {% endfor %}
from ledgers
