with
    versions as (select * from {{ source("accepted", "round_stops") }}),

    counted_deliveries as (
        select _delivery_id, is_pending
        from {{ source("inputs", "deliveries") }}
        where record = 'round_stops'
    )

select
    -- ids
    versions.food_bank_id,
    versions.round_id,
    versions.stop_no,
    versions.place_id,
    -- text
    versions.place_kind,
    versions.outcome,
    -- numbers
    versions.road_distance_km,
    versions.loaded_kg,
    versions.unloaded_kg,
    -- flags
    coalesce(versions.is_deleted, false) as is_deleted,
    -- dates
    versions.planned_at,
    versions.planned_date,
    versions.arrived_at,
    versions.arrived_date,
    versions.left_at,
    versions.left_date,
    versions.updated_at,
    {{
        first_day_of_month(
            "coalesce(versions.arrived_date, versions.planned_date, date '1900-01-01')"
        )
    }} as month,
    -- where the row comes from
    versions._delivery_id,
    versions._source_name,
    versions._source_line,
    versions._sent_at,
    versions._arrival_no,
    counted_deliveries.is_pending
from versions
inner join counted_deliveries on versions._delivery_id = counted_deliveries._delivery_id
