{%- set keys = "food_bank_id, programme, month" -%}
with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    stock as (select * from {{ ref("fct_programme_stock_monthly") }}),

    outlets as (
        select
            uses.food_bank_id,
            uses.programme,
            uses.month,
            uses.outlet_kind,
            uses.outlet_id,
            coalesce(sum(uses.weight_kg) filter (where uses.is_attributed_by_lot), 0) as traced_kg,
            coalesce(
                sum(uses.weight_kg) filter (where not uses.is_attributed_by_lot), 0
            ) as mixed_kg
        from {{ ref("fct_programme_uses_daily") }} as uses
        inner join
            food_banks
            on uses.food_bank_id = food_banks.food_bank_id
            and uses.use_date <= food_banks.data_date
        group by uses.food_bank_id, uses.programme, uses.month, uses.outlet_kind, uses.outlet_id
    ),

    -- where the mix would take more than the programme had left, all outlets get less of it
    kept as (
        select
            outlets.*,
            stock.traced_kept_kg + stock.mixed_kept_kg as whole_kg,
            stock.used_eur,
            cast(
                outlets.traced_kg * coalesce(stock.traced_kept_kg / nullif(stock.traced_kg, 0), 0)
                + outlets.mixed_kg
                * coalesce(stock.mixed_kept_kg / nullif(stock.mixed_kg, 0), 0) as decimal(18, 3)
            ) as rounded_kg
        from outlets
        inner join
            stock
            on outlets.food_bank_id = stock.food_bank_id
            and outlets.programme = stock.programme
            and outlets.month = stock.month
    ),

    ranked as (
        select
            *,
            row_number() over (
                partition by {{ keys }} order by rounded_kg desc, outlet_kind, outlet_id
            )
            = 1 as is_largest
        from kept
    ),

    weighed as (
        select
            *,
            rounded_kg + case
                when is_largest
                then whole_kg - sum(rounded_kg) over (partition by {{ keys }})
                else 0
            end as weight_kg
        from ranked
    ),

    valued as (
        select
            *,
            cast(
                coalesce(used_eur * weight_kg / nullif(whole_kg, 0), 0) as decimal(18, 2)
            ) as rounded_eur
        from weighed
    ),

    settled as (
        select
            *,
            rounded_eur + case
                when is_largest
                then used_eur - sum(rounded_eur) over (partition by {{ keys }})
                else 0
            end as value_eur
        from valued
    )

select
    month,
    food_bank_id,
    programme,
    outlet_kind,
    outlet_id,
    cast(weight_kg as decimal(18, 3)) as weight_kg,
    cast(value_eur as decimal(18, 2)) as value_eur
from settled
where weight_kg <> 0 or value_eur <> 0
