{{ config(meta={"dagster": {"ref": {"name": "fct_stock_counts"}}}) }}

-- The gaps of full counts are what the ledger posts as unexplained, food only.
with
    counts as (
        select food_bank_id, sum(unexplained_kg) as unexplained_kg
        from {{ ref("fct_stock_counts") }}
        group by food_bank_id
    ),

    posted as (
        select measures.food_bank_id, sum(measures.unexplained_kg) as unexplained_kg
        from {{ ref("fct_flow_measures_monthly") }} as measures
        inner join
            {{ ref("dim_food_banks") }} as food_banks
            on measures.food_bank_id = food_banks.food_bank_id
            and measures.is_to_same_day
            = (measures.month = {{ first_day_of_month("food_banks.data_date") }})
        where measures.territory_code = ''
        group by measures.food_bank_id
    )

select *
from counts
full outer join posted using (food_bank_id)
where coalesce(counts.unexplained_kg, 0) <> coalesce(posted.unexplained_kg, 0)
