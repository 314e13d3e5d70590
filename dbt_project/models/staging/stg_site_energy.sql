with
    versions as (select * from {{ source("accepted", "site_energy") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'site_energy'
    )

select
    -- ids
    versions.food_bank_id,
    versions.site_id,
    versions.meter,
    -- text
    versions.source as energy_source,
    versions.use as energy_use,
    -- numbers
    versions.energy_kwh,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.period_start,
    versions.period_end,
    versions.updated_at,
    {{ first_day_of_month("versions.period_start") }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
