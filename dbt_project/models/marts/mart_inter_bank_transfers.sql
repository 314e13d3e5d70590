select
    food_bank_id,
    transfer_id,
    to_food_bank_id,
    sent_date,
    received_date,
    sent_kg,
    received_kg,
    pairing
from {{ ref("fct_inter_bank_transfers") }}
