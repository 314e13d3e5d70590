with
    versions as (select * from {{ source("accepted", "vouchers") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'vouchers'
    )

select
    -- ids
    versions.food_bank_id,
    versions.voucher_id,
    versions.household_id,
    versions.insee_code as commune_code,
    versions.funding_id,
    -- text
    versions.merchant_kind,
    -- numbers
    versions.amount_eur,
    versions.redeemed_eur,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.issued_at,
    versions.issued_date,
    versions.redeemed_at,
    versions.redeemed_date,
    versions.updated_at,
    {{ first_day_of_month("versions.issued_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
