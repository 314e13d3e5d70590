with

    sites as (select * from {{ ref("dim_sites") }}),

    partners as (select * from {{ ref("dim_partners") }}),

    suppliers as (select * from {{ ref("dim_suppliers") }}),

    food_banks as (select * from {{ ref("dim_food_banks") }}),

    places as (
        select
            food_bank_id,
            'site' as place_kind,
            site_id as place_id,
            name,
            kind,
            commune_code,
            latitude,
            longitude,
            cast(null as date) as active_from,
            cast(null as date) as active_to,
            true as is_listed,
            false as uses_platform
        from sites
        union all
        select
            food_bank_id,
            'partner' as place_kind,
            partner_id as place_id,
            name,
            kind,
            commune_code,
            latitude,
            longitude,
            active_from,
            active_to,
            true as is_listed,
            coalesce(uses_platform, false) as uses_platform
        from partners
        union all
        select
            food_bank_id,
            'supplier' as place_kind,
            supplier_id as place_id,
            name,
            kind,
            commune_code,
            latitude,
            longitude,
            active_from,
            active_to,
            status = 'active' as is_listed,
            false as uses_platform
        from suppliers
    )

select
    -- ids
    places.food_bank_id,
    places.place_kind,
    places.place_id,

    -- text
    places.name,
    places.kind,
    places.commune_code,

    -- numbers
    cast(places.latitude as decimal(9, 6)) as latitude,
    cast(places.longitude as decimal(9, 6)) as longitude,

    -- flags
    places.is_listed
    and coalesce(places.active_from <= food_banks.data_date, true)
    and coalesce(places.active_to >= food_banks.data_date, true) as is_active,
    places.uses_platform
from places
left join food_banks on places.food_bank_id = food_banks.food_bank_id
