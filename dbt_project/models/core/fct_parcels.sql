{{
    config(
        materialized="incremental",
        incremental_strategy="touched_months",
        meta={"touched_by": ["parcels"]},
    )
}}

with
    touched as (
        select distinct food_bank_id, parcel_id
        from {{ ref("int_parcels") }}
        where not is_deleted {{ where_touched(["parcels"], keyword="and") }}
    ),

    lines as (
        select *
        from {{ ref("int_parcels") }}
        where
            not is_deleted
            and (food_bank_id, parcel_id) in (select food_bank_id, parcel_id from touched)
    ),

    parcels as (
        select
            food_bank_id,
            parcel_id,
            min(site_id) as site_id,
            min(household_id) as household_id,
            max(household_size) as household_size,
            min(commune_code) as commune_code,
            min(qpv_code) as qpv_code,
            min(requested_at) as requested_at,
            min(handed_over_at) as handed_over_at,
            min(handed_over_date) as handed_over_date,
            {{ first_day_of_month("min(handed_over_date)") }} as month,
            cast(sum(weight_kg) as decimal(14, 3)) as weight_kg
        from lines
        group by food_bank_id, parcel_id
    )

select
    food_bank_id,
    parcel_id,
    site_id,
    household_id,
    household_size,
    commune_code,
    qpv_code,
    requested_at,
    handed_over_at,
    handed_over_date,
    month,
    weight_kg
from parcels {{ where_touched(["parcels"]) }}
