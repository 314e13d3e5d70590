{{ config(meta={"dagster": {"ref": {"name": "mart_suppliers_monthly"}}}) }}

-- Who gave, who took and what was removed add up to the flows of every month.
with
    flows as (
        select food_bank_id, month, flow, sum(weight_kg) as weight_kg
        from {{ ref("mart_flows_monthly") }}
        where flow in ('received', 'delivered', 'returned') and is_food or flow = 'removed'
        group by food_bank_id, month, flow
    ),

    told as (
        select food_bank_id, month, 'received' as flow, sum(received_kg) as weight_kg
        from {{ ref("mart_suppliers_monthly") }}
        group by food_bank_id, month
        union all
        select food_bank_id, month, 'delivered' as flow, sum(delivered_kg) as weight_kg
        from {{ ref("mart_partners_monthly") }}
        group by food_bank_id, month
        union all
        select food_bank_id, month, 'returned' as flow, sum(refused_kg) as weight_kg
        from {{ ref("mart_partners_monthly") }}
        group by food_bank_id, month
        union all
        select food_bank_id, month, 'removed' as flow, sum(removed_kg) as weight_kg
        from {{ ref("mart_removals_monthly") }}
        group by food_bank_id, month
    )

select *
from flows
full outer join told using (food_bank_id, month, flow)
where coalesce(flows.weight_kg, 0) <> coalesce(told.weight_kg, 0)
