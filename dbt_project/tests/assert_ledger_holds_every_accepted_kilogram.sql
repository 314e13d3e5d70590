{{ config(meta={"dagster": {"ref": {"name": "fct_food_movements"}}}) }}

-- What a record tells in kilograms is in the ledger, to the gram.
with
    told as (
        select food_bank_id, 'receipt' as movement_kind, sum(weight_kg) as weight_kg
        from {{ ref("int_receipts") }}
        where not is_deleted
        group by food_bank_id
        union all
        select food_bank_id, 'dock_refusal', sum(refused_at_dock_kg)
        from {{ ref("int_receipts") }}
        where not is_deleted
        group by food_bank_id
        union all
        select food_bank_id, 'delivery', sum(weight_kg)
        from {{ ref("int_deliveries") }}
        where not is_deleted
        group by food_bank_id
        union all
        select food_bank_id, 'delivery_return', sum(refused_kg)
        from {{ ref("int_deliveries") }}
        where not is_deleted
        group by food_bank_id
        union all
        select food_bank_id, 'parcel', sum(weight_kg)
        from {{ ref("int_parcels") }}
        where not is_deleted
        group by food_bank_id
        union all
        select food_bank_id, 'removal', sum(weight_kg)
        from {{ ref("int_removals") }}
        where not is_deleted
        group by food_bank_id
        union all
        select food_bank_id, 'transformation_' || direction, sum(weight_kg)
        from {{ ref("int_transformations") }}
        where not is_deleted
        group by food_bank_id, direction
        union all
        select food_bank_id, 'transfer_shipment', sum(shipped_kg)
        from {{ ref("int_transfers") }}
        where not is_deleted
        group by food_bank_id
        union all
        select food_bank_id, 'transfer_arrival', sum(coalesce(received_kg, shipped_kg))
        from {{ ref("int_transfers") }}
        where not is_deleted and received_at is not null
        group by food_bank_id
    ),

    booked as (
        select food_bank_id, movement_kind, sum(weight_kg) as weight_kg
        from {{ ref("fct_food_movements") }}
        where movement_kind not in ('transfer_difference', 'opening_count', 'count_adjustment')
        group by food_bank_id, movement_kind
    )

select
    coalesce(told.food_bank_id, booked.food_bank_id) as food_bank_id,
    coalesce(told.movement_kind, booked.movement_kind) as movement_kind,
    told.weight_kg as told_kg,
    booked.weight_kg as booked_kg
from told
full outer join
    booked on told.food_bank_id = booked.food_bank_id and told.movement_kind = booked.movement_kind
where coalesce(told.weight_kg, 0) <> coalesce(booked.weight_kg, 0)
