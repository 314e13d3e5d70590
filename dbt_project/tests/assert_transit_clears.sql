{{ config(meta={"dagster": {"ref": {"name": "fct_food_movements"}}}) }}

-- What is in transit is what was shipped and has not arrived, line by line, and nothing else.
with
    entries as (
        select food_bank_id, document_id, line_no, weight_kg
        from {{ ref("fct_food_movements") }}
        where to_account = 'in_transit'
        union all
        select food_bank_id, document_id, line_no, - weight_kg
        from {{ ref("fct_food_movements") }}
        where from_account = 'in_transit'
    ),

    in_transit as (
        select food_bank_id, document_id, line_no, sum(weight_kg) as weight_kg
        from entries
        group by food_bank_id, document_id, line_no
        having sum(weight_kg) <> 0
    ),

    under_way as (
        select food_bank_id, transfer_id as document_id, line_no, shipped_kg as weight_kg
        from {{ ref("int_transfers") }}
        where not is_deleted and received_date is null and shipped_kg > 0
    )

select *
from in_transit
full outer join under_way using (food_bank_id, document_id, line_no)
where coalesce(in_transit.weight_kg, 0) <> coalesce(under_way.weight_kg, 0)
