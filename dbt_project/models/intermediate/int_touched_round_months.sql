with
    rounds as (select * from {{ ref("int_rounds") }}),

    stops as (select * from {{ ref("int_round_stops") }}),

    touched_rounds as ({{ touched_months(["rounds"]) }}),

    touched_stops as ({{ touched_months(["round_stops"]) }}),

    changed_vehicles as (
        {{ changed_references("vehicles", ["vehicle_id"], ["kind", "energy", "is_refrigerated"]) }}
    ),

    changed_sites as (
        {{ changed_references("sites", ["site_id"], ["commune_code", "latitude", "longitude"]) }}
    ),

    changed_partners as (
        {{
            changed_references(
                "partners", ["partner_id"], ["commune_code", "latitude", "longitude"]
            )
        }}
    ),

    changed_suppliers as (
        {{
            changed_references(
                "suppliers", ["supplier_id"], ["commune_code", "latitude", "longitude"]
            )
        }}
    ),

    changed_places as (
        select food_bank_id, 'site' as place_kind, site_id as place_id
        from changed_sites
        union all
        select food_bank_id, 'partner' as place_kind, partner_id as place_id
        from changed_partners
        union all
        select food_bank_id, 'supplier' as place_kind, supplier_id as place_id
        from changed_suppliers
    ),

    -- A stop follows the month of its round, which may differ from its own.
    rounds_of_stops as (
        select food_bank_id, round_id
        from stops
        where
            (food_bank_id, month) in (select food_bank_id, month from touched_stops)
            or (food_bank_id, place_kind, place_id)
            in (select food_bank_id, place_kind, place_id from changed_places)
    ),

    months as (
        select food_bank_id, month
        from touched_rounds
        union all
        select food_bank_id, month
        from rounds
        where
            (food_bank_id, round_id) in (select food_bank_id, round_id from rounds_of_stops)
            or (food_bank_id, vehicle_id) in (select food_bank_id, vehicle_id from changed_vehicles)
            or (food_bank_id, site_id) in (select food_bank_id, site_id from changed_sites)
    )

select distinct food_bank_id, month
from months
where month is not null
