with recursive
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    months as (select * from {{ ref("dim_months") }}),

    received as (
        select
            receipts.food_bank_id,
            receipts.channel as programme,
            receipts.month,
            sum(receipts.weight_kg - coalesce(receipts.refused_at_dock_kg, 0)) as received_kg,
            sum(receipts.weight_kg - coalesce(receipts.refused_at_dock_kg, 0)) filter (
                where receipts.cost_eur is not null
            ) as with_cost_kg,
            sum(receipts.cost_eur) as received_eur
        from {{ ref("int_receipts") }} as receipts
        inner join
            food_banks
            on receipts.food_bank_id = food_banks.food_bank_id
            and receipts.received_date <= food_banks.data_date
        where
            not receipts.is_deleted
            and receipts.channel in ('{{ programme_channels() | join("', '") }}')
        group by receipts.food_bank_id, receipts.channel, receipts.month
    ),

    used as (
        select
            uses.food_bank_id,
            uses.programme,
            uses.month,
            sum(uses.weight_kg) filter (where uses.is_attributed_by_lot) as traced_kg,
            sum(uses.weight_kg) filter (where not uses.is_attributed_by_lot) as mixed_kg
        from {{ ref("fct_programme_uses_daily") }} as uses
        inner join
            food_banks
            on uses.food_bank_id = food_banks.food_bank_id
            and uses.use_date <= food_banks.data_date
        group by uses.food_bank_id, uses.programme, uses.month
    ),

    -- euros are unknown where no cost of the programme is recorded
    programmes as (
        select
            food_bank_id, programme, min(month) as first_month, count(received_eur) > 0 as has_cost
        from received
        group by food_bank_id, programme
    ),

    changes as (
        select
            months.month,
            programmes.food_bank_id,
            programmes.programme,
            programmes.has_cost,
            row_number() over (
                partition by programmes.food_bank_id, programmes.programme order by months.month
            ) as month_no,
            cast(coalesce(received.received_kg, 0) as decimal(18, 3)) as received_kg,
            cast(coalesce(received.with_cost_kg, 0) as decimal(18, 3)) as with_cost_kg,
            cast(coalesce(received.received_eur, 0) as decimal(18, 2)) as received_eur,
            cast(coalesce(used.traced_kg, 0) as decimal(18, 3)) as traced_kg,
            cast(coalesce(used.mixed_kg, 0) as decimal(18, 3)) as mixed_kg
        from programmes
        inner join
            months
            on programmes.food_bank_id = months.food_bank_id
            and months.month >= programmes.first_month
        left join
            received
            on programmes.food_bank_id = received.food_bank_id
            and programmes.programme = received.programme
            and months.month = received.month
        left join
            used
            on programmes.food_bank_id = used.food_bank_id
            and programmes.programme = used.programme
            and months.month = used.month
    ),

    -- what is known by its lot leaves first; the mix takes at most what is then left
    stock as (
        select
            changes.*,
            cast(0 as decimal(18, 3)) as opening_kg,
            cast(0 as decimal(18, 2)) as opening_eur,
            least(changes.traced_kg, changes.received_kg) as traced_kept_kg,
            least(
                changes.mixed_kg, greatest(changes.received_kg - changes.traced_kg, 0)
            ) as mixed_kept_kg
        from changes
        where changes.month_no = 1
        union all
        select
            changes.*,
            former.closing_kg as opening_kg,
            former.closing_eur as opening_eur,
            least(
                changes.traced_kg, cast(former.closing_kg + changes.received_kg as decimal(18, 3))
            ) as traced_kept_kg,
            least(
                changes.mixed_kg,
                greatest(
                    cast(
                        former.closing_kg
                        + changes.received_kg
                        - changes.traced_kg as decimal(18, 3)
                    ),
                    0
                )
            ) as mixed_kept_kg
        from changes
        inner join
            (
                select
                    food_bank_id,
                    programme,
                    month_no,
                    {{ programme_closing_kg() }} as closing_kg,
                    cast(
                        opening_eur + received_eur - {{ programme_used_eur() }} as decimal(18, 2)
                    ) as closing_eur
                from stock
            ) as former
            on changes.food_bank_id = former.food_bank_id
            and changes.programme = former.programme
            and changes.month_no = former.month_no + 1
    )

select
    month,
    food_bank_id,
    programme,
    has_cost,
    opening_kg,
    received_kg,
    with_cost_kg,
    traced_kg,
    mixed_kg,
    traced_kept_kg,
    mixed_kept_kg,
    {{ programme_closing_kg() }} as closing_kg,
    opening_eur,
    received_eur,
    {{ programme_used_eur() }} as used_eur
from stock
