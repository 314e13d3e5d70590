with
    versions as (select * from {{ source("accepted", "beneficiary_reports") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'beneficiary_reports'
    )

select
    -- ids
    versions.food_bank_id,
    versions.partner_id,
    -- numbers
    versions.households,
    versions.people,
    versions.women,
    versions.men,
    versions.people_0_3,
    versions.people_4_14,
    versions.people_15_25,
    versions.people_26_64,
    versions.people_65_plus,
    versions.single_parent_households,
    versions.new_households,
    versions.visits,
    versions.turned_away,
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
