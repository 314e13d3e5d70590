{{ config(severity="warn", meta={"dagster": {"ref": {"name": "fct_food_movements"}}}) }}

-- A transfer that is on its way for more than thirty days was lost, or its arrival never told.
select transfers.food_bank_id, transfers.transfer_id, transfers.line_no, transfers.shipped_date
from {{ ref("int_transfers") }} as transfers
inner join
    {{ ref("dim_food_banks") }} as food_banks on transfers.food_bank_id = food_banks.food_bank_id
where
    not transfers.is_deleted
    and coalesce(transfers.received_date, food_banks.data_date) - transfers.shipped_date > 30
    and transfers.shipped_date <= food_banks.data_date
