{{
    config(
        severity="warn",
        meta={"dagster": {"ref": {"name": "fct_inter_bank_transfers"}}},
    )
}}

-- What a food bank sends to another one is told by both, with the same kilograms, a month later at
-- the latest.
select pairs.*
from {{ ref("fct_inter_bank_transfers") }} as pairs
left join {{ ref("dim_food_banks") }} as receivers on pairs.to_food_bank_id = receivers.food_bank_id
where
    pairs.pairing = 'not_sent'
    or (pairs.pairing = 'not_received' and receivers.data_date - pairs.sent_date > 30)
    or (pairs.pairing = 'paired' and pairs.sent_kg <> pairs.received_kg)
