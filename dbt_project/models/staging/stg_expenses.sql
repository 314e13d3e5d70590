with
    versions as (select * from {{ source("accepted", "expenses") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'expenses'
    )

select
    -- ids
    versions.food_bank_id,
    versions.expense_id,
    versions.funding_id,
    -- text
    versions.post,
    -- numbers
    versions.amount_eur,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.updated_at,
    versions.month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
