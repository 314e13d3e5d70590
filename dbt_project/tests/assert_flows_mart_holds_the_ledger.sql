{{ config(meta={"dagster": {"ref": {"name": "mart_flows_monthly"}}}) }}

-- Up to the data date, the monthly flows hold every gram of the ledger, and nothing more.
with
    booked as (
        select
            movements.food_bank_id,
            movements.month,
            case
                when movements.movement_kind in ('receipt', 'dock_refusal')
                then 'received'
                when movements.movement_kind = 'delivery'
                then 'delivered'
                when movements.movement_kind = 'delivery_return'
                then 'returned'
                when movements.movement_kind = 'parcel'
                then 'parcels'
                when movements.movement_kind = 'removal'
                then 'removed'
                when movements.movement_kind = 'transfer_shipment'
                then 'transferred_out'
                when movements.movement_kind = 'transfer_arrival'
                then 'transferred_in'
                when movements.movement_kind in ('transformation_input', 'transformation_output')
                then movements.movement_kind
                else 'unexplained'
            end as flow,
            sum(
                case
                    when
                        movements.movement_kind = 'dock_refusal'
                        or (
                            movements.movement_kind = 'count_adjustment'
                            and movements.from_account = 'site'
                        )
                    then - movements.weight_kg
                    else movements.weight_kg
                end
            ) as weight_kg
        from {{ ref("fct_food_movements") }} as movements
        inner join
            {{ ref("dim_food_banks") }} as food_banks
            on movements.food_bank_id = food_banks.food_bank_id
            and movements.movement_date <= food_banks.data_date
        where
            movements.movement_kind not in ('opening_count', 'transfer_difference')
            and not (
                movements.movement_kind = 'transfer_arrival'
                and movements.to_account = 'other_food_bank'
            )
        group by all
    ),

    published as (
        select food_bank_id, month, flow, sum(weight_kg) as weight_kg
        from {{ ref("mart_flows_monthly") }}
        group by food_bank_id, month, flow
    )

select *
from booked
full outer join published using (food_bank_id, month, flow)
where coalesce(booked.weight_kg, 0) <> coalesce(published.weight_kg, 0)
