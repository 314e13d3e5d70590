with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    sent as (
        select
            transfers.food_bank_id,
            transfers.transfer_id,
            transfers.to_food_bank_id,
            min(transfers.shipped_date) as sent_date,
            sum(coalesce(transfers.received_kg, transfers.shipped_kg)) as sent_kg
        from {{ ref("int_transfers") }} as transfers
        inner join food_banks on transfers.food_bank_id = food_banks.food_bank_id
        where
            transfers.to_food_bank_id is not null
            and not transfers.is_deleted
            and transfers.shipped_date <= food_banks.data_date
        group by transfers.food_bank_id, transfers.transfer_id, transfers.to_food_bank_id
    ),

    -- a receipt that names no transfer is told by its own number
    received as (
        select
            coalesce(receipts.from_food_bank_id, receipts.supplier_id) as food_bank_id,
            coalesce(receipts.transfer_id, receipts.receipt_id) as transfer_id,
            receipts.food_bank_id as to_food_bank_id,
            min(receipts.received_date) as received_date,
            sum(receipts.weight_kg - coalesce(receipts.refused_at_dock_kg, 0)) as received_kg
        from {{ ref("int_receipts") }} as receipts
        inner join food_banks on receipts.food_bank_id = food_banks.food_bank_id
        where
            receipts.channel = 'inter_bank'
            and not receipts.is_deleted
            and receipts.received_date <= food_banks.data_date
        group by all
    ),

    pairs as (
        select
            food_bank_id,
            transfer_id,
            to_food_bank_id,
            sent.sent_date,
            received.received_date,
            sent.sent_kg,
            received.received_kg
        from sent
        full outer join received using (food_bank_id, transfer_id, to_food_bank_id)
    )

select
    pairs.food_bank_id,
    pairs.transfer_id,
    pairs.to_food_bank_id,
    pairs.sent_date,
    pairs.received_date,
    cast(pairs.sent_kg as decimal(18, 3)) as sent_kg,
    cast(pairs.received_kg as decimal(18, 3)) as received_kg,
    case
        when pairs.sent_kg is not null and pairs.received_kg is not null
        then 'paired'
        when senders.food_bank_id is null or receivers.food_bank_id is null
        then 'outside'
        when pairs.sent_kg is null
        then 'not_sent'
        else 'not_received'
    end as pairing
from pairs
left join food_banks as senders on pairs.food_bank_id = senders.food_bank_id
left join food_banks as receivers on pairs.to_food_bank_id = receivers.food_bank_id
