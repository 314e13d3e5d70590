{{ config(meta={"dagster": {"ref": {"name": "fct_nutrition_monthly"}}}) }}

-- Groups add up to the food distributed of the month, which is that of the flows.
with
    groups as (
        select food_bank_id, month, sum(weight_kg) as weight_kg, max(food_kg) as food_kg
        from {{ ref("fct_nutrition_monthly") }}
        group by food_bank_id, month
    ),

    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    flows as (
        select measures.food_bank_id, measures.month, measures.distributed_kg
        from {{ ref("fct_flow_measures_monthly") }} as measures
        inner join food_banks on measures.food_bank_id = food_banks.food_bank_id
        where
            measures.territory_code = ''
            and measures.is_to_same_day
            = (measures.month = {{ first_day_of_month("food_banks.data_date") }})
    )

select food_bank_id, month, groups.weight_kg as group_kg, groups.food_kg, flows.distributed_kg
from groups
full outer join flows using (food_bank_id, month)
where
    coalesce(groups.weight_kg, 0) <> coalesce(flows.distributed_kg, 0)
    or groups.weight_kg <> groups.food_kg
