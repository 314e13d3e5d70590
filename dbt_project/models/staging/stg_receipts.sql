with
    versions as (select * from {{ source("accepted", "receipts") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'receipts'
    )

select
    -- ids
    versions.food_bank_id,
    versions.receipt_id,
    versions.line_no,
    versions.site_id,
    versions.supplier_id,
    versions.round_id,
    versions.product_code,
    versions.lot_id,
    versions.from_food_bank_id,
    versions.transfer_id,
    versions.funding_id,
    -- text
    versions.channel,
    versions.date_kind,
    versions.unit,
    versions.refusal_reason,
    versions.quality_label,
    versions.origin_departement,
    -- numbers
    versions.quantity,
    versions.refused_at_dock_kg,
    versions.cost_eur,
    versions.weight_kg,
    versions.kg_per_unit,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.received_at,
    versions.received_date,
    versions.expires_on,
    versions.updated_at,
    {{ first_day_of_month("versions.received_date") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
